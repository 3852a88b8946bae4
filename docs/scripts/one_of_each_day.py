"""Choose one photo of each day, the sharpest: an even choice for a photo book."""

from imgsearch import script


@script
def one_of_each_day(library, hits):
    days = {}
    for hit in sorted(hits, key=lambda hit: -(hit.photo.facts.sharpness or 0)):
        if hit.date and hit.dated_by != "file":
            days.setdefault(f"{hit.date:%Y-%m-%d}", hit.path)
    for day, path in sorted(days.items()):
        print(day, path)
    return days
