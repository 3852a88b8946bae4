"""Keeps what answers are held against up to date: unrelated prompts, sample photos, their mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from imgsearch.honesty import ENOUGH_PHOTOS, Null

if TYPE_CHECKING:
    from imgsearch.records import EncoderRow, Vectors
    from imgsearch.store import Store

SAMPLE_PHOTOS = 256
GROWTH = 0.05  # a mean over all photos moves little with fewer than so many new ones
_SEED = 11


def refresh(
    store: Store, row: EncoderRow, encode_texts: Callable[[Sequence[str]], Vectors]
) -> bool:
    """Calibrate anew if the library has changed enough; whether it was.

    A library with fewer than `ENOUGH_PHOTOS` vectors is left without a calibration. The prompts
    are embedded once for each encoder.
    """
    from imgsearch.indexes.calibration import prompts

    vectors = store.vector_count(row.key)
    if vectors < ENOUGH_PHOTOS:
        return False
    texts = prompts()
    fingerprint = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    basis = store.null_basis(row.key)
    same_prompts = basis is not None and basis[0] == fingerprint
    if basis is not None and same_prompts and abs(vectors - basis[1]) <= GROWTH * basis[1]:
        return False
    old = store.null(row.key) if same_prompts else None
    bank = encode_texts(texts) if old is None else old.prompts
    store.set_null(row.key, fit(store, row, bank), (fingerprint, vectors))
    return True


def fit(store: Store, row: EncoderRow, bank: Vectors) -> Null:
    """A null from the prompts' vectors and one pass over all vectors of the library."""
    import numpy as np

    live = store.live_ids()
    rng = np.random.default_rng(_SEED)
    total, count = np.zeros(row.dim, np.float64), 0
    sample = np.empty((0, row.dim), np.float32)
    keys = np.empty(0)
    for _, ids, chunk in store.vectors(row.key):
        vectors = chunk[np.isin(ids, live)]
        total += vectors.sum(axis=0, dtype=np.float64)
        count += len(vectors)
        # Every vector draws a number; those with the smallest make a fair sample.
        keys = np.append(keys, rng.random(len(vectors)))
        sample = np.concatenate([sample, vectors])
        kept = np.sort(np.argsort(keys)[:SAMPLE_PHOTOS])
        keys, sample = keys[kept], sample[kept]
    return Null(bank, sample, (total / max(1, count)).astype(np.float32))
