"""Queries are read as they are meant; short texts are averaged over templates."""

from __future__ import annotations

import numpy as np
import pytest

from imgsearch import Library
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_in, embed_texts, prompts_for
from imgsearch.language.numbers import number_forms
from imgsearch.language.phrasing import unwrapped, with_emoji_named


def test_only_short_texts_of_measured_encoders_have_several_prompts() -> None:
    assert prompts_for("lite", "The red car") == ("The red car", "a red car", "there is a red car")
    for long in ("a dog on a beach", "two kids jumping into a lake"):
        assert prompts_for("lite", long) == (f"{long}.",)
    assert prompts_for("openclip:ViT-B-32/openai", "dogs") == ("dogs",)


@pytest.mark.parametrize("sign", [".", "!", "?", "…", "...", " !", "?!", "。", ". "])
@pytest.mark.parametrize(
    "text", ["a cat", "cup of coffee", "a man who walks on the moon", "chelsea"]
)
def test_a_sign_that_ends_a_sentence_changes_nothing_in_an_answer(
    demo: Library, text: str, sign: str
) -> None:
    plain, ended = demo.find(text), demo.find(text + sign)
    assert plain.hits and ended.hits == plain.hits
    assert ended.verdict == plain.verdict and ended.remarks == plain.remarks


def test_a_sign_alone_is_a_text() -> None:
    assert prompts_for("lite", "?") == ("?", "a ?", "there is a ?")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        *(("🐶", "dog"), ("🚗", "car"), ("❤️", "heart"), ("👍🏽", "thumbs up sign"), ("🇩🇪", "flag")),
        *(
            ("a 🐕 in snow", "a dog in snow"),
            ("🏃‍♀️", "person running woman"),
            ("🐈‍⬛", "cat black"),
        ),
        *(("café 東京", "café 東京"), ("100 °C ©", "100 °C ©"), ("\ufe0f", "\ufe0f")),
    ],
)
def test_emoji_are_read_as_their_names(text: str, named: str) -> None:
    assert with_emoji_named(text) == named
    assert prompts_for("lite", text) == prompts_for("lite", named)


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        *(("dog", "dogs"), ("man", "men"), ("child", "children"), ("person", "people")),
        *(("beach", "beaches"), ("baby", "babies"), ("boy", "boys"), ("movie", "movies")),
        *(("bus", "buses"), ("dress", "dresses"), ("knife", "knives"), ("horse", "horses")),
        *(("building", "buildings"), ("family", "families"), ("bed", "beds"), ("cactus", "cacti")),
        *(("box", "boxes"), ("tomato", "tomatoes"), ("bicycle", "bicycles"), ("foot", "feet")),
    ],
)
def test_singular_and_plural_are_read_alike(singular: str, plural: str) -> None:
    assert number_forms(singular) == number_forms(plural.upper()) == (singular, plural)
    assert prompts_for("lite", f"a {singular}") == prompts_for("lite", plural)
    assert prompts_for("lite", plural) == (singular, f"there is a {singular}", plural)


@pytest.mark.parametrize(
    "word", ["glasses", "grass", "tennis", "snow", "running", "x", "東京", "4"]
)
def test_a_word_with_one_form_is_read_as_it_is(word: str) -> None:
    assert number_forms(word) is None
    assert prompts_for("lite", word) == (word, f"a {word}", f"there is a {word}")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a photo of a dog", "a dog"),
        ("A picture that shows an old man", "an old man"),
        ("my pictures of snow", "snow"),
        ("image of children on a beach", "children on a beach"),
        ("photos with a dog in them", "a dog"),
        ("show me a dog", "a dog"),
        ("show me all my photos of a dog", "a dog"),
        ("find two men in a boat", "two men in a boat"),
        (
            "find a woman in a red dress dancing on a stage",
            "a woman in a red dress dancing on a stage",
        ),
    ],
)
def test_words_that_merely_ask_for_a_photo_are_left_out(text: str, meant: str) -> None:
    assert unwrapped(text) == meant
    assert prompts_for("lite", text) == prompts_for("lite", meant)


@pytest.mark.parametrize(
    "text",
    [
        *("a picture of a large kitchen with white cabinets and appliances", "a picture frame"),
        *(
            "find",
            "show me",
            "a photo of",
            "photos",
            "two  dogs",
            "a dog looking at a photo of a cat",
        ),
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert unwrapped(text) == text


def test_the_vector_of_a_short_text_is_the_mean_over_its_templates(lite: Encoder) -> None:
    rows = lite.encode_texts(["a cat", "there is a cat", "two cats on a sofa."])
    (short,) = embed_in(lite, [("a cat", ("a {}", "there is a {}"))])
    mean = rows[:2].sum(axis=0)
    assert np.allclose(short, mean / np.linalg.norm(mean), atol=1e-3)
    both = embed_texts(lite, "lite", ["a grey cat", "two cats on a sofa"])
    assert np.allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
    assert np.allclose(both[1], rows[2], atol=1e-3)
    (grey,) = embed_in(lite, [("a grey cat", ("{}", "a {}", "there is a {}"))])
    assert both[0] @ grey > 0.999


@pytest.mark.parametrize("text", ["a dog in the snow", "red car", "dog", "show me a red car"])
def test_a_sign_that_ends_a_sentence_says_nothing(text: str) -> None:
    """Captions end with one, for encoders that have learned from captions; queries rarely do."""
    for end in (".", " .", "...", "。", "!", "?", "…"):
        assert prompts_for("lite", text + end) == prompts_for("lite", text)
    assert prompts_for("lite", "a dog in the snow") == ("a dog in the snow.",)
    assert prompts_for("lite", "is there a dog in it?") == ("is there a dog in it.",)
    assert unwrapped("...") == "..."
