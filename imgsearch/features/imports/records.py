"""Records and the error of imports: photos as another program knows them."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from imgsearch.errors import ImgsearchError
from imgsearch.features.backup.records import RestoreReport


class SourceError(ImgsearchError):
    """A file of another program cannot be read, or is of a program that is not known."""

    exit_code = 12


class SourceFace(Struct, frozen=True):
    """A face with a name: the place of its left upper corner and its size.

    They are in pixels of the upright photo, or shares of its sides with `in_shares`.
    """

    name: str
    x: float
    y: float
    width: float
    height: float
    in_shares: bool


class SourcePhoto(Struct, frozen=True):
    """A photo with what somebody has made of it in another program.

    `path` has "/" between the names of folders, as far as the program knows them, and the name of
    the file at its end; `other_path` is where else it may lie, for a program that gives files names
    of its own. `albums` are names, with the place of the photo in each.
    """

    path: str
    size_bytes: int | None
    stars: int | None = None
    favourite: bool = False
    hidden: bool = False
    albums: tuple[tuple[str, int], ...] = ()
    faces: tuple[SourceFace, ...] = ()
    other_path: str | None = None

    @property
    def has_anything(self) -> bool:
        """Whether there is anything to bring."""
        return bool(self.stars or self.favourite or self.hidden or self.albums or self.faces)


def stars_from(value: object) -> int | None:
    """Return a rating from 1 to 5, and None for what is none. Programs also keep -1, 0 and 4.0."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        rating = float(value)
    except ValueError:
        return None
    return int(rating) if rating in (1, 2, 3, 4, 5) else None


class ImportReport(Struct, frozen=True):
    """The changes of an import, made or planned.

    `photos` of the other program have something to bring, and `found` of them are in the library.
    `ambiguous` could be several photos of the library, and were left out. `outside` are faces that
    are in no photo of its size. `merged` says what became of the rest, as for a backup.
    """

    program: str
    source: Path
    photos: int
    found: int
    ambiguous: int
    outside: int
    merged: RestoreReport
