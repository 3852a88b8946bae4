"""The singular and the plural of English nouns."""

from __future__ import annotations

_IRREGULAR = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "mouse": "mice",
    "ox": "oxen",
    "knife": "knives",
    "wife": "wives",
    "life": "lives",
    "leaf": "leaves",
    "loaf": "loaves",
    "half": "halves",
    "shelf": "shelves",
    "wolf": "wolves",
    "calf": "calves",
    "scarf": "scarves",
    "thief": "thieves",
    "elf": "elves",
    "hoof": "hooves",
    "cactus": "cacti",
    "bus": "buses",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "hero": "heroes",
    "volcano": "volcanoes",
    "mango": "mangoes",
    "tornado": "tornadoes",
    "buffalo": "buffaloes",
    "movie": "movies",
    "cookie": "cookies",
    "selfie": "selfies",
    "zombie": "zombies",
    "brownie": "brownies",
    "hoodie": "hoodies",
    "smoothie": "smoothies",
    "moose": "moose",
    "axe": "axes",
    "cache": "caches",
    "headache": "headaches",
    "avalanche": "avalanches",
}
_SINGULARS = {plural: singular for singular, plural in _IRREGULAR.items()}
# Words with one form only, or with another meaning in the other form.
_NO_NUMBER = {
    *("always", "arms", "atlas", "canvas", "christmas", "clothes", "gas", "glasses", "goggles"),
    *("goods", "headphones", "indoors", "jeans", "kansas", "leggings", "lens", "news", "outdoors"),
    *("overalls", "pajamas", "pancreas", "pants", "pyjamas", "scissors", "series", "shorts"),
    *("species", "sunglasses", "texas", "thanks", "this", "tights", "trousers", "us", "woods"),
    *("sheep", "fish", "deer", "snow", "grass"),
    *("black", "white", "red", "blue", "green", "yellow", "brown", "grey", "gray"),
    *("pink", "purple"),
}
_NO_NOUN_ENDINGS = ("ing", "ed", "ly", "is")  # endings of words that are mostly no nouns
_NOUNS = {
    *("building", "painting", "wedding", "ceiling", "string", "earring", "railing", "drawing"),
    *("crossing", "meeting", "herring", "family", "butterfly", "dragonfly", "belly", "assembly"),
}
_MIN_LETTERS = 3


def number_forms(word: str) -> tuple[str, str] | None:
    """Return the singular and the plural of a noun, lower-case, whichever of them `word` is.

    None for text other than letters, and for words that are known to have one form only. Whether
    the word is a noun is not checked.
    """
    word = word.lower()
    if not (word.isascii() and word.isalpha()) or len(word) < _MIN_LETTERS or word in _NO_NUMBER:
        return None
    if word in _IRREGULAR:
        return word, _IRREGULAR[word]
    if word in _SINGULARS:
        return _SINGULARS[word], word
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return _singular(word), word
    is_no_noun = word.endswith(_NO_NOUN_ENDINGS) and len(word) > 5 and word not in _NOUNS
    return None if is_no_noun else (word, _plural(word))


def _singular(plural: str) -> str:
    if plural.endswith("ies") and len(plural) > 4:
        return plural[:-3] + "y"
    if plural.endswith(("sses", "xes", "zes", "ches", "shes")):
        return plural[:-2]
    return plural[:-1]


def _plural(singular: str) -> str:
    if singular.endswith("y") and singular[-2] not in "aeiou":
        return singular[:-1] + "ies"
    if singular.endswith(("s", "x", "z", "ch", "sh")):
        return singular + "es"
    return singular + "s"
