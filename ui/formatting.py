"""Turns what the library says into words for a person. All of it may be hostile text."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from imgsearch import Hit, printable

_MARKDOWN = set("\\`*_{}[]()<>#+-.!|~:$&")


def unmarked(text: str | Path) -> str:
    """`text` for where Streamlit reads Markdown: every sign of it stands for itself."""
    return "".join(f"\\{each}" if each in _MARKDOWN else each for each in printable(text))


def size_words(size_bytes: float) -> str:
    """ "3.2 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit in ("B", "kB") else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def day_words(moment: date | None) -> str:
    """ "3 May 2024", or nothing."""
    return "" if moment is None else f"{moment.day} {moment:%B %Y}"


def moment_words(moment: datetime | None) -> str:
    """ "3 May 2024, 14:05", with the offset where one is known."""
    if moment is None:
        return "unknown"
    offset = f" {moment:UTC%z}" if moment.tzinfo else ""
    return f"{day_words(moment)}, {moment:%H:%M}{offset}"


def time_left_words(seconds: float) -> str:
    """ "about 3 min"."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def count_words(number: int, one: str, many: str = "") -> str:
    """ "1 photo", "8,091 photos"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def date_of(hit: Hit) -> datetime | None:
    """When the photo was taken, as well as is known."""
    return hit.date or hit.photo.taken_at


def alternative(hit: Hit) -> str:
    """What a person who does not see the picture is told of it."""
    when = day_words(date_of(hit))
    return ", ".join(part for part in (printable(hit.path.name), when) if part)
