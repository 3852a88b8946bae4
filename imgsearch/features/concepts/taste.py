"""Learns what the favourites of a library have in common, as a concept is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imgsearch.features.concepts import probe
from imgsearch.records.worth import Taste

if TYPE_CHECKING:
    from imgsearch.records.index import EncoderRow
    from imgsearch.store.reads import Reads

MIN_FAVOURITES = 5  # fewer say more about one occasion than about a taste
MAX_FAVOURITES = 1_000
MIN_OTHERS = 20
SAMPLE_PHOTOS = 2_048  # of the library, against which the favourites are fitted
_SEED = 58


def learn_taste(reads: Reads, row: EncoderRow) -> Taste:
    """Return the taste of a library.

    It has no direction if there are few favourites, or few other photos.

    The newest `MAX_FAVOURITES` favourites count.
    """
    favourites = reads.definitions.favourites()
    ids = favourites[-MAX_FAVOURITES:]
    taste = Taste(frozenset(favourites))
    if len(ids) < MIN_FAVOURITES:
        return taste
    live = reads.photos.live_ids()
    others = np.random.default_rng(_SEED).permutation(live[~np.isin(live, favourites)])
    chosen = others[:SAMPLE_PHOTOS].tolist()
    stored = reads.vectors.parts(row.key, [*ids, *chosen])
    likes = [stored[each].vectors[0] for each in ids if each in stored]
    rest = [stored[each].vectors[0] for each in chosen if each in stored]
    if len(likes) < MIN_FAVOURITES or len(rest) < MIN_OTHERS:
        return taste
    examples = probe.TrainingSet(
        np.stack(likes), np.empty((0, row.dim), np.float32), np.stack(rest)
    )
    direction = probe.fit(examples)
    mean, deviation = probe.scale_of(examples, direction)
    return Taste(taste.favourites, direction, mean, deviation)
