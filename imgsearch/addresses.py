"""Addresses of archives and of objects, and the folder of this machine that belongs to an archive.

Nothing here needs the extra `scale`: a command that asks the running service starts fast.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Any, Self

from imgsearch.errors import UsageError
from imgsearch.paths import absolute
from imgsearch.text import SCHEME, is_utf8, path_text

TABLE_SUFFIX = ".lance"  # of the names of the tables in an archive
_S3 = "s3://"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_MAX_NAME_BYTES = 255  # NAME_MAX of the file systems of Linux and macOS
_FOLDER = "archives"  # in the data folder; in it one for each address
_REPLICAS = "replicas"  # in the folder of archives in the cache folder


def normal_address(address: str | Path) -> str:
    """Return a folder as an absolute path, and `s3://BUCKET/NAME` without a slash at its end.

    Raises UsageError for an empty address, one of another kind of storage, and a folder whose path
    Lance cannot have.
    """
    text = path_text(address)
    if text.lower().startswith(_S3):
        place = text[len(_S3) :].strip("/")
        if not place:
            raise UsageError(f"The address {text} names no bucket. Write {_S3}BUCKET/NAME.")
        return f"{_S3}{place}"
    scheme = _SCHEME.match(text)
    if not text or scheme:
        what = f"begins with {scheme[0]}" if scheme else "is empty"
        own = f" For a folder that is called so, write ./{text}." if scheme else ""
        raise UsageError(
            f"The address of the archive {what}. It is a folder, or {_S3}BUCKET/NAME.{own}"
        )
    folder = absolute(text)
    if not is_utf8(folder) or any(unicodedata.category(each) == "Cc" for each in folder):
        raise UsageError(
            f"The folder {folder!r} cannot be an archive: its path has a control character, or is "
            "not UTF-8. Choose another one."
        )
    # Lance would try again for seconds, and then tell of an unreadable storage.
    if any(len(name.encode()) > _MAX_NAME_BYTES for name in Path(folder).parts):
        raise UsageError(
            f"The folder {folder} cannot be an archive: a name in its path has more than "
            f"{_MAX_NAME_BYTES} bytes. Check the address."
        )
    return folder


def names_archive(place: str) -> bool:
    """Return whether a place is an archive: an address in object storage, or a folder with one."""
    return "://" in place or (Path(place).expanduser() / f"photos{TABLE_SUFFIX}").is_dir()


def is_folder(address: str) -> bool:
    """Return whether an address, as `normal_address` gives it, is a folder of this machine."""
    return not address.startswith(_S3)


def working_folder(data_dir: Path, address: str | Path) -> Path:
    """Return the folder for lists of photos put into an archive, and for a service's socket."""
    key = normal_address(address).encode("utf-8", "surrogateescape")
    return data_dir / _FOLDER / hashlib.blake2b(key, digest_size=8).hexdigest()


def replicas_folder(replica_dir: str, cache_dir: Path) -> Path:
    """Return the folder for the replicas of all archives: that of the setting, if there is one."""
    return Path(absolute(replica_dir)) if replica_dir else cache_dir / _FOLDER / _REPLICAS


class ObjectPath(type(Path())):  # type: ignore[misc]  # the class of paths of this system
    """The address of an object where a path is expected: it keeps its text.

    A `Path` would make "s3:/bucket/a/b" of "s3://bucket/a//b", which is the key of another object.
    """

    _address: str

    def __new__(cls, address: str) -> Self:
        path: Self = super().__new__(cls, address)
        path._address = address
        return path

    def __str__(self) -> str:
        return self._address

    def __fspath__(self) -> str:
        return self._address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectPath) and self._address == other._address

    def __hash__(self) -> int:
        return hash(self._address)

    def __reduce__(self) -> tuple[Any, ...]:
        return ObjectPath, (self._address,)

    @property
    def parent(self) -> Path:
        return as_path(self._address.rpartition("/")[0])

    @property
    def parents(self) -> tuple[Path, ...]:
        bucket = len(SCHEME.match(self._address)[0])  # type: ignore[index]
        ends = [at for at, each in enumerate(self._address) if each == "/" and at > bucket]
        return tuple(as_path(self._address[:end]) for end in reversed(ends))

    def with_segments(self, *segments: Any) -> Path:
        """Return a path made of this one by `Path`, from Python 3.12 on."""
        return as_path(path_text(Path(*segments)))


def as_path(text: str) -> Path:
    """Return the path of a file, or the address of an object as one: see `ObjectPath`."""
    return ObjectPath(text) if SCHEME.match(text) else Path(text)


def path_below(root: str, name: str) -> Path:
    """Return the path of a file or folder below a root, or its address below a bucket."""
    if SCHEME.match(root):
        return ObjectPath(f"{root}/{name}" if name else root)
    return Path(root, name)
