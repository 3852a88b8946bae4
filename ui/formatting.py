"""Formats what the library reports for people, and escapes it: names and metadata are untrusted."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from imgsearch import Hit, clock, moment_text, printable

_MARKDOWN = set("\\`*_{}[]()<>#+-.!|~:$&")


def escape_markdown(text: str | Path) -> str:
    """Return `text` as printable Markdown in which every special character stands for itself."""
    return "".join(
        f"\\{character}" if character in _MARKDOWN else character for character in printable(text)
    )


def format_size(size_bytes: float) -> str:
    """Decimal units: "3.2 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit in ("B", "kB") else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def format_date(day: date | None) -> str:
    """Return "3 May 2024"; empty if unknown."""
    return "" if day is None else f"{day.day} {day:%B %Y}"


def format_datetime(moment: datetime | None, precision: str | None = None) -> str:
    """Return "3 May 2024, 14:05", or as exact as `moment_text` says; "unknown" for None."""
    return "unknown" if moment is None else moment_text(moment, precision)


def format_day_of(hit: Hit) -> str:
    """Return the day of a photo, or the month, season or year that is known of it.

    Empty if none is.
    """
    moment, precision = date_of(hit), precision_of(hit)
    return "" if moment is None else moment_text(moment, precision or "day")


def precision_of(hit: Hit) -> str | None:
    """Return how exact the date of a photo is: see `Facts.date_precision`."""
    return None if hit.dated_by == "file" else hit.photo.facts.date_precision


def date_of(hit: Hit) -> datetime | None:
    """Return when the photo was taken; the file's modification time if no metadata says."""
    return hit.date or hit.photo.taken_at


def alt_text(hit: Hit) -> str:
    """Describe the photo to people who cannot see it: file name and date."""
    return ", ".join(filter(None, (printable(hit.path.name), format_day_of(hit))))


def found_rows(hit: Hit) -> list[tuple[str, str]]:
    """Return a search's words on a photo: a video's best moment, and why it is worth keeping."""
    rows = [
        ("Best match at", "" if hit.at_s is None else clock(hit.at_s)),
        ("Worth keeping", "" if hit.worth is None else printable(str(hit.worth))),
    ]
    return [(name, value) for name, value in rows if value]
