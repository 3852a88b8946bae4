"""Chooses the search vector of a query text: for a few words, not their embedding alone.

The vectors of nouns have a large common part, and some photos score high with all of them (hubs,
Radovanović et al. 2010). A share of the mean vector of many nouns is therefore subtracted from the
vector of a few words, as zero-shot classification does with the names of classes. The vector of a
caption is used unchanged.

`benchmarks/bench_nouns.py` measures what this gains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from imgsearch.encoders.prompts import prompts_for
from imgsearch.encoders.registry import kind_of
from imgsearch.language import everyday

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vector, Vectors
    from imgsearch.search.composition import TermKind


def text_kind(encoder_name: str, text: str) -> TermKind:
    """ "short" for a text that this encoder averages over prompts, else "text".

    The encoder may be given by its name or its id.
    """
    return "short" if len(prompts_for(encoder_name, text)) > 1 else "text"


def mean_noun_share(encoder_id: str) -> float:
    """Return the share (0 to 1) of the mean noun to subtract from short texts; 0 for other kinds.

    Each kind of encoder has its own, chosen by measurement.
    """
    kind = kind_of(encoder_id)
    return kind.mean_noun_share(encoder_id) if kind else 0.0


def texts_meant(encoder_id: str, text: str, negative: bool = False) -> tuple[str, ...]:
    """Return the texts whose vectors replace a term of a query: mostly its own text.

    See `everyday.texts_meant`. Encoders without a share of the mean noun were not measured, so only
    their negative terms are replaced.
    """
    if negative or mean_noun_share(encoder_id):
        return everyday.texts_meant(text)
    return (text,)


def distinct_texts(groups: Iterable[Sequence[str]]) -> list[str]:
    """Return the texts of groups, each once: `meant_vectors` takes their vectors."""
    return list(dict.fromkeys(text for group in groups for text in group))


def meant_vectors(
    encoder_id: str,
    groups: Sequence[Sequence[str]],
    vectors: Sequence[Vector] | Vectors,
    mean_noun: Vector | None,
    share: float | None = None,
) -> Vectors:
    """Return the vector of each group of texts of `texts_meant`: rows (n, dim) of length 1.

    `vectors` are those of the `distinct_texts` of the groups, embedded as queries. `mean_noun`
    (dim,) is the mean of the vectors of many nouns; this share of it, or by default the encoder's,
    is subtracted from each short text. If it is None, nothing is subtracted.
    """
    import numpy as np

    texts, rows = distinct_texts(groups), np.array(vectors, np.float32)
    if mean_noun is not None:
        is_short = [text_kind(encoder_id, text) == "short" for text in texts]
        share = mean_noun_share(encoder_id) if share is None else share
        rows[is_short] = less_mean_noun(rows[is_short], mean_noun, share)
    row_of = dict(zip(texts, rows, strict=True))
    return _unit(np.stack([np.sum([row_of[each] for each in group], axis=0) for group in groups]))


def embed_alone(
    encoder_id: str,
    texts: Sequence[str],
    mean_noun: Vector | None,
    embed: Callable[[list[str]], Sequence[Vector] | Vectors],
) -> Vectors:
    """Return the search vectors of queries with one of these texts each: rows (n, dim) of length 1.

    `embed` embeds distinct texts as queries.
    """
    groups = [texts_meant(encoder_id, text) for text in texts]
    return meant_vectors(encoder_id, groups, embed(distinct_texts(groups)), mean_noun)


def less_mean_noun(vectors: Vectors, mean_noun: Vector, share: float) -> Vectors:
    """Subtract a share of the mean noun (dim,) from vectors of short texts (n, dim): unit rows."""
    import numpy as np

    return _unit(vectors - np.float32(share) * mean_noun)


def _unit(rows: Vectors) -> Vectors:
    import numpy as np

    lengths: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    lengths = np.maximum(lengths, np.float32(1e-6))
    result: Vectors = rows / lengths
    return result
