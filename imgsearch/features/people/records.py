"""Records of persons as they are shown and decided about, and the report of finding faces."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Self, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.records.changes import Change
from imgsearch.records.faces import Face, Person


class FaceInPhoto(Struct, frozen=True):
    """A face among the details of a photo: its person, with the name if the user gave one."""

    id: int
    person_id: int | None
    name: str | None


FacesInPhoto: TypeAlias = tuple[FaceInPhoto, ...]


class PersonLook(Struct, frozen=True):
    """A look of a person, such as that of an age: faces that are alike.

    `first` and `last` are the days of the oldest and the newest of its photos, of those whose
    metadata has a date; None without one. `confirmed` is the number of its faces that the user has
    confirmed, and `best_face` the id of the face that shows it best.
    """

    faces: int
    confirmed: int
    best_face: int
    first: date | None = None
    last: date | None = None


class PersonChange(Struct, frozen=True):
    """A decision about a person: the person as it is now, and the change, which can be undone.

    `faces` is the number of faces that were decided about, where a decision names faces.
    """

    person: Person
    change: Change
    faces: int = 0


class Proposal(Struct, frozen=True):
    """A face that may be a person, for the user to say yes or no; `score` is the likeness."""

    face: Face
    person_id: int
    score: float


class SimilarFace(Struct, frozen=True):
    """A face that is like another one; `score` is the likeness, at most 1.

    `day` is that on which its photo was taken; None if the photo has left the library since.
    """

    face: Face
    score: float
    day: date | None = None


class DatedFace(Struct, frozen=True):
    """A face, and the day on which its photo was taken; None if that has left the library since."""

    id: int
    photo_id: int
    day: date | None
    is_confirmed: bool


class PersonDetails(Struct, frozen=True):
    """A person with its looks, its best faces, and faces that may be the same person.

    Both are as in the lists of faces and of proposals, which have more about each. Nothing is
    proposed for a person of no interest.
    """

    person: Person
    looks: tuple[PersonLook, ...]
    faces: tuple[DatedFace, ...]
    proposals: tuple[DatedFace, ...]


class PeopleOverview(Struct, frozen=True):
    """All persons, those of no interest included, and the details of one of them.

    `alone` faces are of no person, and `last_change` is the newest change of persons that was not
    undone. `person` is None where none was asked for, or there is none with that id.
    """

    people: tuple[Person, ...]
    alone: int
    last_change: Change | None
    person: PersonDetails | None = None


class ShownPerson(Struct, frozen=True, forbid_unknown_fields=True):
    """How a person was shown to somebody who decides: its name, and the ids of some of its faces.

    A decision is refused where the person has another name by now, or not all of these faces.
    """

    person_id: int
    faces: tuple[int, ...] = ()
    name: str | None = None


class FaceReport(Struct, frozen=True):
    """The report of finding faces, in photos, and the number of `faces`.

    `looked_closely` photos show people, but had no certain face at first. In `found_closely` of
    them only the second look found faces.
    """

    found: int  # have faces
    none: int
    failed: int  # could not be decoded
    unreached: int  # offline, or changed since they were indexed; the next run tries again
    faces: int = 0
    looked_closely: int = 0
    found_closely: int = 0
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        """The number of photos whose state has changed."""
        return self.found + self.none + self.failed

    def plus(self, other: FaceReport) -> FaceReport:
        """Return the report of two runs that looked at different photos."""
        return FaceReport(
            self.found + other.found,
            self.none + other.none,
            self.failed + other.failed,
            self.unreached + other.unreached,
            self.faces + other.faces,
            self.looked_closely + other.looked_closely,
            self.found_closely + other.found_closely,
            self.seconds + other.seconds,
        )


class FaceNamesChange(Struct, frozen=True):
    """An XMP file that gets the names of faces in a photo; `is_new` says that there is none yet.

    `added` are names of faces that it does not name, and `renamed` the name before and after of
    faces that it names otherwise. With a `problem`, a clause that says why, the file is left as it
    is.
    """

    sidecar: Path
    photo: Path
    added: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    is_new: bool = False
    problem: str | None = None

    def with_problem(self, problem: str) -> Self:
        """Return the change with a problem."""
        return replace(self, problem=problem)
