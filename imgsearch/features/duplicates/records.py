"""Records for near-duplicates: pairs of similar photos, and groups with proposed keepers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from imgsearch.records.answer import Hit

Sharpness: TypeAlias = tuple[float, ...]
"""Fine detail of a photo at several sizes, smallest first; see `analysis.sharpness`."""


class Pair(Struct, frozen=True):
    """Two photos, by id, and their score (cosine)."""

    a: int
    b: int
    score: float


class Pairs(Struct, frozen=True):
    """All pairs of photos with a score of at least `min_score`, best first.

    `sharpness` maps the ids of readable photos to their sharpness.
    """

    min_score: float
    pairs: tuple[Pair, ...]
    sharpness: Mapping[int, Sharpness] = field(default_factory=dict)

    def photo_ids(self, min_score: float = -1.0) -> list[int]:
        """Return the photos of all pairs with at least this score, each once, best pairs first."""
        linked = (pair for pair in self.pairs if pair.score >= min_score)
        return list(dict.fromkeys(photo_id for pair in linked for photo_id in (pair.a, pair.b)))

    def among(self, photo_ids: Iterable[int]) -> Pairs:
        """Return the pairs of which both photos are among these."""
        known = set(photo_ids)
        both = (pair for pair in self.pairs if pair.a in known and pair.b in known)
        return replace(self, pairs=tuple(both))


class Comparison(Struct, frozen=True):
    """The pairs that a comparison has found, and when it ended, in UTC."""

    pairs: Pairs
    compared_at: datetime


class GroupedPhoto(Struct, frozen=True):
    """One photo of a group, with the proposal to keep it or not, and the reason in words.

    `score` compares it with the photo kept in its place; None for a kept photo.
    """

    hit: Hit
    keep: bool
    reason: str
    score: float | None = None


class DuplicateGroup(Struct, frozen=True):
    """Photos that are nearly the same; the photos to keep come first, at least one."""

    photos: tuple[GroupedPhoto, ...]

    @property
    def kept(self) -> tuple[GroupedPhoto, ...]:
        """The photos to keep."""
        return tuple(photo for photo in self.photos if photo.keep)

    @property
    def others(self) -> tuple[GroupedPhoto, ...]:
        """The photos that the kept ones make superfluous."""
        return tuple(photo for photo in self.photos if not photo.keep)


class DuplicateGroups(Struct, frozen=True):
    """The groups of near-duplicates of a comparison, the best `k` of `total`.

    `compared_at` is the end of the comparison, in UTC.
    """

    groups: tuple[DuplicateGroup, ...]
    total: int
    compared_at: datetime


class ChosenPhoto(Struct, frozen=True):
    """A photo of a group: whether it is kept, as was chosen or else as proposed, and why."""

    photo_id: int
    keep: bool
    reason: str


class ChosenGroup(Struct, frozen=True):
    """A group and its position among all groups. The largest photo is first, whatever is kept."""

    number: int
    photos: tuple[ChosenPhoto, ...]


class ChosenGroups(Struct, frozen=True):
    """Some groups of near-duplicates with what is kept of each, and numbers of all `total` groups.

    `photos` are in a group, and of `chosen` of these somebody has said whether to keep them.
    `superfluous_bytes` is the size of the photos that are not kept, in groups of which any is.
    Photos in object storage (`has_objects`) are moved by no script. `version` changes whenever
    other photos are in the groups.
    """

    groups: tuple[ChosenGroup, ...]
    total: int
    photos: int
    chosen: int
    superfluous_bytes: int
    has_objects: bool
    version: str
