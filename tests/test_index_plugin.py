"""A kind of index from outside the package: it keeps the contract and serves a whole library."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from imgsearch import Library, Settings
from imgsearch.errors import SnapshotError
from imgsearch.index.base import BuildContext, BuiltIndex, Details, Effort
from imgsearch.index.flat import FlatIndex
from imgsearch.index.policy import IndexPolicy, IndexSpec
from imgsearch.index.recall import RecallBenchmark, benchmarks_with, photo_queries
from imgsearch.index.registry import register
from imgsearch.records.answer import Neighbours
from imgsearch.records.arrays import Ids, Vectors
from tests.contracts.index_contract import IndexCase, IndexContract
from tests.stand_in import StandIn


class SketchIndex:
    """Compares the first numbers of each vector, and then the most promising vectors whole."""

    is_exact = False

    def __init__(self, ids: Ids, vectors: Vectors, sketch_dim: int, details: Details) -> None:
        self.ids, self.vectors, self.sketch_dim = ids, vectors, sketch_dim
        self.candidates = {
            "text": int(details.get("candidates_text", len(ids))),
            "image": int(details.get("candidates_image", len(ids))),
            "exact": len(ids),
        }

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def search(
        self, queries: Vectors, k: int, only: Ids | None = None, effort: Effort = "exact"
    ) -> list[Neighbours]:
        """Exact under any filter."""
        count = len(self) if only is not None else self.candidates[effort]
        return self.search_among(queries, k, count, only)

    def search_among(
        self, queries: Vectors, k: int, count: int, only: Ids | None = None
    ) -> list[Neighbours]:
        """The k nearest of the `count` vectors whose first numbers are the nearest."""
        results: list[Neighbours] = []
        for query in queries:
            scores = self.vectors[:, : self.sketch_dim] @ query[: self.sketch_dim]
            rows = np.argsort(-scores, kind="stable")[:count]
            results += FlatIndex(self.ids[rows], self.vectors[rows]).search(query[None], k, only)
        return results

    def recall(self, benchmark: RecallBenchmark, count: int) -> float:
        return benchmark.recall(partial(self.search_among, count=count))

    def write(self, file: BinaryIO) -> None:
        np.save(file, self.ids)
        np.save(file, self.vectors)


class SketchBackend:
    """Its one option: how many numbers a sketch has."""

    name = "sketch"

    def build(self, context: BuildContext) -> BuiltIndex:
        sketch_dim = int(context.options.get("sketch_dim", 8))
        details: dict[str, float | int | str] = {"sketch_dim": sketch_dim}
        ids, vectors = context.source.read_all()
        index = SketchIndex(ids, vectors, sketch_dim, {})
        goal = context.policy.recall_target
        photos = context.source.sample(*photo_queries(context.policy))
        for benchmark in benchmarks_with(photos, context.encode_texts):
            benchmark.observe(ids, vectors)
            recall_of = partial(index.recall, benchmark)  # never less among more candidates
            count = 1 + bisect_left(range(1, len(ids)), goal, key=recall_of)
            details[f"candidates_{benchmark.kind}"] = count
            details[f"recall_{benchmark.kind}"] = recall_of(count)
        return BuiltIndex(SketchIndex(ids, vectors, sketch_dim, details), details, index.write)

    def open(self, path: Path, details: Details, policy: IndexPolicy) -> SketchIndex:
        try:
            with path.open("rb") as file:
                ids, vectors = np.load(file), np.load(file)
        except (OSError, EOFError, ValueError) as error:
            raise SnapshotError(f"Cannot read {path}. Run: imgsearch rebuild") from error
        return SketchIndex(ids, vectors, int(details.get("sketch_dim", 8)), details)


register(SketchBackend())


class TestSketchIndex(IndexContract):
    cases = (IndexCase("sketch", IndexSpec("sketch", {"sketch_dim": 12})),)


POLICY = IndexPolicy(((0, IndexSpec("sketch", {"sketch_dim": 16})),), tail_rows=20)


@pytest.fixture
def photos(tmp_path: Path, make_photo: Callable[..., Path]) -> list[Path]:
    """Sixty small photos, each of a colour of its own."""
    return [
        make_photo(f"photos/{number}.png", (4 * number, 255 - 4 * number, 97 * number % 256))
        for number in range(60)
    ]


def open_library(data_dir: Path, policy: IndexPolicy | None = None) -> Library:
    settings = Settings.load(data_dir=data_dir, encoder="lite")
    return Library.open(settings, encoder=StandIn(), index_policy=policy)


def paths(library: Library, query: str, k: int = 10) -> list[Path]:
    return [hit.path for hit in library.search(query, k=k)]


@pytest.fixture
def exact(tmp_path: Path, photos: list[Path]) -> Iterator[Library]:
    """The same photos searched exactly, without a snapshot."""
    with open_library(tmp_path / "exact") as library:
        library.index([tmp_path / "photos"]).run()
        yield library


def test_a_library_is_indexed_and_searched_with_an_index_from_outside(
    tmp_path: Path, photos: list[Path], exact: Library
) -> None:
    with open_library(tmp_path / "library", POLICY) as library:
        library.index([tmp_path / "photos"]).run()
        snapshot = library.status().snapshot
        assert snapshot is not None
        assert (snapshot.kind, snapshot.vectors) == ("sketch", 60)
        assert snapshot.file_name.endswith(".sketch")
        assert float(snapshot.details["recall_text"]) >= POLICY.recall_target
        assert library.encoders.check_recall().is_enough
    with open_library(tmp_path / "library", POLICY) as library:
        for _ in range(2):
            assert paths(library, "a red square type:png", 60) == paths(exact, "a red square", 60)
            for query in ("a red square", "the sea", "snow"):
                found, best = paths(library, query), paths(exact, query)
                assert len(found) == 10
                assert len({*found} & {*best}) >= 9
            library.rebuild().run()
            rebuilt = library.status().snapshot
            assert rebuilt is not None
            assert rebuilt.file_name == snapshot.file_name  # the same vectors, the same checksum
    # A program with another policy searches the file until it is rebuilt.
    with open_library(tmp_path / "library") as library:
        assert paths(library, "a red square type:png") == paths(exact, "a red square")
        library.rebuild().run()
        rebuilt = library.status().snapshot
        assert rebuilt is not None
        assert rebuilt.kind == "flat"
        assert paths(library, "a red square") == paths(exact, "a red square")


def test_an_index_of_a_kind_that_is_not_registered_is_rebuilt(
    tmp_path: Path, photos: list[Path], exact: Library
) -> None:
    with open_library(tmp_path / "library", POLICY) as library:
        library.index([tmp_path / "photos"]).run()
    with closing(sqlite3.connect(tmp_path / "library" / "library.db")) as database, database:
        database.execute("UPDATE snapshots SET kind = 'unregistered'")
    database.close()
    with open_library(tmp_path / "library") as library:
        assert paths(library, "a red square") == paths(exact, "a red square")
        snapshot = library.status().snapshot
        assert snapshot is not None
        assert snapshot.kind == "flat"
