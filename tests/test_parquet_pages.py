"""What a Parquet file takes in memory is known before it is read, whatever its footer states."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from imgsearch.parquet_pages import ColumnChunk, row_groups, unfolded_bytes

NO_LIMIT = 1 << 40


def number(value: int) -> bytes:
    """An i32 of Thrift's compact protocol."""
    value <<= 1
    content = b""
    while value > 127:
        content += bytes([value & 127 | 128])
        value >>= 7
    return content + bytes([value])


def data_page(
    unfolded: int = 8, stored: int = 8, values: int = 1, encoding: int = 0, kind: int = 0
) -> bytes:
    """A page of plain numbers, by default one int64."""
    own = b"\x15" + number(values) + b"\x15" + number(encoding) + b"\x15\x06\x15\x06\x00"
    sizes = b"\x15" + number(kind) + b"\x15" + number(unfolded) + b"\x15" + number(stored)
    return sizes + b"\x2c" + own + b"\x00" + bytes(stored)


def column(content: bytes, values: int = 1, **changes: Any) -> ColumnChunk:
    """What a footer states of the column whose pages these are; they are not compressed."""
    return replace(ColumnChunk("x", "INT64", 0, 0, len(content), values), **changes)


def test_pages_of_numbers_are_counted() -> None:
    content = data_page() + data_page(16, 16, 2)
    assert 24 < unfolded_bytes(BytesIO(content), column(content, 3), NO_LIMIT) < 1000


@pytest.mark.parametrize(
    "content",
    [
        data_page(unfolded=1 << 30),
        data_page(values=1 << 30),
        data_page() + data_page(values=1 << 30),
    ],
)
def test_headers_count_whatever_the_footer_states(content: bytes) -> None:
    with pytest.raises(ValueError, match="unfolds to more than it may"):
        unfolded_bytes(BytesIO(content), column(content), 1 << 20)


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (data_page(encoding=7), {}),  # DELTA_BYTE_ARRAY: each value repeats the one before
        (data_page(encoding=8), {}),  # indexes without a dictionary
        (data_page(encoding=3), {}),  # runs, of numbers
        (data_page(kind=1), {}),
        (data_page(kind=9), {}),
        (data_page(stored=1 << 20)[:50], {}),
        (data_page()[:4], {}),
        (data_page(), {"values": 2}),
        (data_page(stored=1 << 20)[:50], {"stored_bytes": len(data_page(stored=1 << 20))}),
        (data_page(), {"codec": 2}),
        (data_page(), {"kind": "7"}),
        (data_page() + b"\x00", {}),
        (b"\x15\x00" + data_page(), {}),  # a field twice
        (b"\x1c" * 20_000, {}),
        (b"\xff" * 100, {}),
    ],
)
def test_what_no_imgsearch_writes_is_refused(content: bytes, changes: dict[str, Any]) -> None:
    stated = column(content, **changes)
    with pytest.raises(ValueError, match=r"\w"):
        unfolded_bytes(BytesIO(content), stated, 1 << 20)


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_refused_with_the_same_error(seed: int) -> None:
    generator = np.random.default_rng(seed)
    content = bytearray(data_page() + data_page())
    for at in generator.integers(0, len(content), 4).tolist():
        content[at] = int(generator.integers(0, 256))
    try:
        unfolded_bytes(BytesIO(content), column(bytes(content), 2), 1 << 20)
    except ValueError:
        return


def footer_of(path: Path) -> bytes:
    content = path.read_bytes()
    return content[-8 - int.from_bytes(content[-8:-4], "little") : -8]


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_footer_is_an_error_and_ends_no_process(tmp_path: Path, seed: int) -> None:
    pq.write_table(pa.table({"a": ["x"], "b": [[1, 2]]}), tmp_path / "1.parquet")
    generator = np.random.default_rng(seed)
    whole = footer_of(tmp_path / "1.parquet")
    for _ in range(200):
        footer = bytearray(whole)
        footer[int(generator.integers(len(footer)))] = int(generator.integers(256))
        with suppress(ValueError):
            row_groups(bytes(footer[: int(generator.integers(len(footer)) + 1)]))
            row_groups(bytes(footer))


def test_the_footer_says_what_pyarrow_says(tmp_path: Path) -> None:
    path = tmp_path / "1.parquet"
    inner = pa.array([[{"c": "x", "d": [1.5]}]] * 5)
    pq.write_table(pa.table({"a": list("abcde"), "b": inner}), path, row_group_size=2)
    metadata = pq.ParquetFile(path).metadata
    groups = row_groups(footer_of(path))
    assert [group.rows for group in groups] == [2, 2, 1]
    for number, group in enumerate(groups):
        theirs = metadata.row_group(number)
        for at, ours in enumerate(group.columns):
            their = theirs.column(at)
            assert (ours.name, ours.kind, ours.stored_bytes, ours.values, ours.start) == (
                their.path_in_schema.partition(".")[0],
                their.physical_type,
                their.total_compressed_size,
                their.num_values,
                their.dictionary_page_offset or their.data_page_offset,
            )


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_no_table_takes_more_than_was_counted(tmp_path: Path, version: str) -> None:
    """Of real files, with and without dictionaries, in pages of both forms."""
    texts = ["x" * length for length in (1, 10, 1000)]
    table = pa.table(
        {
            "text": [texts[number % 3] for number in range(3000)],
            "number": list(range(3000)),
            "flag": [number % 2 == 0 for number in range(3000)],
            "none": pa.nulls(3000, pa.string()),
            "list": [["a", "bb"]] * 3000,
            "float": pa.array(np.zeros(3000, np.float32)),
        }
    )
    for use_dictionary in (True, False):
        path = tmp_path / "1.parquet"
        pq.write_table(
            table,
            path,
            compression="zstd",
            data_page_version=version,
            use_dictionary=use_dictionary,
        )
        (group,) = row_groups(footer_of(path))
        assert group.rows == 3000
        with path.open("rb") as file:
            counted = {each.name: unfolded_bytes(file, each, NO_LIMIT) for each in group.columns}
        for name in table.column_names:
            assert counted[name] >= table.column(name).nbytes
        assert counted["text"] < 20 * table.column("text").nbytes
