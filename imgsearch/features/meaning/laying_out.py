"""Lays out the map of meaning of a library: the job behind `Meaning.lay_out`.

It only reads until its end, so photos can be added meanwhile, and it takes no lock: the new map
replaces the old one in one transaction. If it is interrupted, the old one stays.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path

import numpy as np

from imgsearch import private_files
from imgsearch.errors import CommandLine, LibraryLocked, Sentence, UsageError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.features.meaning import layout, naming
from imgsearch.features.meaning.clusters import FoundCluster, find_clusters
from imgsearch.features.meaning.new_photos import mean_rows, place_new_photos, points_of, record_of
from imgsearch.features.meaning.placing import NEAREST, place
from imgsearch.features.meaning.plane import Points, apart
from imgsearch.features.meaning.records import LayoutReport, MeaningPoints, StoredCluster
from imgsearch.features.meaning.store import MeaningStore
from imgsearch.index.graph import RowIndex
from imgsearch.index.recall import prompts
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.embedding import embed_queries
from imgsearch.progress import Progress
from imgsearch.records.arrays import Ids, Vectors
from imgsearch.records.index import EncoderRow
from imgsearch.store.store import Store
from imgsearch.store.unfinished import noted
from imgsearch.text import format_count

MOST_LAID_OUT = 100_000  # photos, a sample of more; the others are placed among these
READING, NAMING, PLACING = "Reading vectors", "Naming clusters", "Placing photos"
_WORDS_AT_ONCE = 50
_SEED = 5
_LOCK_FILE = "meaning.lock"  # in the data folder


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Hold the lock of the one process that lays out the map of meaning, until the block ends.

    It takes all processors for minutes. Raises LibraryLocked while another does so, also in this
    process, and DiskError.
    """
    from filelock import FileLock, Timeout

    file = data_dir / _LOCK_FILE
    try:
        with FileLock(file, timeout=0, mode=private_files.FILE_MODE):
            yield
    except Timeout:
        raise LibraryLocked(
            "The map of meaning is being laid out already. Wait for it to finish; the map before "
            "stays until then."
        ) from None


def lay_out_photos(context: IndexingContext) -> Generator[Progress, None, LayoutReport]:
    """Lay out all photos that have a path, and name the clusters; one Progress a few steps.

    Raises MissingPackage without the package of the layout, UsageError where no photo has a vector
    of the encoder in use, and LibraryLocked while another process or thread does the same.
    """
    layout.require_packages()
    with closing(Store.open(context.data_dir)) as store, _alone(context.data_dir):
        row = store.reads.encoders.in_use()
        steps = _lay_out(context, store, row)
        return (yield from noted(store.unfinished, "meaning", steps))


def told(report: LayoutReport) -> tuple[dict[str, int], str]:
    """Return what a watcher says of a map that it has laid out: numbers by name, and a sentence."""
    numbers = {"photos": report.photos, "clusters": report.clusters, "named": report.named}
    return numbers, f"Laid out {format_count(report.photos, 'photo')} by meaning"


def _lay_out(
    context: IndexingContext, store: Store, row: EncoderRow
) -> Generator[Progress, None, LayoutReport]:
    started = time.monotonic()
    live = store.reads.photos.live_ids()
    chosen = _sample(live)
    ids, rows = yield from _read(store, row, chosen)
    if not len(ids):
        raise UsageError(
            Sentence(
                f"No photo has a vector of the model {row.name} yet, so there is nothing to "
                "lay out. To embed the photos: ",
                CommandLine("index"),
            )
        )
    axes = layout.Axes.of(rows)
    along = axes.along(rows)
    index = RowIndex(along)
    points = yield from layout.lay_out(along, index, context.settings.thread_count)
    points = apart(points, ids)
    found, of_photo = find_clusters(points)
    clusters = yield from _name(context, store, row, found, of_photo, rows)
    laid_out, placed = record_of(ids, points, of_photo), None
    if len(chosen) < len(live):
        del rows  # of a large library
        others = np.setdiff1d(live, ids)
        placed = yield from _place_others(store, row, others, axes, index, laid_out)
    MeaningStore(store.database).replace(row.key, clusters, laid_out, placed)
    place_new_photos(context, store, row)  # those that were added meanwhile
    photos = len(MeaningStore(store.database).points(row.key).photo_ids)
    return LayoutReport(
        photos,
        len(clusters),
        sum(bool(cluster.name) for cluster in clusters),
        round(time.monotonic() - started, 3),
    )


