"""Reads data sets of captioned or labelled photos.

Captioned: a CSV file with the columns image, split and caption, one row a caption. Labelled: a
CSV file with the columns image and name, one row a photo; or a folder with a sub-folder for each
label. Images are in the folder `images` next to the CSV file.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.errors import FolderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Captioned:
    """Photos, and captions with the index of the photo that each describes."""

    photos: list[Path]
    captions: list[str]
    photo_of: list[int]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Photos, the index of each photo's label, and the labels."""

    photos: list[Path]
    label_of: list[int]
    labels: list[str]


def captioned(file: Path, splits: frozenset[str] = frozenset()) -> Captioned:
    """The photos of these splits in the order of the file; all of them by default.

    Raises UsageError for a file that lacks them, FolderError for one that cannot be read.
    """
    photos: dict[str, int] = {}
    captions, photo_of = [], []
    for row in _rows(file, {"image", "caption"} | ({"split"} if splits else set())):
        if not splits or row["split"] in splits:
            captions.append(row["caption"])
            photo_of.append(photos.setdefault(row["image"], len(photos)))
    if not captions:
        which = f" of the split {', '.join(sorted(splits))}" if splits else ""
        raise UsageError(f"{file} has no captions{which}. Choose a split that it has.")
    return Captioned([file.parent / "images" / name for name in photos], captions, photo_of)


def labelled(place: Path) -> Labelled:
    """The labelled photos of a CSV file, or of a folder with a `labels.csv` or a folder a label.

    Raises UsageError where there are none, FolderError for a file that cannot be read.
    """
    file = place / "labels.csv" if place.is_dir() else place
    if file.is_file():
        pairs = [
            (file.parent / "images" / row["image"], row["name"])
            for row in _rows(file, {"image", "name"})
        ]
    else:
        paths = sorted(place.glob("*/*"))
        pairs = [(path, path.parent.name) for path in paths if path.suffix.lower() in _SUFFIXES]
    if not pairs:
        raise UsageError(f"{place} has no labelled photos: no labels.csv and no folders of photos.")
    labels = list(dict.fromkeys(label for _, label in pairs))
    index_of = {label: index for index, label in enumerate(labels)}
    return Labelled([path for path, _ in pairs], [index_of[label] for _, label in pairs], labels)


def class_samples(place: Path, classes: int) -> tuple[list[Path], list[str]]:
    """One photo and the name of each class, in class order, from a folder with a `labels.csv`.

    Two classes may share a name (a crane is a bird, and a machine), so this is not a `Labelled`.
    """
    rows = list(_rows(place / "labels.csv", {"image", "class_index", "name"}))
    rows.sort(key=lambda row: int(row["class_index"]))
    if [int(row["class_index"]) for row in rows] != list(range(classes)):
        raise UsageError(f"{place} must have exactly one photo of each of the {classes} classes.")
    return [place / "images" / row["image"] for row in rows], [row["name"] for row in rows]


def class_names() -> list[str]:
    """Everyday names of ImageNet's 1,000 classes, in class order, by the authors of CLIP.

    ImageNet's own are scientific, ambiguous or out of use at times ("crane", twice).
    """
    from open_clip import IMAGENET_CLASSNAMES

    return list(IMAGENET_CLASSNAMES)


def _rows(file: Path, columns: set[str]) -> Iterator[dict[str, str]]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = columns - set(reader.fieldnames or ())
            if missing:
                raise UsageError(f"{file} lacks the column {', '.join(sorted(missing))}.")
            yield from reader
    except OSError as error:
        raise FolderError(f"Cannot read {file}: {error.strerror}. Check the path.") from error
