"""Chooses the search vector of a query text: for few and for many words, not the embedding alone.

The vectors of nouns have a large common part, and some photos score high with all of them (hubs,
Radovanović et al. 2010). A share of the mean vector of many nouns is therefore subtracted from the
vector of a few words, as zero-shot classification does with the names of classes. The vector of a
caption is used unchanged.

The vector of a long line loses most of its clauses. Half of its search vector is therefore the mean
of the vectors of its clauses, each by the number of its words that a photo may show.

`benchmarks/bench_nouns.py` and `benchmarks/bench_clauses.py` measure what this gains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from imgsearch.encoders.prompts import prompts_for
from imgsearch.encoders.registry import kind_of
from imgsearch.language import everyday
from imgsearch.language.asking_words import words_shown
from imgsearch.language.clauses import clauses_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vector, Vectors
    from imgsearch.search.composition import TermKind


# Of a text of several clauses that a model can read to its end, in words: lite, the one that was
# measured, reads 128 tokens, and most others 77.
_MAX_WORDS_MEASURED, _MAX_WORDS = 80, 50
_LEAST_WEIGHT = 0.2  # of a clause without a word that a photo may show


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

    See `everyday.texts_meant`. A text of several clauses comes with these, or is replaced by them
    if it is too long for a model. Encoders without a share of the mean noun were not measured, so
    only their negative terms and too long texts are replaced.
    """
    is_measured = bool(mean_noun_share(encoder_id))
    is_too_long = len(text.split()) > (_MAX_WORDS_MEASURED if is_measured else _MAX_WORDS)
    if not negative and (is_measured or is_too_long):
        clauses = clauses_of(text)
        if len(clauses) > 1:
            return clauses if is_too_long else (text, *clauses)
    return everyday.texts_meant(text) if negative or is_measured else (text,)


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
    is subtracted from each short text. If it is None, nothing is subtracted. A text beside its
    clauses has the same weight as all of them.
    """
    import numpy as np

    texts, rows = distinct_texts(groups), np.array(vectors, np.float32)
    if mean_noun is not None:
        is_short = [text_kind(encoder_id, text) == "short" for text in texts]
        share = mean_noun_share(encoder_id) if share is None else share
        rows[is_short] = less_mean_noun(rows[is_short], mean_noun, share)
    row_of = dict(zip(texts, rows, strict=True))
    return _unit(np.stack([_together(group, row_of) for group in groups]))


def _together(group: Sequence[str], row_of: Mapping[str, Vector]) -> Vector:
    """Return the vector (dim,) of a group of texts; it is not of length 1."""
    import numpy as np

    whole, *clauses = group
    if not clauses:
        return row_of[whole]
    has_whole = tuple(clauses) == clauses_of(whole)
    texts = clauses if has_whole else group
    rows = [max(_LEAST_WEIGHT, words_shown(text)) * row_of[text] for text in texts]
    together: Vector = np.sum(rows, axis=0)
    return (
        together / max(float(np.linalg.norm(together)), 1e-6) + row_of[whole]
        if has_whole
        else together
    )


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
