"""How much memory the columns of a Parquet file take when they are read, before they are.

The footer of a file states sizes, and so does the header of each page. A file from anybody may lie
in the footer, and a few bytes of a page can stand for gigabytes: equal values in a run, or indexes
into a dictionary. So this follows the headers, which the reader itself goes by, and counts what
their values become. What no writer of imgsearch makes is refused: the reader may know more than is
counted here. Footer and headers are Thrift structs in the compact protocol (parquet.thrift of
apache/parquet-format).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO, TypeAlias

from msgspec import Struct

WRITER = "parquet-cpp-arrow"  # others leave bytes between columns, which the reader then takes
FLOAT, _BYTES = "FLOAT", "BYTE_ARRAY"  # a FLOAT is the only value that becomes no Python object
_OBJECT_BYTES = 100  # of a Python object, with its place in a list
_FLOAT_BYTES = 8  # of a float32, and of the fp16 that is made of it
_KINDS = {0: "BOOLEAN", 1: "INT32", 2: "INT64", 4: FLOAT, 5: "DOUBLE", 6: _BYTES}
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, FLOAT: 4, "DOUBLE": 8}
_UNCOMPRESSED, _ZSTD = 0, 6
_HEADER_BYTES = 16_384  # an honest header has fewer, also with the statistics of its page
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3  # kinds of pages
_PLAIN, _PLAIN_DICTIONARY, _RUNS, _INDEXES, _SPLIT = 0, 2, 3, 8, 9  # encodings
_MAX_DEPTH = 10  # of structs and lists
_Value: TypeAlias = "int | bytes | list[_Value] | dict[int, _Value]"
_Fields: TypeAlias = "dict[int, _Value]"


class ColumnChunk(Struct, frozen=True):
    """A column in a row group, as the footer states it; `name` is that of the whole column."""

    name: str
    kind: str  # of its values
    codec: int
    start: int
    stored_bytes: int
    values: int


class RowGroup(Struct, frozen=True):
    """Some rows of a file."""

    rows: int
    columns: tuple[ColumnChunk, ...]


# ------------------------------------------------------------------------- the footer


def row_groups(footer: bytes) -> tuple[RowGroup, ...]:
    """The row groups that a footer states. Raises ValueError for one that is not understood.

    pyarrow states them too, but a damaged footer makes that end the whole process.
    """
    fields, _ = _struct_at(footer, 0, 0)
    if not _bytes(fields, 6).startswith(WRITER.encode()):
        raise ValueError("another program has written it")
    leaves = list(_leaves([_fields(each) for each in _list(fields, 2)]))
    groups = []
    for group in map(_fields, _list(fields, 4)):
        columns = [_fields(each) for each in _list(group, 1)]
        if len(columns) != len(leaves):
            raise ValueError("a part of it has other columns")
        chunks = tuple(
            _chunk(name, kind, column) for (name, kind), column in zip(leaves, columns, strict=True)
        )
        groups.append(RowGroup(_number(group, 3), chunks))
    return tuple(groups)


def _leaves(schema: list[_Fields]) -> Iterator[tuple[str, int]]:
    """The columns that have values, in their order: the outermost name of each, and its type."""
    if not schema:
        raise ValueError("it has no columns")
    left = [_number(schema[0], 5)]  # of the children of each open group
    name = ""
    for element in schema[1:]:
        while left and not left[-1]:
            left.pop()
        if not left or len(left) > _MAX_DEPTH:
            raise ValueError("its columns are not understood")
        if len(left) == 1:
            name = _bytes(element, 4).decode()
        left[-1] -= 1
        if 5 in element and _number(element, 5):
            left.append(_number(element, 5))
        else:
            yield name, _number(element, 1)


def _chunk(name: str, kind: int, column: _Fields) -> ColumnChunk:
    if {1, 8, 9} & column.keys():  # in another file, or encrypted
        raise ValueError("a column is not in it")
    own = _fields(column.get(3))
    start = _number(own, 9)
    if 11 in own and 0 < _number(own, 11) < start:
        start = _number(own, 11)  # of the dictionary
    return ColumnChunk(
        name, _KINDS.get(kind, str(kind)), _number(own, 4), start, _number(own, 7), _number(own, 5)
    )


# ------------------------------------------------------------------------- pages


def unfolded_bytes(file: BinaryIO, column: ColumnChunk, limit_bytes: int) -> int:
    """At most how many bytes reading a column chunk takes.

    Raises ValueError for more than `limit_bytes`, and for a chunk that is not understood.
    """
    kind, codec, at = column.kind, column.codec, column.start
    if (kind not in _WIDTHS and kind != _BYTES) or codec not in (_UNCOMPRESSED, _ZSTD):
        raise ValueError("a column is not one that imgsearch writes")
    end = at + column.stored_bytes
    if end > file.seek(0, os.SEEK_END):
        raise ValueError("a column ends behind the end of the file")
    value_bytes = _FLOAT_BYTES if kind == FLOAT else _OBJECT_BYTES
    unfolded = values = 0
    longest: int | None = None  # of the values in the dictionary
    while at < end:
        file.seek(at)
        header, size_bytes = _struct_at(file.read(_HEADER_BYTES), 0, 0)
        page_bytes, stored_bytes = _number(header, 2), _number(header, 3)
        start, at = at + size_bytes, at + size_bytes + stored_bytes
        unfolded += page_bytes
        if at > end or unfolded > limit_bytes:
            raise ValueError("a column unfolds to more than it may")
        if _number(header, 1) == _DICTIONARY:
            if longest is not None:
                raise ValueError("a column has two dictionaries")
            count, encoding = _page(header, 7, 2)
            longest = _WIDTHS.get(kind)
            if longest is None:
                file.seek(start)
                content = _decompressed(file.read(stored_bytes), codec, page_bytes)
                longest = _longest(content, count)
            allowed: tuple[int, ...] = (_PLAIN, _PLAIN_DICTIONARY)
        else:
            is_second = _number(header, 1) == _DATA_V2
            if not is_second and _number(header, 1) != _DATA:
                raise ValueError("a page is of an unknown kind")
            count, encoding = _page(header, 8, 4) if is_second else _page(header, 5, 2)
            values += count
            allowed = (_PLAIN, _SPLIT, *((_RUNS,) if kind == "BOOLEAN" else ()))
            if longest is not None:
                allowed += (_PLAIN_DICTIONARY, _INDEXES)
                unfolded += count * longest
        if encoding not in allowed:
            raise ValueError(f"a page has the unknown encoding {encoding}")
        unfolded += count * value_bytes
        if unfolded > limit_bytes:
            raise ValueError("a column unfolds to more than it may")
    if at != end or values != column.values:
        raise ValueError("a column has other pages than it states")
    return unfolded


def _page(header: _Fields, field: int, encoding: int) -> tuple[int, int]:
    """The number of values of a page, and their encoding."""
    own = _fields(header.get(field))
    return _number(own, 1), _number(own, encoding)


def _decompressed(content: bytes, codec: int, size_bytes: int) -> bytes:
    import pyarrow as pa

    if codec == _UNCOMPRESSED:
        return content
    return bytes(pa.Codec("zstd").decompress(content, size_bytes, asbytes=True))


def _longest(content: bytes, count: int) -> int:
    """The length of the longest of the byte arrays in a page; each has its length before it."""
    at = longest = 0
    for _ in range(count):
        length = int.from_bytes(content[at : at + 4], "little")
        at += 4 + length
        if at > len(content):
            raise ValueError("a dictionary ends too early")
        longest = max(longest, length)
    return longest


# ------------------------------------------------------------------------- Thrift


def _number(fields: _Fields, field: int) -> int:
    value = fields.get(field)
    if not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise ValueError("a number is missing or impossible")
    return value


def _bytes(fields: _Fields, field: int) -> bytes:
    value = fields.get(field)
    if not isinstance(value, bytes):
        raise ValueError("a text is missing")
    return value


def _list(fields: _Fields, field: int) -> list[_Value]:
    value = fields.get(field)
    if not isinstance(value, list):
        raise ValueError("a list is missing")
    return value


def _fields(value: _Value | None) -> _Fields:
    if not isinstance(value, dict):
        raise ValueError("a part is missing")
    return value


def _struct_at(data: bytes, at: int, depth: int) -> tuple[_Fields, int]:
    """The fields of a struct in Thrift's compact protocol, and where it ends."""
    fields: _Fields = {}
    field = 0
    while True:
        head, at = _byte_at(data, at), at + 1
        if not head:
            return fields, at
        step, kind = head >> 4, head & 15
        if step:
            field += step
        else:
            field, at = _zigzag_at(data, at)
        if kind in (1, 2):  # a boolean is its kind
            value: _Value = int(kind == 1)
        else:
            value, at = _value_at(data, at, kind, depth)
        if field in fields:
            raise ValueError("a field occurs twice")
        fields[field] = value


