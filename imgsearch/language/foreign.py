"""Tells whether a text is written in English, for models that read nothing else.

Word lists decide, not statistics of letters, for which queries of one or two words are too short.
Unknown words alone are no sign of another language: they may be names or typing errors.
"""

from __future__ import annotations

from collections.abc import Callable

from imgsearch.language.words import english, is_english, other_languages

_LATIN_ENDS = "\u024f"  # the last letter of Latin Extended-B
_LATIN_ADDITIONAL = ("\u1e00", "\u1eff")


def words_in(text: str) -> list[str]:
    """Return the words of a text, lower-case; other characters than letters are left out."""
    letters = "".join(
        character if character.isalpha() or character in "'’" else " " for character in text
    )
    words = (word.strip("'’").lower() for word in letters.split())
    return [word for word in words if word]


def is_other_language(text: str, is_name: Callable[[str], bool]) -> bool:
    """Return whether a text is written in a language other than English, or in another script.

    `is_name` says whether a word is a name in the library: names belong to no language.
    """
    words = words_in(text)
    unread = sum(not _is_latin(word) for word in words)
    if unread and 2 * unread >= len(words):
        return True
    foreign = in_english = 0
    for word in words:
        if len(word) == 1 or is_name(word):
            continue
        if word in other_languages() or not word.isascii():
            # A frequent English word that is also a word of another language is no evidence.
            foreign += not english().has_frequent(word)
        elif is_english(word):
            in_english += 1
    return foreign > in_english


def _is_latin(word: str) -> bool:
    return all(
        letter <= _LATIN_ENDS or _LATIN_ADDITIONAL[0] <= letter <= _LATIN_ADDITIONAL[1]
        for letter in word
        if letter.isalpha()
    )
