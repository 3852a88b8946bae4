"""Writes whole files beside photos, so that no edit of another program is lost, nor by a kill.

A new content is first a hidden file of its own in the same folder. An existing file and the new one
exchange their names in one step where the system can; what came out is compared with what was
expected, and given back where another program has edited it at the last moment.

A run that is killed leaves its hidden file. The name of that says for which file it was, and which
contents were exchanged, so `recover` knows without any other record what to do with it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imgsearch.exchanging import copy_attributes, exchange
from imgsearch.file_locks import CAN_LOCK_OPEN_FILES, lock_open_file
from imgsearch.private_files import ABANDONED_S
from imgsearch.replacing import rename_over

# Before the exchange it ends in .new, and is ours. From the exchange on it ends in .part, and may
# be an edit of another program. It has the same length for names of up to 255 bytes.
_NAME = re.compile(
    r"\.imgsearch-(?P<file>[0-9a-f]{16})-(?P<before>[0-9a-f]{16}|new)-(?P<after>[0-9a-f]{16})"
    r"\.(?P<state>new|part|part\.old)"
)
_NAME_OF_0_1 = re.compile(r"\..+\.xmp\.imgsearch\.part", re.IGNORECASE)  # always ours
_DIGITS = 16
_MOST_ROUNDS = 100


class EditedMeanwhile(Exception):
    """Another program has changed the file, or made it."""


class NotWritten(Exception):
    """The caller has found at the last moment that the file is not to be written; says why."""


def digest_of(content: bytes | None) -> bytes | None:
    """Return the sha256 of a content; None where there is no file."""
    return None if content is None else hashlib.sha256(content).digest()


def replace_beside(
    file: Path,
    content: bytes,
    before: bytes | None,
    still_wanted: Callable[[], str | None] = lambda: None,
    *,
    exchange: Callable[[Path, Path], bool] = exchange,
) -> None:
    """Give `file` this content, if it still has the one with the digest `before`, or is not there.

    `still_wanted` is asked just before: it returns why the file is not to be written any more, or
    None. Owner, rights and extended attributes of a file that is replaced are kept. Raises
    EditedMeanwhile, NotWritten and OSError; `file` is as it was then.
    """
    after = hashlib.sha256(content).digest()
    new = file.with_name(_name_of(file, before, after))
    with _locked(file.parent):
        try:
            for old in (new, file.with_name(f".{file.name}.imgsearch.part")):
                with suppress(OSError):  # of a process that was killed; a long name has none
                    old.unlink()
            _write(new, content, file if before is not None else None)
            if _digest_at(file) != before:
                raise EditedMeanwhile
            if (problem := still_wanted()) is not None:
                raise NotWritten(problem)
            if before is None:
                _take_free_name(new, file)
            else:
                _replace(new, file, before, after, exchange)
        finally:
            with suppress(OSError):
                new.unlink(missing_ok=True)


def _replace(
    new: Path,
    file: Path,
    before: bytes,
    after: bytes,
    exchange: Callable[[Path, Path], bool],
) -> None:
    """Put a finished file in the place of another one. Raises EditedMeanwhile and OSError.

    The file that comes out is deleted only if it has the content `before`.
    """
    part = new.with_suffix(".part")
    if _digest_at(part) not in (None, before, after):
        problem = "a killed run left an edit of another program beside it; run imgsearch doctor"
        raise FileExistsError(errno.EEXIST, problem, str(part))
    new.rename(part)
    try:
        is_exchanged = exchange(part, file)
        if not is_exchanged:
            if _digest_at(file) != before:
                raise EditedMeanwhile
            rename_over(part, file)
            return
    except (OSError, EditedMeanwhile) as error:  # `part` is what was written here
        with suppress(OSError):
            part.unlink()
        if isinstance(error, FileNotFoundError):
            raise EditedMeanwhile from error
        raise
    is_edited = _digest_at(part) != before
    if is_edited:
        _give_back(part, file, after, exchange)
    part.unlink(missing_ok=True)
    if is_edited:
        raise EditedMeanwhile


def is_left_name(name: str) -> bool:
    """Return whether a file of this name (no folders) is an unfinished one of this module."""
    return name.startswith(".") and (
        _NAME.fullmatch(name) is not None or _NAME_OF_0_1.fullmatch(name) is not None
    )


def recover(left: Path) -> bool:
    """Remove what a killed run left; returns whether it is gone.

    An edit of another program that had come out of an exchange gets its name back. A file that a
    process still writes stays, and so does an edit whose name has another content by now. Raises
    nothing.
    """
    with suppress(OSError), _locked(left.parent, wait=False) as is_locked:
        status = left.lstat()
        is_old = max(status.st_mtime, status.st_ctime) < time.time() - ABANDONED_S
        if not stat.S_ISREG(status.st_mode) or not (is_locked or is_old):
            return False
        named = _NAME.fullmatch(left.name)
        if named is None or named["state"] == "new":
            left.unlink()
            return True
        digest = _short(_digest_at(left))
        file = _file_of(left.parent, named["file"])
        if digest != named["after"] and (digest != named["before"] or file is None):
            if file is None or _short(_digest_at(file)) != named["after"]:
                return False
            rename_over(left, file)  # over what was written here
            return True
        left.unlink()
        return True
    return False


def _name_of(file: Path, before: bytes | None, after: bytes) -> str:
    name = _short(_digest_of_name(file.name))
    return f".imgsearch-{name}-{_short(before)}-{_short(after)}.new"


def _digest_of_name(name: str) -> bytes:
    return hashlib.sha256(os.fsencode(name)).digest()


def _short(digest: bytes | None) -> str:
    return "new" if digest is None else digest.hex()[:_DIGITS]


def _file_of(folder: Path, name_digest: str) -> Path | None:
    """Return the file in a folder with this digest of its name."""
    for each in folder.iterdir():
        if _short(_digest_of_name(each.name)) == name_digest:
            return each
    return None


def _digest_at(path: Path) -> bytes | None:
    """Return the digest of a file's content; None where there is none. Raises OSError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except FileNotFoundError:
        return None


