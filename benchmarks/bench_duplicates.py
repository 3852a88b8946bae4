"""Measures the time to find all near-duplicates in a library of synthetic vectors.

    python -m benchmarks.bench_duplicates --photos 100000

Every fiftieth photo is a near-duplicate. Prints the time, the memory (without the pages of files,
which the system takes back when it needs them), and which share of the pairs was found: of those
made, and of all pairs that a thousand photos taken at random have with all others.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np

from benchmarks.synthetic import SyntheticSpace
from imgsearch import Library, Settings
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.store.lock import writing
from imgsearch.store.store import Store

BATCH = 2_000
EVERY = 50
SAMPLED = 1_000


def own_memory_mb() -> float:
    """The anonymous memory of this process in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def fill(data_dir: Path, photos: int, dim: int) -> None:
    """Fill a library with photos without files; every fiftieth resembles the one before it."""
    noise = np.random.default_rng(3)
    with writing(data_dir) as store:
        root_id = store.files.add_root("/photos")
        row = store.vectors.add_encoder("lite/made-up", "lite", dim)
        number = 0
        for rows in SyntheticSpace(dim).photos(photos, seed=1):
            rows[EVERY - 1 :: EVERY] = rows[EVERY - 2 :: EVERY][: len(rows) // EVERY]
            rows[EVERY - 1 :: EVERY] += 0.005 * noise.standard_normal(
                rows[EVERY - 1 :: EVERY].shape, np.float32
            )
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            for start in range(0, len(rows), BATCH):
                results = []
                for vector in rows[start : start + BATCH]:
                    stat = FileStat(f"/photos/{number}.jpg", 1, 1, 1)
                    name = f"{number:032}".encode()
                    facts = Facts("JPEG", 4000, 3000)
                    results.append(IngestResult(stat, name, facts, vector[None]))
                    number += 1
                store.record(root_id, row.key, results)


def pairs_of_some(data_dir: Path, min_score: float) -> set[tuple[int, int]]:
    """All pairs of at least this score that some photos have with any other."""
    with Store.open(data_dir) as store:
        key = store.reads.encoders.in_use().key
        ids = np.random.default_rng(5).choice(store.reads.photos.live_ids(), SAMPLED, replace=False)
        parts = store.reads.vectors.parts(key, ids.tolist())
        sampled = np.stack([parts[photo_id].vectors[0] for photo_id in ids.tolist()])
        found = set()
        for _, others, rows in store.reads.vectors.chunks(key):
            at, other = np.nonzero(sampled @ rows.T >= min_score)
            pairs = np.sort(np.stack([ids[at], others[other]], axis=1), axis=1)
            found |= {(a, b) for a, b in pairs.tolist() if a != b}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--min-score", type=float, default=0.9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), options.photos, options.dim)
        with Library.open(Settings.load(data_dir=Path(folder))) as library:
            memory_mb = [own_memory_mb()]
            wall, cpu = time.perf_counter(), time.process_time()
            steps = [time.perf_counter()]
            job = library.duplicates.find(options.min_score)
            for _ in job:
                steps.append(time.perf_counter())
                memory_mb.append(own_memory_mb())
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            found = {(pair.a, pair.b) for pair in job.report.pairs}
            started = time.perf_counter()
            groups = library.duplicates.groups(job.report, options.min_score)
            grouping = time.perf_counter() - started
        all_of_some = pairs_of_some(Path(folder), job.report.min_score)
    made = {(at - 1, at) for at in range(EVERY, options.photos + 1, EVERY)}
    print(
        f"{options.photos} photos, {options.dim} dimensions: {wall:.1f} s, {cpu:.1f} s of "
        f"processor time, {max(memory_mb) - memory_mb[0]:.0f} MB; longest step "
        f"{max(np.diff(steps)):.2f} s"
    )
    print(
        f"{len(found)} pairs of {job.report.min_score:.3f} or more, among them "
        f"{len(made & found) / len(made):.1%} of those made and "
        f"{len(all_of_some & found) / len(all_of_some):.2%} of the {len(all_of_some)} pairs of "
        f"{SAMPLED} photos; {len(groups)} groups in {grouping:.2f} s"
    )


if __name__ == "__main__":
    main()
