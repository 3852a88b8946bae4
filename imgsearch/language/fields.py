"""The filters of the query language: reading and writing values, and help texts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.features import installed
from imgsearch.features.declared import NamedFilter, ValueFilter, load
from imgsearch.language.calendar_words import MONTH_NAMES
from imgsearch.records.photo import FACTS, LOOKS
from imgsearch.records.query import FilterSpec, FilterValue, Interval, NamedPlace, Place

NEAR_RADIUS_KM = 5.0
_MAX_RADIUS_KM = 20_038  # half the circumference of the Earth
_KM_PER_UNIT = {"": 1.0, "km": 1.0, "m": 0.001, "mi": 1.609344}

_STATES_OF_FEATURES = "".join(f"{each.meaning}, " for each in installed.states().values())

# Patterns are compiled when first used: most queries have no filter.
_DATE = r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2})(?:[T ](\d{1,2})(?::(\d\d)(?::(\d\d))?)?)?)?)?$"
_DATE_SEPARATORS = ("", "-", "-", "T", ":", ":")
_DATE_TEMPLATE = "0000-01-01T00:00:00"  # its end completes a shorter date; year 0 is invalid
_DECIMAL = r"-?\d+(?:\.\d+)?"
_RADIUS = r"(\d+(?:\.\d+)?)\s*(km|mi|m)?"
_PLACE = rf"({_DECIMAL})\s*,\s*({_DECIMAL})(?:\s*,\s*{_RADIUS})?$"
_WITH_RADIUS = rf"(.*?)\s*,\s*{_RADIUS}$"


class Field(Struct, frozen=True):
    """One filter: `read` parses a value, `write` turns it back into text that `read` accepts.

    `read` raises ValueError, with a sentence for the user, if the text is invalid. `choices` maps
    readable names to all values, if these are few and the same in every library.
    """

    read: Callable[[str], FilterValue]
    metavar: str
    meaning: str  # completes the sentence "Photos …"
    write: Callable[[FilterValue], str]
    choices: Callable[[], Mapping[str, str]] = dict


# ------------------------------------------------------------------------- numbers


def number_with_unit(
    units: Mapping[str, float], fractions: bool = False
) -> Callable[[str], Interval]:
    """Return a reader of numbers and ranges: ">=4", "4+", "<2", "3..5", "4", also with a unit.

    `units` maps each suffix to its size in the unit of the result; a number without a suffix is
    in that unit. In a range, a unit after the second number also applies to the first:
    "1..500ms". With `fractions`, "1/250" is accepted as well. Numbers are finite.
    """
    number = rf"({_DECIMAL}(?:/\d+)?)" if fractions else rf"({_DECIMAL})"
    suffixes = sorted(units, key=len, reverse=True)
    suffix = rf"\s*({'|'.join(map(re.escape, suffixes))})?" if units else "()"
    range_pattern = rf"{number}{suffix}\.\.{number}{suffix}$"
    comparison_pattern = rf"(>=|<=|>|<|=)?\s*{number}{suffix}$"
    least_pattern = rf"{number}{suffix}\s*\+$"

    def value_of(text: str, unit: str | None) -> float:
        numerator, _, denominator = text.partition("/")
        value = float(numerator) * (units[unit] if unit else 1.0)
        if denominator:
            value = value / float(denominator) if float(denominator) else math.inf
        if not math.isfinite(value):
            raise ValueError(f"{text[:20]} is not a finite number.")
        return value

    def read(text: str) -> Interval:
        if found := re.match(range_pattern, text, re.IGNORECASE):
            low_unit, high_unit = _lower(found[2]), _lower(found[4])
            low, high = value_of(found[1], low_unit or high_unit), value_of(found[3], high_unit)
            if low > high:
                raise ValueError(f"The range {text} ends before it begins.")
            return Interval(low, high)
        if least := re.match(least_pattern, text, re.IGNORECASE):
            return Interval(low=value_of(least[1], _lower(least[2])))
        found = re.match(comparison_pattern, text, re.IGNORECASE)
        if found is None:
            raise ValueError(f"{text!r} is not a number. Write a number, or >=4, <2 or 3..5.")
        sign, value = found[1] or "=", value_of(found[2], _lower(found[3]))
        if sign == "=":
            return Interval(value, value)
        is_open = len(sign) == 1
        if sign[0] == ">":
            return Interval(low=value, low_open=is_open)
        return Interval(high=value, high_open=is_open)

    return read


def _lower(unit: str | None) -> str | None:
    return unit.lower() if unit else None


def decimal_text(number: float) -> str:
    """Return the shortest decimal that reads back as `number`, never with an exponent."""
    text = format(Decimal(repr(float(number))), "f")
    return text.removesuffix(".0")


def fraction_text(number: float) -> str:
    """1/n if that is exactly `number`, else its decimal."""
    if 1e-9 < number < 1 and 1 / round(1 / number) == number:
        return f"1/{round(1 / number)}"
    return decimal_text(number)


def number_writer(number_text: Callable[[float], str]) -> Callable[[FilterValue], str]:
    """Return a function that writes numbers and ranges, each number by `number_text`."""

    def write(value: FilterValue) -> str:
        assert isinstance(value, Interval)
        low, high = value.low, value.high
        if low is not None and high is not None:
            return number_text(low) if low == high else f"{number_text(low)}..{number_text(high)}"
        if low is not None:
            return f"{'>' if value.low_open else '>='}{number_text(low)}"
        assert high is not None  # every text that is read has at least one end
        return f"{'<' if value.high_open else '<='}{number_text(high)}"

    return write


# ------------------------------------------------------------------------- other values


def read_date(text: str) -> str:
    """Return a date of any precision in normal form: "2023", "2023-06", "2023-06-15T14:30"."""
    found = re.match(_DATE, text)
    parts = [part.zfill(2) for part in found.groups() if part is not None] if found else []
    date = "".join(a + b for a, b in zip(_DATE_SEPARATORS, parts, strict=False))
    try:
        datetime.fromisoformat(date + _DATE_TEMPLATE[len(date) :])
    except ValueError:
        raise ValueError(
            f"{text!r} is not a date. Write 2023, 2023-06, 2023-06-15 or 2023-06-15T14:30."
        ) from None
    return date


def read_place(text: str) -> Place | NamedPlace:
    """ "48.85,2.35" or the name of a town, with an optional radius: "Paris,500m", 5 km by default.

    Names may have commas: "Paris, Texas, 20km".
    """
    found = re.match(_PLACE, text)
    if found is not None:
        lat, lon = float(found[1]), float(found[2])
        if abs(lat) > 90:
            raise ValueError(f"Latitude {lat:g} is out of range (-90 to 90).")
        if abs(lon) > 180:
            raise ValueError(f"Longitude {lon:g} is out of range (-180 to 180).")
        return Place(lat, lon, _radius_km(found[3], found[4]))
    found = re.match(_WITH_RADIUS, text)
    name, number, unit = found.groups() if found else (text, None, None)
    if not re.search(r"[^\W\d_]", name) or re.match(rf"{_RADIUS}$", name):
        raise ValueError(
            f"{text!r} is not a place. Write a town and a radius, Paris,20km; or latitude, "
            "longitude and radius: 48.85,2.35,5km."
        )
    return NamedPlace(name.strip(), _radius_km(number, unit))


def _radius_km(number: str | None, unit: str | None) -> float:
    radius_km = float(number) * _KM_PER_UNIT[unit or ""] if number else NEAR_RADIUS_KM
    if not 0 < radius_km <= _MAX_RADIUS_KM:
        raise ValueError(
            f"A radius of {radius_km:g} km is out of range (above 0, at most {_MAX_RADIUS_KM} km)."
        )
    return radius_km


def _write_place(value: FilterValue) -> str:
    assert isinstance(value, Place | NamedPlace)
    radius = f"{decimal_text(value.radius_km)}km"
    if isinstance(value, NamedPlace):
        return f"{value.name},{radius}"
    return f"{decimal_text(value.lat)},{decimal_text(value.lon)},{radius}"


def read_text(text: str) -> str:
    """Any text."""
    return text


def _write_text(value: FilterValue) -> str:
    assert isinstance(value, str)
    return value


def one_of(known: Mapping[str, str]) -> Callable[[str], str]:
    """Return a reader of the words in `known`; each stands for its value. Case does not matter."""

    def read(text: str) -> str:
        word = text.casefold()
        if word in known:
            return known[word]
        import difflib

        near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ValueError(
            f"Unknown value {text!r}. {hint}Known: {', '.join(sorted(set(known.values())))}."
        )

    return read


def read_day(text: str) -> str:
    """Return a month and a day, "12-24". Raises ValueError for a day that no year has."""
    try:
        day = datetime.strptime(f"2000-{text}", "%Y-%m-%d")  # a leap year
    except ValueError:
        raise ValueError(f"{text!r} is not a day of the year. Write month and day: 12-24") from None
    return f"{day:%m-%d}"


def read_month(text: str) -> str:
    """Return a month by its number, "6" or "06". Raises ValueError for any other text."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:3]) <= 12):
        raise ValueError(f"{text!r} is not a month. Write its number, from 1 to 12.")
    return f"{int(text):02}"


