"""People: faces in photos, and the persons that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from msgspec import Meta

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.features.people.records import (
    DatedFace,
    FaceInPhoto,
    FaceNamesChange,
    FaceReport,
    FacesInPhoto,
    PeopleOverview,
    PersonChange,
    PersonDetails,
    PersonLook,
    Proposal,
    ShownPerson,
    SimilarFace,
)
from imgsearch.language.grammar import check_k
from imgsearch.operations.declared import MAX_K, PhotoId, ResultCount, operation
from imgsearch.records.faces import Face, FaceCounts, Person
from imgsearch.records.ids import LARGEST_INTEGER, as_id
from imgsearch.text import character_of_no_name, printable

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.outputs.sidecars import PlannedFile
    from imgsearch.progress import Job
    from imgsearch.store.people import PeopleStore
    from imgsearch.store.people_stores import PeopleStores

PersonId = Annotated[int, Meta(ge=1, le=LARGEST_INTEGER, description="The id of a person.")]
FaceId = Annotated[int, Meta(ge=1, le=LARGEST_INTEGER, description="The id of a face.")]
Hidden = Annotated[bool, Meta(description="Whether persons of no interest are listed, too.")]
FaceIds = Annotated[
    tuple[int, ...], Meta(min_length=1, max_length=10_000, description="The ids of faces.")
]
MoreFaceIds = Annotated[tuple[int, ...], Meta(max_length=10_000, description="The ids of faces.")]
FaceSide = Annotated[
    int, Meta(ge=16, le=1024, description="The side of the square picture in pixels.")
]
Proposed = Annotated[int, Meta(le=MAX_K, description="How many faces to propose at most.")]
Shown = Annotated[
    ShownPerson | None,
    Meta(description="How a person was shown: the decision is refused where that has changed."),
]
MAX_NAME = 200  # characters
_NOBODY_YET = 1 << 62  # stands for a person who is not made yet


class People:
    """The persons of a library. `person:NAME` in a query finds the photos that show one.

    Every decision is recorded with the other changes of the library, so `library.changes` undoes
    it.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def _stores(self) -> PeopleStores:
        from imgsearch.store.people_stores import PeopleStores

        return PeopleStores(self._opened.database())

    # ------------------------------------------------------------------ finding faces

    def find_faces(
        self, folders: Iterable[str | Path] = (), *, again: bool = False
    ) -> Job[FaceReport]:
        """Find the faces in photos and group them by person; in all folders if none are given.

        Each photo is looked at once. `again` includes photos in which another model has looked; the
        user's decisions are carried over. Needs the package of the extra `faces`. Raises
        MissingPackage, FolderError for a folder without photos of the library, UsageError if there
        is no library, and LibraryLocked.
        """
        from imgsearch.progress import Job

        places = tuple(self._opened.origin.absolute(folder) for folder in folders)
        archive = self._opened.photo_changes.archive()
        if archive is None:
            from imgsearch.features.people.finding import find_faces

            return Job(find_faces(self._opened.existing(), places, again))
        from imgsearch.features.people.finding_archives import find_faces_of_archive

        return Job(find_faces_of_archive(archive, places, again))

    def regroup(self) -> None:
        """Group all faces anew, held by what the user has confirmed. Raises LibraryLocked."""
        from imgsearch.features.people.finding import faces_came
        from imgsearch.store.lock import writing

        with writing(self._opened.existing().data_dir) as store:
            faces_came(store, None)

    def forget(self, *, with_names: bool = False) -> int:
        """Delete all faces, their vectors and groups; returns how many faces there were.

        Names that the user gave to faces stay, and find their photos, unless `with_names` is set.
        Raises LibraryLocked.
        """
        from imgsearch.features.people.finding import forget_faces

        archive = self._opened.photo_changes.archive()
        context = self._opened.existing() if archive is None else archive.up_to_date()
        faces = forget_faces(context, with_names)
        if archive is not None:
            archive.forget_faces()
        if with_names:
            for named in installed.names_forgotten():
                load(named)(context.data_dir)
        return faces

    @operation("GET /people/counts")
    def counts(self) -> FaceCounts:
        """Count the photos that have faces, have none, failed and were not tried, and persons."""
        return self._stores().faces.counts()

    # ------------------------------------------------------------------ reading

    @operation("GET /people", tool="List people")
    def all(self, hidden: Hidden = False) -> tuple[Person, ...]:
        """List the persons whose faces were found, those with the most photos first.

        A person without a name is a group of faces that look alike. In a query, person:NAME finds
        the photos of a person. Persons of no interest are left out unless `hidden` is set.
        """
        return self._people().all(hidden)

    @operation("GET /people/{person_id}/faces")
    def faces_of(self, person_id: PersonId, k: ResultCount = 100) -> tuple[Face, ...]:
        """List the faces of a person, the best first; at most k.

        Raises UsageError for an unknown person.
        """
        check_k(k, "faces")
        self._require(as_id(person_id))
        return self._people().faces_of(as_id(person_id), k)

    @operation("GET /people/{person_id}/looks")
    def looks_of(self, person_id: PersonId) -> tuple[PersonLook, ...]:
        """List the looks of a person, such as a child's and an adult's, the earliest first.

        Each says from when to when its photos are. A look is faces that are alike; faces that were
        confirmed and resemble no other are looks of their own. Faces that cannot be compared, since
        another model found them, are in none. Raises UsageError for an unknown person.
        """
        import numpy as np

        from imgsearch.features.people.looks import best_face, looks_of

        number = as_id(person_id)
        self._require(number)
        faces = self._stores().faces.all(number)
        browsing = self._opened.reads().browsing
        days = {
            photo_id: None if by_file else date.fromisoformat(day)
            for photo_id, day, by_file in browsing.dated(np.unique(faces.photo_ids))
        }
        looks = []
        for whole in looks_of(faces):
            rows = whole[[each in days for each in faces.photo_ids[whole].tolist()]]
            if not len(rows):
                continue  # its photos have left the library
            dated = [days[each] for each in faces.photo_ids[rows].tolist()]
            own = sorted(day for day in dated if day is not None)
            first, last = (own[0], own[-1]) if own else (None, None)
            confirmed = int((faces.confirmed[rows] == number).sum())
            looks.append(PersonLook(len(rows), confirmed, best_face(faces, rows), first, last))
        return tuple(sorted(looks, key=lambda look: (look.first or date.max, -look.faces)))

    @operation("GET /person/{person_id}")
    def details(
        self, person_id: PersonId, k: ResultCount = 100, proposed: Proposed = 12
    ) -> PersonDetails:
        """Return a person with its looks, its best k faces, and faces that may be the same person.

        Raises UsageError for an unknown person.
        """
        person = self.get(person_id)
        faces = self.faces_of(person_id, k)
        proposals = () if person.is_hidden else self.proposals(person_id, proposed)
        proposed_faces = [each.face for each in proposals]
        days = self._days_of([*faces, *proposed_faces])

        def dated(those: Iterable[Face]) -> tuple[DatedFace, ...]:
            return tuple(
                DatedFace(each.id, each.photo_id, days.get(each.photo_id), each.is_confirmed)
                for each in those
            )

        return PersonDetails(person, self.looks_of(person_id), dated(faces), dated(proposed_faces))

    @operation("GET /people/overview")
    def overview(
        self, person_id: PersonId | None = None, k: ResultCount = 100, proposed: Proposed = 12
    ) -> PeopleOverview:
        """List all persons, with the details of one of them: what to show after a decision.

        The further arguments are those of `details`.
        """
        is_known = person_id is not None and self._people().has(as_id(person_id))
        return PeopleOverview(
            self.all(hidden=True),
            self.counts().alone,
            self._stores().changes.last_of_people(),
            self.details(person_id, k, proposed) if is_known and person_id is not None else None,
        )

    def _days_of(self, faces: Iterable[Face]) -> dict[int, date]:
        """Return the days on which the photos of faces were taken, by their ids."""
        import numpy as np

        photo_ids = np.unique(np.array([face.photo_id for face in faces], np.int64))
        dated = self._opened.reads().browsing.dated(photo_ids)
        return {photo_id: date.fromisoformat(day) for photo_id, day, _ in dated}

    @operation("GET /photo/{photo_id}/faces")
    def faces_in(self, photo_id: PhotoId) -> tuple[Face, ...]:
        """List the faces in a photo, from left to right."""
        return self._people().faces_in(as_id(photo_id))

    @operation("GET /face/{face_id}/picture")
    def picture(self, face_id: FaceId, side_px: FaceSide = 160) -> bytes | None:
        """Make a square picture of a face, a WebP image; None for an unknown id.

        Raises PhotoError for a photo that cannot be read.
        """
        from imgsearch.operations.pictures import Pictures

        face = self._people().faces([as_id(face_id)]).get(face_id)
        if face is None:
            return None
        from imgsearch.features.people.face_pictures import face_picture, photo_side

        pictures = Pictures(self._opened)
        photo = self._opened.reads().photos.records([face.photo_id]).get(face.photo_id)
        if photo is None:
            return None
        shape = photo.facts.width_px, photo.facts.height_px
        content = pictures.thumbnail(face.photo_id, photo_side(face, shape, side_px), face.at_s)
        return None if content is None else face_picture(content, face, side_px)

    @operation("GET /people/{person_id}/proposals")
    def proposals(self, person_id: PersonId, k: ResultCount = 12) -> tuple[Proposal, ...]:
        """Find faces that may be a person, for the user to say yes or no; at most k.

        The first helps most: it stands for the largest group of faces, and is the likeliest. A face
        that the user has decided about is not asked again. Raises UsageError for an unknown person.
        """
        from imgsearch.features.people.proposals import proposed

        check_k(k, "faces")
        self._require(as_id(person_id))
        stores = self._stores()
        pairs = proposed(stores.faces.all(), _undecided(stores), as_id(person_id), k)
        faces = stores.people.faces([face for face, _ in pairs])
        return tuple(
            Proposal(faces[face], person_id, round(score, 3))
            for face, score in pairs
            if face in faces
        )

    @operation("GET /face/{face_id}/similar")
    def similar(self, face_id: FaceId, k: ResultCount = 100) -> tuple[SimilarFace, ...]:
        """Find the faces most like one, also of a person seen once; the likeliest first.

        At most k, one of each other photo. From a score of .50 on, most are the same person.
        Raises UsageError for an unknown face, and for one that another model found than most.
        """
        from imgsearch.features.people.proposals import similar_faces

        check_k(k, "faces")
        stores, number = self._stores(), as_id(face_id)
        faces = stores.faces.all()
        if number not in faces.ids:
            raise UsageError(
                Sentence(
                    f"There is no face with the number {face_id} that can be compared. If another "
                    "model found it, look at the photos again: ",
                    CommandLine("faces --again"),
                )
            )
        pairs = similar_faces(faces, number, k)
        found = stores.people.faces([face for face, _ in pairs])
        days = self._days_of(found.values())
        return tuple(
            SimilarFace(found[face], round(score, 3), days.get(found[face].photo_id))
            for face, score in pairs
            if face in found
        )

    # ------------------------------------------------------------------ deciding

    @operation("POST /people/name")
    def name(self, person_id: PersonId, name: str, shown: Shown = None) -> PersonChange:
        """Name a person; `person:NAME` finds it from then on. "" takes the name away.

        A person of this name, without case and accents, gets its faces. Raises UsageError for an
        unknown person, a name that is too long, and a person that is not as it was `shown`.
        """
        name, number = _checked_name(name), as_id(person_id)
        self._require_as_shown(shown)

        stores = self._stores()
        if name:
            number, change = stores.people.name(number, name, _sure(stores, number))
        else:
            change = stores.people.unname(number)
        return PersonChange(self.get(number), change)

    def get(self, person_id: int) -> Person:
        """Return a person. Raises UsageError for an unknown id."""
        found = self._people().get(as_id(person_id))
        return self._refuse_unknown(person_id) if found is None else found

    def _require(self, person_id: int) -> None:
        """Raise UsageError for an unknown person, without a look at all others."""
        if not self._people().has(person_id):
            self._refuse_unknown(person_id)

    def _refuse_unknown(self, person_id: int) -> NoReturn:
        raise UsageError(
            Sentence(
                f"There is no person with the id {person_id}. To list persons: ",
                CommandLine("people"),
            )
        )

    def _require_as_shown(self, shown: ShownPerson | None) -> None:
        """Raise UsageError where a person has another name, or not all faces that were shown.

        Further faces are no reason: they may have been found since then.
        """
        if shown is None:
            return
        person = self.get(shown.person_id)
        if (person.name or "") != (shown.name or ""):
            name = f"has the name {printable(person.name)}" if person.name else "has no name"
            raise UsageError(f"This person {name} by now. Look at it again, and decide then.")
        faces = self._people().faces_of(person.id, max(person.faces, 1))
        if not {face.id for face in faces}.issuperset(shown.faces):
            raise UsageError(
                "Some of the faces shown are not of this person any more. Look at it again, and "
                "decide then."
            )

    @operation("POST /people/decide")
    def decide(
        self, faces: FaceIds, person_id: PersonId, is_person: bool, others: MoreFaceIds = ()
    ) -> PersonChange:
        """Say that faces are a person, or that they are not; faces of no photo are left out.

        Of `others` the opposite is recorded, in the same change.

        With a yes, a group without a name comes along, and so do faces that are like it beyond
        doubt. A face that is not a person is never proposed for it again, and never joins it.
        Raises UsageError for an unknown person, and for a face that is in both lists.
        """
        number = as_id(person_id)
        ids, opposite = ([as_id(face) for face in each] for each in (faces, others))
        yes, no = (ids, opposite) if is_person else (opposite, ids)
        if both := sorted(set(yes) & set(no)):
            raise UsageError(f"Face {both[0]} has both yes and no. Say one of them.")

        stores = self._stores()
        followers: Sequence[int] = ()
        if yes:
            from imgsearch.features.people.proposals import followers_of

            followers = followers_of(stores.faces.all(), number, yes)
        count, change = stores.people.decide(number, yes, no, followers)
        return PersonChange(self.get(number), change, count)

    @operation("POST /people/faces/name")
    def name_faces(self, faces: FaceIds, name: str) -> PersonChange:
        """Say by a name who faces are, also one that was seen once.

        A person of this name, without case and accents, gets them as in `decide`; else they are a
        new person. Raises UsageError for a name that is empty or too long, and where none of the
        faces is in the library.
        """
        from imgsearch.features.people.proposals import followers_of

        name = _checked_name(name)
        if not name:
            raise UsageError("Say the name of the person.")
        ids = [as_id(face) for face in faces]

        stores = self._stores()
        known = stores.people.named(name)
        followers = followers_of(stores.faces.all(), _NOBODY_YET if known is None else known, ids)
        if known is not None:
            count, change = stores.people.decide(known, ids, (), followers)
            return PersonChange(self.get(known), change, count)
        new, change = stores.people.make(ids, name, followers)
        return PersonChange(self.get(new), change, len(set(ids)))

    @operation("POST /people/merge")
    def merge(self, person_id: PersonId, into: PersonId, shown: Shown = None) -> PersonChange:
        """Make two persons one, with the name of `into` if it has one.

        Raises UsageError for an unknown person, for the same one twice, and where the person that
        was `shown` is another by now.
        """
        if person_id == into:
            raise UsageError("These are one person already.")
        self._require_as_shown(shown)
        one, other = as_id(person_id), as_id(into)
        stores = self._stores()
        sure = [*_sure(stores, one), *_sure(stores, other)]
        change = stores.people.merge(one, other, sure)
        return PersonChange(self.get(other), change)

    @operation("POST /people/split")
    def split(self, faces: FaceIds, person_id: PersonId) -> PersonChange:
        """Take faces out of a person; returns the new person, without a name, that they are.

        Raises UsageError for an unknown person, and where none of the faces is in the library.
        """
        ids, number = [as_id(face) for face in faces], as_id(person_id)
        new, change = self._people().split(ids, number)
        return PersonChange(self.get(new), change, len(set(ids)))

    @operation("POST /people/hide")
    def hide(self, person_id: PersonId, hidden: bool = True, shown: Shown = None) -> PersonChange:
        """Hide a person of no interest, or show one again.

        Raises UsageError for an unknown person, and for one that is not as it was `shown`.
        """
        number = as_id(person_id)
        self._require_as_shown(shown)
        stores = self._stores()
        change = stores.people.hide(number, hidden, _sure(stores, number))
        return PersonChange(self.get(number), change)

    @operation("POST /people/me")
    def set_me(self, person_id: PersonId, is_me: bool = True, shown: Shown = None) -> PersonChange:
        """Say that a person is you, or is not: `person:me` finds it, and so does "me" in words.

        Only one person is you. Raises UsageError for an unknown person, for one without a name, and
        for one that is not as it was `shown`.
        """
        number = as_id(person_id)
        self._require_as_shown(shown)
        change = self._people().set_own(number, is_me)
        return PersonChange(self.get(number), change)

    # ------------------------------------------------------------------ names for other programs

    def plan_sidecars(
        self, *, adobe_names: bool = False
    ) -> Job[list[PlannedFile[FaceNamesChange]]]:
        """List the XMP files to write so that files beside photos name the faces named here.

        Nothing is written. Only photos that are files of this machine and can be reached now are
        listed, no videos. A new file is called `IMG.JPG.xmp`, or with `adobe_names` `IMG.xmp`.
        Raises UsageError for an archive of which all these photos are in object storage.
        """
        from imgsearch.decode.reader import read_orientation
        from imgsearch.features.people.sidecars import FileWithFaces, plan_face_names
        from imgsearch.features.people.xmp_regions import NamedFace
        from imgsearch.progress import Job

        opened = self._opened
        faces = self._people().named_faces()
        stated = self._people().names_in_files(faces)
        files = [
            FileWithFaces(
                photo,
                file,
                tuple(
                    NamedFace(
                        face.name or "",
                        (face.x, face.y, face.width, face.height),
                        face.is_confirmed,
                    )
                    for face in faces[photo.id]
                ),
                tuple(stated.get(photo.id, ())),
            )
            for photo, file in opened.origin.reachable_files(opened.reads(), faces)
        ]
        orientation_of = partial(read_orientation, max_megapixels=opened.settings.max_megapixels)
        return Job(plan_face_names(files, orientation_of, adobe_names))

    def write_sidecars(
        self, planned: Sequence[PlannedFile[FaceNamesChange]]
    ) -> Job[list[FaceNamesChange]]:
        """Write the planned XMP files, one after the other; returns each change.

        Photos are never changed. What other programs wrote in a file is kept. A file that has
        changed since it was planned is left as it is, as is the file of a photo that is gone or has
        changed since it was indexed; its change has a problem then. The library reads the names
        at the next `index`. Raises DiskError on a full disk.
        """
        from imgsearch.outputs.sidecars import write_sidecars
        from imgsearch.progress import Job

        return Job(write_sidecars(planned))

    def _people(self) -> PeopleStore:
        return self._stores().people


