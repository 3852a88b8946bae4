"""Which vector a text of a query is searched for with: a few words are more than their embedding.

The vectors of nouns have much in common: all of them point to what any noun could show, and some
photos score high with all of them (hubs, Radovanović et al. 2010). A part of the mean vector of
many nouns is therefore subtracted from that of a few words, as is done with the names of classes in
zero-shot classification. A caption is searched for as it was embedded.

`benchmarks/bench_nouns.py` measures what this gains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from imgsearch.encoders.prompts import prompts_for
from imgsearch.encoders.registry import kind_of
from imgsearch.search import everyday

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vector, Vectors
    from imgsearch.search.composition import TermKind


def text_kind(encoder_name: str, text: str) -> TermKind:
    """ "short" for a text that this encoder averages over prompts, else "text".

    An id will do in place of the name.
    """
    return "short" if len(prompts_for(encoder_name, text)) > 1 else "text"


def mean_noun_share(encoder_id: str) -> float:
    """The share of the mean noun that is subtracted from short texts, 0 to 1; 0 for no such kind.

    Each kind of encoder has its own, chosen by measurement.
    """
    kind = kind_of(encoder_id)
    return kind.mean_noun_share(encoder_id) if kind else 0.0


def texts_meant(encoder_id: str, text: str, negative: bool = False) -> tuple[str, ...]:
    """The texts that a term of a query is searched for with: mostly its own text.

    See `everyday.texts_meant`. What an encoder without a share of the mean noun finds was not
    measured, so only its negative terms stand for other texts.
    """
    if negative or mean_noun_share(encoder_id):
        return everyday.texts_meant(text)
    return (text,)


def embed_meant(
    encoder_id: str,
    groups: Sequence[Sequence[str]],
    mean_noun: Vector | None,
    embed: Callable[[list[str]], Sequence[Vector] | Vectors],
    share: float | None = None,
) -> Vectors:
    """The vector of each group of texts, as `texts_meant` returns them: rows (n, dim) of length 1.

    `embed` takes different texts and embeds them as those of queries. `mean_noun` (dim,) is the
    mean of the vectors of many nouns, of which this share is subtracted from each short text, or
    that of the encoder. Where it is None, nothing is subtracted.
    """
    import numpy as np

    texts = list(dict.fromkeys(text for group in groups for text in group))
    vectors = np.array(embed(texts), np.float32)
    if mean_noun is not None:
        is_short = [text_kind(encoder_id, text) == "short" for text in texts]
        share = mean_noun_share(encoder_id) if share is None else share
        vectors[is_short] = less_mean_noun(vectors[is_short], mean_noun, share)
    vector_of = dict(zip(texts, vectors, strict=True))
    return _unit(
        np.stack([np.sum([vector_of[each] for each in group], axis=0) for group in groups])
    )


def embed_alone(
    encoder_id: str,
    texts: Sequence[str],
    mean_noun: Vector | None,
    embed: Callable[[list[str]], Sequence[Vector] | Vectors],
) -> Vectors:
    """What queries of one of these texts each are searched for with: rows (n, dim) of length 1."""
    groups = [texts_meant(encoder_id, text) for text in texts]
    return embed_meant(encoder_id, groups, mean_noun, embed)


def less_mean_noun(vectors: Vectors, mean_noun: Vector, share: float) -> Vectors:
    """Vectors of short texts (n, dim) less a share of the mean noun (dim,): rows of length 1."""
    import numpy as np

    return _unit(vectors - np.float32(share) * mean_noun)


def _unit(rows: Vectors) -> Vectors:
    import numpy as np

    lengths: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    lengths = np.maximum(lengths, np.float32(1e-6))
    result: Vectors = rows / lengths
    return result
