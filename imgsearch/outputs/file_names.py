"""Names for new files that every system accepts."""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePath

from imgsearch.paths import folded

# A program that unpacks it on Windows takes these for parts of a path, or refuses them.
_NOT_IN_NAMES = '\\/:*?"<>|'
_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{name}{n}" for name in ("com", "lpt") for n in range(10)),
}
_MARKS = ("Cc", "Cf", "Zl", "Zp")  # of control, direction and lines
_JOINERS = "\u200c\u200d"  # in words of some languages, and in emoji
_MAX_NAME_BYTES = 200


def safe_name(name: str) -> str:
    """Return a file name that every system can unpack into one folder; otherwise as it was."""
    text = os.fsencode(name).decode("utf-8", "replace")
    characters = ("_" if _is_unsafe(each) else each for each in text)
    stem, dot, suffix = "".join(characters).rstrip(". ").rpartition(".")
    if not stem:
        stem, dot, suffix = suffix or "photo", "", ""
    if stem.partition(".")[0].strip().casefold() in _DEVICES:
        stem = f"_{stem}"
    room = _MAX_NAME_BYTES - len(f"{dot}{suffix}".encode())
    stem = stem.encode()[: max(room, 1)].decode("utf-8", "ignore")
    return f"{stem}{dot}{suffix}"


def _is_unsafe(character: str) -> bool:
    is_mark = unicodedata.category(character) in _MARKS and character not in _JOINERS
    return is_mark or character in _NOT_IN_NAMES


def unique_name(name: str, taken: set[str]) -> str:
    """Return the name, or that with a number, if it is taken.

    Also where case is ignored. It is then.
    """
    path = PurePath(name)
    unique, number = name, 1
    while folded(unique) in taken:
        number += 1
        unique = f"{path.stem}-{number}{path.suffix}"
    taken.add(folded(unique))
    return unique
