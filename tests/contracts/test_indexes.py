"""The backends that are built in keep the contract of an index."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgsearch.errors import SnapshotError
from imgsearch.index.policy import IndexSpec
from imgsearch.index.registry import find_backend
from tests.contracts.index_contract import (
    DIM,
    IndexCase,
    IndexContract,
    build,
    build_file,
    vectors_of,
)

FLAT = IndexCase("flat", IndexSpec("flat"))


class TestBuiltInIndexes(IndexContract):
    cases = (
        FLAT,
        IndexCase("ivf", IndexSpec("ivf", {"nlist": 16})),
        IndexCase("compressed", IndexSpec("ivfpq", {"nlist": 16}), 1e-3),
    )


def test_an_empty_library(tmp_path: Path) -> None:
    empty = np.empty(0, np.int64), np.empty((0, DIM), np.float32)
    for index in (build(FLAT, *empty).index, build_file(FLAT, *empty, tmp_path / "file")):
        assert len(index) == 0
        (near,) = index.search(vectors_of(1), 5)
        assert len(near.ids) == 0


def test_an_unknown_kind_of_index_is_an_error_with_a_cure() -> None:
    with pytest.raises(SnapshotError, match="imgsearch rebuild"):
        find_backend("graph")
