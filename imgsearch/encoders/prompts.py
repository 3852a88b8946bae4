"""Short texts are embedded as the average over a few templates, where an encoder gains by it.

CLIP (Radford et al. 2021, section 3.1.4) averages a class's name over templates such as "a photo
of a {}.". What it brings is measured, per encoder, in docs/models.md; one that is not in the table
was not measured and reads a text as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import Vectors

SHORT_WORDS = 3  # a longer text is a caption already
CLASS_TEMPLATE = "a photo of a {}"  # for labels, with encoders that are not in the table

TEMPLATES: dict[str, tuple[str, ...]] = {"lite": ("{}", "a {}", "there is a {}")}
_ARTICLE = re.compile(r"^(an?|the)\s+", re.IGNORECASE)


def templates_for(encoder_name: str, text: str) -> tuple[str, ...]:
    """The templates that this text is put into; ("{}",) where it is read as it is."""
    return TEMPLATES.get(encoder_name, ("{}",)) if is_short(text) else ("{}",)


def is_short(text: str) -> bool:
    """Whether a text names a thing rather than describing a photo."""
    return len(_ARTICLE.sub("", text).split()) <= SHORT_WORDS


def embed_texts(encoder: Encoder, encoder_name: str, texts: Sequence[str]) -> Vectors:
    """Embed texts as (n, dim) rows of length 1, the short ones averaged over templates."""
    return embed_in(encoder, [(text, templates_for(encoder_name, text)) for text in texts])


def embed_in(encoder: Encoder, texts: Sequence[tuple[str, Sequence[str]]]) -> Vectors:
    """Embed each text as the average over its templates, (n, dim) rows of length 1."""
    import numpy as np

    filled = [_fill(template, text) for text, templates in texts for template in templates]
    rows = encoder.encode_texts(filled)
    ends = np.cumsum([0, *(len(templates) for _, templates in texts)])
    total = np.stack([rows[a:b].sum(axis=0) for a, b in pairwise(ends)])
    result: Vectors = total / np.linalg.norm(total, axis=1, keepdims=True)
    return result


def _fill(template: str, text: str) -> str:
    # "a photo of a a cat" is no English; a template with one part is the text itself.
    return text if template == "{}" else template.replace("{}", _ARTICLE.sub("", text))
