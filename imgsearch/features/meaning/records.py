"""Records of the map of meaning: the photos of a library on a plane, in clusters with names."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Ids


STEPS = 65_535  # a side of the map has so many steps: positions are sent as 16 bits


class MeaningCluster(Struct, frozen=True):
    """Photos that lie close together on the map of meaning.

    `number` identifies the cluster until the map is laid out again. `parent` is the number of the
    cluster that it is in; None at level 0, the coarsest. `name` is a word that fits most of its
    photos, and empty where no word does. `photos` counts the photos that were asked for, and
    `example` is the one of them that lies nearest to the middle, at `x`, `y` in the unit square;
    `example_version` changes with the content of its file, and is empty if it was deleted since.
    """

    number: int
    level: int
    parent: int | None
    name: str
    photos: int
    example: int
    x: float
    y: float
    example_version: str = ""


class MeaningMap(Struct, frozen=True):
    """The map of meaning of a library: when it was laid out, and its clusters.

    `photos` were asked for and are on the map; `unplaced` were asked for and are not. `placed` of
    all photos came after it was laid out. `version` changes whenever a photo on the map does.
    """

    made_at: datetime
    photos: int
    unplaced: int
    placed: int
    clusters: tuple[MeaningCluster, ...]
    version: str = ""


class MeaningPoints(Struct, frozen=True):
    """Photos on the map of meaning, in the order of their ids.

    `x`, to the right, and `y`, downwards, are in the unit square. `clusters` are the numbers of the
    finest cluster of each photo.
    """

    photo_ids: Ids  # (n,)
    x: NDArray[np.float32]  # (n,)
    y: NDArray[np.float32]  # (n,)
    clusters: Ids  # (n,)

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        return sum(each.nbytes for each in (self.photo_ids, self.x, self.y, self.clusters))

    def steps(self) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Return the places as steps of the map, x and y, each (n,), from 0 to `STEPS`."""
        import numpy as np

        x, y = (np.round(np.clip(each, 0.0, 1.0) * STEPS) for each in (self.x, self.y))
        return x.astype(np.uint16), y.astype(np.uint16)


class StoredCluster(Struct, frozen=True):
    """A cluster as the library keeps it; its number is its place in the list of all."""

    level: int
    parent: int | None
    name: str
    x: float
    y: float


class StoredMap(Struct, frozen=True):
    """A map as the library keeps it; `placed` of its photos came after it was laid out."""

    made_at: datetime
    placed: int
    clusters: tuple[StoredCluster, ...]


class LayoutReport(Struct, frozen=True):
    """The report of laying out the map of meaning: photos, clusters, and clusters with a name."""

    photos: int
    clusters: int
    named: int
    seconds: float = 0.0
