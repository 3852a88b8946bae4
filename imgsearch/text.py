"""Makes untrusted text safe to print and comparable, and formats times."""

from __future__ import annotations

import re
import shlex
import unicodedata
from pathlib import Path

# Letters that Unicode does not decompose into a plain letter and a mark.
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_INVISIBLE = {"Mn": "", "Cf": "", "Cs": " "}  # accents, marks of direction, no characters
_WORD = re.compile(r"[^\W_]+")
SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+):/+", re.IGNORECASE)


def plain_text(text: str) -> str:
    """Return `text` for comparison: without case, accents and invisible characters.

    "Genève", "GENEVE" and "Gene\u0300ve" are equal; so is a name with a mark for its direction.
    """
    folded = text.casefold()
    if folded.isascii():
        return folded
    decomposed = unicodedata.normalize("NFKD", folded).translate(_PLAIN_LETTERS)
    return "".join(
        character
        if character.isascii()
        else _INVISIBLE.get(unicodedata.category(character), character)
        for character in decomposed
    )


def in_usual_characters(text: str) -> str:
    """Typed text with each character in its usual form (NFKC): "ＤＯＧ" is "DOG", "ﬁsh" is "fish".

    Input methods for Chinese, Japanese and Korean type full-width letters.
    """
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def words_of(text: str) -> list[str]:
    """Return the words of a name, as `plain_text`: letters and digits between anything else.

    "IMG_2041 Genève.jpg" gives img, 2041, geneve, jpg.
    """
    return _WORD.findall(plain_text(text))


def without_spaces(text: str) -> str:
    """Return `text` for comparison without spaces, too: "50 mm" is equal to "50mm"."""
    return "".join(plain_text(text).split())


def is_utf8(text: str) -> bool:
    """Return whether a text can be encoded as UTF-8.

    One with bytes of a file name or an argument that are not UTF-8 cannot: they are surrogates.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def character_of_no_name(text: str) -> str | None:
    """Return the first character that no name can have; None where there is none.

    Those are control characters, lone surrogates, and what XML 1.0 cannot hold, as XMP files do.
    """
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") or character in "\ufffe\uffff":
            return character
    return None


def path_text(path: str | Path) -> str:
    """Return a path, or the address of an object: `Path` makes "s3:/bucket" of "s3://bucket"."""
    text = str(path)
    return SCHEME.sub(r"\1://", text) if ":/" in text else text


def printable(text: str | Path) -> str:
    """Return `text` with the characters escaped that move the cursor, hide text or end a line.

    Escaped are control, format and unassigned characters, lone surrogates, and all separators but
    the space.
    """
    return "".join(
        character
        if character == " " or unicodedata.category(character)[0] not in "CZ"
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in (path_text(text) if isinstance(text, Path) else str(text))
    )


def shell_word(text: str | Path) -> str:
    """`text`, mostly a path, as one word of a command line that is shown to be copied."""
    return shlex.quote(printable(text))


def format_count(number: int, singular: str) -> str:
    """ "1 photo", "8,091 photos"; for nouns whose plural ends in a plain s."""
    return f"{number:,} {singular if number == 1 else singular + 's'}"


def format_duration(seconds: float) -> str:
    """Return an estimate, to the second, minute or tenth of an hour: "about 3 min"."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def clock(seconds: float) -> str:
    """Return a time in a video: "0:12", "1:02:03"."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"
