"""Writes the map of meaning as a picture: its photos in the squares of a grid, with the names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imgsearch.errors import PhotoError, UsageError
from imgsearch.features.meaning.records import MeaningCluster, MeaningPoints
from imgsearch.outputs.new_place import new_place

# Makes a WebP of a photo: its id, and the long side in pixels.
PictureSource = Callable[[int, int], bytes | None]

KINDS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
SIDE_PX = 2_048
SQUARE_PX = 48
_PAPER, _INK, _LABEL = (17, 24, 39), (17, 24, 39), (255, 255, 255)
_NAME_PX = 26
_MOST_NAMES = 60


def check_kind(place: Path) -> None:
    """Raise UsageError for a file that is no picture."""
    if place.suffix.lower() not in KINDS:
        raise UsageError(
            f"The map is written as {', '.join(KINDS)}, not as {place.name!r}. Choose another end "
            "of the name."
        )


def write_picture(
    points: MeaningPoints,
    clusters: Sequence[MeaningCluster],
    place: Path,
    picture_of: PictureSource,
) -> int:
    """Write a new file, by the end of its name; returns how many photos are on it.

    Of photos in one square of the grid, the one nearest to its middle is shown. The file appears
    when it is complete. Raises UsageError without photos, and as `check_kind` does.
    """
    check_kind(place)
    if not len(points.photo_ids):
        raise UsageError("No photo is on the map, so there is nothing to write.")
    sheet, photos = Image.new("RGB", (SIDE_PX, SIDE_PX), _PAPER), 0
    for photo_id, at_px in _squares(points):
        try:
            content = picture_of(photo_id, 2 * SQUARE_PX)
        except PhotoError:
            content = None
        if content is not None:
            with Image.open(BytesIO(content), formats=("WEBP",)) as image:
                sheet.paste(_square(image.convert("RGB")), at_px)
            photos += 1
    _write_names(sheet, clusters)
    with new_place(place) as part, part.open("xb") as file:
        sheet.save(file, KINDS[place.suffix.lower()], quality=90)
    return photos


def _squares(points: MeaningPoints) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the photo of each square that has any, with the left upper corner of the square."""
    at = np.stack([points.x, points.y], axis=1) * (SIDE_PX - 1)
    squares = at.astype(np.int64) // SQUARE_PX
    gaps = np.linalg.norm(at - (squares + 0.5) * SQUARE_PX, axis=1)
    order = np.lexsort((gaps, squares[:, 1], squares[:, 0]))
    _, firsts = np.unique(squares[order], axis=0, return_index=True)
    for photo in order[firsts].tolist():
        column, row = squares[photo].tolist()
        yield int(points.photo_ids[photo]), (column * SQUARE_PX, row * SQUARE_PX)


def _square(image: Image.Image) -> Image.Image:
    """Return the middle of a picture, as a square of the grid."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.resize((SQUARE_PX, SQUARE_PX), box=(left, top, left + side, top + side))


def _write_names(sheet: Image.Image, clusters: Sequence[MeaningCluster]) -> None:
    """Write the names that have room, of larger clusters first."""
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_NAME_PX)
    taken: list[tuple[float, float, float, float]] = []
    named = sorted((each for each in clusters if each.name), key=lambda each: -each.photos)
    for cluster in named:
        at_px = cluster.x * SIDE_PX, cluster.y * SIDE_PX
        left, top, right, low = draw.textbbox(at_px, cluster.name, font=font, anchor="mm")
        box = left - 10, top - 8, right + 10, low + 8
        if len(taken) < _MOST_NAMES and not any(_overlap(box, each) for each in taken):
            taken.append(box)
            draw.rounded_rectangle(box, 12, fill=_LABEL)
            draw.text(at_px, cluster.name, fill=_INK, font=font, anchor="mm")


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
