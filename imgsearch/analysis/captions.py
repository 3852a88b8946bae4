"""Evaluates how well a library finds its photos by captions that people wrote for them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct

from imgsearch.analysis.metrics import summary
from imgsearch.encoders import prompts
from imgsearch.encoders.base import Encoder
from imgsearch.errors import UsageError
from imgsearch.index.recall import AT, RecallBenchmark
from imgsearch.language.everyday import is_everyday
from imgsearch.records.arrays import Ids, Vector, Vectors
from imgsearch.records.evaluation import Evaluation
from imgsearch.records.index import EncoderRow
from imgsearch.search.baseline import LibraryBaseline
from imgsearch.search.confidence import COUNTED_HITS, ScoredQuery
from imgsearch.search.library_photos import LibraryPhotos, SearchableVectors
from imgsearch.search.short_texts import embed_alone, text_kind
from imgsearch.store.reading.vectors import photo_starts
from imgsearch.store.store import Store

_SAMPLE_CAPTIONS = 500  # for the index and the verdicts; spread evenly over all captions
_BLOCK_CAPTIONS = 1_024
_FORM = "Write one line per caption: photo,caption"
_TIE = 1e-6  # scores closer than this are equal: float32 sums depend on their order


class Captions(Struct, frozen=True):
    """Captions and the id of the photo that each describes.

    Captions of `unknown` photos, which the library does not have, are left out.
    """

    texts: tuple[str, ...]
    photo_ids: tuple[int, ...]
    unknown: int


def read_captions(store: Store, file: Path) -> Captions:
    """Read captions from a CSV file with a photo and a caption in each line.

    The first line may name the columns `photo` (or `image`, or `path`) and `caption`; without it
    they come in this order. A photo is given by its path, absolute or relative to the file, or by
    a file name that only one photo of the library has. Raises UsageError for an unusable file.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except OSError as error:
        raise UsageError(
            f"The captions in {file} cannot be read ({error.strerror}). Name a CSV file."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file} is not CSV in UTF-8. {_FORM}") from error
    if not rows:
        raise UsageError(f"{file} has no captions. {_FORM}")
    photo_column, caption_column, rows = _split_header(rows)
    names = _PhotoNames(store, file.parent)
    texts, photo_ids, unknown = [], [], 0
    for row in rows:
        if len(row) <= max(photo_column, caption_column) or not row[caption_column].strip():
            raise UsageError(f"A line of {file} has no caption: {','.join(row)[:80]!r}. {_FORM}")
        photo_id = names.find(row[photo_column])
        if photo_id is None:
            unknown += 1
        else:
            texts.append(row[caption_column].strip())
            photo_ids.append(photo_id)
    if not texts:
        raise UsageError(
            f"None of the {unknown} photos in {file} is in the library. Name each by its path or "
            f"its file name. {_FORM}"
        )
    return Captions(tuple(texts), tuple(photo_ids), unknown)


def _split_header(rows: list[list[str]]) -> tuple[int, int, list[list[str]]]:
    """Return the columns of photo and caption, and the rows without the header."""
    header = [name.strip().casefold() for name in rows[0]] if rows else []
    photo = next(
        (header.index(name) for name in ("photo", "image", "path") if name in header), None
    )
    if photo is not None and "caption" in header:
        return photo, header.index("caption"), rows[1:]
    return 0, 1, rows


