"""Hubness: how near a photo is to texts of all kinds. A share of it is subtracted from its scores.

Some photos are near every text, and stand before better ones in many answers (hubs, Radovanović et
al. 2010). The hubness of a photo is its mean score with the texts of a bank that are nearest to it;
Bogolin et al. 2022, "Cross Modal Retrieval with Querybank Normalisation", normalise scores by such
a bank. The bank, querybank.txt, covers evenly what photos show: one of a single kind would lower
the photos of that kind. `benchmarks/bench_hubness.py` measures the gain.

What is subtracted is a share of the hubness less that of a usual photo. So scores stay what they
are, cosines, a little lower for hubs and a little higher for other photos; and the score of a photo
does not depend on the rest of its library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.caches import FileCache
from imgsearch.encoders.base import HubnessShares
from imgsearch.encoders.registry import kind_of
from imgsearch.store.reading.vectors import photo_starts

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vector, Vectors
    from imgsearch.records.index import EncoderRow
    from imgsearch.search.composition import TermKind
    from imgsearch.store.store import Store

FOLDER = "querybanks"  # in the cache folder
MOST_BYTES = 100 << 20  # twenty banks of 1,024 dimensions
NEAREST_TEXTS = 10  # 5 to 20 gain the same
_BLOCK_ROWS = 2_000  # their scores with a bank take 20 MB


def hubness_shares(encoder_id: str) -> HubnessShares:
    """Return the shares of hubness to subtract from scores with texts; 0 for unknown kinds."""
    kind = kind_of(encoder_id)
    return kind.hubness_shares(encoder_id) if kind else HubnessShares()


@cache
def bank_texts() -> tuple[str, ...]:
    """Return the texts of the bank."""
    from importlib.resources import files  # lazy: a query does not need it

    text = (files("imgsearch.search") / "querybank.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def hubness_of(vectors: Vectors, starts: Ids, bank: Vectors) -> Vector:
    """Return the hubness of each photo: its mean score with its nearest texts of the bank.

    `vectors` (n, dim) are the parts of photos, adjacent, and `starts` the rows where photos begin;
    the best part counts for each text. `bank` (m, dim) are texts. All rows have length 1.
    """
    import numpy as np

    nearest = min(NEAREST_TEXTS, len(bank))
    found = []
    ends = np.append(starts[1:], len(vectors))
    for first in range(0, len(starts), _BLOCK_ROWS):
        block = starts[first : first + _BLOCK_ROWS]
        rows = vectors[block[0] : ends[first + len(block) - 1]]
        scores = np.maximum.reduceat(rows @ bank.T, block - block[0], axis=0)
        scores.partition(scores.shape[1] - nearest, axis=1)
        found.append(scores[:, -nearest:].mean(axis=1))
    return np.concatenate(found) if found else np.empty(0, np.float32)


def refresh(
    store: Store, row: EncoderRow, cache_dir: Path, embed: Callable[[Sequence[str]], Vectors]
) -> bool:
    """Compute the hubness of the photos that lack it; returns whether there were any.

    `embed` is that of `bank_vectors`. After a change of the bank, all photos are computed anew. An
    encoder that subtracts nothing needs none.
    """
    if hubness_shares(row.encoder_id) == HubnessShares():
        return False
    identity = hashlib.sha256("\n".join(bank_texts()).encode()).hexdigest()
    source, last_seq = store.vectors.hubness_source(row.key), store.reads.vectors.last_seq(row.key)
    after_seq = 0 if source is None or source[0] != identity else source[1]
    if after_seq == last_seq:
        return False
    bank = bank_vectors(cache_dir, row.encoder_id, embed)
    for seq, ids, vectors in store.reads.vectors.chunks(row.key, after_seq):
        starts = photo_starts(ids)
        values = hubness_of(vectors, starts, bank)
        store.vectors.add_hubness(row.key, identity, seq, ids[starts], values)
    return True


def bank_vectors(
    cache_dir: Path, encoder_id: str, embed: Callable[[Sequence[str]], Vectors]
) -> Vectors:
    """Return the vectors of the bank: see `vectors_of_texts`."""
    return vectors_of_texts(cache_dir, encoder_id, embed, bank_texts())


def vectors_of_texts(
    cache_dir: Path,
    encoder_id: str,
    embed: Callable[[Sequence[str]], Vectors],
    texts: tuple[str, ...],
) -> Vectors:
    """Return the vectors of texts (m, dim), rows of length 1; the cache folder keeps them.

    `embed` embeds texts as (n, dim) rows, with the encoder of this id.
    """
    import numpy as np

    files = FileCache(cache_dir / FOLDER, MOST_BYTES)
    name = hashlib.blake2b("\n".join((encoder_id, *texts)).encode(), digest_size=16).hexdigest()
    content = files.get(name)
    if content is None:
        content = embed(texts).astype("<f2").tobytes()
        with suppress(OSError):  # the disk is full or read-only: nothing is cached
            files.put(name, content)
    rows = np.frombuffer(content, "<f2").astype(np.float32).reshape(len(texts), -1)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def hubness_share_of(encoder_id: str, kind: TermKind) -> float:
    """Return the share of hubness to subtract from scores with a term of this kind.

    Scores with images and named directions have none of it: hubs were measured with texts.
    """
    shares = hubness_shares(encoder_id)
    return {"text": shares.text, "short": shares.short}.get(kind, 0.0)