def _value_at(data: bytes, at: int, kind: int, depth: int) -> tuple[_Value, int]:
    if depth > _MAX_DEPTH:
        raise ValueError("it nests too deeply")
    if kind in (1, 2, 3):  # in a list, a boolean is a byte
        return _byte_at(data, at), at + 1
    if kind in (4, 5, 6):
        return _zigzag_at(data, at)
    if kind == 7:
        return data[at : at + 8], at + 8
    if kind == 8:
        length, at = _varint_at(data, at)
        if at + length > len(data):
            raise ValueError("it is cut off")
        return data[at : at + length], at + length
    if kind == 9:
        head, at = _byte_at(data, at), at + 1
        count = head >> 4
        if count == 15:
            count, at = _varint_at(data, at)
        if count > len(data) - at:
            raise ValueError("it is cut off")
        values = []
        for _ in range(count):
            value, at = _value_at(data, at, head & 15, depth + 1)
            values.append(value)
        return values, at
    if kind == 12:
        return _struct_at(data, at, depth + 1)
    raise ValueError("it has parts of an unknown kind")


def _byte_at(data: bytes, at: int) -> int:
    if at >= len(data):
        raise ValueError("it is cut off")
    return data[at]


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        byte, at = _byte_at(data, at), at + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number is impossible")


def _zigzag_at(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint_at(data, at)
    return value >> 1 ^ -(value & 1), at
