"""Addresses of archives, and the folder on this machine that belongs to one.

Nothing here needs the extra `scale`: a command that asks the running service starts fast.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

from imgsearch.errors import UsageError
from imgsearch.paths import absolute
from imgsearch.text import is_utf8, path_text

TABLE_SUFFIX = ".lance"  # of the names of the tables in an archive
_S3 = "s3://"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_MAX_NAME_BYTES = 255  # NAME_MAX of the file systems of Linux and macOS
_FOLDER = "archives"  # in the data folder; in it one for each address


def normal_address(address: str | Path) -> str:
    """A folder as an absolute path, and `s3://BUCKET/NAME` without a slash at its end.

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
    """Whether a place is an archive: an address in object storage, or a folder that has one."""
    return "://" in place or (Path(place).expanduser() / f"photos{TABLE_SUFFIX}").is_dir()


def is_folder(address: str) -> bool:
    """Whether an address, as `normal_address` gives it, is a folder of this machine."""
    return not address.startswith(_S3)


def working_folder(data_dir: Path, address: str | Path) -> Path:
    """The folder for lists of photos that were put into an archive, and for a service's socket."""
    key = normal_address(address).encode("utf-8", "surrogateescape")
    return data_dir / _FOLDER / hashlib.blake2b(key, digest_size=8).hexdigest()
