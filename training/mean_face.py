"""Computes the mean feature of strangers' faces, the module `mean_feature` of the feature people.

    python -m training.mean_face FLICKR8K > imgsearch/features/people/mean_feature.py

FLICKR8K has captions.csv and the photos that it names. Those of its split train are used, and of
their faces those that may found a group. The mean of a thousand faces and more describes nobody.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

from imgsearch.config import Settings
from imgsearch.features.people.quality import may_found_group
from imgsearch.features.people.reader import OnnxFaceReader

_PER_LINE = 8
_MODULE = '''"""The mean feature of the faces of {faces:,} strangers in everyday photos.

Written by `python -m training.mean_face` from the photos of Flickr8k's split train.
"""

from __future__ import annotations

import numpy as np

# fmt: off
MEAN = np.array((
{rows}
), np.float32)
# fmt: on'''


def strangers(folder: Path, split: str) -> np.ndarray:
    """The features of faces in photos of a split that may found a group, of length 1: rows."""
    reader = OnnxFaceReader(Settings.load().cache_dir)
    with (folder / "captions.csv").open(encoding="utf-8") as lines:
        names = {row["image"] for row in csv.DictReader(lines) if row["split"] == split}
    kept = []
    for path in sorted(each for each in folder.rglob("*.jpg") if each.name in names):
        with Image.open(path) as photo:
            found, features = reader.look(photo.convert("RGB"))
        sides = found.boxes[:, 2:].min(axis=1, initial=np.inf)
        each = zip(sides, found.scores, features.lengths, found.turns(), strict=True)
        kept += [
            features.directions[row] for row, face in enumerate(each) if may_found_group(*face)
        ]
    return np.stack(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("flickr8k", type=Path)
    faces = strangers(parser.parse_args().flickr8k, "train")
    numbers = [f"{value:.4f}" for value in faces.mean(axis=0)]
    rows = (numbers[start : start + _PER_LINE] for start in range(0, len(numbers), _PER_LINE))
    print(
        _MODULE.format(faces=len(faces), rows="\n".join(f"    {', '.join(row)}," for row in rows))
    )


if __name__ == "__main__":
    main()
