"""The filters by name: how a value is read, how it is written, and what help says of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from imgsearch.records.query import FilterValue, Interval, Place

NEAR_RADIUS_KM = 5.0
_HALF_ROUND_THE_EARTH_KM = 20_038
_KM_OF_UNIT = {"": 1.0, "km": 1.0, "m": 0.001, "mi": 1.609344}

# Patterns are compiled when first used: few questions have a filter.
_DATE = r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2})(?:[T ](\d{1,2})(?::(\d\d)(?::(\d\d))?)?)?)?)?$"
_DATE_SEPARATORS = ("", "-", "-", "T", ":", ":")
_WHOLE_DATE = "0000-01-01T00:00:00"  # its end makes a shorter date whole; no year is 0
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_COMPARED = rf"(>=|<=|>|<|=)?{_NUMBER}$"
_RANGE = rf"{_NUMBER}\.\.{_NUMBER}$"
_PLACE = rf"{_NUMBER}\s*,\s*{_NUMBER}(?:\s*,\s*(\d+(?:\.\d+)?)\s*(km|mi|m)?)?$"


@dataclass(frozen=True, slots=True)
class Field:
    """One filter. `read` raises ValueError with a sentence for a value that makes no sense."""

    read: Callable[[str], FilterValue]
    metavar: str
    meaning: str


def read_number(text: str) -> Interval:
    """ ">=4", "<2", "3..5" or "4"."""
    if found := re.match(_RANGE, text):
        low, high = float(found[1]), float(found[2])
        if low > high:
            raise ValueError(f"The range {text} ends before it begins.")
        return Interval(low, high)
    found = re.match(_COMPARED, text)
    if found is None:
        raise ValueError(f"{text!r} is no number. Write one, or >=4, <2, 3..5.")
    sign, number = found[1] or "=", float(found[2])
    if sign == "=":
        return Interval(number, number)
    is_open = len(sign) == 1
    if sign[0] == ">":
        return Interval(low=number, low_open=is_open)
    return Interval(high=number, high_open=is_open)


def read_date(text: str) -> str:
    """A date of any precision in its one form: "2023", "2023-06", "2023-06-15T14:30"."""
    found = re.match(_DATE, text)
    parts = [part.zfill(2) for part in found.groups() if part is not None] if found else []
    date = "".join(a + b for a, b in zip(_DATE_SEPARATORS, parts, strict=False))
    try:
        datetime.fromisoformat(date + _WHOLE_DATE[len(date) :])
    except ValueError:
        raise ValueError(
            f"{text!r} is no date. Write 2023, 2023-06, 2023-06-15 or 2023-06-15T14:30."
        ) from None
    return date


def read_place(text: str) -> Place:
    """ "48.85,2.35", with a radius behind it if that is not to be 5 km: ",500m"."""
    found = re.match(_PLACE, text)
    if found is None:
        raise ValueError(
            f"{text!r} is no place. Write latitude, longitude and radius: 48.85,2.35,5km."
        )
    lat, lon = float(found[1]), float(found[2])
    radius_km = NEAR_RADIUS_KM
    if found[3]:
        radius_km = float(found[3]) * _KM_OF_UNIT[found[4] or ""]
    if abs(lat) > 90:
        raise ValueError(f"The latitude {lat:g} is out of range: it goes from -90 to 90.")
    if abs(lon) > 180:
        raise ValueError(f"The longitude {lon:g} is out of range: it goes from -180 to 180.")
    if not 0 < radius_km <= _HALF_ROUND_THE_EARTH_KM:
        raise ValueError(f"A radius of {radius_km:g} km makes no sense on Earth.")
    return Place(lat, lon, radius_km)


def read_text(text: str) -> str:
    """Any text."""
    return text


def one_of(known: Mapping[str, str]) -> Callable[[str], str]:
    """A reader of the words in `known`, each with the value it stands for."""

    def read(text: str) -> str:
        word = text.casefold()
        if word in known:
            return known[word]
        import difflib

        near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ValueError(
            f"{text!r} is not known here. {hint}Known: {', '.join(sorted(set(known.values())))}."
        )

    return read


def read_type(text: str) -> str:
    """The name of a format, or a suffix that its files have."""
    from imgsearch.decode.formats import FAMILIES, FORMATS

    known = {suffix[1:]: family.name for suffix, family in FORMATS.items() if family.plugin}
    known |= {name.lower(): name for name in FAMILIES}
    return one_of({word: name.lower() for word, name in known.items()})(text)


def written(value: FilterValue) -> str:
    """The value as `read` takes it."""
    if isinstance(value, Place):
        return f"{plain(value.lat)},{plain(value.lon)},{plain(value.radius_km)}km"
    if isinstance(value, Interval):
        return _written_interval(value)
    return value


def _written_interval(value: Interval) -> str:
    low, high = value.low, value.high
    if low is not None and high is not None:
        return plain(low) if low == high else f"{plain(low)}..{plain(high)}"
    if low is not None:
        return f"{'>' if value.low_open else '>='}{plain(low)}"
    assert high is not None  # no value reads as all numbers
    return f"{'<' if value.high_open else '<='}{plain(high)}"


def plain(number: float) -> str:
    """The shortest decimal that reads back as `number`, never with an exponent."""
    text = format(Decimal(repr(float(number))), "f")
    return text.removesuffix(".0")


_ORIENTATIONS = {word: word for word in ("landscape", "portrait", "square")}
_STATES = {word: word for word in ("animated", "live", "motion", "offline", "online")}
_SOURCES = {word: word for word in ("exif", "xmp", "iptc", "video", "sidecar", "file")}

FIELDS: dict[str, Field] = {
    "after": Field(read_date, "DATE", "taken at or after the beginning of DATE"),
    "before": Field(read_date, "DATE", "taken before the beginning of DATE"),
    "on": Field(read_date, "DATE", "taken within DATE: a year, a month, a day, a minute"),
    "dated": Field(one_of(_SOURCES), "SOURCE", "whose date comes from exif, xmp, iptc, video, "
                   "sidecar (an XMP file beside it) or only from the file"),
    "camera": Field(read_text, "TEXT", "whose camera's maker and model contain TEXT"),
    "lens": Field(read_text, "TEXT", "whose lens contains TEXT; 50mm is not found in 150mm"),
    "near": Field(read_place, "LAT,LON[,RADIUS]", "taken within RADIUS (5km, 300m, 2mi; else 5km) "
                  "of a point in degrees"),
    "rating": Field(read_number, "NUMBER", "with so many stars: 4, >=4, <2, 3..5; none count as 0"),
    "keyword": Field(read_text, "TEXT", "with this keyword, or with it as a level of a longer one"),
    "label": Field(read_text, "NAME", "labelled so by imgsearch label --save-as; or FACET/NAME"),
    "in": Field(read_text, "FOLDER", "in a folder of this name, anywhere; or below this /path"),
    "root": Field(read_text, "FOLDER", "in this folder of those that were indexed, by name or "
                  "path"),
    "name": Field(read_text, "TEXT", "whose file name contains TEXT"),
    "type": Field(read_type, "TYPE", "of this format: jpeg, png, heif, raw, video and more"),
    "orientation": Field(one_of(_ORIENTATIONS), "SHAPE", "of this shape: landscape, portrait or "
                         "square"),
    "width": Field(read_number, "NUMBER", "so many pixels wide: >=3000"),
    "height": Field(read_number, "NUMBER", "so many pixels high"),
    "megapixels": Field(read_number, "NUMBER", "of so many million pixels: >12"),
    "is": Field(one_of(_STATES), "STATE", "motion (with a video of its moment, in its file or "
                "beside it), live (of these Apple's), animated, offline (on a drive that is not "
                "there now) or online"),
}  # fmt: skip

# What people type who know another program, and what it is called here.
OTHER_NAMES = {
    "date": "on",
    "ext": "type",
    "filename": "name",
    "folder": "in",
    "format": "type",
    "from": "after",
    "geo": "near",
    "make": "camera",
    "path": "in",
    "since": "after",
    "stars": "rating",
    "subject": "keyword",
    "tag": "keyword",
    "taken": "on",
    "until": "before",
}
