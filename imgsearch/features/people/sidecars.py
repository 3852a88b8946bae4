"""Writes the names of faces into XMP files beside photos, on request only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.decode.xmp_edit import CannotEdit
from imgsearch.errors import PhotoError
from imgsearch.features.people.records import FaceNamesChange
from imgsearch.features.people.xmp_regions import (
    NamedFace,
    as_stored_faces,
    names_all,
    new_packet_of_faces,
    people_in,
    with_faces,
)
from imgsearch.outputs.sidecars import (
    PlannedFile,
    Planning,
    content_of,
    others_with,
    plan_each,
    unreadable,
)
from imgsearch.records.photo import IndexedFile, Photo
from imgsearch.text import character_of_no_name, plain_text, printable


class FileWithFaces(Struct, frozen=True):
    """A file of a photo with named faces, and the names of people that its own files state.

    The faces are in the upright picture.
    """

    photo: Photo
    file: IndexedFile
    faces: tuple[NamedFace, ...]
    stated: tuple[str, ...] = ()


def plan_face_names(
    files: Iterable[FileWithFaces],
    orientation_of: Callable[[Path], int],
    adobe_names: bool = False,
) -> Planning[FaceNamesChange]:
    """List the XMP files to write so that these files name their faces, sorted by path.

    Names that the files of a photo state already are left out. A face that its XMP file names
    otherwise gets its name if the user has confirmed it. `orientation_of` is asked about photos of
    which a file is to be changed; it raises PhotoError. Otherwise as
    `imgsearch.outputs.sidecars.plan_each`.
    """
    return plan_each(
        files, adobe_names, lambda sidecar, photos: _plan_names(sidecar, photos, orientation_of)
    )


def _plan_names(
    sidecar: Path, photos: list[FileWithFaces], orientation_of: Callable[[Path], int]
) -> PlannedFile[FaceNamesChange] | None:
    """Return the change of one XMP file; None where nothing is to be changed."""
    first = photos[0]
    change = FaceNamesChange(sidecar, first.file.path)
    for name in (face.name for each in photos for face in each.faces):
        if character_of_no_name(name) is not None:  # given to a person before it was refused
            problem = f"the name {printable(name)} has a character that no XMP file can hold"
            cure = (
                "imgsearch people lists its person; imgsearch people NUMBER --name NAME renames it"
            )
            return PlannedFile(change.with_problem(f"{problem}; {cure}"))
    try:
        before = content_of(sidecar)
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
        return PlannedFile(change.with_problem(str(error)))
    except (OSError, PhotoError) as error:
        return unreadable(change, error)
    change = replace(change, added=edited.added, renamed=edited.renamed)
    names = {
        each.file.path.name: sorted({plain_text(face.name) for face in each.faces})
        for each in photos
    }
    if others := others_with(sidecar, names):
        listed = ", ".join(sorted(others)[:3])
        return PlannedFile(change.with_problem(f"it belongs to {listed} as well, with other faces"))
    return PlannedFile.of(change, before, edited.packet)