def faces_of_photo(opened: OpenedLibrary, photo_id: int) -> FacesInPhoto:
    """Return the faces in a photo from left to right; of a video, each person once."""
    faces = People(opened).faces_in(photo_id)
    seen = {face.person_id or -face.id: face for face in reversed(faces)}
    return tuple(
        FaceInPhoto(face.id, face.person_id, face.name)
        for face in faces
        if seen[face.person_id or -face.id] is face
    )


def _sure(stores: PeopleStores, person_id: int) -> list[int]:
    """Return the faces that stand for a person: those in the middle of its group.

    None where some are confirmed already. Of faces that cannot be compared, because another model
    found them, the best ones.
    """
    from imgsearch.features.people.proposals import STAND_FOR, central_faces

    faces = stores.faces.all()
    if (faces.persons == person_id).any():
        return central_faces(faces, person_id)
    best = stores.people.faces_of(person_id, STAND_FOR)
    return [] if any(face.is_confirmed for face in best) else [face.id for face in best]


def _undecided(stores: PeopleStores) -> frozenset[int]:
    """Return the persons without a name of which no face is confirmed."""
    return frozenset(
        each.id for each in stores.people.all() if each.name is None and not each.confirmed
    )


def _checked_name(name: str) -> str:
    """Return the name with single spaces. Raises UsageError for one that cannot be a name."""
    name = " ".join(name.split())
    if (character := character_of_no_name(name)) is not None:
        raise UsageError(
            f"A name cannot have the character {printable(character)}: no XMP file could hold it. "
            "Write the name without it."
        )
    if len(name) > MAX_NAME:
        raise UsageError(f"A name has {MAX_NAME} characters at most.")
    return name
