"""The score baseline of a library: keeps it up to date, and compares answers with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Self, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.encoders.prompts import prompts_for
from imgsearch.records.answer import Neighbours, ScoreBaseline, Verdict
from imgsearch.records.query import Selection
from imgsearch.search import confidence
from imgsearch.search.confidence import ScoredQuery
from imgsearch.search.hubness import bank_texts
from imgsearch.search.short_texts import less_mean_noun, mean_noun_share
from imgsearch.store.reading.vectors import photo_starts

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector, Vectors
    from imgsearch.records.index import EncoderRow
    from imgsearch.search.library_photos import LibraryPhotos
    from imgsearch.store.store import Store

SAMPLE_PHOTOS = 256
PROVISIONAL_PHOTOS = 100  # in the library before a first baseline is made during indexing
_GROWTH = 4
# Every fourth caption of the bank tells as much as all of them.
_CAPTION_WORDS, _CAPTION_STRIDE = 5, 4
_STALE_SHARE = 0.05  # refresh once the number of vectors has changed by more than this
# Changes with the way in which photos are drawn, so that a baseline of before is made anew.
_SAMPLING = "photos by content"

EmbedQueries: TypeAlias = "Callable[[Sequence[str]], Vectors]"


# ------------------------------------------------------------------------- assessing answers


class LibraryBaseline(Struct, frozen=True):
    """The score baseline of a library, read once to embed queries and to assess answers.

    The nouns in `scores` are as queries search for them: less a share of `mean_noun` (dim,), which
    is None if this encoder subtracts nothing.
    """

    photos: LibraryPhotos
    scores: ScoreBaseline
    mean_noun: Vector | None

    @classmethod
    def read(cls, photos: LibraryPhotos) -> Self | None:
        """Read it; None if the library had fewer than `MIN_PHOTOS` photos when last indexed."""
        scores = photos.baseline()
        if scores is None:
            return None
        return cls(photos, *_as_searched_for(scores, photos.encoder.encoder_id))

    @property
    def usual_caption(self) -> Vector:
        """The mean vector (dim,) of all kinds of captions."""
        usual: Vector = self.scores.prompts.mean(axis=0)
        return usual

    def assess(
        self, query: ScoredQuery, hits: Neighbours, among: Selection | None = None
    ) -> Verdict:
        """Return the verdict on an answer, given its best hits, best first, all in `among`."""
        import numpy as np

        hits = Neighbours(
            hits.ids[: confidence.COUNTED_HITS], hits.scores[: confidence.COUNTED_HITS]
        )
        ids = hits.ids[: confidence.COMPARED_HITS].tolist()
        stored = self.photos.vectors_of(ids)
        photos = [stored[photo_id] for photo_id in ids if photo_id in stored]
        closest = np.array(
            [photo.vectors[photo.best_part(query.vector)] for photo in photos], np.float32
        )
        candidates = self.photos.count(among)
        return confidence.assess(self.scores, query, hits, closest, candidates)


@lru_cache(maxsize=2)  # requests get the same baseline until it changes
def _as_searched_for(scores: ScoreBaseline, encoder_id: str) -> tuple[ScoreBaseline, Vector | None]:
    """Return a baseline with its nouns as queries search for them, and the mean of the nouns."""
    mean_noun = mean_noun_of(scores, encoder_id)
    if mean_noun is None:
        return scores, None
    nouns = less_mean_noun(scores.nouns, mean_noun, mean_noun_share(encoder_id))
    return replace(scores, nouns=nouns), mean_noun


def mean_noun_of(scores: ScoreBaseline | None, encoder_id: str) -> Vector | None:
    """Return the mean vector (dim,) of the nouns, a share of which is subtracted from short texts.

    None if the encoder subtracts nothing, and without a baseline.
    """
    if scores is None or not mean_noun_share(encoder_id):
        return None
    mean_noun: Vector = scores.nouns.mean(axis=0)
    return mean_noun


# ------------------------------------------------------------------------- keeping it up to date


def refresh(store: Store, row: EncoderRow, embed_queries: EmbedQueries) -> bool:
    """Renew the baseline if the library has changed enough; returns whether it was renewed.

    A library with fewer than `MIN_PHOTOS` photos gets no baseline. `embed_queries` embeds texts as
    queries; it is called once for each encoder.
    """
    from imgsearch.index.recall import prompts

    vectors = store.vectors.count(row.key)
    if vectors - int(store.reads.vectors.further_parts(row.key)[1].sum()) < confidence.MIN_PHOTOS:
        return False
    made_from = [_SAMPLING]
    made_from += [
        prompt
        for text in (*prompts(), *nouns(), *usual_captions())
        for prompt in prompts_for(row.name, text)
    ]
    fingerprint = hashlib.sha256("\n".join(made_from).encode()).hexdigest()
    basis = store.vectors.baseline_source(row.key)
    old = (
        store.reads.encoders.baseline(row.key)
        if basis is not None and basis[0] == fingerprint
        else None
    )
    if old is not None and abs(vectors - old.vectors) <= _STALE_SHARE * old.vectors:
        return False
    photos, mean = _sample(store, row)
    if old is None:
        new = new_baseline(photos, mean, vectors, embed_queries)
    else:
        new = replace(old, photos=photos, mean=mean, vectors=vectors)
    store.vectors.set_baseline(row.key, new, fingerprint)
    return True


class GrowingBaseline:
    """Renews the baseline of a library while photos are being added to it.

    Answers therefore have a verdict before the first index is complete. The baseline is made at
    `PROVISIONAL_PHOTOS` photos, and again each time that the library has grown `_GROWTH`-fold. Such
    a baseline may rest on the photos of one folder, so the end of the run renews it as well.
    """

    def __init__(self, photos: int, made_from: int, renew: Callable[[], object]) -> None:
        """Note that the library has `photos` photos, its baseline `made_from` so many (0: none)."""
        self._photos = photos
        self._renew = renew
        self._due = PROVISIONAL_PHOTOS
        self._wait_beyond(made_from)

    def add(self, photos: int) -> None:
        """Count photos that were added, and renew the baseline if that is due."""
        self._photos += photos
        if self._photos >= self._due:
            self._renew()
            self._wait_beyond(self._photos)

    def _wait_beyond(self, photos: int) -> None:
        while self._due <= photos:
            self._due *= _GROWTH


def new_baseline(
    photos: Vectors, mean: Vector, vectors: int, embed_queries: EmbedQueries
) -> ScoreBaseline:
    """Return the score baseline of a library with this many vectors.

    `photos` (n, dim) is a sample of the vectors, and `mean` (dim,) the mean of all or of many.
    """
    from imgsearch.index.recall import prompts

    return ScoreBaseline(
        embed_queries(prompts()),
        embed_queries(nouns()),
        photos,
        mean,
        vectors,
        embed_queries(usual_captions()),
    )


def nouns() -> list[str]:
    """Return things that people search for in a word or two."""
    from importlib.resources import files  # lazy: a query does not need it

    text = (files("imgsearch.search") / "nouns.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def usual_captions() -> list[str]:
    """Return captions of what people's photos usually show: a part of the bank of hubness."""
    captions = [text for text in bank_texts() if len(text.split()) >= _CAPTION_WORDS]
    return captions[::_CAPTION_STRIDE]


def _sample(store: Store, row: EncoderRow) -> tuple[Vectors, Vector]:
    """Return a sample of the library's photos (n, dim), and the mean (dim,) of all.

    The sample are those whose contents have the lowest hashes, which are as good as random. So an
    archive with the same photos draws the same ones, and a library that grows keeps most of them.
    A photo with several parts counts once, by the vector of the whole photo.
    """
    import numpy as np

    live = store.reads.photos.live_ids()
    total, count = np.zeros(row.dim, np.float64), 0
    for _, ids, chunk in store.reads.vectors.chunks(row.key):
        wholes = photo_starts(ids)
        vectors = chunk[wholes[np.isin(ids[wholes], live)]]
        total += vectors.sum(axis=0, dtype=np.float64)
        count += len(vectors)
    sample = store.reads.vectors.first_by_content(row.key, SAMPLE_PHOTOS)
    return sample, (total / max(1, count)).astype(np.float32)
