"""The process that the crash tests kill: it adds photos in batches and builds snapshots until then.

    python -m tests.crash_writer DATA_DIR STEP    kills itself at this step, unless "never"

After each commit and each build it prints how many photos are committed. The vector and the hash
of photo n follow from n, so that any reader can check them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgsearch.index import build, snapshot
from imgsearch.index.policy import IndexPolicy, IndexSpec
from imgsearch.records.files import IngestResult
from imgsearch.store.store import Store
from tests.factories import ingested, random_vectors

DIM = 16
BATCH = 40
MOST = 1_000  # photos
POLICY = IndexPolicy(
    specs=(
        (0, IndexSpec("flat")),
        (160, IndexSpec("ivf", {"nlist": 4})),
        (400, IndexSpec("ivfpq")),  # trained anew each time: the number of lists grows
    ),
    image_queries=20,
    tail_rows=40,
    tail_share=0.0,
)


def vector_of(number: int) -> np.ndarray:
    return np.asarray(random_vectors(1, DIM, number)[0])


def encode_texts(texts: Sequence[str]) -> np.ndarray:
    return np.stack([vector_of(10**6 + number) for number in range(len(texts))])


def outcome_of(number: int) -> IngestResult:
    return ingested(f"/photos/{number}.jpg", vector_of(number)[None], content=b"%032d" % number)


def write(data_dir: Path, deadly_step: str) -> None:
    def on_step(step: str) -> None:
        if sys.platform == "win32":
            raise NotImplementedError("needs Unix")
        if step == deadly_step:
            os.kill(os.getpid(), signal.SIGKILL)

    store = Store.open(data_dir, writable=True)
    root_id = store.files.add_root("/photos")
    key = store.vectors.add_encoder("made@1", "made", DIM).key
    snapshot.clean(store)
    while True:
        count = store.reads.photos.count()
        if count < MOST:  # then it only rebuilds
            batch = [outcome_of(number) for number in range(count, count + BATCH)]
            store.record(root_id, key, batch)
            count += BATCH
            os.write(1, b"%d\n" % count)
        if count >= MOST or snapshot.rebuild_reason(store, key, POLICY):
            build.build_snapshot(store, key, "made@1", encode_texts, policy=POLICY, on_step=on_step)
            os.write(1, b"%d\n" % count)


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
