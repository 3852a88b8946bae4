"""Writes stars, names of faces, dates and places into XMP files beside photos, on request only.

This is the only code that writes beside photos. The photos themselves are never opened for writing.
A file is replaced whole, by one that differs in these facts alone, and only if it still is
what it was when the changes were listed. Nothing is written beside a photo that has changed since
it was indexed: `open_unchanged` decides, as where originals are opened.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from math import isclose
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.decode.formats import FORMATS_BY_SUFFIX
from imgsearch.decode.original import open_unchanged
from imgsearch.decode.request import open_regular_file
from imgsearch.decode.sidecars import is_other_picture, xmp_paths
from imgsearch.decode.xmp import MAX_PACKET_BYTES
from imgsearch.decode.xmp_corrections import new_packet_of_correction, with_correction
from imgsearch.decode.xmp_edit import CannotEdit
from imgsearch.decode.xmp_rating import new_packet, rating_in, with_rating
from imgsearch.decode.xmp_regions import (
    NamedFace,
    as_stored_faces,
    names_all,
    new_packet_of_faces,
    people_in,
    with_faces,
)
from imgsearch.errors import CommandLine, DiskError, PhotoError, Sentence
from imgsearch.progress import Progress
from imgsearch.records.corrections import Correction, DateAndPlaceChange, StatedFacts
from imgsearch.records.faces import FaceNamesChange
from imgsearch.records.marks import SidecarChange
from imgsearch.records.photo import IndexedFile, Photo
from imgsearch.text import character_of_no_name, plain_text, printable
from imgsearch.written_beside import EditedMeanwhile, NotWritten, digest_of, replace_beside

_SAME_DEGREES = 1e-5  # about a metre
_FULL = (errno.ENOSPC, errno.EDQUOT)


class RatedFile(Struct, frozen=True):
    """A file of a photo that has stars here, and the stars that its own files state, if known."""

    photo: Photo
    file: IndexedFile
    stars: int
    stated: int | None


class CorrectedFile(Struct, frozen=True):
    """A file of a photo whose date or place was corrected, and the facts that its files state."""

    photo: Photo
    file: IndexedFile
    correction: Correction
    stated: StatedFacts

    @property
    def states_it(self) -> bool:
        """Whether the files of the photo state the correction already."""
        taken_at, place = self.correction.taken_at, self.correction.place
        precision = self.correction.date_precision
        has_date = taken_at is None or (
            self.stated.taken_at == taken_at
            and self.stated.date_precision == ("month" if precision == "season" else precision)
        )
        if place is None or self.stated.lat is None or self.stated.lon is None:
            return has_date and place is None
        nearly = isclose(self.stated.lat, place.lat, abs_tol=_SAME_DEGREES)
        return has_date and nearly and isclose(self.stated.lon, place.lon, abs_tol=_SAME_DEGREES)


class FileWithFaces(Struct, frozen=True):
    """A file of a photo with named faces, and the names of people that its own files state.

    The faces are in the upright picture.
    """

    photo: Photo
    file: IndexedFile
    faces: tuple[NamedFace, ...]
    stated: tuple[str, ...] = ()


Change = TypeVar("Change", SidecarChange, FaceNamesChange, DateAndPlaceChange)
_File = TypeVar("_File", RatedFile, FileWithFaces, CorrectedFile)


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


def plan_sidecars(files: Iterable[RatedFile], adobe_names: bool = False) -> Planning[SidecarChange]:
    """List the XMP files to write so that these files have their stars, sorted by path.

    An XMP file that is there is changed. A new one is called `IMG.JPG.xmp`, as darktable and
    digiKam call them, or with `adobe_names` `IMG.xmp`. Photos whose files state these stars already
    are left out. A file that cannot be changed has a change with a problem, as has the file of a
    photo that is gone or has changed since it was indexed.
    """
    return _plan_each(files, adobe_names, _plan)


def plan_face_names(
    files: Iterable[FileWithFaces],
    orientation_of: Callable[[Path], int],
    adobe_names: bool = False,
) -> Planning[FaceNamesChange]:
    """List the XMP files to write so that these files name their faces, sorted by path.

    Names that the files of a photo state already are left out. A face that its XMP file names
    otherwise gets its name if the user has confirmed it. `orientation_of` is asked about photos of
    which a file is to be changed; it raises PhotoError. Otherwise as `plan_sidecars`.
    """
    return _plan_each(
        files, adobe_names, lambda sidecar, photos: _plan_names(sidecar, photos, orientation_of)
    )


def plan_corrections(
    files: Iterable[CorrectedFile], adobe_names: bool = False
) -> Planning[DateAndPlaceChange]:
    """List the XMP files to write so that these files have their date and place, sorted by path.

    Photos whose files state them already are left out. Otherwise as `plan_sidecars`.
    """
    return _plan_each(files, adobe_names, _plan_correction)


def _plan_each(
    files: Iterable[_File],
    adobe_names: bool,
    plan: Callable[[Path, list[_File]], PlannedFile[Change] | None],
) -> Planning[Change]:
    """Return what `plan` does for each XMP file and its photos; a Progress for each file."""
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
                else PlannedFile(_failed(one.change, problem))
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
            return _failed(change, "another program has made it a link meanwhile; list it again")
        replace_beside(
            sidecar,
            zlib.decompress(planned.packed),
            planned.before,
            lambda: _problem_with(planned.photos),
        )
    except EditedMeanwhile:
        done = "made" if planned.before is None else "changed"
        return _failed(change, f"another program has {done} it meanwhile; list it again")
    except NotWritten as error:
        return _failed(change, str(error))
    except OSError as error:
        if error.errno in _FULL:
            raise DiskError(
                f"The disk of {sidecar.parent} is full ({error.strerror}). Free some space and run "
                "the command again; each file is as it was or complete."
            ) from error
        return _failed(change, f"it cannot be written ({_reason(error)})")
    return change


def _problem_with(photos: Iterable[tuple[Photo, IndexedFile]]) -> str | None:
    """Return why nothing may be written beside these photos; None where all are as indexed."""
    for photo, indexed in photos:
        file = open_unchanged(photo, indexed)
        if file is not None:
            file.close()
        elif not os.path.lexists(indexed.path):
            return Sentence("the photo is gone; run ", CommandLine("index"), " first")
        else:
            return Sentence("the photo has changed; run ", CommandLine("index"), " first")
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


def _plan(sidecar: Path, photos: list[RatedFile]) -> PlannedFile[SidecarChange] | None:
    """Return the change of one XMP file; None where nothing is to be changed."""
    first = photos[0]
    change = SidecarChange(sidecar, first.file.path, None, first.stars, True)
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
    change = SidecarChange(sidecar, first.file.path, stated, first.stars, before is None)
    if others := _others_with(sidecar, {each.file.path.name: each.stars for each in photos}):
        names = ", ".join(sorted(others)[:3])
        return PlannedFile(_failed(change, f"it belongs to {names} as well, with other stars"))
    if before is None:
        return PlannedFile.of(change, None, new_packet(first.stars))
    try:
        return PlannedFile.of(change, before, with_rating(before, first.stars))
    except CannotEdit as error:
        return PlannedFile(_failed(change, str(error)))


def _plan_names(
    sidecar: Path, photos: list[FileWithFaces], orientation_of: Callable[[Path], int]
) -> PlannedFile[FaceNamesChange] | None:
    """Return the change of one XMP file; None where nothing is to be changed."""
    first = photos[0]
    change = FaceNamesChange(sidecar, first.file.path)
    for name in (face.name for each in photos for face in each.faces):
        if character_of_no_name(name) is not None:  # given to a person before it was refused
            problem = f"the name {printable(name)} has a character that no XMP file can hold"
            cure = Sentence(
                f"{problem}; ",
                CommandLine("people"),
                " lists its person; ",
                CommandLine("people NUMBER --name NAME"),
                " renames it",
            )
            return PlannedFile(_failed(change, cure))
    try:
        before = _content(sidecar)
        change = replace(change, is_new=before is None)
        # Names that other files state, the photo itself for instance, are not written again.
        here = () if before is None else map(plain_text, people_in(before))
        elsewhere = set(map(plain_text, first.stated)) - set(here)
        faces = [each for each in first.faces if plain_text(each.name) not in elsewhere]
        if not faces:
            return None
        if before is not None and names_all(before, faces):
            return None  # no photo is opened where it names all of them
        orientation = orientation_of(first.file.path)
        width_px, height_px = first.photo.width_px, first.photo.height_px
        size_px = (height_px, width_px) if orientation >= 5 else (width_px, height_px)
        stored = as_stored_faces(faces, orientation)
        if before is None:
            edited = new_packet_of_faces(size_px, stored)
        else:
            found = with_faces(before, size_px, stored)
            if found is None:
                return None
            edited = found
    except CannotEdit as error:
        return PlannedFile(_failed(change, str(error)))
    except (OSError, PhotoError) as error:
        return PlannedFile(_failed(change, f"it cannot be read ({_reason(error)})"))
    change = replace(change, added=edited.added, renamed=edited.renamed)
    names = {
        each.file.path.name: sorted({plain_text(face.name) for face in each.faces})
        for each in photos
    }
    if others := _others_with(sidecar, names):
        listed = ", ".join(sorted(others)[:3])
        return PlannedFile(_failed(change, f"it belongs to {listed} as well, with other faces"))
    return PlannedFile.of(change, before, edited.packet)


def _plan_correction(
    sidecar: Path, photos: list[CorrectedFile]
) -> PlannedFile[DateAndPlaceChange] | None:
    """Return the change of one XMP file; None where nothing is to be changed."""
    if all(each.states_it for each in photos):
        return None
    first = photos[0]
    correction = first.correction
    change = DateAndPlaceChange(
        sidecar,
        first.file.path,
        correction.taken_at,
        correction.place,
        date_precision=correction.date_precision,
    )
    try:
        before = _content(sidecar)
        if before is None:
            after = new_packet_of_correction(correction)
        else:
            after = with_correction(before, correction)
    except CannotEdit as error:
        return PlannedFile(_failed(change, str(error)))
    except (OSError, PhotoError) as error:
        return PlannedFile(_failed(change, f"it cannot be read ({_reason(error)})"))
    if after == before:
        return None  # the library has not read it yet
    change = replace(change, is_new=before is None)
    if others := _others_with(sidecar, {each.file.path.name: each.correction for each in photos}):
        names = ", ".join(sorted(others)[:3])
        return PlannedFile(
            _failed(change, f"it belongs to {names} as well, with another date or place")
        )
    return PlannedFile.of(change, before, after)


def _others_with(sidecar: Path, known: Mapping[str, object]) -> set[str]:
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


def _content(sidecar: Path) -> bytes | None:
    """Return the bytes of a file.

    None without one. Raises OSError and PhotoError, also for a link.
    """
    if not os.path.lexists(sidecar):
        return None
    if sidecar.is_symlink():
        raise OSError(errno.ELOOP, "it is a link")
    with open_regular_file(sidecar) as file:
        return file.read(MAX_PACKET_BYTES + 1)


def _failed(change: Change, problem: str) -> Change:
    return replace(change, problem=problem)


def _reason(error: OSError | PhotoError) -> str:
    return str(error) if isinstance(error, PhotoError) else error.strerror or str(error)
