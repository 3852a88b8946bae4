"""Reads IPTC blocks (IIM 4.2, record 2), which stand alone or among the resources of Photoshop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from imgsearch.decode.metadata import (
    MetadataSource,
    clean_text,
    iso_datetime,
    merge_texts,
    partial_date,
)
from imgsearch.records.photo import DatePrecision

_KEYWORDS = (2, 25)
_TEXTS = {
    "title": (2, 5),
    "headline": (2, 105),
    "description": (2, 120),
    "creator": (2, 80),
    "town": (2, 90),
    "region": (2, 95),
    "country": (2, 101),
}
_CREATED, _DIGITISED = ((2, 55), (2, 60)), ((2, 62), (2, 63))  # date, time
_TAG_MARKER = 0x1C
_EXTENDED = 0x8000  # then the other bits say how many bytes the size has
_SIGNATURES = (b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa")
_IPTC_RESOURCE = 0x0404
_Dataset = tuple[int, int]  # record and number
_Values = dict[_Dataset, list[str]]
# The specification has no separators; some programs write them.
_DATE = re.compile(r"(\d{4})[:-]?(\d\d)[:-]?(\d\d)$")
_TIME = re.compile(r"(\d\d):?(\d\d):?(\d\d)(?:([+-]\d\d):?(\d\d))?$")


def read_iptc(block: bytes | None) -> MetadataSource:
    """Return the facts in an IPTC block. Never raises, whatever the bytes are."""
    if not block:
        return MetadataSource("iptc", {})
    values: _Values = {}
    for dataset, value in _datasets(block):
        values.setdefault(dataset, []).append(_text(value))
    taken_at, precision = _moment(values, *_CREATED) or _moment(values, *_DIGITISED) or (None, None)
    return MetadataSource(
        "iptc",
        {
            "taken_at": taken_at,
            "date_precision": precision,
            "keywords": merge_texts(values.get(_KEYWORDS, ())),
            **{
                fact: clean_text(", ".join(values.get(dataset, ())))
                for fact, dataset in _TEXTS.items()
            },
        },
    )


def iptc_in_resources(resources: bytes) -> bytes | None:
    """Return the IPTC block among Photoshop's image resources; None where there is none.

    A resource is "8BIM" or another signature, its number, its name with the length before it, and
    its data with the size before it; both are padded to an even size (Adobe Photoshop File Formats
    Specification).
    """
    at = 0
    while resources[at : at + 4] in _SIGNATURES:
        name_bytes = 1 + int.from_bytes(resources[at + 6 : at + 7], "big")
        start = at + 6 + name_bytes + name_bytes % 2 + 4
        size_bytes = int.from_bytes(resources[start - 4 : start], "big")
        if int.from_bytes(resources[at + 4 : at + 6], "big") == _IPTC_RESOURCE:
            return resources[start : start + size_bytes]
        at = start + size_bytes + size_bytes % 2
    return None


def _datasets(block: bytes) -> Iterator[tuple[_Dataset, bytes]]:
    """Yield the datasets of a block and their values, up to the first that is not one."""
    at = 0
    while at + 5 <= len(block) and block[at] == _TAG_MARKER:
        size_bytes, start = int.from_bytes(block[at + 3 : at + 5], "big"), at + 5
        if size_bytes & _EXTENDED:
            start += size_bytes & ~_EXTENDED
            size_bytes = int.from_bytes(block[at + 5 : min(start, at + 13)], "big")
        yield (block[at + 1], block[at + 2]), block[start : start + size_bytes]
        at = start + size_bytes


def _moment(
    values: _Values, date_dataset: _Dataset, time_dataset: _Dataset
) -> tuple[datetime, DatePrecision | None] | None:
    """Return the date and time in two datasets, or the date alone."""
    date = next(filter(None, map(_DATE.match, values.get(date_dataset, ()))), None)
    if date is None:
        return None
    day = "-".join(date.groups())
    time = next(filter(None, map(_TIME.match, values.get(time_dataset, ()))), None)
    if time is not None:
        hour, minute, second, *offset = time.groups()
        # Programs that do not know the offset write +0000.
        zone = "" if offset in ([None, None], ["+00", "00"]) else ":".join(offset)
        moment = iso_datetime(f"{day}T{hour}:{minute}:{second}{zone}")
        if moment is not None:
            return moment, None
    return partial_date(day)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
