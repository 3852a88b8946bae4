"""The sentence about a user's definitions, such as saved searches, where none has a name."""

from __future__ import annotations

from collections.abc import Sequence

from imgsearch.text import plain_text

_LISTED_NAMES = 10


def nearest_or_all(name: str, names: Sequence[str], to_list: str, title: str) -> str:
    """Return the sentence about the names that there are, for a message about one that is not.

    It asks for the nearest name, and says how `to_list` them all; if none is near, it lists the
    first of them after the `title`.
    """
    import difflib

    by_key = {plain_text(each): each for each in names}
    near = difflib.get_close_matches(plain_text(name), by_key, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {by_key[near[0]]!r}? {to_list}"
    listed = ", ".join([*names[:_LISTED_NAMES], *(["…"] if len(names) > _LISTED_NAMES else [])])
    return f"{title}: {listed}."
