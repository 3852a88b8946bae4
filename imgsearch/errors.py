"""Every error that imgsearch raises on purpose, with the exit code of the command.

    ImgsearchError                3   anything below, or a failure without a class of its own
    ├── UsageError                2   the request is invalid
    │   ├── SettingsError         2   a setting has an invalid value
    │   └── QueryError            2   a query is empty or invalid, or its image cannot be read
    ├── FolderError               4   a photo folder is missing, unreadable or not a folder
    │   └── PhotosNotFound        4   no folder is known that has the photos of a pack
    ├── PhotoError                5   one photo cannot be read; carries a reason code
    ├── EncoderError              6   a model cannot be loaded or does not fit the library
    │   ├── EncoderUnavailable    6   its weights are not on this machine and cannot be downloaded
    │   └── EncoderMismatch       6   the library was made with another encoder
    ├── SnapshotError             7   an index file is missing, truncated or damaged
    ├── StoreError                8   the database is damaged, foreign, or cannot be opened
    │   ├── DamagedThumbnails     8   the file of kept thumbnails is damaged
    │   ├── SchemaTooNew          8   it was written by a newer imgsearch
    │   └── SchemaTooOld          8   it was made by an imgsearch from before the first release
    ├── LibraryLocked             9   another process is writing to this library
    │   └── PackLocked            9   another process is writing this pack
    ├── DiskError                10   the disk is full or the data folder cannot be used
    ├── MissingPackage           11   a required package is not installed
    ├── PackError                12   a pack is cut off, damaged, or not a pack
    │   └── PackTooNew           12   it was made by a newer imgsearch
    ├── ObjectStorageError       13   object storage refuses, or cannot be reached
    │   └── StorageUnreachable   13   it cannot be reached now, or fails by itself
    └── FleetError               14   the Ray cluster cannot be reached, or went away

Every message says what happened and then what to do about it. Where that is a command, the message
is a `Sentence`, which has the command as data as well. The library raises errors; only the command
line prints them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Self


class CommandLine(NamedTuple):
    """A command of imgsearch in a sentence: what to type behind "imgsearch"."""

    arguments: str  # with the quotes of a shell, or a word such as FOLDER for what is to be named

    @property
    def line(self) -> str:
        """The command as it is typed."""
        return f"imgsearch {self.arguments}"


class Sentence(str):
    """A text for people that knows the commands in it.

    `Sentence("To undo this: ", CommandLine("undo"))` has two parts. Parts are texts, commands,
    errors and other sentences, which have commands of their own.
    """

    commands: tuple[CommandLine, ...]

    def __new__(cls, *parts: str | CommandLine | ImgsearchError) -> Self:
        text = "".join(part.line if isinstance(part, CommandLine) else str(part) for part in parts)
        made = super().__new__(cls, text)
        made.commands = tuple(each for part in parts for each in _commands_of(part))
        return made

    @classmethod
    def with_lines(cls, text: str, lines: tuple[str, ...]) -> Self:
        """Return a text that came as JSON, with those of these command lines that are in it."""
        made = super().__new__(cls, text)
        lines = tuple(line for line in lines if line in text)
        made.commands = tuple(CommandLine(line.removeprefix("imgsearch ")) for line in lines)
        return made

    @property
    def lines(self) -> tuple[str, ...]:
        """The commands as they are typed."""
        return tuple(each.line for each in self.commands)


def _commands_of(part: str | CommandLine | ImgsearchError) -> tuple[CommandLine, ...]:
    if isinstance(part, CommandLine):
        return (part,)
    sentence = part.sentence if isinstance(part, ImgsearchError) else part
    return sentence.commands if isinstance(sentence, Sentence) else ()


class ImgsearchError(Exception):
    """Any failure that imgsearch expects. Its message says what to do about it."""

    exit_code = 3

    @property
    def sentence(self) -> Sentence:
        """The message, with the commands in it."""
        return Sentence(*self.args[:1])


class UsageError(ImgsearchError):
    """The request is invalid."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting has an invalid value."""


class QueryError(UsageError):
    """A query is empty or invalid, or its example image cannot be read.

    If one character of the query is at fault, `line` is the query as typed and `at` the index of
    the character. `suggestion` is the line that may have been meant, None if none is likely.
    """

    def __init__(
        self, message: str, line: str | None = None, at: int = 0, suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.line = line
        self.at = at
        self.suggestion = suggestion


class FolderError(ImgsearchError):
    """A photo folder is missing, unreadable or not a folder."""

    exit_code = 4


class PhotosNotFound(FolderError):
    """No folder is known that has the photos of a pack."""


class Reason(StrEnum):
    """Why a photo could not be indexed: the codes that `imgsearch status` counts."""

    EMPTY = "empty"  # the file has no bytes
    NOT_AN_IMAGE = "not-an-image"  # its content is not an image, whatever its name says
    UNSUPPORTED = "unsupported"  # an image in a format that no installed decoder reads
    TRUNCATED = "truncated"  # the file ends before the image is complete
    DAMAGED = "damaged"  # the decoder found invalid data
    TOO_LARGE = "too-large"  # more pixels than the setting max_megapixels allows
    UNREADABLE = "unreadable"  # no permission, or an input/output error
    CHANGED = "changed"  # the file changed while it was read
    CRASHED = "crashed"  # the decoder process crashed
    TIMED_OUT = "timed-out"  # the decoder took too long

    @property
    def words(self) -> str:
        """The reason as people read it: "not an image"."""
        return self.value.replace("-", " ")


class PhotoError(ImgsearchError):
    """One photo cannot be read, for `reason`.

    `extra` is the extra of imgsearch-photos that can read it, if only that is missing.
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
    """The weights of an encoder are not on this machine and cannot be downloaded."""


class EncoderMismatch(EncoderError):
    """The library was made with another encoder than the requested one."""


class SnapshotError(ImgsearchError):
    """An index file is missing, truncated or damaged."""

    exit_code = 7


class StoreError(ImgsearchError):
    """The library's database is damaged, foreign, or cannot be opened."""

    exit_code = 8


class DamagedThumbnails(StoreError):
    """The file of kept thumbnails is damaged. What is intact in it can be saved."""


class SchemaTooNew(StoreError):
    """The library was written by a newer imgsearch than this one."""


class SchemaTooOld(StoreError):
    """The library was made by an imgsearch from before the first release."""


class LibraryLocked(ImgsearchError):
    """Another process is writing to this library."""

    exit_code = 9


class PackLocked(LibraryLocked):
    """Another process is writing this pack."""


class DiskError(ImgsearchError):
    """The disk is full, or the data folder cannot be read or written."""

    exit_code = 10


class MissingPackage(ImgsearchError):
    """A required package is not installed."""

    exit_code = 11


class PackError(ImgsearchError):
    """A pack is cut off, damaged, or not a pack."""

    exit_code = 12


class PackTooNew(PackError):
    """The pack was made by a newer imgsearch than this one."""


class ObjectStorageError(ImgsearchError):
    """Object storage refuses what was asked of it, or cannot be reached."""

    exit_code = 13


class StorageUnreachable(ObjectStorageError):
    """Object storage cannot be reached now, or fails by itself: later it may answer."""


class FleetError(ImgsearchError):
    """The Ray cluster cannot be reached, does not fit, or went away."""

    exit_code = 14
