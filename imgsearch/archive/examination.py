"""Examines an archive: its tables, its indexes and a sample of its vectors. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from imgsearch.archive.lance.contents import ArchiveContents
from imgsearch.errors import ImgsearchError, StoreError
from imgsearch.records.status import Finding
from imgsearch.text import format_count, shell_word
from imgsearch.version import VERSION

_SAMPLE = 2_000  # vectors; each is a request to object storage
_MOST_UNINDEXED = 20_000  # vectors that a search compares one by one


def examine(address: str) -> Iterator[Finding]:
    """Yield all findings about the archive at an address, area by area."""
    yield Finding("versions", "ok", f"imgsearch {VERSION}, Lance {version('pylance')}.")
    try:
        contents = ArchiveContents(address)
        for name, rows in contents.rows_of_tables().items():
            yield Finding("tables", "ok", f"{name}: {format_count(rows, 'row')}.")
        settle = f"Settle it: imgsearch settle --library {shell_word(address)}"
        yield from _index(contents, settle)
        yield _changes(contents, settle)
        yield _vectors(contents)
    except ImgsearchError as error:
        yield Finding("tables", "error", str(error), exit_code=error.exit_code)


def _index(contents: ArchiveContents, settle: str) -> Iterator[Finding]:
    others = contents.unindexed_vectors()
    settings = contents.search_settings()
    if others > _MOST_UNINDEXED:
        message = f"{format_count(others, 'vector')} are in no index: searches compare each."
        yield Finding("index", "warning", message, settle, repairable=True, exit_code=1)
    elif contents.indexed_vectors() and settings is None:
        message = "The index is not calibrated: searches look at all of it."
        yield Finding("index", "warning", message, settle, repairable=True, exit_code=1)
    else:
        yield Finding("index", "ok", f"{format_count(others, 'vector')} are in no index.")


def _changes(contents: ArchiveContents, settle: str) -> Finding:
    pending = contents.pending_changes()
    if not pending:
        return Finding("changes", "ok", "No change was interrupted.")
    message = f"{format_count(pending, 'change')} are in progress, or were interrupted."
    return Finding("changes", "note", message, settle, repairable=True)


def _vectors(contents: ArchiveContents) -> Finding:
    checked, damaged = contents.check_vectors(_SAMPLE)
    if not damaged:
        return Finding("vectors", "ok", f"{format_count(checked, 'vector')} have their checksums.")
    number = len(damaged)
    return Finding(
        "vectors",
        "error",
        f"{number} of {format_count(checked, 'vector')} do not have their checksums, such as that "
        f"of photo:{damaged[0]}: the files of the table of photos were damaged.",
        "Restore them from a backup of the storage; or index the photos into a new archive.",
        exit_code=StoreError.exit_code,
    )
