"""Records of photos that are close to each other on a map."""

from __future__ import annotations

from msgspec import Struct

from imgsearch.records.browse import MapArea


class PhotoCluster(Struct, frozen=True):
    """Photos that are close to each other on a map."""

    latest_id: int  # of the photo taken last
    photos: int
    lat: float  # of the centre
    lon: float
    radius_km: float  # of the circle around the centre that contains all of them
    area: MapArea
    sample_ids: tuple[int, ...] = ()  # a few of its photos, spread over all


class MapCluster(Struct, frozen=True):
    """Photos that are close to each other on a map, in a circle with rounded numbers.

    `latest_id` is the photo taken last, and `latest_version` changes with the content of its file.
    `place` is the town of most of them, or their countries; empty where no place is known.
    """

    latest_id: int
    latest_version: str
    photos: int
    lat: float
    lon: float
    radius_km: float
    area: MapArea
    place: str
