"""Words of queries: misspelt ones, and those of other languages. No model is needed."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.bench_words import captions_of
from imgsearch.language.foreign import is_other_language
from imgsearch.language.negation import has_negation
from imgsearch.language.spelling import corrected
from imgsearch.language.words import english, is_english

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def no_name(word: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *(("bycicle", "bicycle"), ("umbrela", "umbrella"), ("dgo runnig", "dog running")),
        *(
            ("a hosre in a feild", "a horse in a field"),
            ("Brige over a rivr", "bridge over a river"),
        ),
        ("birtday cake", "birthday cake"),
        # What photos show, before words that are as close and more frequent in other texts.
        *(("elefant", "elephant"), ("giraf", "giraffe"), ("keybord", "keyboard")),
        *(("a vaze", "a vase"), ("karrot", "carrot"), ("hors", "horse"), ("toster", "toaster")),
    ],
)
def test_misspelt_words_are_corrected(text: str, meant: str) -> None:
    assert corrected(text, no_name) == meant


def test_nine_of_ten_misspelt_words_are_corrected() -> None:
    lines = (BENCHMARKS / "misspelt.txt").read_text("utf-8").splitlines()
    pairs = [line.split() for line in lines if not line.startswith("#")]
    right = sum(corrected(misspelt, no_name) == meant for misspelt, meant in pairs)
    assert len(pairs) > 190 and right / len(pairs) > 0.9


@pytest.mark.parametrize(
    "text", ["a dog in snow", "two kids jumping into a lake", "skateboarders", "x", "12", "Zyxwvut"]
)
def test_words_that_are_known_or_like_no_other_stay(text: str) -> None:
    assert corrected(text, no_name) is None


def test_names_of_the_library_are_known_and_suggested() -> None:
    assert corrected("Oma mit Runnig", lambda word: word in ("oma", "mit")) == "Oma mit running"
    assert corrected("genneve", no_name, lambda: ["geneve", "oma"]) == "geneve"
    assert corrected("runnig", lambda word: word == "runnig") is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ein Hund im Schnee",
            "un chien dans la neige",
            "un perro en la nieve",
            "Schnee",
            "perro",
        ),
        *("een hond in de sneeuw", "um cachorro na neve", "un cane nella neve", "köpek", "niños"),
        *("собака в снегу", "雪中的狗", "雪の中の犬", "كلب في الثلج", "눈 속의 개"),
    ],
)
def test_other_languages_are_noticed(text: str) -> None:
    assert is_other_language(text, no_name)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a dog in snow",
            "bycicle",
            "a café in Paris",
            "sushi",
            "Oktoberfest in München at night",
        ),
        *("man", "gift", "the α sign", "3 + 4", "", "🐶", "jalapeño peppers on a plate"),
    ],
)
def test_english_is_not_taken_for_another_language(text: str) -> None:
    assert not is_other_language(text, no_name)


def test_names_belong_to_no_language() -> None:
    assert is_other_language("Schnee", no_name)
    assert not is_other_language("Schnee", lambda word: word == "schnee")


@pytest.mark.parametrize("name", ["coco-dev", "flickr8k"])
def test_captions_and_short_queries_give_few_false_alarms(shared_data: Path, name: str) -> None:
    captions = captions_of(shared_data / name, "dev")[:845]
    words = [re.findall("[a-z]{3,}", caption.lower()) for caption in captions]
    pairs = sorted({" ".join(pair) for of_caption in words for pair in pairwise(of_caption)})
    texts = [*captions, *random.Random(5).sample(pairs, 300)]
    alarms = [text for text in texts if is_other_language(text, no_name)]
    assert len(alarms) <= 0.005 * len(texts), alarms
    unknown = [text for text in texts if corrected(text, no_name)]
    assert len(unknown) <= 0.03 * len(texts), unknown


def test_the_lists_hold_words_and_their_forms() -> None:
    known = (
        "dog",
        "dogs",
        "skateboarder",
        "colour",
        "color",
        "umbrella's",
        "snowboarding",
        "selfie",
    )
    assert [word for word in known if not is_english(word)] == []
    assert [word for word in ("bycicle", "hund", "", "rare", "#") if word in english()] == ["rare"]
    assert english().has_frequent("dog") and not english().has_frequent("hond")
    assert english().words(3) == ["the", "of", "and"]


def test_negations_that_are_not_understood_are_noticed() -> None:
    for text in ("a woman not looking at us", "it isn't a dog", "a man without a shirt", "nobody"):
        assert has_negation(text)
    for text in (
        "a dog",
        "a no parking sign",
        "praia no verão",
        "a knot in a rope",
        "notes on a desk",
    ):
        assert not has_negation(text)
