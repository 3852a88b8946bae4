"""Finds photos by words of a query that are names in the library or text in pictures.

The ranking by names has the matching photos, the most similar to the query first. It is
joined with the ranking by meaning by reciprocal rank fusion: G. V. Cormack, C. L. A. Clarke,
S. Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.language.function_words import words_as
from imgsearch.language.phrasing import unwrapped, without_article
from imgsearch.language.words import english, is_common, is_english
from imgsearch.records.query import NamedPhrase, Query, Selection
from imgsearch.text import words_of

if TYPE_CHECKING:
    from imgsearch.search.library_photos import LibraryPhotos
    from imgsearch.store.reading.names import NameReads

RANK_OFFSET = 60  # k of the paper
FUSED_RANKS = 200  # ranks by meaning that count for a photo found by name
_MAX_WORDS = 30  # of a text that is looked up
_MAX_PHRASE_WORDS = 5
_MIN_LETTERS = 3
_MIN_NUMBER_DIGITS = 4
_MIN_MISREAD_LETTERS = 6  # of a word that text in a picture may have with one letter wrong
_MAX_MISREAD = 10  # such words for one of a query
_NO_NAMES = words_as("no_name")
# Nearly every file has one.
_SUFFIXES = {
    *("jpg", "jpeg", "png", "heic", "heif", "webp", "gif", "tif", "tiff", "raw", "dng", "cr2"),
    *("cr3", "nef", "arw", "mp4", "mov", "img", "dsc"),
}


# For each word of a text, the words with one letter wrong that pictures have in its place.
_Misread: TypeAlias = Mapping[str, Sequence[str]]


class NameMatches(Struct, frozen=True):
    """The photos found by the names in a query, and their number.

    If `is_exact`, they have the words in quotes, so all other photos come after them.
    """

    selection: Selection
    photos: int
    is_exact: bool = False

    @property
    def phrases(self) -> tuple[str, ...]:
        """The names in the query, and what text in pictures has in place of them."""
        named = self.selection.named
        return tuple(text for phrase in named for text in (phrase.text, *phrase.misread))


def find_names(photos: LibraryPhotos, query: Query, among: Selection | None) -> NameMatches | None:
    """Return the photos, only of `among` if given, with the names in this query; None for none.

    Photos with all names are returned, or if there are none, photos with all words in quotes, or
    photos with any name. A common English word is looked up alone only if it is the whole text, and
    then only as a whole name or as a big part of the text in a picture: "beach" is a keyword, but
    not "dog-beach-2.jpg". In longer words of such text, one letter may be wrong. Words in quotes
    are looked up as they are.
    """
    names = photos.names
    texts = [each for each in query.terms if isinstance(each.what, str) and each.weight > 0]
    quoted = {
        phrase: None
        for term in texts
        if term.is_quoted and (phrase := _quoted_phrase(names, str(term.what))) is not None
    }
    phrases = quoted | {
        phrase: None
        for term in texts
        if not term.is_quoted
        for phrase in _phrases_in(names, str(term.what))
    }
    if not phrases:
        return None
    anywhere = Selection(named=tuple(phrases), any_named=True)
    for all_of in (phrases, quoted):
        with_all = Selection(named=tuple(all_of))
        if all_of and photos.count(with_all).photos:
            anywhere = with_all
            break
    selection = anywhere
    if among is not None:
        selection = replace(among, named=anywhere.named, any_named=anywhere.any_named)
    found = photos.count(selection).photos
    is_exact = bool(quoted) and not anywhere.any_named
    return NameMatches(selection, found, is_exact) if found else None


def fused_score(rank_by_name: int | None, rank_by_meaning: int | None) -> float:
    """Return the fused score of a photo from its two ranks, from 1.

    None where a ranking lacks it.
    """
    ranks = (rank_by_name, rank_by_meaning)
    return sum(1 / (RANK_OFFSET + rank) for rank in ranks if rank is not None)


def quoted_words(query: Query) -> Iterator[str]:
    """Yield the words in quotes of a query that can be looked up, each phrase as it was typed."""
    for term in query.terms:
        if term.is_quoted and words_of(str(term.what)):
            yield str(term.what)


def is_quoted_phrase(names: NameReads, text: str) -> bool:
    """Return whether some photo has exactly these words in a name or in its text."""
    return _quoted_phrase(names, text) is not None


def _quoted_phrase(names: NameReads, text: str) -> NamedPhrase | None:
    phrase = NamedPhrase(" ".join(words_of(text)), is_whole=False)
    return phrase if names.has_named(phrase.text) else None


def _phrases_in(names: NameReads, text: str) -> list[NamedPhrase]:
    """Return the phrases of a text that are names."""
    words = words_of(" ".join(without_article(unwrapped(text).split())))
    if not words or len(words) > _MAX_WORDS:
        return []
    misread = {word: _misread(names, word) for word in words}
    is_in_names = [bool(misread[word]) or names.has_named(word) for word in words]
    if all(is_in_names):
        if len(words) == 1:
            is_whole = not _is_distinctive(words[0])
        else:
            is_whole = sum(word not in _NO_NAMES for word in words) == 1
        whole = _known_phrase(names, words, is_whole, misread)
        if whole is not None:
            return [whole]
    if len(words) == 1:
        return []
    phrases: list[NamedPhrase] = []
    at = 0
    while at < len(words):
        found = None
        for end in range(min(at + _MAX_PHRASE_WORDS, len(words)), at, -1):
            if all(is_in_names[at:end]):
                found = _named_phrase(names, words[at:end], misread)
            if found is not None:
                phrases.append(found)
                at = end
                break
        else:
            at += 1
    return phrases


def _known_phrase(
    names: NameReads, words: Sequence[str], is_whole: bool, misread: _Misread
) -> NamedPhrase | None:
    """Return the phrase of these words if some photo has it, in its text with one word misread."""
    phrase = " ".join(words)
    others = tuple(
        other
        for at, word in enumerate(words)
        for wrong in misread[word]
        if names.has_named(other := " ".join((*words[:at], wrong, *words[at + 1 :])), is_whole)
    )
    if not others and not names.has_named(phrase, is_whole):
        return None
    return NamedPhrase(phrase, is_whole, others)


def _misread(names: NameReads, word: str) -> list[str]:
    """Return the words of text in pictures that stand for this one, with one letter wrong.

    A word that is correct, in English or as a name here, is no other frequent word: "parking" is
    not "barking", but may be "parkine".
    """
    if len(word) < _MIN_MISREAD_LETTERS or not word.isalpha():
        return []
    found = names.words_like(word)[:_MAX_MISREAD]
    if found and (names.has_named(word) or is_english(word)):
        found = [each for each in found if not _is_frequent(each)]
    return found


@lru_cache(maxsize=10_000)
def _is_frequent(word: str) -> bool:
    """Return whether a word is a frequent English one; a rare one may well be misread."""
    return english().has_frequent(word)


def _named_phrase(names: NameReads, words: Sequence[str], misread: _Misread) -> NamedPhrase | None:
    """Return the phrase of these words if they are a name that a query may mean, else None."""
    if words[0] in _NO_NAMES or words[-1] in _NO_NAMES:
        return None
    is_distinctive = any(map(_is_distinctive, words))
    if len(words) == 1 and not is_distinctive:
        return None
    return _known_phrase(names, words, not is_distinctive, misread)


def _is_distinctive(word: str) -> bool:
    """Return whether a word is hardly anything but a name: "geneve", "dscn0042", "2041"."""
    if word in _SUFFIXES or word in _NO_NAMES:
        return False
    if any(character.isdecimal() for character in word):
        return len(word) >= _MIN_NUMBER_DIGITS
    is_long = len(word) >= _MIN_LETTERS or not word.isascii()
    return is_long and not is_common(word)
