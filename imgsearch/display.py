"""Text that is safe to show: names of files and words in photos may be hostile."""

from __future__ import annotations

import unicodedata
from pathlib import Path


def printable(text: str | Path) -> str:
    """`text` with all that could move the cursor, hide, turn round or break a line escaped."""
    return "".join(
        character
        if character == " " or unicodedata.category(character)[0] not in "CZ"
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in str(text)
    )
