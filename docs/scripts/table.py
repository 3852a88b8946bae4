"""Write the facts of photos as a CSV table for a spreadsheet."""

import csv
import sys

from imgsearch import script

COLUMNS = ("camera", "lens", "focal_mm", "aperture", "exposure_s", "iso", "town", "country")


@script
def table(library, hits):
    rows = csv.writer(sys.stdout)
    rows.writerow(("path", "date", *COLUMNS))
    for hit in hits:
        rows.writerow((hit.path, hit.date, *(getattr(hit.photo.facts, name) for name in COLUMNS)))
