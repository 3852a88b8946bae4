"""Writes corrected dates and places into XMP files beside photos, on request only."""

from __future__ import annotations

from collections.abc import Iterable
from math import isclose
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.decode.xmp_edit import CannotEdit
from imgsearch.errors import PhotoError
from imgsearch.features.corrections.records import Correction, DateAndPlaceChange
from imgsearch.features.corrections.xmp import new_packet_of_correction, with_correction
from imgsearch.outputs.sidecars import (
    PlannedFile,
    Planning,
    content_of,
    others_with,
    plan_each,
    unreadable,
)
from imgsearch.records.photo import IndexedFile, Photo
from imgsearch.records.stated_facts import StatedFacts

_SAME_DEGREES = 1e-5  # about a metre


class CorrectedFile(Struct, frozen=True):
    """A file of a photo whose date or place was corrected, and the facts that its files state."""

    photo: Photo
    file: IndexedFile
    correction: Correction
    stated: StatedFacts

    @property
    def states_it(self) -> bool:
        """Whether the files of the photo state the correction already."""
        taken_at, place = self.correction.taken_at, self.correction.place
        precision = self.correction.date_precision
        has_date = taken_at is None or (
            self.stated.taken_at == taken_at
            and self.stated.date_precision == ("month" if precision == "season" else precision)
        )
        if place is None or self.stated.lat is None or self.stated.lon is None:
            return has_date and place is None
        nearly = isclose(self.stated.lat, place.lat, abs_tol=_SAME_DEGREES)
        return has_date and nearly and isclose(self.stated.lon, place.lon, abs_tol=_SAME_DEGREES)


def plan_corrections(
    files: Iterable[CorrectedFile], adobe_names: bool = False
) -> Planning[DateAndPlaceChange]:
    """List the XMP files to write so that these files have their date and place, sorted by path.

    Photos whose files state them already are left out. Otherwise as
    `imgsearch.outputs.sidecars.plan_each`.
    """
    return plan_each(files, adobe_names, _plan_correction)


def _plan_correction(
    sidecar: Path, photos: list[CorrectedFile]
) -> PlannedFile[DateAndPlaceChange] | None:
    """Return the change of one XMP file; None where nothing is to be changed."""
    if all(each.states_it for each in photos):
        return None
    first = photos[0]
    correction = first.correction
    change = DateAndPlaceChange(
        sidecar,
        first.file.path,
        correction.taken_at,
        correction.place,
        date_precision=correction.date_precision,
    )
    try:
        before = content_of(sidecar)
        if before is None:
            after = new_packet_of_correction(correction)
        else:
            after = with_correction(before, correction)
    except CannotEdit as error:
        return PlannedFile(change.with_problem(str(error)))
    except (OSError, PhotoError) as error:
        return unreadable(change, error)
    if after == before:
        return None  # the library has not read it yet
    change = replace(change, is_new=before is None)
    if others := others_with(sidecar, {each.file.path.name: each.correction for each in photos}):
        names = ", ".join(sorted(others)[:3])
        return PlannedFile(
            change.with_problem(f"it belongs to {names} as well, with another date or place")
        )
    return PlannedFile.of(change, before, after)
