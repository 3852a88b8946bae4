"""List the sharpest photos first."""

from imgsearch import script


@script
def sharpest(library, hits):
    measured = [hit for hit in hits if hit.photo.facts.sharpness is not None]
    measured.sort(key=lambda hit: -hit.photo.facts.sharpness)
    for hit in measured:
        print(f"{hit.photo.facts.sharpness:.3f}  {hit.path}")
    return [hit.path for hit in measured]
