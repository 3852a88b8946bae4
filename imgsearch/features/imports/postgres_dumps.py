"""Reads tables from a dump of PostgreSQL in text, as `pg_dump` writes it, plain or with gzip.

The rows of a table follow a line `COPY public.name (column, column) FROM stdin;`, one a line with
tabs between the values, until a line with only a backslash and a full stop. Values have escapes of
a backslash, and `\\N` is none: https://www.postgresql.org/docs/current/sql-copy.html
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from imgsearch.features.imports.records import SourceError

Row: TypeAlias = Mapping[str, str | None]

_GZIP = b"\x1f\x8b"
_START = b"--\n-- PostgreSQL database"
_COPY = re.compile(rb'COPY (?:public\.)?"?(\w+)"? \((.+)\) FROM stdin;\r?\n')
_END = b"\\."
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)")
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# A dump of a million photos, with the vectors that Immich keeps, is a tenth of it.
MOST_BYTES = 100_000_000_000
MOST_LINE_BYTES = 64_000_000


def is_dump(file: Path) -> bool:
    """Return whether a file begins as such a dump. Raises OSError."""
    if not file.is_file():
        return False
    try:
        with _opened(file) as stream:
            return stream.read(len(_START)) == _START
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False


def rows(file: Path, tables: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, Row]]:
    """Yield the rows of some tables, each with its table, in the order of the dump.

    `tables` has the columns to read of each table; those that the dump lacks are left out. Raises
    SourceError for a dump that is cut off, damaged or too large.
    """
    try:
        with _opened(file) as stream:
            yield from _rows(file, stream, tables)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(
            f"{file} is cut off or damaged ({error}). Nothing was changed. Copy it again, or take "
            "an earlier one."
        ) from error


def _opened(file: Path) -> BinaryIO:
    stream = file.open("rb")
    if stream.read(len(_GZIP)) == _GZIP:
        stream.close()
        return cast("BinaryIO", gzip.open(file, "rb"))
    stream.seek(0)
    return stream


def _rows(
    file: Path, stream: BinaryIO, tables: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, Row]]:
    table = ""
    wanted: list[tuple[int, str]] = []
    is_in_copy = False
    read_bytes = 0
    while line := stream.readline(MOST_LINE_BYTES):
        read_bytes += len(line)
        if len(line) == MOST_LINE_BYTES or read_bytes > MOST_BYTES:
            raise SourceError(
                f"{file} has more than a dump of photos has. Nothing was changed. Choose the dump "
                "of the database alone."
            )
        if is_in_copy:
            if line.rstrip(b"\r\n") == _END:
                is_in_copy = False
            elif wanted:
                values = line.rstrip(b"\r\n").decode(errors="replace").split("\t")
                if len(values) <= wanted[-1][0]:
                    raise SourceError(
                        f"A row of {table} in {file} has too few values. Nothing was changed. Copy "
                        "the dump again."
                    )
                yield table, {name: _value(values[place]) for place, name in wanted}
            continue
        copy = _COPY.match(line)
        if copy is not None:
            is_in_copy = True
            table = copy[1].decode()
            columns = (each.strip().strip('"') for each in copy[2].decode().split(","))
            named = tables.get(table, frozenset())
            wanted = [(place, name) for place, name in enumerate(columns) if name in named]
    if is_in_copy:
        raise EOFError(f"the table {table} has no end")


def _value(text: str) -> str | None:
    if "\\" not in text:
        return text
    return None if text == r"\N" else _ESCAPE.sub(_unescaped, text)


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _LETTERS.get(code, code)
