"""List the days of which some photos have a place and others have none, to correct them."""

from collections import defaultdict

from imgsearch import script


@script
def missing_places(library, hits):
    days = defaultdict(lambda: [0, 0])
    for hit in hits:
        days[hit.date and hit.date.date()][hit.photo.facts.lat is None] += 1
    for day in sorted(filter(None, days)):
        placed, unplaced = days[day]
        if placed and unplaced:
            print(f"{day}: {placed} with a place, {unplaced} without")
