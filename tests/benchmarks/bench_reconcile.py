"""How long a look at a library takes in which nothing has changed.

    python tests/benchmarks/bench_reconcile.py --files 100000

Makes so many empty files named as photos and a library that knows them, then looks four times.
Prints wall time and processor time; the first look also builds the index.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from stand_in import StandIn, open_stand_in

import imgsearch.encoders
from imgsearch import Library, Settings, scan
from imgsearch.decode import is_photo_name
from imgsearch.records import Facts, Outcome
from imgsearch.store import writing

BATCH = 2_000


def make(place: Path, files: int) -> None:
    """`files` files, 200 a folder, and a library that knows each as a photo of its own."""
    for number in range(files):
        folder = place / "photos" / f"{number // 2_000:03}" / f"{number // 200:04}"
        if number % 200 == 0:
            folder.mkdir(parents=True)
        (folder / f"IMG_{number:06}.jpg").touch()
    seen = list(scan.look(str(place / "photos"), is_photo_name).files.values())
    noise = np.random.default_rng(1)
    with writing(place / "library") as store:
        root_id = store.add_root(str(place / "photos"))
        row = store.add_encoder(StandIn.id, "lite", StandIn.dim)
        for start in range(0, len(seen), BATCH):
            rows = noise.normal(size=(BATCH, 1, StandIn.dim)).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=2, keepdims=True)
            outcomes = [
                Outcome(one, f"{start + n:032}".encode(), Facts("JPEG", 4000, 3000), rows[n])
                for n, one in enumerate(seen[start : start + BATCH])
            ]
            store.record(root_id, row.key, outcomes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    options = parser.parse_args()
    imgsearch.encoders.open_encoder = open_stand_in  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make(place, options.files)
        with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
            for _ in range(4):
                wall, cpu = time.perf_counter(), time.process_time()
                report = library.index().run()
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                sys.stdout.write(f"{wall:.2f} s, {cpu:.2f} s of processor time; {report}\n")
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(f"most memory {memory_mb:.0f} MB\n")


if __name__ == "__main__":
    main()
