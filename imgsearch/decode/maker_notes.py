"""Reads what only the notes of camera makers say: the lens, and the sensitivity of early cameras.

The notes are binary, undocumented and different for each maker. exiv2 knows them, and the thousands
of numbers that stand for lenses. It is C++ that reads untrusted data, so this runs in decoder
processes only, after the photo itself has been read: if it crashes, the photo stays as it is.
"""

from __future__ import annotations

import math
import re
import sys
from contextlib import suppress
from typing import BinaryIO, Protocol

import exiv2

from imgsearch.decode.exif import lens_by_numbers
from imgsearch.decode.metadata import (
    MetadataSource,
    camera_name,
    clean_text,
    merge_metadata,
    written_datetime,
)
from imgsearch.records.photo import Facts

# exiv2's names of the tags that name a lens, the most precise first. LensType and LensID are
# numbers for which exiv2 has names.
_LENS_KEYS = (
    "Exif.Photo.LensModel",  # of a preview in a RAW file, where only exiv2 looks
    "Exif.CanonCs.LensType",
    "Exif.Canon.LensModel",
    "Exif.OlympusEq.LensType",
    "Exif.OlympusEq.LensModel",
    "Exif.Panasonic.LensType",
    "Exif.NikonLd4.LensID",
    "Exif.NikonLd4.LensIDNumber",
    "Exif.NikonLd3.LensIDNumber",
    "Exif.NikonLd2.LensIDNumber",
    "Exif.NikonLd1.LensIDNumber",
    "Exif.Pentax.LensType",
    "Exif.PentaxDng.LensType",
    "Exif.Sony2010e.LensType2",
    "Exif.Sony1.LensID",
    "Exif.Sony2.LensID",
    "Exif.SonyMinolta.LensID",
    "Exif.Minolta.LensID",
    "Exif.Samsung2.LensType",
)
_ISO_KEYS = (
    "Exif.Photo.ISOSpeedRatings",
    "Exif.Nikon3.ISOSpeed",
    "Exif.Nikon2.ISOSpeed",
    "Exif.Nikon1.ISOSpeed",
    "Exif.Casio2.ISO",
    "Exif.Casio.ISO",
    "Exif.Olympus.ISOSpeed",
    "Exif.MinoltaCs5D.ISOSpeed",
    "Exif.MinoltaCs7D.ISOSpeed",
    "Exif.Pentax.ISO",
    "Exif.PanasonicRaw.ISOSpeed",
)
_NO_NAME = re.compile(r"^(?:unknown|n/a|none\b|[\W\d]*$)|no[ -]lens|other lens", re.IGNORECASE)
_ALTERNATIVES = re.compile(r"\s*(?:\*OR\*|\|)\s*")  # between lenses that share a number
_FUJIFILM = tuple(
    f"Exif.Fujifilm.{name}"
    for name in ("MinFocalLength", "MaxFocalLength", "MaxApertureAtMinFocal",
                 "MaxApertureAtMaxFocal")
)  # fmt: skip
HAS_DESCRIPTORS = sys.platform != "win32"  # open files have paths
_MAX_READ_BYTES = 1 << 29
_MAX_NUMBERS = 8  # of one tag; more are no lens and no sensitivity
_NUMBER = re.compile(r"\d+(?:\.\d+)?")

exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)


class _Tag(Protocol):
    """One tag of exiv2's; its `print` needs all of them."""

    def print(self, data: object) -> str: ...
    def toString(self) -> str: ...  # noqa: N802
    def toFloat(self, number: int) -> float: ...  # noqa: N802
    def count(self) -> int: ...


def place_or_bytes(file: BinaryIO, has_descriptors: bool = HAS_DESCRIPTORS) -> str | bytes:
    """Return the open file as exiv2 takes it: by its descriptor's number, or the file in memory."""
    if has_descriptors:
        return f"/dev/fd/{file.fileno()}"
    file.seek(0)
    return file.read(_MAX_READ_BYTES)


class _Notes:
    """The tags of one file, by exiv2's names. What exiv2 fails at is unknown."""

    def __init__(self, file: BinaryIO) -> None:
        self._tags: dict[str, _Tag] = {}
        with suppress(Exception):  # on bad data exiv2 and its binding may raise anything at all
            self._image = exiv2.ImageFactory.open(place_or_bytes(file))
            self._image.readMetadata()
            self._data = self._image.exifData()
            self._tags = {tag.key(): tag for tag in self._data}

    def text(self, key: str) -> str | None:
        """Return the value as exiv2 explains it."""
        with suppress(Exception):
            return clean_text(self._tags[key].print(self._data))
        return None

    def raw_text(self, key: str) -> str | None:
        """Return the value as it is in the file."""
        with suppress(Exception):
            return clean_text(self._tags[key].toString())
        return None

    def numbers(self, *keys: str) -> tuple[float, ...]:
        """Return the numbers in these tags as they are in the file.

        () where there are none, or many.
        """
        numbers: list[float] = []
        for key in keys:
            with suppress(Exception):
                tag = self._tags[key]
                numbers.extend(tag.toFloat(at) for at in range(min(tag.count(), _MAX_NUMBERS)))
        return tuple(numbers)


def with_maker_notes(facts: Facts, file: BinaryIO) -> Facts:
    """Return `facts` with what exiv2 finds in the file.

    A lens that the notes name replaces another.

    Everything else is filled in only where it is unknown. Never raises, whatever the bytes are; a
    crash of exiv2 ends the process.
    """
    notes = _Notes(file)
    name = MetadataSource("exif", {"lens": _lens_name(notes)})
    found = _found(notes)
    known = {each: getattr(facts, each) for each in found.facts if each != "dated_by"}
    return merge_metadata(facts, [name, MetadataSource(facts.dated_by or "exif", known), found])


def _found(notes: _Notes) -> MetadataSource:
    """Read all tags that exiv2 finds in a photo, with lenses as numbers."""
    make, model = notes.raw_text("Exif.Image.Make"), notes.raw_text("Exif.Image.Model")

    def number(key: str) -> float | None:
        return next(iter(notes.numbers(key)), None)

    return MetadataSource(
        "exif",
        {
            "taken_at": written_datetime(notes.raw_text("Exif.Photo.DateTimeOriginal")),
            "camera": camera_name(make, model),
            "lens": _lens_by_numbers(notes),
            "exposure_s": number("Exif.Photo.ExposureTime"),
            "aperture": number("Exif.Photo.FNumber"),
            "iso": _iso(notes),
            "focal_mm": number("Exif.Photo.FocalLength"),
        },
    )


def _lens_name(notes: _Notes) -> str | None:
    """Return the name of the lens; several, with "or" between them, where they share a number."""
    texts = (notes.text(key) for key in _LENS_KEYS)
    names = [
        _ALTERNATIVES.sub(" or ", text) for text in texts if text and not _NO_NAME.search(text)
    ]
    certain = (name for name in names if " or " not in name)
    return next(certain, names[0] if names else None)


def _lens_by_numbers(notes: _Notes) -> str | None:
    """Return a name made of focal lengths and apertures."""
    sigma = [float(text) for text in _NUMBER.findall(notes.text("Exif.Sigma.LensRange") or "")]
    if sigma:  # "50", or "18 to 50"
        return lens_by_numbers((sigma[0], sigma[-1], math.nan, math.nan))
    return lens_by_numbers(notes.numbers("Exif.Nikon3.Lens") or notes.numbers(*_FUJIFILM))


def _iso(notes: _Notes) -> float | None:
    for key in _ISO_KEYS:
        match = _NUMBER.search(notes.text(key) or "")
        if match is not None:
            return float(match[0])
    return None
