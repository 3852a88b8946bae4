"""Plans and writes XMP files beside photos, on request only.

This is the only code that writes beside photos. The photos themselves are never opened for writing.
A file is replaced whole, and only if it still is what it was when the changes were listed. Nothing
is written beside a photo that has changed since it was indexed: `open_unchanged` decides, as where
originals are opened. Callers decide what a file gets: see `stars`.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, Protocol, Self, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.decode.formats import FORMATS_BY_SUFFIX
from imgsearch.decode.original import open_unchanged
from imgsearch.decode.request import open_regular_file
from imgsearch.decode.sidecars import is_other_picture, xmp_paths
from imgsearch.decode.xmp import MAX_PACKET_BYTES
from imgsearch.errors import DiskError, PhotoError
from imgsearch.progress import Progress
from imgsearch.records.photo import IndexedFile, Photo
from imgsearch.written_beside import EditedMeanwhile, NotWritten, digest_of, replace_beside

_FULL = (errno.ENOSPC, errno.EDQUOT)


class FileOfPhoto(Protocol):
    """A file of a photo, with what an XMP file beside it is to state."""

    @property
    def photo(self) -> Photo: ...

    @property
    def file(self) -> IndexedFile: ...


class FileChange(Protocol):
    """A change of an XMP file; `is_new` says that there is none yet.

    With a `problem`, a clause that says why, the file is left as it is.
    """

    @property
    def sidecar(self) -> Path: ...

    @property
    def is_new(self) -> bool: ...

    @property
    def problem(self) -> str | None: ...

    def with_problem(self, problem: str) -> Self:
        """Return the change with a problem."""


Change = TypeVar("Change", bound=FileChange)
_File = TypeVar("_File", bound=FileOfPhoto)


class PlannedFile(Struct, Generic[Change], frozen=True):
    """A change with the file before it, as a sha256 or None without one, and its new content.

    There may be a file for each photo of a library, so the content is compressed. `photos` are
    those that the change is about, each with its file.
    """

    change: Change
    before: bytes | None = None
    packed: bytes = b""
    photos: tuple[tuple[Photo, IndexedFile], ...] = ()

    @classmethod
    def of(cls, change: Change, before: bytes | None, after: bytes) -> PlannedFile[Change]:
        """Plan a change of a file with this content."""
        return cls(change, digest_of(before), zlib.compress(after, 1))


Planning: TypeAlias = Generator[Progress, None, list[PlannedFile[Change]]]


def plan_each(
    files: Iterable[_File],
    adobe_names: bool,
    plan: Callable[[Path, list[_File]], PlannedFile[Change] | None],
) -> Planning[Change]:
    """List the XMP files to write, sorted by path; a Progress for each file.

    An XMP file that is there is changed. A new one is called `IMG.JPG.xmp`, as darktable and
    digiKam call them, or with `adobe_names` `IMG.xmp`. `plan` is called with each file and its
    photos, and returns None where nothing is to be changed. A file that cannot be changed has a
    change with a problem, as has the file of a photo that is gone or has changed since it was
    indexed.
    """
    by_sidecar: dict[Path, list[_File]] = defaultdict(list)
    for file in files:
        by_sidecar[_sidecar_of(file.file.path, adobe_names)].append(file)
    planned = []
    for done, sidecar in enumerate(sorted(by_sidecar), 1):
        one = plan(sidecar, by_sidecar[sidecar])
        if one is not None:
            photos = tuple((each.photo, each.file) for each in by_sidecar[sidecar])
            problem = _problem_with(photos) or _other_owner(sidecar, photos)
            planned.append(
                replace(one, photos=photos)
                if problem is None
                else PlannedFile(one.change.with_problem(problem))
            )
        yield Progress(done, len(by_sidecar), sidecar)
    return planned


def write_sidecars(
    planned: Sequence[PlannedFile[Change]],
) -> Generator[Progress, None, list[Change]]:
    """Write planned files, one after the other; returns the change of each, with its problem.

    Raises DiskError on a full disk, and the files before are written then.
    """
    changes = []
    for done, one in enumerate(planned, 1):
        changes.append(write_sidecar(one))
        yield Progress(done, len(planned), one.change.sidecar)
    return changes


def write_sidecar(planned: PlannedFile[Change]) -> Change:
    """Write one of the planned files; the change has a problem where that was not done.

    Raises DiskError on a full disk, and nothing is changed then.
    """
    change = planned.change
    if change.problem is not None:
        return change
    sidecar = change.sidecar
    try:
        if sidecar.is_symlink():
            return change.with_problem(
                "another program has made it a link meanwhile; list it again"
            )
        replace_beside(
            sidecar,
            zlib.decompress(planned.packed),
            planned.before,
            lambda: _problem_with(planned.photos),
        )
    except EditedMeanwhile:
        done = "made" if planned.before is None else "changed"
        return change.with_problem(f"another program has {done} it meanwhile; list it again")
    except NotWritten as error:
        return change.with_problem(str(error))
    except OSError as error:
        if error.errno in _FULL:
            raise DiskError(
                f"The disk of {sidecar.parent} is full ({error.strerror}). Free some space and run "
                "the command again; each file is as it was or complete."
            ) from error
        return change.with_problem(f"it cannot be written ({_reason(error)})")
    return change


def _problem_with(photos: Iterable[tuple[Photo, IndexedFile]]) -> str | None:
    """Return why nothing may be written beside these photos; None where all are as indexed."""
    for photo, indexed in photos:
        file = open_unchanged(photo, indexed)
        if file is not None:
            file.close()
        elif not os.path.lexists(indexed.path):
            return "the photo is gone; run imgsearch index first"
        else:
            return "the photo has changed; run imgsearch index first"
    return None


def _other_owner(sidecar: Path, photos: Iterable[tuple[Photo, IndexedFile]]) -> str | None:
    """Return why a file such as `IMG.xmp` may be that of a picture which is not indexed."""
    names = [indexed.path.name for _, indexed in photos]
    if any(sidecar.name.startswith(f"{name}.") for name in names):
        return None  # it has the whole name of a photo
    for each in sorted(sidecar.parent.iterdir()):
        if each.stem == sidecar.stem and is_other_picture(each.name):
            cure = (
                f"rename it {names[0]}.xmp if it is that of {names[0]}"
                if os.path.lexists(sidecar)
                else "leave out --adobe-names"
            )
            return f"it may be that of {each.name}, which imgsearch does not read; {cure}"
    return None


def _sidecar_of(photo: Path, adobe_names: bool) -> Path:
    """Return the XMP file that counts for a photo, or the one to make."""
    paths = [Path(each) for each in xmp_paths(str(photo))]
    for path in paths:
        if os.path.lexists(path):
            return path
    full_name, _, stem, _ = paths
    return stem if adobe_names else full_name


def others_with(sidecar: Path, known: Mapping[str, object]) -> set[str]:
    """Return the names of photos for which a file such as `IMG.xmp` would state what is not so.

    `known` is what is to be stated, by the names of the photos.
    """
    wanted = next(iter(known.values()))
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
        if known.get(name) != wanted
        and not any((sidecar.parent / f"{name}{end}").exists() for end in (".xmp", ".XMP"))
    }


def content_of(sidecar: Path) -> bytes | None:
    """Return the bytes of a file.

    None without one. Raises OSError and PhotoError, also for a link.
    """
    if not os.path.lexists(sidecar):
        return None
    if sidecar.is_symlink():
        raise OSError(errno.ELOOP, "it is a link")
    with open_regular_file(sidecar) as file:
        return file.read(MAX_PACKET_BYTES + 1)


def unreadable(change: Change, error: OSError | PhotoError) -> PlannedFile[Change]:
    """Return the change of a file that cannot be read, with this problem."""
    return PlannedFile(change.with_problem(f"it cannot be read ({_reason(error)})"))


def _reason(error: OSError | PhotoError) -> str:
    return str(error) if isinstance(error, PhotoError) else error.strerror or str(error)
