"""Recognises queries for things that nearly every library shows: most of all, people."""

from __future__ import annotations

from imgsearch.language.phrasing import unwrapped, without_article

_ANY_PERSON = {
    *("people", "person", "persons", "human", "humans", "somebody", "someone", "anybody", "anyone"),
}
_PARTICULAR_PEOPLE = ("man", "woman", "boy", "girl", "child")
# A model that recognises particular people does not always recognise the bare word "people".
_WORDS = {
    *("people", "person", "persons", "human", "humans", "somebody", "someone", "adult", "adults"),
    *("man", "men", "woman", "women", "guy", "guys", "lady", "ladies", "crowd", "group"),
    *("boy", "boys", "girl", "girls", "child", "children", "kid", "kids", "baby", "babies"),
    *("face", "faces", "family", "families", "friend", "friends"),
    *("tree", "trees", "plant", "plants", "grass", "sky", "cloud", "clouds", "ground", "water"),
    *("house", "houses", "building", "buildings", "street", "road", "room", "wall", "window"),
    *("door", "table", "chair"),
}


# Ways to take a photo of something, which add nothing to the subject of a search.
_VIEWS = (["close-up"], ["closeup"], ["close", "up"], ["portrait"], ["view"])


def is_everyday(text: str) -> bool:
    """Return whether a text names only things that nearly every library shows, such as "a man".

    "A close-up of a face" names no more than "a face".
    """
    words = [word.lower() for word in without_article(unwrapped(text).split())]
    for view in _VIEWS:
        if words[: len(view) + 1] == [*view, "of"]:
            words = list(without_article(words[len(view) + 1 :]))
    return bool(words) and all(word in _WORDS for word in words)


def texts_meant(text: str) -> tuple[str, ...]:
    """Return the texts that together replace a term in a search: mostly the text itself.

    "people" stands for men, women and children. The model recognises any of these much better than
    the bare word (`benchmarks/bench_nouns.py`, `bench_minus.py`).
    """
    words = [word.lower() for word in without_article(unwrapped(text).split())]
    if len(words) == 1 and words[0] in _ANY_PERSON:
        return _PARTICULAR_PEOPLE
    return (text,)
