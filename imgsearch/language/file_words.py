"""Words that say what kind of file a photo is, how it was taken, or what is not known of it.

"vertical photos", "videos of a dog", "taken with my iphone", "without location". But for the last,
a search takes them for filters only where the library has such photos.
"""

from __future__ import annotations

from collections.abc import Sequence

from imgsearch.language.function_words import ARTICLES, words_as
from imgsearch.language.phrasing import PICTURES
from imgsearch.records.photo import LOOKS

# Filters as a query has them: field and value.
_STATES = {words: ("is", state) for state, look in LOOKS.items() for words in look.words}
_KINDS = {  # only before a word for photos: a square is a place, too
    "vertical": ("orientation", "portrait"),
    "upright": ("orientation", "portrait"),
    "horizontal": ("orientation", "landscape"),
    "square": ("orientation", "square"),
    "raw": ("type", "raw"),
    "animated": ("is", "animated"),
}
_VIDEOS = {"videos": ("type", "video"), "video clips": ("type", "video")}
_MOST_BESIDE_VIDEOS = 2  # words: "dog videos", but not "a child who watches videos"
_TAKEN = {"taken", "shot", "made", "captured", "photographed"}
_BY_MEANS_OF = words_as("before_camera") | {"on", "using"}
_WHOSE = words_as("determiner") | ARTICLES
_DETERMINERS = words_as("article", "quantifier", "before_photos")
# What a photo may lack, by the words for it after "without".
_LACKED = {
    **dict.fromkeys(("location", "locations", "gps", "coordinates", "place"), "place"),
    **dict.fromkeys(("date", "dates", "timestamp"), "date"),
    **dict.fromkeys(("keyword", "keywords", "tags"), "keyword"),
    **dict.fromkeys(("title", "titles"), "title"),
}


def kind_of(words: Sequence[str], at: int, end: int, before: str) -> tuple[str, str] | None:
    """Return the filter for words of a query in lower case, as field and value; None for others.

    `before` is the word before them that belongs to them, if there is one: "in black and white".
    """
    text = " ".join(words[at:end])
    if text in _VIDEOS:
        is_first = all(each in _DETERMINERS for each in words[:at])
        is_last = end == len(words) and at <= _MOST_BESIDE_VIDEOS
        return _VIDEOS[text] if is_first or is_last else None
    is_before_picture = end < len(words) and words[end] in PICTURES
    if text in _STATES:
        is_all = at == 0 and end == len(words)
        is_after_in = text in LOOKS["bw"].words and before == "in"
        return _STATES[text] if is_all or is_before_picture or is_after_in else None
    return _KINDS.get(text) if is_before_picture else None


def camera_in(words: Sequence[str]) -> str | None:
    """Return the name of the camera in "taken with my canon eos"; None for other words.

    The words are in lower case; whether there is such a camera is not asked.
    """
    if len(words) < 3 or words[0] not in _TAKEN or words[1] not in _BY_MEANS_OF:
        return None
    return " ".join(words[3:] if words[2] in _WHOSE else words[2:]) or None


def lacked_in(text: str) -> str | None:
    """Return what photos without these words lack, as a value of the filter `no`; None for others.

    "location" and "gps" are a place.
    """
    return _LACKED.get(text.lower())
