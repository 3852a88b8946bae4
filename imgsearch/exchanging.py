"""Exchanges the names of two files, and copies what belongs to a file beside its content.

A file that is replaced by renaming is gone, whatever somebody has just written into it. After an
exchange it can be looked at, and given its name back.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

if sys.platform == "win32":
    from ctypes import wintypes

    from imgsearch.replacing import rename_over

# Not known to the kernel or the C library, or not possible on this file system.
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
_HERE = -100  # AT_FDCWD of linux/fcntl.h: relative to the current folder
_EXCHANGE = 2  # RENAME_EXCHANGE of linux/fs.h, and RENAME_SWAP of sys/stdio.h of macOS
_COPY_ACL_AND_XATTR = (1 << 0) | (1 << 2)  # COPYFILE_ACL | COPYFILE_XATTR of copyfile.h of macOS


def exchange(one: Path, other: Path) -> bool:
    """Give two files of one folder the names of each other, in one step.

    Returns False where the system or the file system cannot, and nothing has changed then. By
    renameat2 on Linux, renamex_np on macOS, and ReplaceFile on Windows: there, in two steps. The
    first puts `one` in the place of `other`, which is called `one` + ".old" until the second.
    Raises OSError.
    """
    if sys.platform == "win32":
        return _replace_on_windows(one, other)
    function = _exchanging()
    if function is None:
        return False
    if function(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))


@cache
def _exchanging() -> Callable[[bytes, bytes], int] | None:
    """Return the function of the C library that exchanges two names; None where it has none."""
    library = _c_library()
    if sys.platform == "darwin":
        swap = getattr(library, "renamex_np", None)
        return None if swap is None else lambda one, other: int(swap(one, other, _EXCHANGE))
    rename = getattr(library, "renameat2", None)
    if rename is None:
        return None
    return lambda one, other: int(rename(_HERE, one, _HERE, other, _EXCHANGE))


@cache
def _c_library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


if sys.platform == "win32":

    def _replace_on_windows(one: Path, other: Path) -> bool:
        replace_file = ctypes.WinDLL("kernel32", use_last_error=True).ReplaceFileW
        replace_file.argtypes = [wintypes.LPCWSTR] * 3 + [wintypes.DWORD] + [wintypes.LPVOID] * 2
        replace_file.restype = wintypes.BOOL
        old = one.with_name(one.name + ".old")
        if not replace_file(str(other), str(one), str(old), 0, None, None):
            error = ctypes.WinError(ctypes.get_last_error())
            if old.exists() and not other.exists():  # it failed between two renamings
                rename_over(old, other)
            raise error
        rename_over(old, one)
        return True


def copy_attributes(source: Path, target: Path) -> None:
    """Give a file the owner, rights and extended attributes of another one. Raises OSError.

    On Windows, `exchange` keeps them.
    """
    if sys.platform == "win32":
        return
    status, own = source.stat(), target.stat()
    if (status.st_uid, status.st_gid) != (own.st_uid, own.st_gid):
        try:
            os.chown(target, status.st_uid, status.st_gid)
        except PermissionError as error:
            raise PermissionError(
                error.errno, "it belongs to another user or group, which cannot be kept"
            ) from error
    if sys.platform == "darwin":
        names = os.fsencode(source), os.fsencode(target)
        if _c_library().copyfile(*names, None, _COPY_ACL_AND_XATTR) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(source))
    else:
        for name in _attributes_of(source):
            try:
                os.setxattr(target, name, os.getxattr(source, name))
            except OSError:
                if not name.startswith("security."):  # which the system gives by its own rules
                    raise
    with suppress(PermissionError):  # of a drive that knows no rights
        target.chmod(stat.S_IMODE(status.st_mode))


def _attributes_of(path: Path) -> list[str]:
    """Return the names of the extended attributes of a file; none on a disk without them."""
    if sys.platform == "linux":
        try:
            return os.listxattr(path)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
    return []