def _give_back(part: Path, file: Path, ours: bytes, exchange: Callable[[Path, Path], bool]) -> None:
    """Give an edit that came out of an exchange its name back; the newest edit gets it in the end.

    What comes out in turn has to be ours. Else another program has edited the file once more.
    """
    expected: bytes | None = ours
    for _ in range(_MOST_ROUNDS):
        given = _digest_at(part)
        try:
            exchange(part, file)
        except FileNotFoundError:  # somebody has deleted what was written here
            part.rename(file)
            return
        if _digest_at(part) == expected:
            return
        expected = given


def _write(new: Path, content: bytes, like: Path | None) -> None:
    """Write a new file that is on the disk before it gets its name, with the rights of `like`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(new, flags, 0o644 if like is None else 0o600), "wb") as file:
        file.write(content)
        file.flush()
        if like is not None:
            copy_attributes(like, new)
        os.fsync(file.fileno())


def _take_free_name(new: Path, file: Path) -> None:
    """Give a file its name unless there is one of that name. Raises EditedMeanwhile."""
    try:
        os.link(new, file)
    except FileExistsError:
        raise EditedMeanwhile from None
    except OSError:  # a file system without hard links
        if os.path.lexists(file):
            raise EditedMeanwhile from None
        new.rename(file)


@contextmanager
def _locked(folder: Path, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a folder; yields whether it is held, as not all disks and systems can.

    So nobody takes a file for left behind that is still being written. Raises BlockingIOError
    without `wait` where another process has the lock.
    """
    if not CAN_LOCK_OPEN_FILES or sys.platform == "win32":
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            lock_open_file(descriptor, wait=wait)
            is_locked = True
        except BlockingIOError:
            raise
        except OSError:
            is_locked = False
        yield is_locked
    finally:
        os.close(descriptor)
