"""Keeps what answers are held against up to date: unrelated prompts, sample photos, their mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

from imgsearch.encoders.prompts import templates_for
from imgsearch.records.answer import ScoreBaseline
from imgsearch.search.confidence import ENOUGH_PHOTOS
from imgsearch.store.reads import photo_starts

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector, Vectors
    from imgsearch.records.status import EncoderRow
    from imgsearch.store.store import Store

SAMPLE_PHOTOS = 256
GROWTH = 0.05  # a mean over all photos moves little with fewer than so many new ones
_SEED = 11


Embed: TypeAlias = "Callable[[Sequence[str]], Vectors]"


def refresh(store: Store, row: EncoderRow, embed_texts: Embed) -> bool:
    """Calibrate anew if the library has changed enough; whether it was.

    A library with fewer than `ENOUGH_PHOTOS` photos is left without a calibration. The texts are
    embedded once for each encoder, by `embed_texts`, as those of queries are.
    """
    from imgsearch.index.recall import prompts

    vectors = store.vectors.count(row.key)
    if vectors - int(store.reads.further_parts(row.key)[1].sum()) < ENOUGH_PHOTOS:
        return False
    captions, short = prompts(), nouns()
    made_from = [*captions, *short, *templates_for(row.name, short[0])]
    fingerprint = hashlib.sha256("\n".join(made_from).encode()).hexdigest()
    basis = store.vectors.baseline_source(row.key)
    old = store.reads.baseline(row.key) if basis is not None and basis[0] == fingerprint else None
    if old is not None and abs(vectors - old.vectors) <= GROWTH * old.vectors:
        return False
    photos, mean = _survey(store, row)
    if old is None:
        new = ScoreBaseline(embed_texts(captions), embed_texts(short), photos, mean, vectors)
    else:
        new = replace(old, photos=photos, mean=mean, vectors=vectors)
    store.vectors.set_baseline(row.key, new, fingerprint)
    return True


def nouns() -> list[str]:
    """Things that people look for in a word or two."""
    text = (files("imgsearch.search") / "nouns.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _survey(store: Store, row: EncoderRow) -> tuple[Vectors, Vector]:
    """A fair sample of the library's photos, and the mean of all, in one pass.

    A photo of several parts counts once, by the vector of the whole.
    """
    import numpy as np

    live = store.reads.live_ids()
    rng = np.random.default_rng(_SEED)
    total, count = np.zeros(row.dim, np.float64), 0
    sample, tickets = np.empty((0, row.dim), np.float32), np.empty(0)
    for _, ids, chunk in store.reads.vectors(row.key):
        wholes = photo_starts(ids)
        vectors = chunk[wholes[np.isin(ids[wholes], live)]]
        total += vectors.sum(axis=0, dtype=np.float64)
        count += len(vectors)
        # Every photo draws a ticket; those with the smallest are the sample.
        tickets = np.append(tickets, rng.random(len(vectors)))
        kept = np.sort(np.argsort(tickets)[:SAMPLE_PHOTOS])
        sample, tickets = np.concatenate([sample, vectors])[kept], tickets[kept]
    return sample, (total / max(1, count)).astype(np.float32)