class _PhotoNames:
    """Finds photos of the library by path, or by a file name that only one photo has."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._folder = folder
        self._by_path: dict[str, int] = {}
        self._by_name: dict[str, int | None] = {}
        for photo_id, locations in store.reads.photos.paths(
            store.reads.photos.live_ids().tolist()
        ).items():
            for _, path in locations:
                self._by_path[str(path)] = photo_id
                if self._by_name.setdefault(path.name, photo_id) != photo_id:
                    self._by_name[path.name] = None

    def find(self, name: str) -> int | None:
        path = str((self._folder / name).absolute())
        return self._by_path.get(path, self._by_name.get(Path(name).name))


def evaluate_captions(
    store: Store,
    photos: LibraryPhotos,
    encoder: Encoder,
    index: SearchableVectors,
    captions: Captions,
) -> Evaluation:
    """Search for each caption's photo among all photos of the library, exactly.

    The recall of the index and the verdicts are measured on at most 500 of the captions.
    """
    row, baseline = photos.encoder, LibraryBaseline.read(photos)
    queries = embed_alone(
        row.encoder_id,
        captions.texts,
        None if baseline is None else baseline.mean_noun,
        lambda texts: prompts.embed_texts(encoder, row.name, texts),
    )
    own_scores = _own_scores(store, row, queries, np.array(captions.photo_ids))
    sample = np.unique(np.linspace(0, len(queries) - 1, _SAMPLE_CAPTIONS).astype(np.int64))
    benchmark = RecallBenchmark("text", queries[sample])
    ranks, photo_count = np.zeros(len(queries), np.int64), 0
    for ids, vectors in _live_vectors(store, row):
        benchmark.observe(ids, vectors)
        starts = photo_starts(ids)
        photo_count += len(starts)
        for start in range(0, len(queries), _BLOCK_CAPTIONS):
            block = slice(start, start + _BLOCK_CAPTIONS)
            scores = np.maximum.reduceat(queries[block] @ vectors.T, starts, axis=1)
            # Ties count against the caption. Its own photo counts as one, so ranks begin at 1.
            ranks[block] += np.count_nonzero(scores >= own_scores[block, None] - _TIE, axis=1)
    metrics = summary(ranks)
    neighbours = index.search(benchmark.queries, AT + 1, kind="text")
    return Evaluation(
        captions=len(queries),
        photos=photo_count,
        unknown=captions.unknown,
        recall_at_1=metrics.recall_at_1,
        recall_at_5=metrics.recall_at_5,
        recall_at_10=metrics.recall_at_10,
        median_rank=metrics.median_rank,
        kept=_share_kept(
            row,
            index,
            baseline,
            [captions.texts[at] for at in sample],
            queries[sample],
            own_scores[sample],
        ),
        index_recall=benchmark.score(neighbours).mean,
    )


def _live_vectors(store: Store, row: EncoderRow) -> Iterator[tuple[Ids, Vectors]]:
    """Yield the vectors of all photos that have a path, in chunks of ids (n,) and rows (n, dim)."""
    live = store.reads.photos.live_ids()
    for _, ids, vectors in store.reads.vectors.chunks(row.key):
        is_live = np.isin(ids, live)
        if is_live.any():
            yield ids[is_live], vectors[is_live]


def _own_scores(store: Store, row: EncoderRow, queries: Vectors, photo_ids: Ids) -> Vector:
    """Return the score (n,) of each query with the photo it describes, the best of its parts."""
    own = np.full(len(queries), -np.inf, np.float32)
    for ids, vectors in _live_vectors(store, row):
        for photo_id, vector in zip(ids.tolist(), vectors, strict=True):
            describes_it = photo_ids == photo_id
            if describes_it.any():
                own[describes_it] = np.maximum(own[describes_it], queries[describes_it] @ vector)
    return own


def _share_kept(
    row: EncoderRow,
    index: SearchableVectors,
    baseline: LibraryBaseline | None,
    texts: list[str],
    queries: Vectors,
    own_scores: Vector,
) -> float | None:
    """Return the share of captions whose photo is shown, not folded away as weak.

    None where the library is too small for verdicts.
    """
    if baseline is None:
        return None
    kept = []
    for text, query, own_score, hits in zip(
        texts, queries, own_scores, index.search(queries, COUNTED_HITS, kind="text"), strict=True
    ):
        scored = ScoredQuery(query, [(text_kind(row.name, text), 1.0)], everyday=is_everyday(text))
        verdict = baseline.assess(scored, hits)
        kept.append(verdict.level(float(own_score)) != "weak")
    return float(np.mean(kept))
