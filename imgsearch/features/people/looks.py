"""The looks of a person: faces that are alike, such as those of one age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imgsearch.features.people.grouping import PROPOSE, Faces, group_faces

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vectors
    from imgsearch.records.faces import StoredFaces

_LARGE_ENOUGH_PX = 120.0  # as for the best face of a person
_MOST_GROUPED = 2_000  # faces; the others join the look that they are most like


def looks_of(faces: StoredFaces) -> list[Ids]:
    """Return the looks of the person with these faces: rows of each, the largest first.

    Looks are grouped as persons are. A face that is in no group joins the look that it is most
    like, unless the user has confirmed it and it is not even alike enough to be proposed: then it
    is a look of its own. Every face is in one look.
    """
    count = len(faces.ids)
    if not count:
        return []
    looks = np.full(count, -1, np.int64)
    grouped = _chosen(faces)
    nobody = np.full(len(grouped), -1, np.int64)
    groups = group_faces(Faces(faces.vectors[grouped], faces.moments[grouped], nobody))
    looks[grouped] = groups.looks
    if (looks < 0).all():
        first = np.flatnonzero(faces.confirmed > 0)[:1]
        looks[first if len(first) else 0] = 0
    for row in np.flatnonzero((looks < 0) & (faces.confirmed > 0)).tolist():
        scores = _means(faces.vectors, looks) @ faces.vectors[row]
        is_own = scores.max() < PROPOSE
        looks[row] = len(scores) if is_own else scores.argmax()
    others = np.flatnonzero(looks < 0)
    looks[others] = (faces.vectors[others] @ _means(faces.vectors, looks).T).argmax(axis=1)
    found = [np.flatnonzero(looks == look) for look in range(int(looks.max()) + 1)]
    return sorted(found, key=lambda rows: (-len(rows), int(rows[0])))


def best_face(faces: StoredFaces, rows: Ids) -> int:
    """Return the id of the face among these rows to show: a confirmed one, large and certain."""
    worth = faces.scores[rows] * np.minimum(faces.sizes_px[rows], _LARGE_ENOUGH_PX)
    order = np.lexsort((-worth, faces.confirmed[rows] == 0))
    return int(faces.ids[rows[order[0]]])


def _chosen(faces: StoredFaces) -> Ids:
    """Return the rows to group: all, or of many the confirmed ones and others evenly spread."""
    count = len(faces.ids)
    if count <= _MOST_GROUPED:
        return np.arange(count)
    confirmed = np.flatnonzero(faces.confirmed > 0)[:_MOST_GROUPED]
    spread = np.linspace(0, count - 1, _MOST_GROUPED - len(confirmed)).astype(np.int64)
    return np.unique(np.concatenate((confirmed, spread)))


def _means(vectors: Vectors, looks: Ids) -> Vectors:
    """Return the mean vector of the faces of each look."""
    own = np.flatnonzero(looks >= 0)
    count = int(looks.max()) + 1
    sums = np.zeros((count, vectors.shape[1]), np.float32)
    np.add.at(sums, looks[own], vectors[own])
    sizes = np.bincount(looks[own], minlength=count)
    return np.asarray(sums / sizes[:, None], np.float32)
