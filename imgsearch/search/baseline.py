"""The score baseline of a library: keeps it up to date, and compares answers with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeAlias

from imgsearch.encoders.prompts import prompts_for
from imgsearch.records.answer import Neighbours, ScoreBaseline
from imgsearch.search import confidence
from imgsearch.search.confidence import CandidateCounts, ScoredQuery
from imgsearch.search.short_texts import less_mean_noun, mean_noun_share
from imgsearch.store.reads import photo_starts

if TYPE_CHECKING:
    from imgsearch.records.answer import Verdict
    from imgsearch.records.arrays import Ids, Vector, Vectors
    from imgsearch.records.index import EncoderRow
    from imgsearch.store.reads import Reads
    from imgsearch.store.store import Store

SAMPLE_PHOTOS = 256
_STALE_SHARE = 0.05  # refresh once the number of vectors has changed by more than this
_SEED = 11

EmbedQueries: TypeAlias = "Callable[[Sequence[str]], Vectors]"


# ------------------------------------------------------------------------- assessing answers


@dataclass(frozen=True, slots=True)
class LibraryBaseline:
    """The score baseline of a library, read once to embed queries and to assess answers.

    `scores` has the nouns as they are searched for: less a share of `mean_noun` (dim,), which is
    None where nothing is subtracted with this encoder. `further_parts` are the photos that have
    several vectors, and how many besides the first.
    """

    store: Reads
    encoder_key: int
    scores: ScoreBaseline
    mean_noun: Vector | None
    further_parts: tuple[Ids, Ids]

    @classmethod
    def read(cls, store: Reads, row: EncoderRow) -> Self | None:
        """None where the library had fewer than `MIN_PHOTOS` photos when it was last indexed."""
        scores = store.baseline(row.key)
        if scores is None:
            return None
        mean_noun, share = None, mean_noun_share(row.encoder_id)
        if share and len(scores.nouns):  # a baseline of an early version has none
            mean_noun = scores.nouns.mean(axis=0)
            scores = replace(scores, nouns=less_mean_noun(scores.nouns, mean_noun, share))
        return cls(store, row.key, scores, mean_noun, store.further_parts(row.key))

    @property
    def usual_caption(self) -> Vector:
        """The mean vector (dim,) of captions of all kinds."""
        usual: Vector = self.scores.prompts.mean(axis=0)
        return usual

    def assess(self, query: ScoredQuery, hits: Neighbours, only: Ids | None = None) -> Verdict:
        """How far an answer can be trusted, given its best hits, best first, all in `only`."""
        import numpy as np

        hits = Neighbours(
            hits.ids[: confidence.COUNTED_HITS], hits.scores[: confidence.COUNTED_HITS]
        )
        ids = hits.ids[: confidence.COMPARED_HITS].tolist()
        photos = self.store.parts(self.encoder_key, ids).values()
        closest = np.array(
            [photo.vectors[photo.best_part(query.vector)] for photo in photos], np.float32
        )
        return confidence.assess(self.scores, query, hits, closest, self._candidates(only))

    def _candidates(self, only: Ids | None) -> CandidateCounts:
        import numpy as np

        ids, further = self.further_parts
        if only is None:
            vectors = self.scores.vectors
            return CandidateCounts(vectors - int(further.sum()), vectors)
        return CandidateCounts(len(only), len(only) + int(further[np.isin(ids, only)].sum()))


# ------------------------------------------------------------------------- keeping it up to date


def refresh(store: Store, row: EncoderRow, embed_queries: EmbedQueries) -> bool:
    """Renew the baseline if the library has changed enough; returns whether it did.

    A library with fewer than `MIN_PHOTOS` photos gets no baseline. `embed_queries` embeds texts as
    those of queries are; it is called once for each encoder.
    """
    from imgsearch.index.recall import prompts

    vectors = store.vectors.count(row.key)
    if vectors - int(store.reads.further_parts(row.key)[1].sum()) < confidence.MIN_PHOTOS:
        return False
    captions, short_texts = prompts(), nouns()
    made_from = [
        prompt for text in (*captions, *short_texts) for prompt in prompts_for(row.name, text)
    ]
    fingerprint = hashlib.sha256("\n".join(made_from).encode()).hexdigest()
    basis = store.vectors.baseline_source(row.key)
    old = store.reads.baseline(row.key) if basis is not None and basis[0] == fingerprint else None
    if old is not None and abs(vectors - old.vectors) <= _STALE_SHARE * old.vectors:
        return False
    photos, mean = _sample(store, row)
    if old is None:
        new = ScoreBaseline(
            embed_queries(captions), embed_queries(short_texts), photos, mean, vectors
        )
    else:
        new = replace(old, photos=photos, mean=mean, vectors=vectors)
    store.vectors.set_baseline(row.key, new, fingerprint)
    return True


def nouns() -> list[str]:
    """Things that people search for in a word or two."""
    from importlib.resources import files  # lazy: a query does not need it

    text = (files("imgsearch.search") / "nouns.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _sample(store: Store, row: EncoderRow) -> tuple[Vectors, Vector]:
    """A random sample of the library's photos, and the mean of all, in one pass.

    A photo with several parts counts once, by the vector of the whole photo.
    """
    import numpy as np

    live = store.reads.live_ids()
    rng = np.random.default_rng(_SEED)
    total, count = np.zeros(row.dim, np.float64), 0
    sample, keys = np.empty((0, row.dim), np.float32), np.empty(0)
    for _, ids, chunk in store.reads.vectors(row.key):
        wholes = photo_starts(ids)
        vectors = chunk[wholes[np.isin(ids[wholes], live)]]
        total += vectors.sum(axis=0, dtype=np.float64)
        count += len(vectors)
        # Reservoir sampling: each photo gets a random key, and those with the smallest are kept.
        keys = np.append(keys, rng.random(len(vectors)))
        kept = np.sort(np.argsort(keys)[:SAMPLE_PHOTOS])
        sample, keys = np.concatenate([sample, vectors])[kept], keys[kept]
    return sample, (total / max(1, count)).astype(np.float32)
