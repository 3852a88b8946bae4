"""Short texts are averaged over templates; everything else is read as it is."""

from __future__ import annotations

import numpy as np

from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import embed_in, embed_texts, templates_for


def test_only_short_texts_of_measured_encoders_have_templates() -> None:
    for short in ("dog", "a dog", "The red car", "a cup of coffee"):
        assert templates_for("lite", short) == ("{}", "a {}", "there is a {}")
    for long in ("a dog on a beach", "two kids jumping into a lake"):
        assert templates_for("lite", long) == ("{}",)
    assert templates_for("openclip:ViT-B-32/openai", "dog") == ("{}",)


def test_the_vector_of_a_short_text_is_the_mean_over_its_templates(lite: Encoder) -> None:
    rows = lite.encode_texts(["a cat", "there is a cat", "two cats on a sofa"])
    (short,) = embed_in(lite, [("a cat", ("a {}", "there is a {}"))])
    mean = rows[:2].sum(axis=0)
    assert np.allclose(short, mean / np.linalg.norm(mean), atol=1e-3)
    both = embed_texts(lite, "lite", ["a cat", "two cats on a sofa"])
    assert np.allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
    assert np.allclose(both[1], rows[2], atol=1e-3)
    assert both[0] @ short > 0.9
