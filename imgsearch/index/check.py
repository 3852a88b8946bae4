"""Measures what the index in use finds of the exact answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.index.flat import contains
from imgsearch.index.live import LiveIndex
from imgsearch.index.policy import IndexPolicy
from imgsearch.index.recall import AT, Recall, RecallBenchmark, prompts
from imgsearch.index.snapshot import verify

if TYPE_CHECKING:
    from imgsearch.index.build import EncodeTexts
    from imgsearch.store.store import Store


@dataclass(frozen=True, slots=True)
class RecallReport:
    """Recall@10 of what a search finds now, by the kind of query, and what it should be."""

    text: Recall
    image: Recall
    target: float

    @property
    def is_enough(self) -> bool:
        """Whether both reach the target, give or take two standard errors of the sample."""
        return all(each.mean + 2 * each.error >= self.target for each in (self.text, self.image))


def check_recall(
    store: Store,
    encoder_key: int,
    encode_texts: EncodeTexts,
    ladder: IndexPolicy | None = None,
) -> RecallReport:
    """Compare searches of the live index with exact ones over every stored vector.

    The text queries are the shipped prompts, the image queries are photos of the library, not
    those the index was calibrated with. Raises SnapshotError when the snapshot's file is not,
    byte for byte, what was written.
    """
    ladder = ladder or IndexPolicy()
    info = store.current_snapshot(encoder_key)
    if info is not None:
        verify(store.snapshots_dir, info, full=True)
    index = LiveIndex(store, encoder_key, ladder)
    live = store.live_ids()
    wanted = np.random.default_rng(ladder.seed + 2).choice(
        live, min(ladder.image_queries, len(live)), replace=False
    )
    wanted.sort()
    picked = [
        (ids[rows], vectors[rows])
        for _, ids, vectors in store.vectors(encoder_key)
        for rows in [contains(wanted, ids)]
    ]
    exams = [RecallBenchmark("text", encode_texts(prompts()))]
    if picked:
        own, queries = (np.concatenate(parts) for parts in zip(*picked, strict=True))
        exams.append(RecallBenchmark("image", queries, own))
    for _, ids, vectors in store.vectors(encoder_key):
        alive = contains(live, ids)
        for exam in exams:
            exam.observe(ids[alive], vectors[alive])
    recall = {
        exam.kind: exam.score(index.search(exam.queries, AT + 1, kind=exam.kind)) for exam in exams
    }
    return RecallReport(recall["text"], recall.get("image", Recall(1.0, 0.0)), ladder.recall_target)
