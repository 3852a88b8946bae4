"""Tries another encoder on a sample of the library's photos, beside the one in use.

The sample is embedded and its vectors are kept, so that a rebuild with the encoder goes on from
there. Queries are answered among the photos of the sample only, exactly, by both encoders. Names
and dates in them are filters, as in a search.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from msgspec import Struct

from imgsearch.encoders import prompts
from imgsearch.errors import ImgsearchError, UsageError
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.embedding import embed_queries, encode_texts
from imgsearch.indexer.new_encoder import open_new_encoder
from imgsearch.indexer.pipeline import EmbeddingRun, embed_again
from imgsearch.indexer.roots import online_roots, readable_photos
from imgsearch.indexer.trial_file import write_trial
from imgsearch.language.grammar import parse, to_text
from imgsearch.language.understanding import understand
from imgsearch.process import peak_memory_bytes
from imgsearch.progress import Progress
from imgsearch.records.arrays import Ids, Vector, Vectors
from imgsearch.records.index import EncoderRow, bytes_of_vector
from imgsearch.records.photo import Photo
from imgsearch.records.query import Filter, Query
from imgsearch.records.trial import (
    EncoderTrial,
    KnownItems,
    QuerySource,
    SourcedQuery,
    TrialQuery,
)
from imgsearch.search.baseline import mean_noun_of, nouns
from imgsearch.search.context import selection_of
from imgsearch.search.hubness import (
    bank_vectors,
    hubness_of,
    hubness_share_of,
    hubness_shares,
)
from imgsearch.search.named_queries import with_named_queries
from imgsearch.search.short_texts import embed_alone, mean_noun_share, text_kind
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.reading.vectors import photo_starts
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore

QUERIES = 10  # that are shown
SHOWN_PHOTOS = 10  # of each answer
MIN_PHOTOS = 20  # of a sample; with fewer, every answer has most of them
_MAX_CAPTIONS, _MAX_KEYWORDS = 200, 50  # that are measured
_MIN_TIMED = 20  # photos, for a rate
_MIN_CAPTION_WORDS = 2
_KEYWORD_PHOTOS = 3, 0.3  # at least this many photos of the sample, at most this share of it
_SEED = 20_261
# For a library without captions, keywords and stored queries.
_USUAL = (
    *("people at a table", "a child playing", "a dog", "the sea", "mountains", "a sunset"),
    *("flowers", "a street at night", "food on a plate", "a building"),
)


class _AskedText(Struct, frozen=True):
    """A text to search for, and the photos of the sample that are known to be right.

    `among` are the photos of the library that pass its `filters`, None without filters.
    """

    text: str
    source: QuerySource
    right: frozenset[int] = frozenset()
    filters: str = ""
    among: frozenset[int] | None = None


def try_encoder(
    context: IndexingContext,
    name: str,
    sample_size: int,
    own_queries: Sequence[str],
    past: Sequence[SourcedQuery],
) -> Generator[Progress, None, EncoderTrial]:
    """Embed a sample of the readable photos, compare the answers, and store the result.

    The same library gives the same sample. Raises UsageError for the encoder in use, for a sample
    that is too small and for an own query that is not a single text, and QueryError for one that
    cannot be parsed.
    """
    with writing(context.data_dir) as store, ThumbnailStore(context.data_dir) as thumbnails:
        steps = _try_encoder(context, store, thumbnails, name, sample_size, own_queries, past)
        return (yield from publish_progress(context.data_dir, "Trying an encoder", steps))


def _try_encoder(
    context: IndexingContext,
    store: Store,
    thumbnails: ThumbnailStore,
    name: str,
    sample_size: int,
    own_queries: Sequence[str],
    past: Sequence[SourcedQuery],
) -> Generator[Progress, None, EncoderTrial]:
    before = store.reads.encoders.in_use()
    readable = readable_photos(store.reads, store.reads.photos.live_ids().tolist(), context.mounts)
    sample = dict(_sample(readable, sample_size))
    photos = store.reads.photos.records(list(sample))
    own = [_own_text(context, store, line) for line in own_queries]
    recent = list(_past_texts(context, store, past, photos.keys()))
    shown, measured = _texts(photos, own, recent)
    texts = list(dict.fromkeys(each.text for each in (*shown, *measured)))
    mean_noun = mean_noun_of(store.reads.encoders.baseline(before.key), before.encoder_id)
    # First: memory never holds two encoders.
    embed_before = partial(embed_queries, context, before)
    before_queries = embed_alone(before.encoder_id, texts, mean_noun, embed_before)
    chosen = context.encoders.choose_new(name)
    encoder = yield from open_new_encoder(context, lambda: list(sample.values()), chosen)
    if encoder.id == before.encoder_id:
        raise UsageError(f"The library uses {name} already. Name another encoder.")
    store.vectors.adopt_encoder(encoder.id, context.encoders.name_of(encoder), encoder.dim)
    run = EmbeddingRun.begin(context, store, encoder, thumbnails)
    after = run.row
    missing = store.photos.unembedded(after.key)
    to_embed = {photo_id: path for photo_id, path in sample.items() if photo_id in missing}
    started = time.monotonic()
    unread = yield from embed_again(run, to_embed)
    seconds, embedded = time.monotonic() - started, len(to_embed) - unread
    embed_after = partial(prompts.embed_texts, encoder, after.name)
    has_share = mean_noun_share(after.encoder_id) > 0
    mean_noun = embed_after(nouns()).mean(axis=0) if has_share else None
    after_queries = embed_alone(after.encoder_id, texts, mean_noun, embed_after)
    ids = np.array(sorted(sample), np.int64)
    cache_dir = context.settings.cache_dir
    of_both = (
        _Searched.of(
            before, texts, before_queries, cache_dir, partial(encode_texts, context, before)
        ),
        _Searched.of(after, texts, after_queries, cache_dir, encoder.encode_texts),
    )
    ids, before_scores, after_scores = _scores_of_both(store, ids, *of_both)
    if len(ids) < MIN_PHOTOS:
        raise UsageError(
            f"Only {len(ids)} photos of the sample could be embedded with both encoders, and a "
            f"trial needs {MIN_PHOTOS}. Connect the drives of the photos, or try more of them."
        )
    row_of = {text: row for row, text in enumerate(texts)}
    answered = [
        _answered(each, ids, before_scores[row_of[each.text]], after_scores[row_of[each.text]])
        for each in (*shown, *measured)
    ]
    left = store.photos.unembedded(after.key)
    trial = EncoderTrial(
        encoder=after.name,
        encoder_in_use=before.name,
        photos=len(ids),
        left=len(left),
        photos_per_s=round(embedded / seconds, 2) if embedded >= _MIN_TIMED else None,
        size_bytes=_size_bytes(store, after, len(ids), len(left)),
        memory_bytes=peak_memory_bytes(),
        known_items=tuple(_known_items(answered[len(shown) :])),
        queries=tuple(answered[: len(shown)]),
        made_at=datetime.now(UTC),
    )
    write_trial(context.data_dir, trial)
    return trial


# ------------------------------------------------------------------------- sample and queries


def _sample(readable: Sequence[tuple[Photo, Path]], size: int) -> Iterator[tuple[int, Path]]:
    """Yield photos at random, the same ones each time; sorted by id."""
    if len(readable) < MIN_PHOTOS:
        raise UsageError(
            f"A trial needs at least {MIN_PHOTOS} photos that can be read now, and there are "
            f"{len(readable)}. Index more, or connect their drives."
        )
    chosen = np.random.default_rng(_SEED).permutation(len(readable))[:size]
    for number in sorted(chosen.tolist()):
        photo, path = readable[number]
        yield photo.id, path


def _texts(
    photos: Mapping[int, Photo], own: Sequence[_AskedText], past: Sequence[_AskedText]
) -> tuple[list[_AskedText], list[_AskedText]]:
    """Return the queries to show, ten or all of one's own, and the queries to measure with."""
    captions = list(_captions(photos))[:_MAX_CAPTIONS]
    keywords = list(_keywords(photos))[:_MAX_KEYWORDS]
    # With some whose right answers are known, where there are any.
    past_room = QUERIES - len(own) - (QUERIES // 2 if captions or keywords else 0)
    chosen = _unique([*own, *past[: max(0, past_room)]])
    room = max(0, QUERIES - len(chosen))
    half = max(room - len(keywords), (room + 1) // 2)  # captions first, where both abound
    chosen = _unique([*chosen, *captions[:half], *keywords])[: max(QUERIES, len(own))]
    usual = [_AskedText(text, "usual") for text in _USUAL]
    shown = _unique([*chosen, *usual])[: max(QUERIES, len(chosen))]
    return shown, captions + keywords


def _unique(asked: Sequence[_AskedText]) -> list[_AskedText]:
    """Return the first with each text and filters."""
    return list({(each.text, each.filters): each for each in reversed(asked)}.values())[::-1]


def _captions(photos: Mapping[int, Photo]) -> Iterator[_AskedText]:
    """Yield the captions that only one photo has."""
    owners: dict[str, list[int]] = {}
    for photo_id, photo in photos.items():
        facts = photo.facts
        text = next(filter(None, (facts.description, facts.headline, facts.title)), "")
        if len(text.split()) >= _MIN_CAPTION_WORDS:
            owners.setdefault(text, []).append(photo_id)
    for text, ids in owners.items():
        if len(ids) == 1:
            yield _AskedText(text, "caption", frozenset(ids))


def _keywords(photos: Mapping[int, Photo]) -> Iterator[_AskedText]:
    """Keywords that some photos have and most do not, the most frequent first.

    Of a hierarchical one, A|B|C, its last level.
    """
    owners: dict[str, set[int]] = {}
    for photo_id, photo in photos.items():
        for keyword in photo.facts.keywords:
            owners.setdefault(keyword.rsplit("|", 1)[-1].strip(), set()).add(photo_id)
    fewest, share = _KEYWORD_PHOTOS
    for keyword, ids in sorted(owners.items(), key=lambda item: (-len(item[1]), item[0])):
        if keyword and fewest <= len(ids) <= share * len(photos):
            yield _AskedText(keyword, "keyword", frozenset(ids))


def _own_text(context: IndexingContext, store: Store, line: str) -> _AskedText:
    text = _single_text(context, store, parse(line), "own")
    if text is None:
        raise UsageError(
            f"A trial compares answers to one text each, and {line!r} is something else. Name what "
            "photos show, with filters if you like, such as: a dog in snow after:2020"
        )
    return text


def _past_texts(
    context: IndexingContext,
    store: Store,
    past: Sequence[SourcedQuery],
    sample: Collection[int],
) -> Iterator[_AskedText]:
    """Yield the earlier queries of a single text, if their filters leave photos of the sample."""
    for each in past:
        try:
            text = _single_text(context, store, parse(each.line), each.source)
        except ImgsearchError:  # of an older version, or with a name that is gone
            continue
        if text is not None and (text.among is None or not text.among.isdisjoint(sample)):
            yield text


def _single_text(
    context: IndexingContext, store: Store, query: Query, source: QuerySource
) -> _AskedText | None:
    """Return the text of a query, understood as in a search.

    None unless it is one text, and filters.
    """
    exact = understand(store.reads.names, with_named_queries(store.reads.definitions, query)).query
    texts = [term.what for term in exact.terms if isinstance(term.what, str) and term.weight > 0]
    if not len(texts) == len(exact.terms) == 1:
        return None
    if not exact.filters:
        return _AskedText(texts[0], source)
    among = frozenset(_matching(context, store, exact.filters).tolist())
    return _AskedText(texts[0], source, frozenset(), to_text(Query(filters=exact.filters)), among)


def _matching(context: IndexingContext, store: Store, filters: tuple[Filter, ...]) -> Ids:
    """Return the photos that pass these filters."""
    online = online_roots(store.reads, context.mounts)
    own = frozenset(root_id for root_id, is_online in online.items() if is_online)
    cache_dir = context.settings.cache_dir
    reads = store.reads
    selection = selection_of(reads, cache_dir, filters, own)
    return reads.selections.ids(selection)


# ------------------------------------------------------------------------- answers


class _Searched(Struct, frozen=True):
    """Texts as one encoder searches for them: vectors (n, dim), and shares (n,) of hubness.

    `bank` (m, dim) are the texts that hubness is measured with; None if none is subtracted.
    """

    encoder_key: int
    vectors: Vectors
    shares: Vector
    usual_hubness: float
    bank: Vectors | None

    @classmethod
    def of(
        cls,
        row: EncoderRow,
        texts: Sequence[str],
        vectors: Vectors,
        cache_dir: Path,
        embed: Callable[[Sequence[str]], Vectors],
    ) -> Self:
        """`embed` embeds the bank, if the cache folder does not have it."""
        kinds = [text_kind(row.encoder_id, text) for text in texts]
        shares = np.array([hubness_share_of(row.encoder_id, kind) for kind in kinds], np.float32)
        bank = bank_vectors(cache_dir, row.encoder_id, embed) if shares.any() else None
        return cls(row.key, vectors, shares, hubness_shares(row.encoder_id).usual, bank)

    def scores(self, photos: Vectors, starts: Ids) -> Vectors:
        """Return the scores (n, p) of p photos, whose parts begin at `starts`, as a search has."""
        scores: Vectors = np.maximum.reduceat(self.vectors @ photos.T, starts, axis=1)
        if self.bank is not None:
            above = hubness_of(photos, starts, self.bank) - self.usual_hubness
            scores = scores - self.shares[:, None] * above
        return scores


def _scores_of_both(
    store: Store, ids: Ids, before: _Searched, after: _Searched
) -> tuple[Ids, Vectors, Vectors]:
    """Return the photos (n,) with vectors of both, and the scores (queries, n) by each encoder."""
    best = [dict(_best_scores(store, searched, ids)) for searched in (before, after)]
    both = np.array([each for each in ids.tolist() if all(each in one for one in best)], np.int64)
    columns = [[one[photo_id] for photo_id in both.tolist()] for one in best]
    empty = np.zeros((len(before.vectors), 0), np.float32)
    before_scores, after_scores = (np.stack(each, 1) if each else empty for each in columns)
    return both, before_scores, after_scores


def _best_scores(store: Store, searched: _Searched, ids: Ids) -> Iterator[tuple[int, Vectors]]:
    """Yield the score of each query with each of these photos, the best of its parts."""
    for _, chunk_ids, vectors in store.reads.vectors.chunks(searched.encoder_key):
        wanted = np.isin(chunk_ids, ids)
        own_ids = chunk_ids[wanted]
        if not len(own_ids):
            continue
        starts = photo_starts(own_ids)
        scores = searched.scores(vectors[wanted], starts)
        yield from zip(own_ids[starts].tolist(), scores.T, strict=True)


def _answered(
    asked: _AskedText, ids: Ids, before_scores: Vectors, after_scores: Vectors
) -> TrialQuery:
    if asked.among is not None:
        passes = np.isin(ids, list(asked.among))
        ids, before_scores, after_scores = ids[passes], before_scores[passes], after_scores[passes]
    return TrialQuery(
        text=asked.text,
        source=asked.source,
        right=tuple(sorted(asked.right & set(ids.tolist()))),
        before=_best(ids, before_scores),
        after=_best(ids, after_scores),
        filters=asked.filters,
    )


def _best(ids: Ids, scores: Vectors) -> tuple[int, ...]:
    order = np.argsort(-scores, kind="stable")[:SHOWN_PHOTOS]
    return tuple(ids[order].tolist())


def _known_items(answered: Sequence[TrialQuery]) -> Iterator[KnownItems]:
    sources: tuple[QuerySource, ...] = ("caption", "keyword")
    for source in sources:
        queries = [each for each in answered if each.source == source and each.right]
        if queries:
            yield KnownItems(
                source=source,
                queries=len(queries),
                before=_mean_share(queries, lambda query: query.before),
                after=_mean_share(queries, lambda query: query.after),
            )


def _mean_share(
    queries: Sequence[TrialQuery], answer: Callable[[TrialQuery], tuple[int, ...]]
) -> float:
    shares = [
        query.right_in(answer(query)) / min(len(query.right), SHOWN_PHOTOS) for query in queries
    ]
    return round(sum(shares) / len(shares), 4)


# ------------------------------------------------------------------------- cost


def _size_bytes(store: Store, row: EncoderRow, photos: int, left: int) -> int:
    """Estimate the size of the vectors and the index of all photos, from those of the sample."""
    stored = store.vectors.count(row.key)
    per_photo = stored / max(1, photos)
    return round((stored + left * per_photo) * bytes_of_vector(row.dim))
