"""Names that people give to things, such as saved searches and albums."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from imgsearch.errors import Sentence, UsageError
from imgsearch.text import plain_text

MAX_NAME_CHARACTERS = 100
# Characters that the names of some things cannot have, since they have a meaning in a query, an
# address or an option.
_NOT_IN_NAMES = '|"\\/=:'
_LISTED_NAMES = 10


def nearest_or_all(name: str, names: Sequence[str], to_list: Sentence, title: str) -> Sentence:
    """Return the sentence about the names that there are, for a message about one that is not.

    It asks for the nearest name, and says how `to_list` them all; if none is near, it lists the
    first of them after the `title`.
    """
    import difflib  # few queries have an unknown name

    by_key = {plain_text(each): each for each in names}
    near = difflib.get_close_matches(plain_text(name), by_key, n=1, cutoff=0.5)
    if near:
        return Sentence(f"Did you mean {by_key[near[0]]!r}? ", to_list)
    listed = ", ".join([*names[:_LISTED_NAMES], *(["…"] if len(names) > _LISTED_NAMES else [])])
    return Sentence(f"{title}: {listed}.")


def read_name(name: str, what: str = "saved search", without: str = _NOT_IN_NAMES) -> str:
    """Return the normal form of a name for a saved search, or for another thing: `what`.

    It has none of the characters in `without`.
    Raises UsageError for a name that cannot be used.
    """
    text = " ".join(unicodedata.normalize("NFC", name).split())
    if not plain_text(text).strip():
        raise UsageError(f"The name of the {what} is empty. For example: beach")
    if len(text) > MAX_NAME_CHARACTERS:
        raise UsageError(
            f"The name of {_a(what)} has at most {MAX_NAME_CHARACTERS} characters, and this "
            f"one has {len(text)}."
        )
    bad = [
        each
        for each in text
        if each in without or (each != " " and unicodedata.category(each)[0] in "CZ")
    ]
    if bad or text.startswith("-"):
        problem = "begin with a minus" if not bad else f"contain {bad[0]!r}"
        raise UsageError(f"The name of {_a(what)} cannot {problem}. For example: beach")
    return text


def _a(what: str) -> str:
    """Return the word with its article."""
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"
