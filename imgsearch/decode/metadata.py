"""What the sources of metadata know about a photo, and which of them counts.

The readers of EXIF, XMP, IPTC and video containers each return a `MetadataSource`, and
`merge_metadata` combines them. Both work by the field names of `Facts`, so a new fact needs a line
in each reader that knows it and nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from imgsearch.records.photo import FACTS, Fact, Facts

_FACTS = {fact.name: fact for fact in FACTS}
_MAX_KEYWORDS = 500
_MAX_KEYWORD_LENGTH = 200  # characters; longer text is not a keyword


@dataclass(frozen=True, slots=True)
class MetadataSource:
    """The facts that one source knows, by the field names of `Facts`.

    `name` is what `dated_by` says of a date from this source: exif, xmp, iptc, video or sidecar.
    Values that are None, empty or out of the fact's range are dropped: they are unknown. So is a
    latitude without a longitude, and the reverse. Raises ValueError for a name that is not a
    field of `Facts`.
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
        if not known.keys() >= {"lat", "lon"}:
            known.pop("lat", None)
            known.pop("lon", None)
        object.__setattr__(self, "facts", known)

    @property
    def keywords(self) -> tuple[str, ...]:
        return cast(tuple[str, ...], self.facts.get("keywords", ()))


def _known(fact: Fact, value: object) -> object:
    """The value as `Facts` holds it; None where it is out of range."""
    if fact.maximum is not None:
        if not (isinstance(value, int | float) and 0 < value <= fact.maximum):
            return None
        return round(value) if fact.type is int else value
    return value


def merge_metadata(facts: Facts, sources: Sequence[MetadataSource]) -> Facts:
    """`facts` with everything that `sources` know.

    The first source that knows a fact decides it. Keywords of all sources are joined.
    """
    merged: dict[str, object] = {}
    for source in reversed(sources):
        merged |= source.facts
    merged["keywords"] = merge_keywords(*(source.keywords for source in sources), facts.keywords)
    return replace(facts, **merged)  # type: ignore[arg-type]  # the readers' types are Facts' own


def merge_keywords(*groups: Sequence[str]) -> tuple[str, ...]:
    """Every keyword once, ignoring case, in order of first appearance; at most 500.

    A keyword with levels (A|B) and one of its levels (A) are two keywords.
    """
    merged: dict[str, str] = {}
    for keyword in (clean_text(keyword) for keywords in groups for keyword in keywords):
        if keyword and len(keyword) <= _MAX_KEYWORD_LENGTH:
            merged.setdefault(keyword.casefold(), keyword)
    return tuple(merged.values())[:_MAX_KEYWORDS]


def clean_text(text: str | None) -> str | None:
    """`text` as one printable line, or None for blanks and dashes, which stand for "unknown"."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text or "").split())
    return line if any(c.isalnum() for c in line) else None


def camera_name(make: str | None, model: str | None) -> str | None:
    """The camera's maker and model, the maker left out where the model begins with its name."""
    make, model = clean_text(make), clean_text(model)
    if not make or not model:
        return model or make
    first_word = model.casefold().split()[0]
    if first_word in make.casefold().split() or model.casefold().startswith(make.casefold()):
        return model
    return f"{make} {model}"


def iso_datetime(text: str | None) -> datetime | None:
    """A date, with or without time and UTC offset, as ISO 8601 writes it; None for other text."""
    try:
        return None if text is None else datetime.fromisoformat(text.strip())
    except ValueError:
        return None
