"""The process that the crash tests kill: it adds photos in batches and builds snapshots, for ever.

    python crash_writer.py DATA_DIR STEP       dies by SIGKILL at a step of a build, if not "never"

Each line it prints is one batch that is committed, by the first photo's number in it. The vector
and the hash of photo n follow from n, so that whoever finds it can check it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgsearch.index import build, snapshot
from imgsearch.index.policy import IndexPolicy
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.store.store import Store

DIM = 16
BATCH = 40
LADDER = IndexPolicy(
    ivf_from=160,
    probe_from=400,
    whole_nlist=4,
    image_queries=20,
    tail_rows=40,
    tail_share=0.0,
    exact_filter_rows=10,
)


def vector_of(number: int) -> np.ndarray:
    row = np.random.default_rng(number).standard_normal(DIM).astype(np.float32)
    return row / np.linalg.norm(row)


def encode_texts(texts: Sequence[str]) -> np.ndarray:
    return np.stack([vector_of(10**6 + number) for number in range(len(texts))])


def outcome_of(number: int) -> IngestResult:
    return IngestResult(
        FileStat(f"/photos/{number}.jpg", 1, 1, 1),
        b"%032d" % number,
        Facts("JPEG", 1, 1),
        vector_of(number)[None],
    )


def write(data_dir: Path, deadly: str) -> None:
    def step(name: str) -> None:
        if name == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    store = Store.open(data_dir, writable=True)
    root_id = store.add_root("/photos")
    key = store.add_encoder("made@1", "made", DIM).key
    snapshot.clean(store)
    options = build.BuildOptions(ladder=LADDER, step=step)
    while True:
        first = store.photo_count()
        if first < 1_000:  # then it only rebuilds
            batch = [outcome_of(number) for number in range(first, first + BATCH)]
            store.record(root_id, key, batch)
            os.write(1, b"%d\n" % first)
        if first >= 1_000 or snapshot.rebuild_reason(store, key, LADDER):
            build.build_snapshot(store, key, "made@1", encode_texts, options)


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
