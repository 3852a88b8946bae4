"""Measures the recall of the current index."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from imgsearch.index.base import EncodeTexts
from imgsearch.index.flat import contains
from imgsearch.index.live import LiveIndex
from imgsearch.index.policy import IndexPolicy
from imgsearch.index.recall import AT, Recall, RecallBenchmark, prompts
from imgsearch.index.snapshot import verify
from imgsearch.store.store import Store


class RecallReport(Struct, frozen=True):
    """The current recall@10 of text and of image queries, and its target."""

    text: Recall
    image: Recall
    target: float

    @property
    def is_enough(self) -> bool:
        """Whether both recalls reach the target, within two standard errors of the sample."""
        return all(
            recall.mean + 2 * recall.error >= self.target for recall in (self.text, self.image)
        )


def check_recall(
    store: Store, encoder_key: int, encode_texts: EncodeTexts, policy: IndexPolicy | None = None
) -> RecallReport:
    """Compare searches of the live index with exact ones over every stored vector.

    The text queries are the shipped captions. The image queries are photos of the library that
    the calibration did not use. Raises SnapshotError if any byte of the snapshot's file has
    changed since it was written.
    """
    policy = policy or IndexPolicy()
    info = store.reads.encoders.current_snapshot(encoder_key)
    if info is not None:
        verify(store.snapshots_dir, info, full=True)
    index = LiveIndex(store.reads, encoder_key, policy)
    live = store.reads.photos.live_ids()
    generator = np.random.default_rng(policy.seed + 2)
    sample = generator.choice(live, min(policy.image_queries, len(live)), replace=False)
    sample.sort()
    own, queries = [], []
    for _, ids, vectors in store.reads.vectors.chunks(encoder_key):
        rows = contains(sample, ids)
        own.append(ids[rows])
        queries.append(vectors[rows])
    benchmarks = [RecallBenchmark("text", encode_texts(prompts()))]
    if queries:
        benchmarks.append(RecallBenchmark("image", np.concatenate(queries), np.concatenate(own)))
    for _, ids, vectors in store.reads.vectors.chunks(encoder_key):
        alive = contains(live, ids)
        for benchmark in benchmarks:
            benchmark.observe(ids[alive], vectors[alive])
    recalls = {
        benchmark.kind: benchmark.score(
            index.search(benchmark.queries, AT + 1, kind=benchmark.kind)
        )
        for benchmark in benchmarks
    }
    return RecallReport(
        recalls["text"], recalls.get("image", Recall(1.0, 0.0)), policy.recall_target
    )
