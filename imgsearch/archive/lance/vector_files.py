"""Rows of an archive as files on the machine that searches it.

A search scores some hundred photos by their vectors, and shows the facts of some dozens. They lie
far apart in the table: in object storage each vector would be a request, and each fact, and in a
folder Lance takes longer to find them than to search the index. A list of all photos by date, on a
map or as events needs a few columns of all of them. A fragment has three files here, with the
vectors of all its rows, with their facts and names, and with these columns.
Fragments are never changed, only replaced, so files never become outdated: they are named after the
data file in the archive that has the vectors, whose name is used once. Vectors are kept with 16
bits a number, which are all the bits that they have.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct
from numpy.typing import NDArray

from imgsearch import private_files
from imgsearch.archive.lance.rows import PHOTO_COLUMNS, of_length_1, stored_in
from imgsearch.archive.lance.tables import FACE_NAMES, TEXT_COLUMN, View, words_column
from imgsearch.records.arrays import Ids, Vectors
from imgsearch.records.names import NAME_FIELDS

_SUFFIX = ".vectors"
_OFFSET = np.dtype("<u8")
_CHECKSUM = np.dtype("<u4")
# What is shown of a photo, and in which of its names a query was found.
RECORD_COLUMNS = (
    "part",
    *PHOTO_COLUMNS,
    *("paths", "date", "date_source"),
    *(words_column(field) for field in NAME_FIELDS),
    TEXT_COLUMN,
    FACE_NAMES,
)
# A program that knows another fact makes other files.
_RECORDS_SUFFIX = f".{zlib.crc32(','.join(RECORD_COLUMNS).encode()):08x}.records"
_COLUMNS = ("id", "part", "at_s", "vector")
# The columns that lists of all photos are made of: by date and by path, on the map, and as events.
LIST_COLUMNS = (
    *("part", "id", "date", "date_source", "first_path"),
    *("taken_at", "lat", "lon", "town", "country"),
)
_LISTS_SUFFIX = f".{zlib.crc32(','.join(LIST_COLUMNS).encode()):08x}.columns"
_LIST_BYTES = 150  # of a photo in these, more or less
_ROWS_AT_ONCE = 8_192
_OFFSET_BITS = 32  # of the address of a row; those above them are the number of its fragment
_OFFSETS = np.uint64(2**_OFFSET_BITS - 1)
_MOST_OPEN = 10_000
_RECORD_BYTES = 600  # of a photo, more or less

Addresses: TypeAlias = NDArray[np.uint64]
_Records: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.uint8]]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


class PartRows(Struct, frozen=True, eq=False):
    """Rows of the table of photos: vectors (n, dim), and of each its photo, part and time.

    `times_s` (n,) is NaN where a part has no time in a video. `addresses` (n,) are empty for rows
    that were read from the table.
    """

    ids: Ids
    parts: NDArray[np.int32]
    times_s: NDArray[np.float64]
    vectors: Vectors
    addresses: Addresses


class Fragment(Struct, frozen=True):
    """A fragment of the table of photos: its number, the name of its file, and its rows."""

    number: int
    file_name: str
    rows: int

    @property
    def records_name(self) -> str:
        """The name of its file of records."""
        return f"{self.file_name.removesuffix(_SUFFIX)}{_RECORDS_SUFFIX}"

    @property
    def columns_name(self) -> str:
        """The name of its file of columns."""
        return f"{self.file_name.removesuffix(_SUFFIX)}{_LISTS_SUFFIX}"

    @property
    def file_names(self) -> tuple[str, str, str]:
        """The names of all its files."""
        return self.file_name, self.records_name, self.columns_name


def fragments_of(view: View) -> tuple[Fragment, ...]:
    """The fragments of a version of the table of photos."""
    fields = view.dataset.lance_schema.fields()
    (vector,) = [each.id() for each in fields if each.name() == "vector"]
    return tuple(
        Fragment(each.fragment_id, f"{Path(data_file.path).stem}{_SUFFIX}", each.physical_rows)
        for each in view.dataset.get_fragments()
        for data_file in each.data_files()
        if vector in data_file.fields
    )


class VectorFiles:
    """The files of the fragments of archives. Safe in any thread and in any process.

    All files of the folder take `most_bytes` at most. The least recently used ones are deleted for
    new ones, but none of the same table: the vectors of one that is too large are read from the
    storage. Unless they are `made_by_searches`, searches and lists only use files that are there.
    """

    def __init__(self, folder: Path, most_bytes: int, *, made_by_searches: bool = True) -> None:
        self.made_by_searches = made_by_searches
        self._folder = folder
        self._most_bytes = most_bytes
        self._open: dict[str, NDArray[np.void]] = {}
        self._open_records: dict[str, _Records] = {}
        self._open_columns: dict[str, Any] = {}  # pyarrow.Table
        self._further: dict[str, Ids] = {}  # see `with_further_parts`, by file of columns
        self._lock = Lock()  # of what is open
        self._making = Lock()  # one thread makes files; the others read from the storage meanwhile

    def lacking(self, fragments: Sequence[Fragment], dim: int) -> list[Fragment]:
        """The fragments of a table with vectors of `dim` numbers that have no file."""
        return [
            each
            for each in fragments
            if self._rows_in(each, dim) is None or self._records_in(each) is None
        ]

    def make(self, view: View, fragments: Sequence[Fragment], most_rows: int | None = None) -> None:
        """Make the files that a table lacks, if they have `most_rows` at most.

        Does nothing while another thread makes files, and where the disk has no space for them.
        """
        dim = view.encoder.dim
        lacking = self.lacking(fragments, dim)
        rows = sum(each.rows for each in lacking)
        if not lacking or (most_rows is not None and rows > most_rows):
            return
        if not self._making.acquire(blocking=False):
            return
        try:
            private_files.make_folder(self._folder)
            private_files.delete_abandoned(self._folder)
            own = {name for each in fragments for name in each.file_names}
            size_bytes = rows * (_row_type(dim).itemsize + _RECORD_BYTES + _LIST_BYTES)
            if not self._make_room(size_bytes, own):
                return
            for each in self.lacking(fragments, dim):
                self._make_columns(view, each)
                parts = (rows.tobytes() for rows in _packed(view, each.number))
                private_files.replace_file_by_parts(self._folder / each.file_name, parts)
                records = _packed_records(view, each.number)
                private_files.replace_file_by_parts(self._folder / each.records_name, records)
                if not self._make_room(0, own):  # names and texts are longer than usual
                    (self._folder / each.records_name).unlink(missing_ok=True)
                    return
        except OSError:  # the disk is full, or it is read-only
            return
        finally:
            self._making.release()

    def make_columns(self, view: View, fragments: Sequence[Fragment]) -> None:
        """Make the files of columns that a table lacks, however many; as `make` does otherwise."""
        lacking = [each for each in fragments if self._columns_in(each) is None]
        if not lacking or not self._making.acquire(blocking=False):
            return
        try:
            private_files.make_folder(self._folder)
            private_files.delete_abandoned(self._folder)
            own = {name for each in fragments for name in each.file_names}
            if self._make_room(_LIST_BYTES * sum(each.rows for each in lacking), own):
                for each in lacking:
                    self._make_columns(view, each)
        except OSError:  # the disk is full, or it is read-only
            return
        finally:
            self._making.release()

    def _make_columns(self, view: View, fragment: Fragment) -> None:
        if self._columns_in(fragment) is None:
            content = iter(_packed_columns(view, fragment.number))
            private_files.replace_file_by_parts(self._folder / fragment.columns_name, content)

    def has_columns(self, fragments: Sequence[Fragment]) -> bool:
        """Whether there are files of columns of all these fragments."""
        return all(self._columns_in(each) is not None for each in fragments)

    def columns_at(
        self,
        fragments: Sequence[Fragment],
        addresses: Addresses,
        columns: Sequence[str] = LIST_COLUMNS,
    ) -> Any:
        """Some of `LIST_COLUMNS` (a pyarrow.Table) of the rows at these addresses, sorted ones.

        None for no addresses, and if one of them is in no file, or in a damaged one.
        """
        numbers = addresses >> np.uint64(_OFFSET_BITS)
        by_number = {each.number: each for each in fragments}
        parts = []
        for number in np.unique(numbers).tolist():
            fragment = by_number.get(number)
            rows = None if fragment is None else self._columns_in(fragment)
            if rows is None:
                return None
            offsets = addresses[numbers == number] & _OFFSETS
            rows = rows.select(list(columns))
            parts.append(rows if len(offsets) == len(rows) else rows.take(offsets))
        return pa.concat_tables(parts) if parts else None

    def _columns_in(self, fragment: Fragment) -> Any:
        """The columns of all rows of a fragment (a pyarrow.Table); None without a sound file."""
        with self._lock:
            known = self._open_columns.get(fragment.columns_name)
            if known is not None:
                return known
            file = self._folder / fragment.columns_name
            try:
                os.utime(file)
                content = np.memmap(file, np.uint8, "r")
            except (OSError, ValueError):  # not there, or empty
                return None
            body, checksum = content[: -_CHECKSUM.itemsize], content[-_CHECKSUM.itemsize :]
            own_checksum = zlib.crc32(body.data).to_bytes(_CHECKSUM.itemsize, "little")
            if own_checksum != checksum.tobytes():
                return None
            rows = pa.ipc.open_file(pa.py_buffer(body)).read_all()
            if len(rows) != fragment.rows:
                return None
            if len(self._open_columns) >= _MOST_OPEN:
                self._open_columns.clear()
            self._open_columns[fragment.columns_name] = rows
            return rows

    def with_further_parts(self, fragments: Sequence[Fragment]) -> Ids | None:
        """The photos with several parts in these fragments, sorted; None without all their files.

        Also of rows that were deleted. They stay in memory: 8 bytes for each such photo.
        """
        found = []
        for each in fragments:
            own = self._further.get(each.columns_name)
            if own is None:
                rows = self._columns_in(each)
                if rows is None:
                    return None
                ids = rows.filter(pc.greater(rows["part"], 0))["id"].to_numpy()
                own = np.unique(ids).astype(np.int64)
                if len(self._further) >= _MOST_OPEN:
                    self._further.clear()
                self._further[each.columns_name] = own
            found.append(own)
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def rows_at(
        self, fragments: Sequence[Fragment], dim: int, addresses: Addresses
    ) -> PartRows | None:
        """The rows at these addresses; None if one of them is in no file, or damaged."""
        numbers = addresses >> np.uint64(_OFFSET_BITS)
        offsets = (addresses & _OFFSETS).astype(np.int64)
        found = np.zeros(len(addresses), _row_type(dim))
        by_number = {each.number: each for each in fragments}
        for number in np.unique(numbers).tolist():
            fragment = by_number.get(number)
            rows = None if fragment is None else self._rows_in(fragment, dim)
            if rows is None:
                return None
            own = numbers == number
            found[own] = rows[offsets[own]]
        return _unpacked(found, addresses)

    def records_at(
        self, fragments: Sequence[Fragment], addresses: Addresses
    ) -> list[dict[str, Any]] | None:
        """The values of `RECORD_COLUMNS` of the rows at these addresses, by column.

        None if one of them is in no file, or damaged.
        """
        by_number = {each.number: each for each in fragments}
        files = {
            number: None if number not in by_number else self._records_in(by_number[number])
            for number in np.unique(addresses >> np.uint64(_OFFSET_BITS)).tolist()
        }
        found = []
        for address in addresses.tolist():
            records = files[address >> _OFFSET_BITS]
            if records is None:
                return None
            at = address & int(_OFFSETS)
            start, end = records[0][at : at + 2].tolist()
            stored = records[1][start:end].tobytes()
            content, checksum = stored[: -_CHECKSUM.itemsize], stored[-_CHECKSUM.itemsize :]
            if zlib.crc32(content).to_bytes(_CHECKSUM.itemsize, "little") != checksum:
                return None
            values = _decode(content)
            found.append(dict(zip(RECORD_COLUMNS, values, strict=True)))
        return found

    def _records_in(self, fragment: Fragment) -> _Records | None:
        """The ends of all records of a fragment in its file, and the file; None without one."""
        with self._lock:
            known = self._open_records.get(fragment.records_name)
            if known is not None:
                return known
            file = self._folder / fragment.records_name
            index_bytes = (fragment.rows + 1) * _OFFSET.itemsize
            try:
                start = file.stat().st_size - index_bytes
                os.utime(file)
                # As plain arrays: each slice of a memmap would be made one again.
                offsets = np.asarray(np.memmap(file, _OFFSET, "r", start, (fragment.rows + 1,)))
                content = np.asarray(np.memmap(file, np.uint8, "r", 0, (start,)))
            except (OSError, ValueError):  # not there, or cut off
                return None
            if int(offsets[-1]) != start:
                return None
            if len(self._open_records) >= _MOST_OPEN:
                self._open_records.clear()
            self._open_records[fragment.records_name] = offsets, content
            return offsets, content

    def _rows_in(self, fragment: Fragment, dim: int) -> NDArray[np.void] | None:
        """All rows of a fragment, mapped into memory; None without a file."""
        with self._lock:
            known = self._open.get(fragment.file_name)
            if known is not None:
                return known
            file = self._folder / fragment.file_name
            row_type = _row_type(dim)
            try:
                about = file.stat()
                if about.st_size != fragment.rows * row_type.itemsize:
                    return None
                os.utime(file)  # a use is recorded once in each process
                rows: NDArray[np.void] = np.memmap(file, row_type, "r")
            except (OSError, ValueError):  # not there, or empty
                return None
            if len(self._open) >= _MOST_OPEN:
                self._open.clear()  # most are of fragments that were replaced
            self._open[fragment.file_name] = rows
            return rows

    def _make_room(self, size_bytes: int, own: set[str]) -> bool:
        """Delete the least recently used files of other fragments; whether there is room."""
        files = []
        for entry in os.scandir(self._folder):
            about = entry.stat()
            files.append((about.st_mtime, about.st_size, entry.name))
        held_bytes = sum(size for _, size, _ in files) + size_bytes
        for _, size, name in sorted(files):
            if held_bytes <= self._most_bytes:
                break
            if name not in own:
                (self._folder / name).unlink(missing_ok=True)
                held_bytes -= size
        return held_bytes <= self._most_bytes


def _row_type(dim: int) -> np.dtype[np.void]:
    return np.dtype(
        [
            ("id", "<i8"),
            ("part", "<i4"),
            ("checksum", "<u4"),  # of the row with a 0 in this place
            ("at_s", "<f8"),
            ("vector", "<f2", (dim,)),
        ]
    )


def _packed(view: View, fragment: int) -> Iterator[NDArray[np.void]]:
    """All rows of a fragment, in their order, some thousands at a time.

    Rows that were deleted have their place, and may be there in an earlier version.
    """
    scanner = view.dataset.scanner(
        columns=list(_COLUMNS),
        fragments=[view.dataset.get_fragment(fragment)],
        include_deleted_rows=True,
        with_row_id=True,  # Lance asks for it beside deleted rows
        scan_in_order=True,
        batch_size=_ROWS_AT_ONCE,
    )
    for batch in scanner.to_batches():
        table = pa.Table.from_batches([batch])
        packed = np.zeros(len(table), _row_type(view.encoder.dim))
        packed["id"] = table["id"].to_numpy()
        packed["part"] = table["part"].to_numpy()
        packed["at_s"] = pc.fill_null(table["at_s"], math.nan).to_numpy()
        packed["vector"] = stored_in(table)
        packed["checksum"] = [zlib.crc32(row.tobytes()) for row in packed]
        yield packed


def _all_rows(view: View, fragment: int, columns: Sequence[str]) -> Iterator[pa.Table]:
    """These columns of all rows of a fragment, in their order, also of those that were deleted."""
    return view.batches(
        list(columns),
        None,
        _ROWS_AT_ONCE,
        fragments=[view.dataset.get_fragment(fragment)],
        include_deleted_rows=True,
        with_row_id=True,
        scan_in_order=True,
    )


def _packed_records(view: View, fragment: int) -> Iterator[bytes]:
    """The records of all rows of a fragment, each with its checksum, and then where they begin."""
    offsets = [0]
    for rows in _all_rows(view, fragment, RECORD_COLUMNS):
        columns = [rows[column].to_pylist() for column in RECORD_COLUMNS]
        packed = []
        for values in zip(*columns, strict=True):
            content = _encode(values)
            packed.append(content + zlib.crc32(content).to_bytes(_CHECKSUM.itemsize, "little"))
            offsets.append(offsets[-1] + len(packed[-1]))
        yield b"".join(packed)
    yield np.array(offsets, _OFFSET).tobytes()


def _packed_columns(view: View, fragment: int) -> Iterator[bytes]:
    """`LIST_COLUMNS` of all rows of a fragment as a file of Arrow, and then its checksum."""
    sink = pa.BufferOutputStream()
    writer = None
    for rows in _all_rows(view, fragment, LIST_COLUMNS):
        own = rows.select(list(LIST_COLUMNS))
        writer = writer or pa.ipc.new_file(sink, own.schema)
        writer.write_table(own)
    if writer is not None:
        writer.close()
    content = sink.getvalue().to_pybytes()
    yield content
    yield zlib.crc32(content).to_bytes(_CHECKSUM.itemsize, "little")


def _unpacked(rows: NDArray[np.void], addresses: Addresses) -> PartRows | None:
    """Rows as files have them; None if one was damaged on the disk."""
    unsummed = rows.copy()
    unsummed["checksum"] = 0
    sums = [zlib.crc32(row.tobytes()) for row in unsummed]
    if sums != rows["checksum"].tolist():
        return None
    vectors = of_length_1(rows["vector"])
    return PartRows(rows["id"], rows["part"], rows["at_s"], vectors, addresses)
