"""Numbers of items in words."""

from __future__ import annotations

from collections.abc import Mapping

from imgsearch.features.backup.making import ALL_GROUPS

_TITLES = {
    kind: about.title
    for group in ALL_GROUPS
    for kind, about in group.kinds.items()
    if about.title is not None
}


def kinds_in_words() -> str:
    """Return all kinds that a backup of this installation has: "marks, people and albums"."""
    *others, last = (titles[1] for titles in _TITLES.values())
    return f"{', '.join(others)} and {last}"


def title_of(kind: str) -> str:
    """Return the words for one item of a kind."""
    return _TITLES[kind][0] if kind in _TITLES else kind


def counted(counts: Mapping[str, int]) -> str:
    """Return numbers of items in words: "12 albums, 340 marks"; "" for none that people count."""
    parts = [
        f"{number:,} {titles[number != 1]}"
        for kind, titles in _TITLES.items()
        if (number := counts.get(kind, 0))
    ]
    return ", ".join(parts)
