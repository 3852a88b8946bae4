"""Reads the sources of metadata of a photo, in the order of their precedence.

The readers of EXIF, XMP, IPTC and video containers each return a `MetadataSource`, and
`merge_metadata` combines them. Both work by the field names of `Facts`, so a new fact needs a line
in each reader that knows it and nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast
from unicodedata import category

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from imgsearch.records.photo import FACTS, MOST_LIST_TEXTS, DatePrecision, Fact, Facts

PLACE_NAMES = ("town", "region", "country")
_FACTS = {fact.name: fact for fact in FACTS}
_LIST_FACTS = tuple(fact.name for fact in FACTS if fact.type is tuple)
_CLOCK_NOT_SET = datetime(1970, 1, 1)
_MAX_KEYWORD_LENGTH = 200  # characters; longer text is not a keyword
_MAX_TEXT_LENGTH = 2000  # characters of a title, a description and the like


class MetadataSource(Struct, frozen=True):
    """The facts that one source knows, by the field names of `Facts`.

    `name` is what `dated_by` says of a date from this source: exif, xmp, iptc, text, video or
    sidecar. Values that are None, empty or out of the fact's range are dropped: they are unknown.
    So are coordinates of which one is missing or out of range, and 0,0; a date in the future, and
    1970-01-01 00:00. Raises ValueError for a name that is not a field of `Facts`.
    """

    name: str
    facts: Mapping[str, object]

    def __post_init__(self) -> None:
        if unknown := self.facts.keys() - _FACTS.keys():
            raise ValueError(f"Not fields of Facts: {', '.join(sorted(unknown))}")
        known = {
            name: known
            for name, value in self.facts.items()
            if (known := _known(_FACTS[name], value)) not in (None, "", ())
        }
        if "taken_at" in known:
            known["dated_by"] = self.name
        else:
            known.pop("date_precision", None)
        if not _is_position(known.get("lat"), known.get("lon")):
            known.pop("lat", None)
            known.pop("lon", None)
        force_setattr(self, "facts", known)

    def texts(self, fact: str) -> tuple[str, ...]:
        """Return the texts of a fact that is a list, such as the keywords."""
        return cast(tuple[str, ...], self.facts.get(fact, ()))


def _is_position(lat: object, lon: object) -> bool:
    """Return whether these are coordinates in range.

    0,0 is what a device writes before it knows.
    """
    if not (isinstance(lat, float | int) and isinstance(lon, float | int)):
        return False
    return abs(lat) <= 90 and abs(lon) <= 180 and not lat == lon == 0


def _is_past(moment: datetime) -> bool:
    """Return whether a photo can have been taken then.

    A clock that was never set shows 1970-01-01 00:00.

    A day is allowed for time zones.
    """
    local = moment.replace(tzinfo=None)
    return local != _CLOCK_NOT_SET and local <= datetime.now() + timedelta(days=1)


def _known(fact: Fact, value: object) -> object:
    """Return the value as `Facts` holds it; None where it is out of range."""
    if isinstance(value, datetime):
        return value if _is_past(value) else None
    if fact.maximum is not None:
        if not (isinstance(value, int | float) and 0 < value <= fact.maximum):
            return None
        return round(value) if fact.type is int else value
    return value


def merge_metadata(facts: Facts, sources: Sequence[MetadataSource]) -> Facts:
    """Return `facts` with everything that `sources` know.

    The first source that knows a fact decides it, and how exact its date is. Keywords of all
    sources are joined, and people.
    Town, region and country come from one source: they are those of one place.
    """
    sources = [source for source in sources if source.facts]
    if not sources:
        return facts
    merged: dict[str, object] = {}
    for source in reversed(sources):
        if "taken_at" in source.facts:
            merged["date_precision"] = None  # that of its own date
        if not source.facts.keys().isdisjoint(PLACE_NAMES):
            merged |= dict.fromkeys(PLACE_NAMES)
        merged |= source.facts
    for fact in _LIST_FACTS:
        texts = (source.texts(fact) for source in sources)
        merged[fact] = merge_texts(*texts, getattr(facts, fact))
    return replace(facts, **merged)


def merge_texts(*groups: Sequence[str]) -> tuple[str, ...]:
    """Return every keyword or name once, ignoring case, in order of first appearance; at most 500.

    A keyword with levels (A|B) and one of its levels (A) are two keywords.
    """
    merged: dict[str, str] = {}
    for keyword in (clean_text(text) for texts in groups for text in texts):
        if keyword and len(keyword) <= _MAX_KEYWORD_LENGTH:
            merged.setdefault(keyword.casefold(), keyword)
    return tuple(merged.values())[:MOST_LIST_TEXTS]


def clean_text(text: str | None) -> str | None:
    """Return `text` as one printable line; None for blanks and dashes, which mean "unknown".

    At most 2,000 characters of it. Format characters, such as marks for the direction of writing,
    are left out.
    """
    shown = "".join(
        c if c.isprintable() else "" if category(c) == "Cf" else " "
        for c in (text or "")[: 2 * _MAX_TEXT_LENGTH]
    )
    line = " ".join(shown.split())[:_MAX_TEXT_LENGTH].rstrip()
    return line if any(c.isalnum() for c in line) else None


def camera_name(make: str | None, model: str | None) -> str | None:
    """Return the camera's maker and model, or the model alone where it begins with the maker."""
    make, model = clean_text(make), clean_text(model)
    if not make or not model:
        return model or make
    first_word = model.casefold().split()[0]
    if first_word in make.casefold().split() or model.casefold().startswith(make.casefold()):
        return model
    return f"{make} {model}"


def iso_datetime(text: str | None) -> datetime | None:
    """Return a date, with or without time and UTC offset, as ISO 8601 writes it.

    None for other text.
    """
    try:
        return None if text is None else datetime.fromisoformat(text.strip())
    except ValueError:
        return None


_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?$")


def partial_date(text: str | None) -> tuple[datetime, DatePrecision] | None:
    """Return the beginning of a year, a month or a day, and which it is; None for other text.

    XMP allows such dates (ISO 8601): "1974", "1974-07", "1974-07-03".
    """
    found = _PARTIAL.match((text or "").strip())
    if found is None:
        return None
    year, month, day = found.groups()
    beginning = iso_datetime(f"{year}-{month or '01'}-{day or '01'}")
    if beginning is None:
        return None
    return beginning, "day" if day else "month" if month else "year"


_MAX_DATE_LENGTH = 60  # characters
_WITH_COLONS = re.compile(r"(\d{4})[:/](\d\d)[:/](\d\d)(?:\D(.*))?$", re.DOTALL)


def written_datetime(text: str | None) -> datetime | None:
    """Return a date that programs write into texts: in ISO 8601, as EXIF does, or as e-mails do."""
    date = iso_datetime(text)
    if text is None or date is not None or len(text) > _MAX_DATE_LENGTH:
        return date
    if (match := _WITH_COLONS.match(text.strip())) is not None:
        year, month, day, time = match.groups()
        return iso_datetime(f"{year}-{month}-{day}" + (f"T{time.strip()}" if time else ""))
    from email.utils import parsedate_to_datetime  # lazy: takes 20 ms, and few photos need it

    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
