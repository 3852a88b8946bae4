"""Give stars to the photos that are both near the query and sharp."""

from imgsearch import script


@script
def stars(library, hits, rating=4, most=10):
    sharp = sorted(hits, key=lambda hit: -(hit.photo.facts.sharpness or 0))[:most]
    print(library.marks.set([hit.photo.id for hit in sharp], rating=rating).title)
