"""Makes untrusted text safe to print, and formats times."""

from __future__ import annotations

import unicodedata
from pathlib import Path


def printable(text: str | Path) -> str:
    """`text` with every character escaped that could move the cursor, hide text or break a line.

    Escaped are control, format and unassigned characters, lone surrogates, and all separators but
    the space.
    """
    return "".join(
        character
        if character == " " or unicodedata.category(character)[0] not in "CZ"
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in str(text)
    )


def clock(seconds: float) -> str:
    """A time in a video: "0:12", "1:02:03"."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"
