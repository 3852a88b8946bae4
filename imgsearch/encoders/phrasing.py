"""Reads the text of a query as its author means it, before a model sees it.

The rules are for English. Every query passes through here, so they compare words and compile no
regular expressions.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MAX_WRAPPED_WORDS = 6  # a longer text after "a photo of" is a caption, and stays as it is

_ARTICLES = {"a", "an", "the"}
_QUANTIFIERS = {"all", "any", "every", "some"}
_DETERMINERS = _ARTICLES | _QUANTIFIERS | {"of", "this", "that", "these", "those", "my", "our"}
_PICTURES = {
    *("photo", "photos", "photograph", "photographs", "picture", "pictures", "pic", "pics"),
    *("image", "images", "snapshot", "snapshots"),
}
_LINKS = tuple(
    tuple(link.split())
    for link in (
        *("of", "with", "showing", "that shows", "that show", "which shows", "which show"),
        *("depicting", "that depicts", "that depict", "containing", "that contains"),
    )
)
# The blocks of Unicode that hold emoji, and what joins and colours them.
_EMOJI = (
    *(("\u2300", "\u23ff"), ("\u2600", "\u27bf"), ("\u2b00", "\u2bff")),
    *(("\U0001f000", "\U0001faff"), ("\U000e0020", "\U000e007f")),
    *(("\u200d", "\u200d"), ("\ufe0e", "\ufe0f"), ("\u20e3", "\u20e3")),
)
_SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")
_EMOJI_NAMES = {  # where a photo would be described in other words than Unicode's
    "adult": "person",
    "automobile": "car",
    "beach with umbrella": "beach",
    "beer mug": "beer",
    "black large square": "black",  # of a black cat or bird
    "black sun with rays": "sun",
    "deciduous tree": "tree",
    "father christmas": "santa claus",
    "female sign": "woman",
    "heavy black heart": "heart",
    "hot beverage": "cup of coffee",
    "house building": "house",
    "male sign": "man",
    "runner": "person running",
    "slice of pizza": "pizza",
    "snowman without snow": "snowman",
    "sun with face": "sun",
    "umbrella with rain drops": "umbrella",
    "water wave": "wave",
    "waving black flag": "flag",
    "waving white flag": "flag",
}
_FACES = {
    *("bear", "cat", "clown", "cow", "dog", "dragon", "fox", "frog", "giraffe", "hamster", "horse"),
    *("lion", "monkey", "mouse", "panda", "pig", "rabbit", "robot", "tiger", "unicorn", "wolf"),
    "zebra",
}
_REFERENCES = (["in", "them"], ["in", "it"])  # to the photo: "pictures with a dog in them"
_REQUESTS = tuple(
    tuple(request.split())
    for request in (
        *("show me", "show us", "find me", "find", "search for", "look for", "looking for"),
        *("i am looking for", "i'm looking for", "i want to see", "let me see"),
        *("give me", "get me", "please show me", "please find"),
    )
)


def with_emoji_named(text: str) -> str:
    """The text with each emoji replaced by its name: "a 🐶 in a 🚗" -> "a dog in a car"."""
    if text.isascii() or not any(map(_is_emoji, text)):
        return text
    words: list[str] = []
    for character in text:
        if not _is_emoji(character):
            words.append(character)
            continue
        name = _emoji_name(character)
        if name != "flag" or words[-1:] != [" flag "]:  # a flag has two letters
            words.append(f" {name} ")
    return " ".join("".join(words).split()) or text


def _is_emoji(character: str) -> bool:
    """Whether this is an emoji or a part of one."""
    return any(first <= character <= last for first, last in _EMOJI)


def _emoji_name(character: str) -> str:
    """The name of an emoji; nothing for what joins or colours them.

    It is Unicode's, without what only describes the drawing.
    """
    name = unicodedata.name(character, "").lower()
    is_part = unicodedata.category(character)[0] in "MC"
    if is_part or _SKIN_TONES[0] <= character <= _SKIN_TONES[1]:
        return ""
    if name.startswith("regional indicator"):
        return "flag"
    if name.removesuffix(" face") in _FACES:
        name = name.removesuffix(" face")
    return _EMOJI_NAMES.get(name, name)


def unwrapped(text: str) -> str:
    """The text without what merely asks for a photo: "show me a photo of a dog" -> "a dog".

    "show me" and the like are removed before any text; "a photo of" and the like before at most
    `MAX_WRAPPED_WORDS` words, an article not counted. A text that is nothing else stays as it is.
    """
    words = text.split()
    lower = [word.lower() for word in words]
    request = _after_request(lower)
    end = len(words) - 2 if lower[-2:] in _REFERENCES else len(words)
    start = _after_pictures(lower[:end], request)
    if start == request:
        end = len(words)
    return text if start == 0 else " ".join(words[start:end])


def asks_for_any_photo(text: str) -> bool:
    """Whether a text only asks for photos, and not for what they show: "all my pictures"."""
    words = [word.lower() for word in text.split()]
    rest = words[_after_request(words) :]
    while rest and rest[0] in _DETERMINERS:
        rest = rest[1:]
    return len(rest) == 1 and rest[0] in _PICTURES


def without_article(words: Sequence[str]) -> Sequence[str]:
    """The words without an article that they begin with."""
    return words[1:] if len(words) > 1 and words[0].lower() in _ARTICLES else words


def _after_request(words: Sequence[str]) -> int:
    """Where the words begin after "show me", "find all" and the like; 0 without such words."""
    start = _after(_REQUESTS, words, 0)
    if start and words[start] in _QUANTIFIERS and start + 1 < len(words):
        return start + 1
    return start


def _after_pictures(words: Sequence[str], start: int) -> int:
    """Where the words from `start` on begin after "a photo of" and the like, else `start`."""
    at = start
    while at < len(words) and words[at] in _DETERMINERS:
        at += 1
    if at == len(words) or words[at] not in _PICTURES:
        return start
    end = _after(_LINKS, words, at + 1)
    is_few = 0 < len(without_article(words[end:])) <= MAX_WRAPPED_WORDS
    return end if end and is_few else start


def _after(phrases: Sequence[tuple[str, ...]], words: Sequence[str], start: int) -> int:
    """Where the words begin after the longest of these phrases that is at `start`; else 0."""
    ends = (
        start + len(phrase)
        for phrase in phrases
        if tuple(words[start : start + len(phrase)]) == phrase
    )
    end = max(ends, default=0)
    return end if end < len(words) else 0