def _months() -> dict[str, str]:
    return {name.capitalize(): str(number) for number, name in enumerate(MONTH_NAMES, 1)}


def _formats() -> dict[str, str]:
    """Return the formats, the ones that most libraries have first."""
    from imgsearch.decode.formats import FORMATS_BY_NAME

    names = dict.fromkeys(("JPEG", "HEIF", "RAW", "VIDEO", "PNG", *FORMATS_BY_NAME))
    return {FORMATS_BY_NAME[name].title: name.lower() for name in names}


def read_type(text: str) -> str:
    """Return the name of a format, from that name or a file suffix."""
    from imgsearch.decode.formats import (  # lazy: queries rarely need it
        FORMATS_BY_NAME,
        FORMATS_BY_SUFFIX,
    )

    known = {suffix[1:]: form.name for suffix, form in FORMATS_BY_SUFFIX.items() if form.plugin}
    known |= {name.lower(): name for name in FORMATS_BY_NAME}
    return one_of({word: name.lower() for word, name in known.items()})(text)


# ------------------------------------------------------------------------- the table


def field_of(spec: FilterSpec) -> Field:
    """Return the field that reads and writes a filter on one fact of a photo."""
    if spec.kind == "yes/no":
        return _word_field("yes|no", spec.meaning, "yes no")
    if spec.kind == "share":
        meaning = f"{spec.meaning}: {', '.join(spec.names)}"
        return _word_field(spec.name.upper(), meaning, " ".join(spec.names))
    if spec.kind != "number":
        return text_field("TEXT", spec.meaning)
    return Field(
        number_with_unit(spec.units, spec.fractions),
        "NUMBER",
        spec.meaning,
        number_writer(fraction_text if spec.fractions else decimal_text),
    )


