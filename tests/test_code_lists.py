"""Codes sorted into lists on the disk, and an index with such lists, compared with FAISS's own."""

from __future__ import annotations

from collections import defaultdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsearch.errors import SnapshotError
from imgsearch.index.base import BuildContext, Details, VectorSource
from imgsearch.index.code_lists import CodeLists, Codes, mapped_scratch
from imgsearch.index.ivf import CompressedIndex, IvfPqBackend, faiss
from imgsearch.index.policy import IndexPolicy
from tests.factories import random_vectors

BLOCK = 4


def as_bytes(codes: Codes) -> bytes:
    return codes.tobytes()


@given(
    st.integers(1, 9).flatmap(
        lambda nlist: st.tuples(
            st.just(nlist), st.lists(st.lists(st.integers(0, nlist - 1), max_size=12), max_size=6)
        )
    ),
    st.sampled_from([1, 40, 1 << 20]),
)
def test_lists_have_what_was_added_in_its_order(
    nlist_and_chunks: tuple[int, list[list[int]]], part_bytes: int
) -> None:
    nlist, chunks = nlist_and_chunks
    count = sum(map(len, chunks))
    expected: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)

    def filled() -> CodeLists:
        expected.clear()
        lists = CodeLists(nlist, 2, BLOCK, count, None, part_bytes)
        for chunk in chunks:
            first = sum(map(len, expected.values()))
            numbers = np.arange(first, first + len(chunk))
            codes = np.stack([numbers % 251, numbers // 251], axis=1).astype(np.uint8)
            lists.add(np.array(chunk, np.int64), codes)
            for which, number, code in zip(chunk, numbers.tolist(), codes.tolist(), strict=True):
                expected[which].append((number, code))
        return lists

    taken = [
        list(zip(each.tolist(), codes.tolist(), strict=True)) for each, codes in filled().take()
    ]
    assert taken == [expected[which] for which in range(nlist)]
    lists = filled()
    assert lists.sizes.tolist() == [len(expected[which]) for which in range(nlist)]

    file = BytesIO()
    file.write(b"before")
    lists.write(file, as_bytes, np.arange(count)[::-1] * 3)
    assert len(file.getvalue()) == 6 + lists.size_bytes
    for which, (size, room, place) in enumerate(lists.table(6).tolist()):
        assert size == len(expected[which])
        assert room == -(-size // BLOCK) * BLOCK
        content = file.getvalue()[place : place + 10 * room]
        codes = np.frombuffer(content[: 2 * room], np.uint8).reshape(room, 2)
        ids = np.frombuffer(content[2 * room :], np.int64)
        assert codes[:size].tolist() == [code for _, code in expected[which]]
        written = [(count - 1 - number) * 3 for number, _ in expected[which]]
        assert ids.tolist() == written + [-1] * (room - size)


def test_a_scratch_file_has_no_name_once_it_is_mapped(tmp_path: Path) -> None:
    seen: list[str] = []

    def map_file(name: str) -> None:
        seen.append(name)
        assert Path(name).stat().st_size == 100

    with mapped_scratch(100, tmp_path, map_file) as file:
        file.write(b"x")
    assert len(seen) == 1
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError):
        mapped_scratch(100, tmp_path, lambda name: 1 // 0)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def built(
    vectors: np.ndarray, folder: Path, ids: np.ndarray | None = None, rows: int = 900
) -> tuple[CompressedIndex, Path]:
    """A compressed index of the vectors, opened from its file; the ids are 1, 2, 3, … or these."""
    ids = np.arange(1, len(vectors) + 1) if ids is None else ids
    chunks = [(ids[i : i + rows], vectors[i : i + rows]) for i in range(0, len(ids), rows)]
    source = VectorSource(len(ids), lambda: iter(chunks), folder)
    made = IvfPqBackend().build(BuildContext(source, IndexPolicy(), {"nlist": 16}))
    path = folder / "index"
    with path.open("wb") as file:
        made.write(file)
    return IvfPqBackend().open(path, made.details, IndexPolicy()), path


def content_of(index: Any) -> list[tuple[list[int], bytes]]:
    """What each list has in place of ids, and its blocks of codes."""
    lists = faiss.downcast_InvertedLists(index.invlists)
    found = []
    for number in range(index.nlist):
        size = lists.list_size(number)
        room = -(-size // 32) * 32
        ids = faiss.rev_swig_ptr(lists.get_ids(number), size).tolist() if size else []
        codes = faiss.rev_swig_ptr(lists.get_codes(number), room * index.code_size).tobytes()
        found.append((ids, codes if size else b""))
    return found


@pytest.mark.parametrize("dim", [16, 7])
def test_the_lists_are_those_that_faiss_makes(tmp_path: Path, dim: int) -> None:
    vectors = random_vectors(2_000, dim, seed=3)
    index, _ = built(vectors, tmp_path)
    theirs = index.without_vectors()
    theirs.add(vectors)
    assert content_of(index.index) == content_of(theirs)


@pytest.mark.parametrize("filtered", [False, True])
def test_photos_in_any_order_and_of_several_parts_are_found(tmp_path: Path, filtered: bool) -> None:
    vectors = random_vectors(2_000, 16, seed=3)
    ids = np.random.default_rng(4).permutation(np.arange(2_000) // 2) * 7 + 3  # two parts each
    index, _ = built(vectors, tmp_path, ids)
    passing = np.unique(ids)[:: 3 if filtered else 1]
    only = passing if filtered else None
    for row in np.flatnonzero(np.isin(ids, passing))[:40].tolist():
        for effort in ("text", "image", "exact"):
            near = index.search(vectors[row : row + 1], 5, only, effort)[0]
            assert near.ids[0] == ids[row]
            assert near.scores[0] == pytest.approx(1.0, abs=1e-5)
            assert np.isin(near.ids, passing).all()


def test_a_file_whose_lists_lie_elsewhere_is_not_opened(tmp_path: Path) -> None:
    _, path = built(random_vectors(1_000, 16, seed=3), tmp_path)
    content = path.read_bytes()
    start = int.from_bytes(content[-8:], "little")
    header_bytes = content.index(b"\n", start) + 1 - start
    damaged = bytearray(content)
    place = start + header_bytes + 16  # where the first list is
    damaged[place : place + 8] = (len(content) * 2).to_bytes(8, "little")
    path.write_bytes(damaged)
    with pytest.raises(SnapshotError, match="imgsearch rebuild"):
        IvfPqBackend().open(path, {}, IndexPolicy())


def test_a_damaged_centre_costs_no_more_than_its_list(tmp_path: Path) -> None:
    vectors = random_vectors(2_000, 16, seed=3)
    _, path = built(vectors, tmp_path)
    made: Details = {"gap_image": 0.3, "nprobe_image": 8, "candidates_image": 300}
    index = IvfPqBackend().open(path, made, IndexPolicy())
    centres = faiss.downcast_index(index.index.quantizer).reconstruct_n(0, index.nlist)
    content = path.read_bytes()
    path.write_bytes(content.replace(centres[3].tobytes(), np.full(16, np.nan, "<f4").tobytes()))
    damaged = IvfPqBackend().open(path, made, IndexPolicy())
    lost = index.rows.ids[index.rows.groups == 3]
    queries = random_vectors(50, 16, seed=5)
    before = index.search(queries, 10, effort="image")
    for old, new in zip(before, damaged.search(queries, 20, effort="image"), strict=True):
        assert np.isin(old.ids[~np.isin(old.ids, lost)], new.ids).all()
    assert damaged.search(np.full((1, 16), np.nan, np.float32), 1, effort="image")[0].ids.size == 0


def test_vectors_that_are_known_keep_their_lists(tmp_path: Path) -> None:
    vectors = random_vectors(1_000, 16, seed=3)
    index, _ = built(vectors, tmp_path)
    ids = np.arange(1, 1_001)
    changed = vectors.copy()
    changed[10] = changed[20]
    groups = index.rows.groups_of_same(np.append(ids, 5_000), np.vstack([changed, vectors[:1]]))
    lists = [set(near) for near, _ in content_of(index.index)]
    assert groups[[10, 1_000]].tolist() == [-1, -1]
    known = np.flatnonzero(groups >= 0).tolist()
    assert len(known) == 999
    assert all(row in lists[groups[row]] for row in known)
