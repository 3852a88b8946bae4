"""Count the focal lengths that you use, before you buy a lens."""

from collections import Counter

from imgsearch import script


@script
def focal_lengths(library, hits):
    counts = Counter(round(hit.photo.facts.focal_mm) for hit in hits if hit.photo.facts.focal_mm)
    for millimetres, photos in sorted(counts.items()):
        print(f"{millimetres:5} mm {photos:6}")
    return counts
