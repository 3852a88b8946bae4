"""Every error imgsearch raises on purpose, and the exit code each one gives the command.

    ImgsearchError                3   anything below, or a failure with no class of its own
    ├── UsageError                2   what was asked cannot be done as asked
    │   ├── SettingsError         2   a setting has a value that makes no sense
    │   └── QueryError            2   a query is empty, malformed, or its image cannot be read
    ├── FolderError               4   a photo folder is missing, unreadable or not a folder
    ├── PhotoError                5   one photo cannot be read; carries a reason code
    ├── EncoderError              6   a model cannot be loaded or does not fit the library
    │   ├── EncoderUnavailable    6   its weights are not here and cannot be fetched
    │   └── EncoderMismatch       6   the library was made with another encoder
    ├── SnapshotError             7   an index file is missing, truncated or damaged
    ├── StoreError                8   the database is damaged, foreign, or cannot be opened
    │   └── SchemaTooNew          8   it was written by a newer imgsearch
    ├── LibraryLocked             9   another process is writing to this library
    ├── DiskError                10   the disk is full or the data folder is read-only
    └── MissingPackage           11   a package that this step needs is not installed

Every message says what happened and then what to do about it. The library raises; only the
command line prints.
"""

from __future__ import annotations

from enum import StrEnum


class ImgsearchError(Exception):
    """Any failure imgsearch foresees; its message carries the cure."""

    exit_code = 3


class UsageError(ImgsearchError):
    """What was asked for cannot be done as asked."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting has a value that makes no sense."""


class QueryError(UsageError):
    """A query is empty or malformed, or its example image cannot be read.

    Where one character of the query is at fault, `line` is what was typed and `at` its index.
    """

    def __init__(self, message: str, line: str | None = None, at: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.at = at


class FolderError(ImgsearchError):
    """A photo folder is missing, unreadable or not a folder."""

    exit_code = 4


class Reason(StrEnum):
    """Why a photo could not be indexed: the codes `status` counts and shows."""

    EMPTY = "empty"  # the file has no bytes
    NOT_AN_IMAGE = "not-an-image"  # its content is no image, whatever its name says
    UNSUPPORTED = "unsupported"  # an image, in a form that no installed decoder reads
    TRUNCATED = "truncated"  # the image ends before its data does
    DAMAGED = "damaged"  # the decoder found data that cannot be right
    TOO_LARGE = "too-large"  # more pixels than the setting max_megapixels allows
    UNREADABLE = "unreadable"  # permission, input/output error
    CHANGED = "changed"  # the file changed while it was read
    CRASHED = "crashed"  # the decoder's process died
    TIMED_OUT = "timed-out"  # the decoder took too long


class PhotoError(ImgsearchError):
    """One photo cannot be read. `reason` says which kind of failure it is.

    `extra` is the extra of imgsearch-photos that would read it, where only that is missing.
    """

    exit_code = 5

    def __init__(self, reason: Reason, message: str, extra: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.extra = extra


class EncoderError(ImgsearchError):
    """A model cannot be loaded or does not fit the library."""

    exit_code = 6


class EncoderUnavailable(EncoderError):
    """The weights of an encoder are not on this machine and cannot be fetched."""


class EncoderMismatch(EncoderError):
    """The library was made with another encoder than the one asked for."""


class SnapshotError(ImgsearchError):
    """An index file is missing, truncated or damaged."""

    exit_code = 7


class StoreError(ImgsearchError):
    """The library's database is damaged, foreign, or cannot be opened."""

    exit_code = 8


class SchemaTooNew(StoreError):
    """The library was written by a newer imgsearch than this one."""


class LibraryLocked(ImgsearchError):
    """Another process is writing to this library."""

    exit_code = 9


class DiskError(ImgsearchError):
    """The disk is full, or the data folder cannot be written."""

    exit_code = 10


class MissingPackage(ImgsearchError):
    """A package that this step needs is not installed."""

    exit_code = 11
