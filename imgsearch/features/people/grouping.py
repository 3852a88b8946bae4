"""Groups faces by person: agglomerative clustering with average linkage over nearest neighbours.

Two groups are joined while the mean score of their pairs of faces is high enough, the best pair of
groups first (Sokal and Michener 1958). Pairs are looked for among nearest neighbours only, so that
100,000 faces take seconds. Three rules hold the groups:

- Two faces of one moment, a photo or a frame of a video, are never one person.
- Groups with faces that the user confirmed for different persons are never joined.
- A face that the user said is not a person never comes to that person.

A person may have several looks: groups that the user confirmed for one person stay apart here, and
are one person nevertheless. That is how a child is found over years, with one confirmed face of
each age.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Ids, Vector, Vectors

    Rows = NDArray[np.integer[Any]]

# research/notes/faces.md has the measurements.
JOIN = 0.50  # mean score from which on two groups are one person
KNOWN_JOIN = 0.46  # the same for a face and a person whom the user has confirmed
WEAK_MORE = 0.05  # so much more is needed for a face that shows too little to found a group
PROPOSE = 0.36  # mean score from which on it is worth asking
MARGIN = 0.08  # by which a person is nearer than any other person, where a face joins by itself
CONFIRMED_LESS = 0.10  # by which the score with one confirmed face counts less than that with five
_NEIGHBOURS = 24
_EXACT_FACES = 20_000
_PROBED_LISTS = 16
_TOLERATED = 0.1  # share of a group that may be in moments of the other: mirrors and collages
_NEAREST = 5  # faces of a look with which a new face is compared
_WAITS = 0.02  # by how much less near a group may have become within a round
_BLOCK_ROWS = 4096
_ALONE_ROWS = 512  # faces compared at once with all groups, of which there may be 30,000


class Faces(Struct, frozen=True):
    """Faces to group, by rows.

    `moments` are equal for two faces of one photo or frame. `persons` are those that the user
    confirmed, -1 where none is. `refused` are pairs of a row and a person that it is not.
    `weak` are faces that show too little to found a group.
    """

    vectors: Vectors
    moments: Ids
    persons: Ids
    refused: frozenset[tuple[int, int]] = frozenset()
    weak: NDArray[np.bool_] | None = None


class Groups(Struct, frozen=True):
    """Groups of faces, by rows: `looks` are numbers of groups, -1 for a face alone.

    `persons` are the persons of their groups, -1 where the user confirmed none.
    """

    looks: Ids
    persons: Ids


def group_faces(faces: Faces) -> Groups:
    """Group all faces. Takes 10 s and 200 MB for 100,000 on two cores."""
    count = len(faces.vectors)
    clusters = _Clusters(faces)
    strong = np.arange(count) if faces.weak is None else np.flatnonzero(~faces.weak)
    if len(strong) > 1:
        clusters.join(*_pairs(faces.vectors[strong], strong))
    looks = np.full(count, -1, np.int64)
    persons = faces.persons.copy()
    for number, members in enumerate(clusters.groups()):
        looks[members] = number
        persons[members] = clusters.person_of(members[0])
    return _with_faces_alone(faces, Groups(looks, persons))


def _pairs(vectors: Vectors, rows: Rows) -> tuple[Rows, Rows]:
    """Return pairs of rows that are near enough, each once."""
    from imgsearch.index.ivf import nearest_rows

    count = len(vectors)
    nlist = 1 if count <= _EXACT_FACES else int(4 * np.sqrt(count))
    k = min(_NEIGHBOURS, count - 1)
    scores, near = nearest_rows(np.ascontiguousarray(vectors), k, nlist, _PROBED_LISTS)
    wanted = np.flatnonzero((near.ravel() >= 0) & (scores.ravel() >= JOIN))
    return rows[wanted // k], rows[near.ravel()[wanted]]


class _Clusters:
    """Groups that are joined, each named by the row of one of its faces: its root."""

    def __init__(self, faces: Faces) -> None:
        count = len(faces.vectors)
        self._vectors = faces.vectors
        self._roots = np.arange(count, dtype=np.int32)  # of each face
        self._sums = faces.vectors.copy()  # of the vectors of each group
        self._sizes = np.ones(count, np.float32)
        self._members: dict[int, list[int]] = {}  # of groups of two faces or more
        self._moments = faces.moments.tolist()
        self._moments_of: dict[int, set[int]] = {}  # of groups of two faces or more
        self._persons = faces.persons.tolist()  # of each root
        self._person_moments: dict[int, set[int]] = {}
        for moment, person in zip(self._moments, self._persons, strict=True):
            if person >= 0:
                self._person_moments.setdefault(person, set()).add(moment)
        self._refused: dict[int, set[int]] = {}
        for row, person in faces.refused:
            self._refused.setdefault(row, set()).add(person)
        self._left: set[int] = set()  # faces that had to leave a group

    def join(self, first: Rows, second: Rows) -> None:
        """Join groups along these pairs of faces, until no pair is near enough.

        In each round every group is joined with the nearest one, the best pair first. A group that
        has grown in this round and is less near now waits for the next. With average linkage that
        gives nearly the tree of joining the best pair of all, one at a time (Murtagh 1983).
        """
        a: Rows = first.astype(np.int32)
        b: Rows = second.astype(np.int32)
        while len(a):
            a, b, means = self._pairs_of_groups(a, b)
            refused = []
            for at in _nearest_pairs(a, b, means).tolist():
                one, other = int(self._roots[a[at]]), int(self._roots[b[at]])
                if one == other or self._mean(one, other) < max(JOIN, means[at] - _WAITS):
                    continue
                if not self._join(one, other):
                    refused.append(at)
            a, b = np.delete(a, refused), np.delete(b, refused)

    def _mean(self, a: int, b: int) -> float:
        return float(self._sums[a] @ self._sums[b] / (self._sizes[a] * self._sizes[b]))

    def _pairs_of_groups(self, a: Rows, b: Rows) -> tuple[Rows, Rows, Vector]:
        """Return the pairs of different groups among these faces, each once, with near ones."""
        a, b = self._roots[a], self._roots[b]
        pairs = np.minimum(a, b).astype(np.int64) << 32 | np.maximum(a, b)
        pairs = np.unique(pairs[a != b])
        a, b = (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)
        means = np.empty(len(a), np.float32)
        for start in range(0, len(a), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            np.einsum("ij,ij->i", self._sums[a[block]], self._sums[b[block]], out=means[block])
        means /= self._sizes[a] * self._sizes[b]
        near = means >= JOIN
        return a[near], b[near], means[near]

    def groups(self) -> list[list[int]]:
        """Return the rows of groups of two faces or more, and of confirmed faces.

        The largest first.
        """
        found = [members for members in self._members.values() if len(members) > 1]
        found += [
            [row]
            for row, person in enumerate(self._persons)
            if person >= 0 and self._roots[row] == row and row not in self._members
        ]
        return sorted(found, key=lambda each: (-len(each), each[0]))

    def person_of(self, row: int) -> int:
        """Return the person of the group of a face, -1 where none is confirmed."""
        return int(self._persons[self._roots[row]])

    def _join(self, a: int, b: int) -> bool:
        """Join two groups, if the rules allow it; returns whether that was done."""
        persons = self._persons
        is_one_person = persons[a] == persons[b] >= 0
        if persons[a] >= 0 and persons[b] >= 0 and not is_one_person:
            return False
        if a in self._left or b in self._left:
            return False
        members = self._members
        # b joins a, which is the confirmed one, else the larger one.
        ranks = [(persons[each] >= 0, len(members.get(each, (each,)))) for each in (a, b)]
        if ranks[0] < ranks[1]:
            a, b = b, a
        rows, person = members.get(b, [b]), persons[a]
        if (
            person >= 0
            and not is_one_person
            and any(person in self._refused.get(row, ()) for row in rows)
        ):
            return False
        leaving = set() if is_one_person else self._leaving(a, b)
        if leaving is None:
            return False
        for row in leaving:
            self._sums[b] -= self._vectors[row]
        rows = [row for row in rows if row not in leaving]
        moments = self._moments_of.setdefault(
            a, {self._moments[row] for row in members.get(a, [a])}
        )
        moments.update(self._moments[row] for row in rows)
        members[a] = members.get(a, [a]) + rows
        members.pop(b, None)
        self._moments_of.pop(b, None)
        self._roots[rows] = a
        self._sums[a] += self._sums[b]
        self._sizes[a] += len(rows)
        persons[a] = person
        if person >= 0:
            self._person_moments[person] |= moments
        for row in leaving:
            self._left.add(row)
            self._roots[row], self._sizes[row], self._sums[row] = row, 1, self._vectors[row]
        return True

    def _leaving(self, a: int, b: int) -> set[int] | None:
        """Return the faces of b that leave it so that it can join a; None where it cannot."""
        rows = self._members.get(b, [b])
        if self._persons[a] >= 0:
            there = self._person_moments[self._persons[a]]
        else:
            moments = {self._moments[row] for row in self._members.get(a, [a])}
            there = self._moments_of.get(a) or moments
        leaving = {row for row in rows if self._moments[row] in there}
        return leaving if len(leaving) <= _TOLERATED * len(rows) else None


def _nearest_pairs(a: Rows, b: Rows, means: Vector) -> Rows:
    """Return the pairs that are the best of one of their two groups at least; the best first."""
    order = np.argsort(-means, kind="stable")
    both = np.empty(2 * len(order), np.int32)
    both[::2], both[1::2] = a[order], b[order]
    _, first = np.unique(both, return_index=True)
    return np.asarray(order[np.unique(first // 2)])


def needed_score(is_weak: Any, is_known: Any) -> Any:
    """Return the mean score from which on a face joins a person: a number, or an array of them.

    `is_known` says that the user has confirmed faces of the person.
    """
    return np.where(is_known, KNOWN_JOIN, JOIN) + WEAK_MORE * np.asarray(is_weak)


def _with_faces_alone(faces: Faces, groups: Groups) -> Groups:
    """Add the faces alone that are near enough to one group, and to no other known person."""
    looks, persons = groups.looks.copy(), groups.persons.copy()
    count = int(looks.max(initial=-1)) + 1
    if not count:
        return groups
    grouped = np.flatnonzero(looks >= 0)
    sums = np.zeros((count, faces.vectors.shape[1]), np.float32)
    np.add.at(sums, looks[grouped], faces.vectors[grouped])
    sizes = np.bincount(looks[grouped], minlength=count)
    means = np.asarray(sums / sizes[:, None], np.float32)
    person_of = np.full(count, -1, np.int64)
    person_of[looks[grouped]] = persons[grouped]
    one_of = np.where(person_of >= 0, person_of, -1 - np.arange(count))  # one of a person's looks
    taken = set(zip(one_of[looks[grouped]].tolist(), faces.moments[grouped].tolist(), strict=True))
    weak = np.zeros(len(looks), np.bool_) if faces.weak is None else faces.weak
    alone = np.flatnonzero((looks < 0) & weak)
    if (person_of >= 0).any():
        # Faces that found groups were compared with groups; less likeness is needed to a person.
        strong = np.flatnonzero((looks < 0) & ~weak)
        near = _near(faces.vectors, strong, means[person_of >= 0])
        alone = np.sort(np.concatenate((alone, near)))
    for start in range(0, len(alone), _ALONE_ROWS):
        rows = alone[start : start + _ALONE_ROWS]
        scores = faces.vectors[rows] @ means.T
        best = scores.argmax(axis=1)
        best_scores = scores[np.arange(len(rows)), best]
        is_known = (person_of[best] >= 0) & (sizes[best] > 1)
        is_sure = best_scores >= needed_score(weak[rows], is_known)
        others = scores[:, person_of >= 0]
        others[person_of[None, person_of >= 0] == person_of[best][:, None]] = -1
        is_sure &= best_scores - others.max(axis=1, initial=-1) >= MARGIN
        for at in np.argsort(-best_scores).tolist():
            row, look = int(rows[at]), int(best[at])
            moment = (int(one_of[look]), int(faces.moments[row]))
            person = int(person_of[look])
            if is_sure[at] and moment not in taken and (row, person) not in faces.refused:
                looks[row], persons[row] = look, person
                taken.add(moment)
    return Groups(looks, persons)


def _near(vectors: Vectors, rows: Rows, means: Vectors) -> Rows:
    """Return the rows of faces that are near enough to one of these means to be a known person."""
    near = [
        block[(vectors[block] @ means.T).max(axis=1) >= KNOWN_JOIN]
        for block in np.array_split(rows, -(-len(rows) // _ALONE_ROWS) or 1)
    ]
    return np.concatenate(near)


def person_scores(
    vector: Vector, vectors: Vectors, persons: Ids, confirmed: Ids
) -> Mapping[int, float]:
    """Compare a face with persons. Takes 10 ms for 100,000 faces.

    The score is the mean with the nearest five faces of the person; or that with the nearest
    confirmed face, less `CONFIRMED_LESS`, where this is more: a person may have several looks.
    `persons` and `confirmed` are those of the rows of `vectors`, 0 for none.
    """
    scores = vectors @ vector
    near = np.flatnonzero((scores >= PROPOSE / 2) & (persons > 0))
    order = near[np.argsort(-scores[near], kind="stable")]
    nearest: dict[int, list[float]] = {}
    sizes = dict(
        zip(*(each.tolist() for each in np.unique(persons, return_counts=True)), strict=True)
    )
    alone: dict[int, float] = {}
    each_near = (persons[order], confirmed[order], scores[order])
    for person, confirmed_one, score in zip(*(each.tolist() for each in each_near), strict=True):
        of_person = nearest.setdefault(person, [])
        if len(of_person) < min(_NEAREST, sizes[person]):
            of_person.append(score)
        if confirmed_one == person:
            alone.setdefault(person, score - CONFIRMED_LESS)
    return {
        person: max(sum(each) / min(_NEAREST, sizes[person]), alone.get(person, -1.0))
        for person, each in nearest.items()
    }


def nearest_person(
    vector: Vector, vectors: Vectors, persons: Ids, confirmed: Ids, is_weak: bool
) -> int:
    """Return the person whom a face certainly shows, 0 for none. Takes 10 ms for 100,000 faces.

    `persons` are those of the rows of `vectors`, `confirmed` those that the user confirmed, 0 for
    none.
    """
    scores = person_scores(vector, vectors, persons, confirmed)
    ranked = sorted(scores, key=lambda person: (-scores[person], person))
    if not ranked:
        return 0
    best, score = ranked[0], scores[ranked[0]]
    if score < needed_score(is_weak, (confirmed == best).any()):
        return 0
    if len(ranked) > 1 and score - scores[ranked[1]] < MARGIN:
        return 0
    return best
