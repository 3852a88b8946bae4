"""Records for the marks of photos: favourites, stars and hidden photos."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

MarkKind: TypeAlias = Literal["favourite", "rating", "hidden"]
MAX_STARS = 5


class PhotoMarks(Struct, frozen=True):
    """The marks that a person has given a photo here, beside the facts that its files state.

    `rating` is 0 to 5 stars; None is no rating of this library, so that of the files counts.
    """

    favourite: bool = False
    rating: int | None = None
    hidden: bool = False


class SidecarChange(Struct, frozen=True):
    """An XMP file that gets the stars of a photo; `is_new` says that there is none yet.

    `before` are the stars that the files of the photo state until then. With a `problem`, a clause
    that says why, the file is left as it is.
    """

    sidecar: Path
    photo: Path
    before: int | None
    stars: int
    is_new: bool
    problem: str | None = None

    def with_problem(self, problem: str) -> Self:
        """Return the change with a problem."""
        return replace(self, problem=problem)
