"""Chooses faces to ask the user about, and faces that follow from an answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.features.people.grouping import CONFIRMED_LESS, JOIN, MARGIN, PROPOSE, person_scores

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector, Vectors
    from imgsearch.records.faces import StoredFaces

_NEAREST = 5  # faces of the person that a face is compared with
STAND_FOR = 5  # faces that are confirmed where somebody names a whole group
_BLOCK_ROWS = 8192


def proposed(
    faces: StoredFaces, undecided: Collection[int], person_id: int, k: int
) -> list[tuple[int, float]]:
    """Return faces that may be a person: (id, score), the one first whose answer helps most.

    Of each group in `undecided`, the face that is likest. Faces that the user has decided about,
    and those in photos where the person is already, are left out.
    """
    persons = faces.persons
    scores = _likeness(faces.vectors, persons == person_id, faces.confirmed == person_id)
    sizes = np.bincount(persons[persons > 0], minlength=1)
    is_open = (persons == 0) | np.isin(persons, list(undecided))
    is_open &= (persons != person_id) & (faces.confirmed == 0) & (scores >= PROPOSE)
    is_open &= ~np.isin(faces.moments, faces.moments[persons == person_id])
    refused = {face for face, person in faces.refused if person == person_id}
    best: dict[int, tuple[float, int]] = {}  # by group; of faces alone by a number below 0
    for row in np.flatnonzero(is_open).tolist():
        face, group = int(faces.ids[row]), int(persons[row])
        if face not in refused:
            key = group or -face
            best[key] = max(best.get(key, (-2.0, 0)), (float(scores[row]), face))
    ranked = sorted(
        (-score * (sizes[group] if group > 0 else 1), face, score)
        for group, (score, face) in best.items()
    )
    return [(face, score) for _, face, score in ranked[:k]]


def similar_faces(faces: StoredFaces, face_id: int, k: int) -> list[tuple[int, float]]:
    """Return faces in other photos that may be this person: (id, score), the likeliest first.

    At most k, and one of each photo. Empty for a face that is not among these.
    """
    (rows,) = np.nonzero(faces.ids == face_id)
    if not len(rows):
        return []
    scores = faces.vectors @ faces.vectors[rows[0]]
    near = np.flatnonzero((scores >= PROPOSE) & (faces.photo_ids != faces.photo_ids[rows[0]]))
    ranked = near[np.argsort(-scores[near], kind="stable")]
    _, first = np.unique(faces.photo_ids[ranked], return_index=True)
    best = ranked[np.sort(first)[:k]]
    return list(zip(faces.ids[best].tolist(), scores[best].tolist(), strict=True))


def followers_of(faces: StoredFaces, person_id: int, new: Collection[int]) -> list[int]:
    """Return faces of nobody that are surely a person once the faces in `new` are that person."""
    is_new = np.isin(faces.ids, list(new))
    persons = np.where(is_new, person_id, faces.persons)
    confirmed = np.where(is_new, person_id, faces.confirmed)
    scores = _likeness(faces.vectors, persons == person_id, confirmed == person_id)
    refused = {face for face, person in faces.refused if person == person_id}
    found = []
    for row in np.flatnonzero((persons == 0) & (scores >= JOIN + MARGIN)).tolist():
        if int(faces.ids[row]) in refused:
            continue
        others = person_scores(faces.vectors[row], faces.vectors, persons, confirmed)
        best = max((score for other, score in others.items() if other != person_id), default=0.0)
        if scores[row] - best >= MARGIN:
            found.append(int(faces.ids[row]))
    return found


def central_faces(faces: StoredFaces, person_id: int) -> list[int]:
    """Return the faces in the middle of a person's group, which stand for it: a few ids.

    None where some of them are confirmed already.
    """
    rows = np.flatnonzero(faces.persons == person_id)
    if not len(rows) or (faces.confirmed[rows] == person_id).any():
        return []
    vectors = faces.vectors[rows]
    order = np.argsort(-(vectors @ vectors.mean(axis=0)), kind="stable")
    return [int(each) for each in faces.ids[rows[order[:STAND_FOR]]]]


def _likeness(vectors: Vectors, is_person: np.ndarray, is_confirmed: np.ndarray) -> Vector:
    """Return every face's score with a person, as `person_scores` does; -1 without any face.

    `is_person` and `is_confirmed` say of each row whether it is the person.
    """
    own, confirmed = vectors[is_person], vectors[is_person & is_confirmed]
    likeness = np.full(len(vectors), -1, np.float32)
    count = min(_NEAREST, len(own))
    for start in range(0, len(vectors) if count else 0, _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        scores = vectors[block] @ own.T
        likeness[block] = np.partition(scores, -count, axis=1)[:, -count:].mean(axis=1)
        if len(confirmed):
            alone = (vectors[block] @ confirmed.T).max(axis=1) - CONFIRMED_LESS
            np.maximum(likeness[block], alone, out=likeness[block])
    return likeness
