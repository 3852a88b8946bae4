"""Scores how likely photos are to show something, by their stored vectors. No photo is opened.

A photo is compared with descriptions of photos that show it, as in zero-shot classification
(Radford et al. 2021, section 3.1). Its mean cosine with the three that fit best is put in standard
deviations from its mean cosine with unrelated captions (in speaker verification: T-norm).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from imgsearch.index.recall import prompts
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.store.reading.vectors import photo_starts
from imgsearch.store.reads import Reads

EmbedTexts: TypeAlias = "Callable[[Sequence[str]], Vectors]"

_BEST = 3
_FEW = 1000  # photos whose vectors are looked up one by one


def scorer(embed: EmbedTexts, descriptions: Sequence[str]) -> Callable[[Vectors], Vector]:
    """Return the function that scores vectors (n, dim) of photos; the scores are (n,).

    `embed` embeds texts as those of queries are.
    """
    texts = embed((*descriptions, *prompts()))
    described, unrelated = texts[: len(descriptions)], texts[len(descriptions) :]

    def score(vectors: Vectors) -> Vector:
        best = np.sort(vectors @ described.T, axis=1)[:, -_BEST:].mean(axis=1)
        usual = vectors @ unrelated.T
        return np.asarray((best - usual.mean(axis=1)) / usual.std(axis=1).clip(1e-6))

    return score


def likeliness(
    reads: Reads,
    encoder_key: int,
    embed: EmbedTexts,
    photo_ids: Collection[int],
    descriptions: Sequence[str],
) -> Mapping[int, float]:
    """Return how likely each of these photos is to show what is described, by id.

    Higher is likelier; of several parts of a photo, the likeliest counts. Photos without a vector
    are left out. `embed` embeds texts as the texts of queries are embedded.
    """
    score = scorer(embed, descriptions)
    if len(photo_ids) <= _FEW:
        parts = reads.vectors.parts(encoder_key, photo_ids)
        return {photo_id: float(score(each.vectors).max()) for photo_id, each in parts.items()}
    wanted = set(photo_ids)
    scores: dict[int, float] = {}
    for _, ids, chunk in reads.vectors.chunks(encoder_key):
        starts = photo_starts(ids)
        of_photos = zip(
            ids[starts].tolist(), np.maximum.reduceat(score(chunk), starts), strict=True
        )
        scores.update((photo_id, float(each)) for photo_id, each in of_photos if photo_id in wanted)
    return scores
