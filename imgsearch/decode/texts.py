"""Reads metadata that is plain text: the texts of a PNG, and what cameras wrote before EXIF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from imgsearch.decode.metadata import (
    MetadataSource,
    camera_name,
    clean_text,
    merge_texts,
    written_datetime,
)

_SOURCE = "text"
# Names in lower case. "Creation Time" is the PNG specification's; ImageMagick copies EXIF to names
# with a colon. Its "date:create" is left out: that is when a file was made, not a photo.
_DATES = ("exif:datetimeoriginal", "exif:datetimedigitized", "creation time", "create-date",
          "createdate", "datetimeoriginal", "datecreated")  # fmt: skip
_KEYWORDS = ("keywords", "keyword", "tags")
_MAKES, _MODELS = ("make", "exif:make"), ("model", "exif:model")
_MAX_LENGTH = 20_000  # characters of a text that are read
_SEPARATOR = re.compile(r"[;,\n]")


def read_texts(texts: Mapping[str, str]) -> MetadataSource:
    """Return the facts in the texts of a PNG, by their names.

    Never raises, whatever the texts are.
    """
    by_name = {name.strip().lower(): text[:_MAX_LENGTH] for name, text in texts.items()}

    def first(names: tuple[str, ...]) -> str | None:
        return next((by_name[name] for name in names if name in by_name), None)

    dates = (written_datetime(by_name.get(name)) for name in _DATES)
    keywords = (_SEPARATOR.split(by_name.get(name, "")) for name in _KEYWORDS)
    return MetadataSource(
        _SOURCE,
        {
            "taken_at": next((date for date in dates if date is not None), None),
            "camera": camera_name(first(_MAKES), first(_MODELS)),
            "keywords": merge_texts(*keywords),
            "title": clean_text(by_name.get("title")),
            "description": clean_text(by_name.get("description")),
            "creator": clean_text(by_name.get("author") or by_name.get("artist")),
        },
    )


def read_picture_info(block: bytes | None) -> MetadataSource:
    """Return the facts in the lines NAME=VALUE of cameras of the nineties: Olympus, Agfa, Polaroid.

    The date is a number of seconds since 1970, in local time; the exposure time is in
    microseconds; the aperture is written as F2.8.
    """
    lines = (block or b"").decode("latin-1").splitlines()
    values = {name: value for name, _, value in (line.partition("=") for line in lines)}
    taken_at = written_datetime(values.get("TimeDate"))
    with suppress(ValueError, OverflowError, OSError):
        seconds = int(values.get("TimeDate", ""))
        taken_at = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return MetadataSource(
        _SOURCE,
        {
            "taken_at": taken_at,
            "exposure_s": (_number(values.get("Shutter")) or 0) / 1e6,
            "aperture": _number(values.get("FNumber", "").removeprefix("F")),
        },
    )


def _number(text: str | None) -> float | None:
    with suppress(ValueError):
        return float(text or "")
    return None
