"""Writes the stars that a person gave photos into XMP files beside them, on request only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from imgsearch.decode.xmp_edit import CannotEdit
from imgsearch.decode.xmp_rating import new_packet, rating_in, with_rating
from imgsearch.errors import PhotoError
from imgsearch.outputs.sidecars import (
    PlannedFile,
    Planning,
    content_of,
    others_with,
    plan_each,
    unreadable,
)
from imgsearch.records.marks import SidecarChange
from imgsearch.records.photo import IndexedFile, Photo


class RatedFile(Struct, frozen=True):
    """A file of a photo that has stars here, and the stars that its own files state, if known."""

    photo: Photo
    file: IndexedFile
    stars: int
    stated: int | None


def plan_stars(files: Iterable[RatedFile], adobe_names: bool = False) -> Planning[SidecarChange]:
    """List the XMP files to write so that these files have their stars, sorted by path.

    Photos whose files state these stars already are left out. Otherwise as
    `imgsearch.outputs.sidecars.plan_each`.
    """
    return plan_each(files, adobe_names, _plan)


def _plan(sidecar: Path, photos: list[RatedFile]) -> PlannedFile[SidecarChange] | None:
    """Return the change of one XMP file; None where nothing is to be changed."""
    first = photos[0]
    change = SidecarChange(sidecar, first.file.path, None, first.stars, True)
    try:
        before = content_of(sidecar)
    except (OSError, PhotoError) as error:
        return unreadable(change, error)
    written = None if before is None else rating_in(before)
    stated = first.stated if written is None else written
    if all((stated if written is not None else each.stated) == each.stars for each in photos):
        return None
    if first.stars == 0 and not stated and len(photos) == 1:
        return None  # without stars is what no stars mean
    change = SidecarChange(sidecar, first.file.path, stated, first.stars, before is None)
    if others := others_with(sidecar, {each.file.path.name: each.stars for each in photos}):
        names = ", ".join(sorted(others)[:3])
        return PlannedFile(change.with_problem(f"it belongs to {names} as well, with other stars"))
    if before is None:
        return PlannedFile.of(change, None, new_packet(first.stars))
    try:
        return PlannedFile.of(change, before, with_rating(before, first.stars))
    except CannotEdit as error:
        return PlannedFile(change.with_problem(str(error)))
