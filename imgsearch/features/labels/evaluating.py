"""Evaluates labels on photos of known classes, in folders that are named by class."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import cast

import numpy as np
from msgspec.structs import replace

from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.reader import decode, side_to_embed
from imgsearch.decode.tiles import images_to_embed
from imgsearch.encoders.base import Encoder
from imgsearch.errors import FolderError, PhotoError
from imgsearch.features.labels.labelling import class_vectors, make_classifier, validate
from imgsearch.features.labels.records import Classes, Confusion
from imgsearch.progress import Progress
from imgsearch.records.arrays import PixelBatch, Pixels
from imgsearch.records.index import EncoderRow


def photos_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the photos by class: the subfolder's name, its underscores read as spaces.

    Raises FolderError where there are none, and for a folder that cannot be read.
    """
    try:
        photos = {
            subfolder.name.replace("_", " "): sorted(
                path for path in subfolder.rglob("*") if is_photo_name(path.name)
            )
            for subfolder in sorted(folder.iterdir())
            if subfolder.is_dir() and not subfolder.name.startswith(".")
        }
    except OSError as error:
        raise FolderError(
            f"The folder {error.filename} cannot be read ({error.strerror}). Name one with a "
            "subfolder for each class."
        ) from error
    if not any(photos.values()):
        raise FolderError(
            f"{folder} has no subfolder with photos in it. Put the photos of each class into a "
            "subfolder with the name of the class."
        )
    return photos


def evaluate_labels(
    folder: Path,
    more: Classes | None,
    row: EncoderRow,
    encoder: Encoder,
    max_megapixels: float,
) -> Generator[Progress, None, Confusion]:
    """Label the photos in `folder`, whose classes are known, and count; one Progress a photo.

    `more` may add classes without a folder, a template and "none of these"; without it, there are
    only the classes of the folder. Raises FolderError, and UsageError for invalid classes.
    """
    photos = photos_by_class(folder)
    if more is None:
        classes = Classes(tuple(photos), none_of_these=False)
    else:
        classes = replace(more, names=tuple(dict.fromkeys([*photos, *more.names])))
    vectors = class_vectors(validate(classes), row, encoder)
    classifier = make_classifier(classes, vectors, encoder.logit_scale)
    counts = np.zeros((len(photos), len(classes.labels)), np.int64)
    total, done, unread = sum(map(len, photos.values())), 0, 0
    for number, paths in enumerate(photos.values()):
        for start in range(0, len(paths), encoder.batch_size):
            batch: list[Pixels] = []
            starts: list[int] = []
            for path in paths[start : start + encoder.batch_size]:
                try:
                    side_px = side_to_embed(encoder.side_px)
                    decoded = decode(path, side_px, max_megapixels, all_frames=True)
                    pixels = [encoder.prepare(image) for image in images_to_embed(decoded)[0]]
                    starts.append(len(batch))
                    batch += pixels
                except (PhotoError, OSError):
                    unread += 1
                done += 1
                yield Progress(done, total, path)
            if batch:
                embedded = encoder.encode_pixels(cast("PixelBatch", np.stack(batch)))
                found, _ = classifier.classify(embedded, np.array(starts))
                counts[number] += np.bincount(found, minlength=counts.shape[1])
    rows = tuple(tuple(row_counts) for row_counts in counts.tolist())
    return Confusion(tuple(photos), classes.labels, rows, unread)
