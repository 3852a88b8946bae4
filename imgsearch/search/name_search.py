"""Finds photos by the words of a query that are names in the library, and joins both rankings.

The ranking by names has the matching photos, the most similar to the query first. It is
joined with the ranking by meaning by reciprocal rank fusion: G. V. Cormack, C. L. A. Clarke,
S. Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.language.function_words import words_as
from imgsearch.language.phrasing import unwrapped, without_article
from imgsearch.language.words import is_common
from imgsearch.records.query import NamedPhrase, Query, Selection
from imgsearch.text import words_of

if TYPE_CHECKING:
    from imgsearch.catalogue.base import Catalogue
    from imgsearch.language.known_names import KnownNames

RANK_OFFSET = 60  # k of the paper
FUSED_RANKS = 200  # ranks by meaning that count for a photo found by name
MAX_WORDS = 30  # of a text that is looked up
_MAX_PHRASE_WORDS = 5
_MIN_LETTERS = 3
_MIN_NUMBER_DIGITS = 4
_NO_NAMES = words_as("no_name")
# Nearly every file has one.
_SUFFIXES = {
    *("jpg", "jpeg", "png", "heic", "heif", "webp", "gif", "tif", "tiff", "raw", "dng", "cr2"),
    *("cr3", "nef", "arw", "mp4", "mov", "img", "dsc"),
}


class NameMatches(Struct, frozen=True):
    """The photos found by the names in a query, and their number."""

    selection: Selection
    photos: int

    @property
    def phrases(self) -> tuple[str, ...]:
        """The names in the query."""
        return tuple(phrase.text for phrase in self.selection.named)


def find_names(catalogue: Catalogue, query: Query, among: Selection | None) -> NameMatches | None:
    """The photos, restricted to `among` if given, with the names in this query; None for none.

    Photos with all names are returned, or if there are none, photos with any name. A common English
    word is looked up alone only if it is the whole text, and then only as a whole name: "beach" is
    a keyword, but not "dog-beach-2.jpg".
    """
    phrases = tuple(
        dict.fromkeys(
            phrase
            for term in query.terms
            if isinstance(term.what, str) and term.weight > 0
            for phrase in _phrases_in(catalogue.names, term.what)
        )
    )
    if not phrases:
        return None
    anywhere = Selection(named=phrases)
    if not catalogue.count(anywhere).photos:
        anywhere = replace(anywhere, any_named=True)
    selection = anywhere
    if among is not None:
        selection = replace(among, named=phrases, any_named=anywhere.any_named)
    photos = catalogue.count(selection).photos
    return NameMatches(selection, photos) if photos else None


def fused_score(rank_by_name: int | None, rank_by_meaning: int | None) -> float:
    """The fused score of a photo from its two ranks, from 1; None where a ranking lacks it."""
    ranks = (rank_by_name, rank_by_meaning)
    return sum(1 / (RANK_OFFSET + rank) for rank in ranks if rank is not None)


def _phrases_in(names: KnownNames, text: str) -> list[NamedPhrase]:
    """The phrases of a text that are names."""
    words = words_of(" ".join(without_article(unwrapped(text).split())))
    if not words or len(words) > MAX_WORDS:
        return []
    whole = " ".join(words)
    if len(words) == 1:
        phrase = NamedPhrase(whole, is_whole=not _is_distinctive(whole))
        return [phrase] if names.has_named(phrase.text, phrase.is_whole) else []
    is_whole = sum(word not in _NO_NAMES for word in words) == 1
    if names.has_named(whole, is_whole):
        return [NamedPhrase(whole, is_whole)]
    is_in_names = [names.has_named(word) for word in words]
    phrases: list[NamedPhrase] = []
    at = 0
    while at < len(words):
        found = None
        for end in range(min(at + _MAX_PHRASE_WORDS, len(words)), at, -1):
            if all(is_in_names[at:end]):
                found = _named_phrase(names, words[at:end])
            if found is not None:
                phrases.append(found)
                at = end
                break
        else:
            at += 1
    return phrases


def _named_phrase(names: KnownNames, words: Sequence[str]) -> NamedPhrase | None:
    """The phrase of these words if they are a name that a query may mean, else None."""
    if words[0] in _NO_NAMES or words[-1] in _NO_NAMES:
        return None
    is_distinctive = any(map(_is_distinctive, words))
    if len(words) == 1 and not is_distinctive:
        return None
    phrase = NamedPhrase(" ".join(words), is_whole=not is_distinctive)
    return phrase if names.has_named(phrase.text, phrase.is_whole) else None


def _is_distinctive(word: str) -> bool:
    """Whether a word is hardly anything but a name: "geneve", "dscn0042", "2041"."""
    if word in _SUFFIXES or word in _NO_NAMES:
        return False
    if any(character.isdecimal() for character in word):
        return len(word) >= _MIN_NUMBER_DIGITS
    is_long = len(word) >= _MIN_LETTERS or not word.isascii()
    return is_long and not is_common(word)