def text_field(metavar: str, meaning: str, read: Callable[[str], str] = read_text) -> Field:
    """Return a field whose values are text: free text, or a date."""
    return Field(read, metavar, meaning, _write_text)


def _choice_field(
    metavar: str, meaning: str, read: Callable[[str], str], choices: Callable[[], Mapping[str, str]]
) -> Field:
    return Field(read, metavar, meaning, _write_text, choices)


def _word_field(metavar: str, meaning: str, words: str) -> Field:
    """Return a field whose values are some words."""
    known = {word: word for word in words.split()}
    return _choice_field(metavar, meaning, one_of(known), lambda: known)


def _field_of_feature(declared: NamedFilter | ValueFilter) -> Field:
    field = text_field(declared.metavar, declared.meaning)
    if isinstance(declared, NamedFilter) or declared.read is None:
        return field
    read, write = declared.read, declared.write

    def read_value(text: str) -> FilterValue:
        value: FilterValue = load(read)(text)
        return value

    field = replace(field, read=read_value)
    if write is None:
        return field

    def write_value(value: FilterValue) -> str:
        text: str = load(write)(value)
        return text

    return replace(field, write=write_value)


# Values of the filter `no:`.
LACKING = ("date", "place", "person", "keyword", "title", "camera", *installed.lacking())

# In the order of the help text.
_CORE_FIELDS: dict[str, Field] = {
    "after": text_field("DATE", "taken at or after the beginning of DATE", read_date),
    "before": text_field("DATE", "taken before the beginning of DATE", read_date),
    "on": text_field("DATE", "taken within DATE: a year, a month, a day or a minute", read_date),
    "day": text_field("MM-DD", "taken on this day of any year, month first: 12-24", read_day),
    "month": _choice_field(
        "MONTH", "taken in this month of any year, 1 to 12", read_month, _months
    ),
    "dated": _word_field(
        "SOURCE",
        "whose date comes from exif, xmp, iptc, text (of a PNG or an early camera), video, sidecar "
        "(a file beside the photo), only from the file, or from you, who corrected it",
        "exif xmp iptc text video sidecar file you",
    ),
    **{fact.filter.name: field_of(fact.filter) for fact in FACTS if fact.filter is not None},
    "megapixels": field_of(FilterSpec("megapixels", "number", "with this many megapixels: >12")),
    "orientation": _word_field(
        "SHAPE", "of this shape: landscape, portrait or square", "landscape portrait square"
    ),
    "place": text_field("TEXT", "taken in this town, region or country"),
    "near": Field(
        read_place,
        "PLACE[,RADIUS]",
        "taken within RADIUS (5km, 300m, 2mi; 5km by default) of PLACE: a town, or a point in "
        "degrees, LAT,LON",
        _write_place,
    ),
    "keyword": text_field(
        "TEXT", "with this keyword, or with it as one level of a hierarchical keyword"
    ),
    "no": _word_field(
        "SUBJECT",
        f"that have none of these: {', '.join(LACKING)}",
        " ".join(LACKING),
    ),
    "in": text_field("FOLDER", "in a folder of this name, at any depth; or below this /path"),
    "root": text_field("FOLDER", "in this indexed folder, given by name or path"),
    "name": text_field("TEXT", "whose file name contains TEXT"),
    "type": _choice_field(
        "TYPE", "in this format: jpeg, png, heif, raw, video and more", read_type, _formats
    ),
    "is": _word_field(
        "STATE",
        "in this state: bw (black and white), blurred, dark, bright, motion (with a short video, "
        "in its file or beside it), live (an Apple Live Photo, with the video beside it), "
        "animated, offline (on a drive that is not connected), online, favourite, picked (into the "
        f"tray of the page), {_STATES_OF_FEATURES}or hidden: only then are hidden photos found",
        "animated live motion offline online favourite picked hidden "
        f"{' '.join((*LOOKS, *installed.states()))}",
    ),
}

FIELDS: dict[str, Field] = {
    **_CORE_FIELDS,
    **{name: _field_of_feature(declared) for name, declared in installed.filters().items()},
    **{
        name: text_field(declared.metavar, declared.meaning)
        for name, declared in installed.queries().items()
    },
}

# Filter names of other programs, and the filters that they stand for.
OTHER_NAMES = {
    **installed.other_filter_names(),
    "artist": "creator",
    "author": "creator",
    "caption": "description",
    "colour": "color",
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
