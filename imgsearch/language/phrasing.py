"""Reads the text of a query as its author means it, before a model sees it.

The rules are for English, but those for what no photo shows, which `asking_words` has for other
languages too. Every query passes through here, so they compare words and compile no regular
expressions.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import lru_cache

from imgsearch.language.function_words import ARTICLES, words_as

MAX_WRAPPED_WORDS = 6  # a longer text after "a photo of" is a caption, and stays as it is

_QUANTIFIERS = words_as("quantifier")
_DETERMINERS = words_as("article", "quantifier", "before_photos")
PICTURES = {
    *("photo", "photos", "photograph", "photographs", "picture", "pictures", "pic", "pics"),
    *("image", "images", "snapshot", "snapshots"),
}
_LINKS = (
    *("of", "with", "showing", "that shows", "that show", "which shows", "which show"),
    *("depicting", "that depicts", "that depict", "containing", "that contains"),
)
_SENTENCE_ENDS = ".。．…!！?？"
_REFERENCES = (["in", "them"], ["in", "it"])  # to the photo: "pictures with a dog in them"
_REQUESTS = (
    *("show me", "show us", "find me", "find", "search for", "look for", "looking for"),
    *("i am looking for", "i'm looking for", "i want to see", "let me see"),
    *("give me", "get me", "please show me", "please find"),
)
# A "me" after one of these words asks for photos, and is nobody in them: "show me a dog".
BEFORE_ASKING_ME = frozenset(
    words[at - 1]
    for words in map(str.split, _REQUESTS)
    for at in range(1, len(words))
    if words[at] == "me"
)


def with_emoji_named(text: str) -> str:
    """Replace each emoji by its name: "a 🐶 in a 🚗" -> "a dog in a car"."""
    if text.isascii():
        return text
    from imgsearch.language import emoji  # lazy: few queries have one

    return emoji.named(text)


@lru_cache(maxsize=256)  # each step of a query asks for that of its texts
def unwrapped(text: str) -> str:
    """Remove words that merely ask for a photo: "show me a photo of a dog" -> "a dog".

    "show me" and the like are removed before any text; "a photo of" and the like before at most
    `MAX_WRAPPED_WORDS` words, an article not counted. A text without other words stays as it is,
    but for the signs that end a sentence, which say nothing of what a photo shows.
    """
    text = text.rstrip(_SENTENCE_ENDS + string.whitespace) or text
    words = text.split()
    lower = [word.lower() for word in words]
    request = _after_request(lower)
    end = len(words) - 2 if lower[-2:] in _REFERENCES else len(words)
    start = _after_pictures(lower[:end], request)
    if start == request:
        end = len(words)
    return text if start == 0 else " ".join(words[start:end])


def asks_for_any_photo(text: str) -> bool:
    """Return whether a text asks for photos but not for their content: "all my pictures"."""
    words = [word.lower() for word in text.split()]
    rest = words[_after_request(words) :]
    while rest and rest[0] in _DETERMINERS:
        rest = rest[1:]
    return len(rest) == 1 and rest[0] in PICTURES


def without_article(words: Sequence[str]) -> Sequence[str]:
    """Return the words without a leading article."""
    return words[1:] if len(words) > 1 and words[0].lower() in ARTICLES else words


def _after_request(words: Sequence[str]) -> int:
    """Return the position after a leading "show me", "find all" or similar.

    0 without such words.
    """
    start = _after(_REQUESTS, words, 0)
    if start and words[start] in _QUANTIFIERS and start + 1 < len(words):
        return start + 1
    return start


def _after_pictures(words: Sequence[str], start: int) -> int:
    """Return the position after "a photo of" or similar at `start`, else `start`."""
    at = start
    while at < len(words) and words[at] in _DETERMINERS:
        at += 1
    if at == len(words) or words[at] not in PICTURES:
        return start
    end = _after(_LINKS, words, at + 1)
    is_few = 0 < len(without_article(words[end:])) <= MAX_WRAPPED_WORDS
    return end if end and is_few else start


def _after(phrases: Sequence[str], words: Sequence[str], start: int) -> int:
    """Return the position after the longest of these phrases at `start`; else 0."""
    text = " ".join([*words[start:], ""])
    lengths = [len(phrase.split()) for phrase in phrases if text.startswith(phrase + " ")]
    if not lengths or start + max(lengths) == len(words):
        return 0
    return start + max(lengths)
