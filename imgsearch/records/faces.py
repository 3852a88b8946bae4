"""Records for faces in photos, and for the persons that they belong to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vector, Vectors

FaceState: TypeAlias = Literal["found", "none", "failed"]


class FoundFace(Struct, frozen=True):
    """A face found in a picture, with the vector that tells persons apart.

    The box is upright: left and top edge, width and height, as shares of the width and height of
    the upright picture; a face at the edge may reach beyond it. `size_px` is the shorter side of
    the box in the picture that the vector was made from, and `score` the certainty, 0 to 1, that it
    is a face. `at_s` is the moment of a video, None in a photo.

    `quality` is the length of the feature that the vector was made from: short where little of the
    face can be made out. `turn` is 0 for a face seen from the front, 1 in half profile, and more
    beyond. Both are None where the model does not measure them.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    size_px: float
    vector: Vector
    at_s: float | None = None
    quality: float | None = None
    turn: float | None = None


class PhotoFaces(Struct, frozen=True):
    """The result of looking for faces in one photo, by a `model`.

    `message` says why looking failed. `read_at` is in UTC.
    """

    state: FaceState
    model: str
    read_at: datetime
    faces: tuple[FoundFace, ...] = ()
    message: str | None = None


class Face(Struct, frozen=True):
    """A face of the library: its photo, its box as shares of the picture, and its person.

    `is_confirmed` says that the user has said who it is; other persons were found by likeness.
    """

    id: int
    photo_id: int
    x: float
    y: float
    width: float
    height: float
    score: float
    at_s: float | None = None
    person_id: int | None = None
    name: str | None = None
    is_confirmed: bool = False


class Person(Struct, frozen=True):
    """A person: a group of faces, with a name if the user gave one.

    `confirmed` is the number of its faces that the user has confirmed, `best_face` the id of the
    face that shows the person best. `is_hidden` is set for a person of no interest, and `is_me` for
    the one that the user is.
    """

    id: int
    name: str | None
    is_hidden: bool
    faces: int
    photos: int
    confirmed: int
    best_face: int | None = None
    is_me: bool = False


class FaceCounts(Struct, frozen=True):
    """The number of photos in each state, and of faces and persons.

    `unread` photos were not tried yet. `persons` have a name; `groups` have none; `alone` faces
    are in no group. In `other_model` photos, another model found the faces than in most photos;
    they are not compared with the others.
    """

    found: int
    none: int
    failed: int
    unread: int
    faces: int
    persons: int
    groups: int
    alone: int
    other_model: int = 0


class StoredFaces(Struct, frozen=True):
    """The faces of a library by rows, for grouping.

    `persons` are those that faces belong to now, 0 for none; `confirmed` those that the user
    confirmed, 0 for none. `moments` are equal for two faces of one photo or of one frame.
    `refused` are pairs of a face's id and a person that it is not. `qualities` and `turns` are NaN
    where they were not measured.
    """

    ids: Ids
    photo_ids: Ids
    moments: Ids
    vectors: Vectors
    sizes_px: Vector
    scores: Vector
    persons: Ids
    confirmed: Ids
    refused: frozenset[tuple[int, int]]
    qualities: Vector
    turns: Vector
