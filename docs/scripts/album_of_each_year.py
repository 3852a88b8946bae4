"""Put photos into an album of each year, such as Best 2019: each can be undone alone."""

from collections import defaultdict

from imgsearch import script


@script
def album_of_each_year(library, hits, name="Best"):
    years = defaultdict(list)
    for hit in hits:
        if hit.date and hit.dated_by != "file":
            years[hit.date.year].append(hit.photo.id)
    for year, ids in sorted(years.items()):
        print(library.albums.make(f"{name} {year}", ids).title)
