"""The names of emoji."""

from __future__ import annotations

import unicodedata

# The blocks of Unicode with emoji, and the characters that join and colour them.
_EMOJI = (
    *(("\u2300", "\u23ff"), ("\u2600", "\u27bf"), ("\u2b00", "\u2bff")),
    *(("\U0001f000", "\U0001faff"), ("\U000e0020", "\U000e007f")),
    *(("\u200d", "\u200d"), ("\ufe0e", "\ufe0f"), ("\u20e3", "\u20e3")),
)
_SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")
_EMOJI_NAMES = {  # emoji that a description of a photo would not call by Unicode's name
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


def named(text: str) -> str:
    """Replace emoji by their names: see `phrasing.with_emoji_named`."""
    if not any(map(_is_emoji, text)):
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
    """Return whether this is an emoji or a part of one."""
    return any(first <= character <= last for first, last in _EMOJI)


def _emoji_name(character: str) -> str:
    """Return the name of an emoji; empty for a character that joins or colours emoji.

    It is Unicode's name, without the words that only describe the drawing.
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
