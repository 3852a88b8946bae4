"""How well a library finds its own photos by captions that somebody wrote for them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from imgsearch.encoders import prompts
from imgsearch.errors import UsageError
from imgsearch.records.labels import Evaluation
from imgsearch.search import confidence
from imgsearch.store.reads import photo_starts

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.answer import Neighbours
    from imgsearch.records.arrays import Ids, Vector, Vectors
    from imgsearch.records.status import EncoderRow
    from imgsearch.store.store import Store

SAMPLE = 500  # captions, spread evenly over all
_BLOCK = 1_024  # captions at once
_TIE = 1e-6  # float32 sums differ in their order


class CaptionIndex(Protocol):
    """Every committed vector of one encoder, searchable."""

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, *, kind: Literal["text", "image"]
    ) -> list[Neighbours]: ...


@dataclass(frozen=True, slots=True)
class Captions:
    """Captions, and the photo id that each one describes; `unknown` photos are left out."""

    texts: tuple[str, ...]
    photos: tuple[int, ...]
    unknown: int


def read(store: Store, file: Path) -> Captions:
    """Captions from a CSV file with a photo and a caption in each line.

    The columns are named `photo` (or `image`) and `caption` in a first line, or come in this
    order. A photo is a path, absolute or as seen from the file, or a name that one photo of the
    library has. Raises UsageError where nothing of it can be used.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"The captions in {file} cannot be read: {reason}.") from error
    photo, caption, rows = _columns(rows)
    known = _Names(store, file.parent)
    texts, photos, unknown = [], [], 0
    for row in rows:
        if len(row) <= max(photo, caption) or not row[caption].strip():
            raise UsageError(f"A line of {file} has no caption: {','.join(row)[:80]!r}.")
        photo_id = known.find(row[photo])
        if photo_id is None:
            unknown += 1
        else:
            texts.append(row[caption].strip())
            photos.append(photo_id)
    if not texts:
        raise UsageError(
            f"None of the {unknown} photos in {file} is in the library. Name them by path or by "
            "file name, one line each: photo,caption"
        )
    return Captions(tuple(texts), tuple(photos), unknown)


def _columns(rows: list[list[str]]) -> tuple[int, int, list[list[str]]]:
    head = [name.strip().casefold() for name in rows[0]] if rows else []
    photo = next((head.index(name) for name in ("photo", "image", "path") if name in head), None)
    if photo is not None and "caption" in head:
        return photo, head.index("caption"), rows[1:]
    return 0, 1, rows


class _Names:
    """Finds photos of the library by path, or by a name that only one photo has."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._by_path: dict[str, int] = {}
        self._by_name: dict[str, int | None] = {}
        for photo_id, places in store.reads.paths(store.reads.live_ids().tolist()).items():
            for _, path in places:
                self._by_path[str(path)] = photo_id
                other = self._by_name.setdefault(path.name, photo_id)
                if other != photo_id:
                    self._by_name[path.name] = None

    def find(self, name: str) -> int | None:
        path = str((self._folder / name).absolute())
        return self._by_path.get(path, self._by_name.get(Path(name).name))


def evaluate(
    store: Store, row: EncoderRow, encoder: Encoder, index: CaptionIndex, captions: Captions
) -> Evaluation:
    """Look for each caption's photo among all photos of the library, exactly and by the index.

    What the index finds and what a verdict keeps is asked of `SAMPLE` captions at most.
    """
    import numpy as np

    from imgsearch.analysis.metrics import summary
    from imgsearch.index.recall import AT, RecallBenchmark

    queries = prompts.embed_texts(encoder, row.name, captions.texts)
    own = _own_scores(store, row, queries, np.array(captions.photos))
    sample = np.unique(np.linspace(0, len(queries) - 1, SAMPLE).astype(np.int64))
    exam = RecallBenchmark("text", queries[sample])
    ranks, photos = np.zeros(len(queries), np.int64), 0
    for ids, vectors in _live(store, row):
        exam.observe(ids, vectors)
        starts = photo_starts(ids)
        photos += len(starts)
        for start in range(0, len(queries), _BLOCK):
            block = slice(start, start + _BLOCK)
            scores = np.maximum.reduceat(queries[block] @ vectors.T, starts, axis=1)
            # Ties count against the caption; its own photo does, so that ranks begin at 1.
            ranks[block] += np.count_nonzero(scores >= own[block, None] - _TIE, axis=1)
    found = summary(ranks)
    return Evaluation(
        captions=len(queries),
        photos=photos,
        unknown=captions.unknown,
        recall_at_1=found.recall_at_1,
        recall_at_5=found.recall_at_5,
        recall_at_10=found.recall_at_10,
        median_rank=found.median_rank,
        kept=_kept(store, row, index, [_Asked(captions, queries, own, at) for at in sample]),
        index_recall=exam.score(index.search(exam.queries, AT + 1, kind="text")).mean,
    )


def _live(store: Store, row: EncoderRow) -> Iterator[tuple[Ids, Vectors]]:
    import numpy as np

    live = store.reads.live_ids()
    for _, ids, vectors in store.reads.vectors(row.key):
        alive = np.isin(ids, live)
        if alive.any():
            yield ids[alive], vectors[alive]


def _own_scores(store: Store, row: EncoderRow, queries: Vectors, photos: Ids) -> Vector:
    """The score of each query with the photo it describes, the best one of several vectors."""
    import numpy as np

    own = np.full(len(queries), -np.inf, np.float32)
    for ids, vectors in _live(store, row):
        for photo_id, vector in zip(ids.tolist(), vectors, strict=True):
            mine = photos == photo_id
            if mine.any():
                own[mine] = np.maximum(own[mine], queries[mine] @ vector)
    return own


@dataclass(frozen=True, slots=True)
class _Asked:
    """One caption of many."""

    captions: Captions
    queries: Vectors
    own: Vector
    at: int

    def as_asked(self, encoder_name: str) -> confidence.ScoredQuery:
        text = self.captions.texts[self.at]
        is_short = len(prompts.templates_for(encoder_name, text)) > 1
        return confidence.ScoredQuery(
            self.queries[self.at], [("short" if is_short else "text", 1.0)]
        )


def _kept(store: Store, row: EncoderRow, index: CaptionIndex, sample: list[_Asked]) -> float | None:
    """The share of captions whose photo is shown; None where no verdict can be given."""
    import numpy as np

    null = store.reads.baseline(row.key)
    if null is None:
        return None
    among = confidence.CandidateCounts(
        null.vectors - int(store.reads.further_parts(row.key)[1].sum()), null.vectors
    )
    queries = np.stack([each.queries[each.at] for each in sample])
    kept = []
    for each, found in zip(
        sample, index.search(queries, confidence.LOOK, kind="text"), strict=True
    ):
        near = found.ids[: confidence.CLOSEST].tolist()
        parts = store.reads.parts(row.key, near).values()
        asked = each.as_asked(row.name)
        closest = np.array([own.vectors[own.best_part(asked.vector)] for own in parts], np.float32)
        verdict = confidence.assess(null, asked, found, closest, among)
        kept.append(verdict.level(float(each.own[each.at])) != "weak")
    return float(np.mean(kept))
