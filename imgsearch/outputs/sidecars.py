"""Writes the stars that photos were given here into XMP files beside them, on request only.

This is the only code that writes beside photos. The photos themselves are never opened for writing.
A file is replaced whole, by one that differs in the stars alone, and only if it still is what it
was when the changes were listed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from imgsearch.decode.formats import FORMATS_BY_SUFFIX
from imgsearch.decode.request import open_regular_file
from imgsearch.decode.sidecars import xmp_paths
from imgsearch.decode.xmp import MAX_PACKET_BYTES
from imgsearch.decode.xmp_rating import CannotEdit, new_packet, rating_in, with_rating
from imgsearch.errors import DiskError, PhotoError
from imgsearch.records.albums import SidecarChange

_PART = ".imgsearch.part"  # behind the name of a file that is not complete
_FULL = (errno.ENOSPC, errno.EDQUOT)


class RatedFile(Struct, frozen=True):
    """A file of a photo that has stars here, and the stars that its own files state, if known."""

    path: Path
    stars: int
    stated: int | None


class PlannedFile(Struct, frozen=True):
    """A change with the content that the file has before it, None without one, and after it."""

    change: SidecarChange
    before: bytes | None = None
    after: bytes = b""


def plan_sidecars(files: Iterable[RatedFile], adobe_names: bool = False) -> list[PlannedFile]:
    """The XMP files to write so that these files have their stars, sorted by path.

    An XMP file that is there is changed. A new one is called `IMG.JPG.xmp`, as darktable and
    digiKam call them, or with `adobe_names` `IMG.xmp`. Photos whose files state these stars already
    are left out. A file that cannot be changed has a change with a problem.
    """
    by_sidecar: dict[Path, list[RatedFile]] = defaultdict(list)
    for file in files:
        by_sidecar[_sidecar_of(file.path, adobe_names)].append(file)
    planned = (_plan(sidecar, photos) for sidecar, photos in sorted(by_sidecar.items()))
    return [each for each in planned if each is not None]


def write_sidecar(planned: PlannedFile) -> SidecarChange:
    """Write one of the planned files; the change has a problem where that was not done.

    Raises DiskError on a full disk, and nothing is changed then.
    """
    change = planned.change
    if change.problem is not None:
        return change
    sidecar = change.sidecar
    part = sidecar.with_name(f".{sidecar.name}{_PART}")
    try:
        with suppress(FileNotFoundError):
            part.unlink()  # of a process that was killed
        _write_part(part, planned.after, sidecar if planned.before is not None else None)
        if _content(sidecar) != planned.before:
            return _failed(change, "another program has changed it meanwhile; list it again")
        if planned.before is None:
            _take_free_name(part, sidecar)
        else:
            part.replace(sidecar)
    except FileExistsError:
        return _failed(change, "another program has made it meanwhile; list it again")
    except (OSError, PhotoError) as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise DiskError(
                f"The disk of {sidecar.parent} is full ({error.strerror}). Free some space and run "
                "the command again; each file is as it was or complete."
            ) from error
        return _failed(change, f"it cannot be written ({_reason(error)})")
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return change


def _sidecar_of(photo: Path, adobe_names: bool) -> Path:
    """The XMP file that counts for a photo, or the one to make."""
    paths = [Path(each) for each in xmp_paths(str(photo))]
    for path in paths:
        if os.path.lexists(path):
            return path
    full_name, _, stem, _ = paths
    return stem if adobe_names else full_name


def _plan(sidecar: Path, photos: list[RatedFile]) -> PlannedFile | None:
    """The change of one XMP file; None where nothing is to be changed."""
    first = photos[0]
    change = SidecarChange(sidecar, first.path, None, first.stars, True)
    try:
        before = _content(sidecar)
    except (OSError, PhotoError) as error:
        return PlannedFile(_failed(change, f"it cannot be read ({_reason(error)})"))
    written = None if before is None else rating_in(before)
    stated = first.stated if written is None else written
    if all((stated if written is not None else each.stated) == each.stars for each in photos):
        return None
    if first.stars == 0 and not stated and len(photos) == 1:
        return None  # without stars is what no stars mean
    change = SidecarChange(sidecar, first.path, stated, first.stars, before is None)
    if others := _others_with(sidecar, photos):
        names = ", ".join(sorted(others)[:3])
        return PlannedFile(_failed(change, f"it belongs to {names} as well, with other stars"))
    if before is None:
        return PlannedFile(change, None, new_packet(first.stars))
    try:
        return PlannedFile(change, before, with_rating(before, first.stars))
    except CannotEdit as error:
        return PlannedFile(_failed(change, str(error)))


def _others_with(sidecar: Path, photos: list[RatedFile]) -> set[str]:
    """The names of photos that a file such as `IMG.xmp` would give stars that they do not have."""
    known: Mapping[str, int] = {each.path.name: each.stars for each in photos}
    stars = photos[0].stars
    if any(sidecar.name.startswith(f"{name}.") for name in known):
        return set()  # it has the whole name of a photo
    siblings = {
        each.name
        for each in sidecar.parent.iterdir()
        if each.stem == sidecar.stem and each.suffix.lower() in FORMATS_BY_SUFFIX
    }
    # A photo with a file of its own is not read from this one.
    return {
        name
        for name in siblings
        if known.get(name) != stars
        and not any((sidecar.parent / f"{name}{end}").exists() for end in (".xmp", ".XMP"))
    }


def _content(sidecar: Path) -> bytes | None:
    """The bytes of a file; None without one. Raises OSError and PhotoError, also for a link."""
    if not os.path.lexists(sidecar):
        return None
    if sidecar.is_symlink():
        raise OSError(errno.ELOOP, "it is a link")
    with open_regular_file(sidecar) as file:
        return file.read(MAX_PACKET_BYTES + 1)


def _write_part(part: Path, content: bytes, like: Path | None) -> None:
    """Write a new file that is on the disk before it gets its name, with the rights of `like`."""
    mode = 0o644 if like is None else stat.S_IMODE(like.stat().st_mode)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(part, flags, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if like is not None:
        with suppress(OSError):
            part.chmod(mode)


def _take_free_name(part: Path, sidecar: Path) -> None:
    """Give a file its name unless there is one of that name. Raises FileExistsError."""
    try:
        os.link(part, sidecar)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(sidecar):
            raise FileExistsError(sidecar) from None
        part.rename(sidecar)


def _failed(change: SidecarChange, problem: str) -> SidecarChange:
    return SidecarChange(
        change.sidecar, change.photo, change.before, change.stars, change.is_new, problem
    )


def _reason(error: OSError | PhotoError) -> str:
    return str(error) if isinstance(error, PhotoError) else error.strerror or str(error)
