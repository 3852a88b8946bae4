"""Embeds short texts as the average over prompt templates, for encoders that gain by it.

CLIP (Radford et al. 2021, section 3.1.4) averages the name of a class over templates such as "a
photo of a {}.". Each kind of encoder has its own templates (research/notes/few-words.md
has their gains).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from imgsearch.encoders.base import CLASS_TEMPLATES, TEMPLATES, Encoder
from imgsearch.encoders.registry import kind_of
from imgsearch.language.numbers import number_forms
from imgsearch.language.phrasing import unwrapped, with_emoji_named, without_article

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors

MAX_SHORT_WORDS = 3  # a longer text is a caption already


def prompts_for(encoder_name: str, text: str) -> tuple[str, ...]:
    """Return the prompts for a text of a query, whose vector is the average over them.

    A text that is a caption already ends with a full stop, as most captions that encoders learn
    from do, whether or not one was typed.
    """
    text = unwrapped(with_emoji_named(text))
    if not is_short(text):
        return (f"{text}." if text[-1].isalnum() else text,)
    kind = kind_of(encoder_name)
    words = without_article(text.split())
    if kind is not None and kind.noun_templates and len(words) == 1:
        forms = number_forms(words[0])
        if forms is not None:
            singular, plural = forms
            return tuple(
                template.format(singular=singular, plural=plural)
                for template in kind.noun_templates
            )
    templates = TEMPLATES if kind is None else kind.templates
    return tuple(_fill(template, text) for template in templates)


def class_templates(encoder_name: str) -> tuple[str, ...]:
    """Return the templates for the name of a class."""
    kind = kind_of(encoder_name)
    return kind.class_templates if kind else CLASS_TEMPLATES


def is_short(text: str) -> bool:
    """Return whether a text names a thing rather than describing a photo."""
    return len(without_article(text.split())) <= MAX_SHORT_WORDS


def embed_texts(encoder: Encoder, encoder_name: str, texts: Sequence[str]) -> Vectors:
    """Embed the texts of queries as (n, dim) rows of length 1."""
    return _embed_averages(encoder, [prompts_for(encoder_name, text) for text in texts])


def embed_in(encoder: Encoder, texts: Sequence[tuple[str, Sequence[str]]]) -> Vectors:
    """Embed each text as the average over its templates, (n, dim) rows of length 1."""
    return _embed_averages(
        encoder, [[_fill(template, text) for template in templates] for text, templates in texts]
    )


def _embed_averages(encoder: Encoder, prompts: Sequence[Sequence[str]]) -> Vectors:
    import numpy as np

    rows = encoder.encode_texts([prompt for group in prompts for prompt in group])
    ends = np.cumsum([0, *map(len, prompts)])
    total = np.stack([rows[a:b].sum(axis=0) for a, b in pairwise(ends)])
    result: Vectors = total / np.linalg.norm(total, axis=1, keepdims=True)
    return result


def _fill(template: str, text: str) -> str:
    # "a photo of a a cat" is not English; the template "{}" is the text itself.
    if template == "{}":
        return text
    return template.replace("{}", " ".join(without_article(text.split())))
