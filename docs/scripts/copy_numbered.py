"""Copy photos into a new folder, numbered in the order of the answer, for a digital frame."""

import shutil
from pathlib import Path

from imgsearch import script


@script
def copy_numbered(library, hits, folder="frame"):
    target = Path(folder)
    target.mkdir()  # fails for one that is there, so nothing is overwritten
    for number, hit in enumerate(hits, 1):
        shutil.copyfile(hit.path, target / f"{number:04}{hit.path.suffix.lower()}")
    print(f"{len(hits)} photos are in {target}")
