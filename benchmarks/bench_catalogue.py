"""Measures a catalogue in Lance tables: speed of writing and searching, and recall.

    python -m benchmarks.bench_catalogue FOLDER --photos 1000000 [--bits 1] [--s3] [--forget]

The vectors are synthetic, and each photo has facts: a date, a camera, a folder, a keyword. The
catalogue is made in FOLDER/catalogue, unless it is there. Times are wall clock, of one process.
With `--s3`, queries are also asked through object storage on this machine: Ceph, which
`tests/install_ceph.sh` installs. With `--forget`, a tenth of the photos is forgotten at the
end, and queries are asked again before and after the catalogue is settled.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.synthetic import SyntheticSpace
from imgsearch.analysis.browse import days_of, name_counts_of, positions_of
from imgsearch.analysis.events import find_events
from imgsearch.archive.lance.browsing import LanceBrowsing
from imgsearch.archive.lance.nearest import LancePolicy
from imgsearch.archive.lance.reader import LanceCatalogue
from imgsearch.archive.lance.rows import id_of
from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.language.grammar import parse
from imgsearch.records.arrays import Vectors
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Facts
from imgsearch.records.query import Selection
from tests.object_storage import s3_server

K, QUERIES, CLIENTS, AT_ONCE, COLD = 10, 100, 16, 10_000, 5
INDEX = "index"
CAMERAS = ("Canon EOS R5", "NIKON D70", "SONY ILCE-7M3", "Apple iPhone 12", "FUJIFILM X-T3")
# A query line, and which photos pass it.
FILTERS: dict[str, Callable[[int], bool]] = {
    "camera:leica": lambda number: number % 100 == 0,  # 1 %
    "camera:nikon": lambda number: number % 10 == 1,  # 10 %
    "after:2010 before:2012": lambda number: taken_at(number).year in (2010, 2011),
    "in:folder7": lambda number: number // 10 % 50 == 7,  # 2 %
    "keyword:k7": lambda number: number % 1009 == 7,
}


def taken_at(number: int) -> datetime:
    """Spread over 23 years."""
    return datetime(2000, 1, 1) + timedelta(hours=number * 7919 % 200_000)


def path_of(number: int) -> str:
    return f"/archive/folder{number // 10 % 50}/{taken_at(number).year}/{number}.jpg"


def hash_of(number: int) -> bytes:
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=32).digest()


def results(numbers: Sequence[int], vectors: Vectors) -> list[IngestResult]:
    """Photos as an indexer puts them."""
    made = []
    for number, vector in zip(numbers, vectors, strict=True):
        camera = "Leica M9" if number % 100 == 0 else CAMERAS[number % 10 // 2]
        camera = "NIKON D70" if number % 10 == 1 else camera.replace("NIKON", "Nokia")
        facts = Facts(
            "JPEG",
            4000,
            3000,
            taken_at=taken_at(number),
            dated_by="exif",
            camera=camera,
            iso=100 * (1 + number % 64),
            keywords=(f"k{number % 1009}",),
        )
        stat = FileStat(path_of(number), 1, 10**18, 0)
        made.append(IngestResult(stat, hash_of(number), facts, vector[None]))
    return made


def space_for(photos: int) -> SyntheticSpace:
    return SyntheticSpace(topics=max(2_000, photos // 50))


def chunks(photos: int) -> Iterator[tuple[range, Vectors]]:
    start = 0
    for chunk in space_for(photos).photos(photos, seed=1):
        for first in range(0, len(chunk), AT_ONCE):
            rows = chunk[first : first + AT_ONCE]
            yield range(start + first, start + first + len(rows)), rows
        start += len(chunk)


def timed(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def megabytes(folder: Path) -> float:
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6, 1)


def fill(address: Path, photos: int, policy: LancePolicy) -> dict[str, Any]:
    """Make the catalogue."""
    space = space_for(photos)
    encoder = EncoderRow(1, "synthetic/1", "synthetic", space.dim)
    writer = LanceWriter.open(
        address, encoder, lambda texts: space.texts(len(texts), seed=4), policy=policy
    )
    put_s = 0.0
    for numbers, vectors in chunks(photos):
        batch = results(numbers, vectors)
        put_s += timed(lambda batch=batch: writer.put(batch))  # type: ignore[misc]
    measured: dict[str, Any] = {"put_s": put_s, "settle_s": timed(writer.settle)}
    new = results(range(photos, photos + 5000), next(space.photos(5000, seed=8)))
    measured["upsert_s"] = timed(lambda: writer.put(new + batch[:5000]))
    paths = [each.stat.path for each in new]
    measured["forget_s"] = timed(lambda: writer.forget(paths))
    measured["settle_again_s"] = timed(writer.settle)
    return measured


def is_forgotten(number: int) -> bool:
    """Whether `forget_a_tenth` forgets a photo."""
    return number % 10 == 3


def forget_a_tenth(address: Path, photos: int, policy: LancePolicy) -> dict[str, Any]:
    """Measure forgetting a tenth of the photos, and the answers afterwards."""
    space = space_for(photos)
    writer = LanceWriter(address, lambda texts: space.texts(len(texts), seed=4), policy=policy)
    numbers = list(filter(is_forgotten, range(photos)))
    paths = [path_of(number) for number in numbers]
    forget_s = timed(
        lambda: [
            writer.forget(paths[start : start + AT_ONCE]) for start in range(0, len(paths), AT_ONCE)
        ]
    )
    measured: dict[str, Any] = {"forget_a_tenth_s": forget_s}
    measured["unsettled"] = ask(address, photos, policy, (), is_forgotten)
    measured["settle_s"] = timed(writer.settle)
    measured["settled"] = ask(address, photos, policy, (), is_forgotten)
    return measured


def browse(address: Path) -> dict[str, Any]:
    """Measure counting and listing all photos, in seconds."""
    browsing = LanceBrowsing(LanceCatalogue(address))
    return {
        "months_s": timed(browsing.month_counts),
        "places_s": timed(browsing.place_counts),
        "days_s": timed(lambda: days_of(browsing, None)),
        "positions_s": timed(lambda: positions_of(browsing, None)),
        "names_s": timed(lambda: name_counts_of(browsing)),
        "events_s": timed(lambda: find_events(browsing.moments())),
    }


def through_s3(folder: Path, photos: int, policy: LancePolicy) -> dict[str, Any]:
    """Queries through object storage: the first ones, then those with the indexes in memory."""
    with s3_server("ceph") as server:
        measured: dict[str, Any] = {
            "put_s": timed(lambda: server.put_files(folder, INDEX, "archive/"))
        }
        address = f"s3://{INDEX}/archive"
        catalogue = LanceCatalogue(address, policy)
        texts = space_for(photos).texts(COLD, seed=6)
        cold_ms = [
            round(1000 * timed(lambda text=text: catalogue.nearest(text, K, kind="text")))  # type: ignore[misc]
            for text in texts
        ]
        measured |= {"cold_ms": cold_ms, "warm_up_s": timed(catalogue.warm_up)}
        return measured | ask(address, photos, policy)


def ask(
    address: str | Path,
    photos: int,
    policy: LancePolicy,
    lines: Iterable[str] = tuple(FILTERS),
    is_gone: Callable[[int], bool] = lambda number: False,
) -> dict[str, Any]:
    """Times and recall of queries, without a filter and with each of these."""
    catalogue = LanceCatalogue(address, policy)
    catalogue.warm_up()
    measured: dict[str, Any] = {"settings": repr(catalogue.search_settings)}
    queries = {
        "text": space_for(photos).texts(QUERIES, seed=3),
        "image": next(space_for(photos).photos(QUERIES, seed=2)),
    }
    is_there = np.array([not is_gone(number) for number in range(photos)])
    passing = {
        line: is_there & np.array([FILTERS[line](number) for number in range(photos)])
        for line in lines
    }
    passing[""] = is_there
    ids = np.array([id_of(hash_of(number).hex()) for number in range(photos)])
    nothing = (np.empty((QUERIES, 0), np.int64), np.empty((QUERIES, 0), np.float32))
    best = {(kind, line): nothing for kind in queries for line in passing}
    for numbers, vectors in chunks(photos):
        rows = vectors.astype(np.float16).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        for kind, rows_of_queries in queries.items():
            scores = rows_of_queries @ rows.T
            for line, mask in passing.items():
                own = np.flatnonzero(mask[numbers.start : numbers.stop])
                known_ids, known_scores = best[kind, line]
                new_ids = np.broadcast_to(ids[numbers.start + own], (QUERIES, len(own)))
                all_ids = np.concatenate([known_ids, new_ids], axis=1)
                all_scores = np.concatenate([known_scores, scores[:, own]], axis=1)
                if all_scores.shape[1] > K:
                    top = np.argpartition(-all_scores, K - 1, axis=1)[:, :K]
                    all_ids = np.take_along_axis(all_ids, top, axis=1)
                    all_scores = np.take_along_axis(all_scores, top, axis=1)
                best[kind, line] = all_ids, all_scores
    for (kind, line), (exact, _) in best.items():
        among = Selection(parse(line).filters) if line else None

        def one(at: int, kind: str = kind, among: Selection | None = among) -> Any:
            return catalogue.nearest(queries[kind][at], K, among, kind=kind)  # type: ignore[arg-type]

        one(0)
        times, shares = [], []
        for at in range(QUERIES):
            start = time.perf_counter()
            found = one(at)
            times.append((time.perf_counter() - start) * 1000)
            shares.append(len(set(found.ids.tolist()) & set(exact[at].tolist())) / K)
        with ThreadPoolExecutor(CLIENTS) as clients:
            start = time.perf_counter()
            list(clients.map(one, list(range(QUERIES)) * 2))
            per_s = 2 * QUERIES / (time.perf_counter() - start)
        measured[f"{kind} {line}".strip()] = {
            "p50_ms": round(float(np.percentile(times, 50)), 1),
            "p95_ms": round(float(np.percentile(times, 95)), 1),
            "recall": round(float(np.mean(shares)), 3),
            f"per_s_of_{CLIENTS}": round(per_s),
        }
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--bits", type=int, default=LancePolicy().bits)
    parser.add_argument("--s3", action="store_true")
    parser.add_argument("--forget", action="store_true")
    options = parser.parse_args()
    address: Path = options.folder / "catalogue"
    policy = LancePolicy(bits=options.bits)
    if not address.exists():
        print_part("made", fill(address, options.photos, policy))
    sizes = {
        "photos_mb": megabytes(address / "photos.lance" / "data"),
        "indexes_mb": megabytes(address / "photos.lance" / "_indices"),
    }
    print_part("in a folder", sizes | ask(address, options.photos, policy))
    print_part("browsing", browse(address))
    if options.s3:
        print_part("through S3", through_s3(address, options.photos, policy))
    if options.forget:
        print_part("forgetting", forget_a_tenth(address, options.photos, policy))


def print_part(name: str, measured: dict[str, Any]) -> None:
    """Print what one part of the benchmark has measured."""
    print(json.dumps({name: measured}, indent=1), flush=True)


if __name__ == "__main__":
    main()