def _sample(ids: Ids) -> Ids:
    """Return these photos, or of many a random sample, in ascending order."""
    if len(ids) <= MOST_LAID_OUT:
        return np.sort(ids)
    chosen = np.random.default_rng(_SEED).choice(len(ids), MOST_LAID_OUT, replace=False)
    return np.sort(ids[chosen])


def _read(
    store: Store, row: EncoderRow, wanted: Ids
) -> Generator[Progress, None, tuple[Ids, Vectors]]:
    """Yield the photos among these that have vectors, in order, and the mean vector of each."""
    rows = np.empty((len(wanted), row.dim), np.float32)
    is_known = np.zeros(len(wanted), bool)
    yield Progress(0, len(wanted), None, READING)
    for ids, chunk in _chunks(store, row):
        places = np.searchsorted(wanted, ids)
        inside = places < len(wanted)
        inside[inside] = wanted[places[inside]] == ids[inside]
        rows[places[inside]] = chunk[inside]
        is_known[places[inside]] = True
        yield Progress(int(is_known.sum()), len(wanted), None, READING)
    if is_known.all():  # the usual case, without a copy
        return wanted, rows
    return wanted[is_known], rows[is_known]


def _chunks(store: Store, row: EncoderRow) -> Iterator[tuple[Ids, Vectors]]:
    for _, ids, vectors in store.reads.vectors.chunks(row.key):
        yield mean_rows(ids, vectors)


def _name(
    context: IndexingContext,
    store: Store,
    row: EncoderRow,
    found: list[FoundCluster],
    of_photo: Ids,
    rows: Vectors,
) -> Generator[Progress, None, list[StoredCluster]]:
    """Yield the clusters with their names."""
    own = chain.from_iterable(load(each)(store.database) for each in installed.own_words())
    words = naming.vocabulary(list(own))
    vectors = []
    for start in range(0, len(words), _WORDS_AT_ONCE):
        yield Progress(len(rows) * start // len(words), len(rows), None, NAMING)
        vectors.append(embed_queries(context, row, words[start : start + _WORDS_AT_ONCE]))
    unrelated = embed_queries(context, row, prompts())
    names = naming.name_clusters(found, of_photo, rows, np.concatenate(vectors), unrelated)
    yield Progress(len(rows), len(rows), None, NAMING)
    return [
        StoredCluster(each.level, each.parent, "" if name is None else words[name], each.x, each.y)
        for each, name in zip(found, names, strict=True)
    ]


def _place_others(
    store: Store,
    row: EncoderRow,
    others: Ids,
    axes: layout.Axes,
    index: RowIndex,
    laid_out: MeaningPoints,
) -> Generator[Progress, None, MeaningPoints]:
    """Place these photos among those that were laid out, whose rows `index` has."""
    points = points_of(laid_out)
    found: list[tuple[Ids, Points, Ids]] = [(others[:0], points[:0], laid_out.clusters[:0])]
    done = 0
    yield Progress(0, len(others), None, PLACING)
    for ids, chunk in _chunks(store, row):
        wanted = np.isin(ids, others)
        own, rows, start = ids[wanted], chunk[wanted], 0
        if not len(own):
            continue
        for near, scores in index.search(axes.along(rows), min(NEAREST, len(points))):
            some = own[start : start + len(near)]
            found.append((some, place(points, near, scores, some), laid_out.clusters[near[:, 0]]))
            start += len(near)
        done += len(own)
        yield Progress(done, len(others), None, PLACING)
    ids, places, clusters = (np.concatenate(column) for column in zip(*found, strict=True))
    return record_of(ids, apart(places, ids, points), clusters)
