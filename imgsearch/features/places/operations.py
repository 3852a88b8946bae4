"""`library.places`: photos counted by place, and grouped on a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.features.places.records import MapCluster
from imgsearch.operations.browse import Browse, Zoom, check_area
from imgsearch.operations.declared import CountedPhotos, operation
from imgsearch.records.browse import MapArea, PlaceCounts
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary


class Places:
    """Counts photos by place, and groups them on a map: those that `library.browse` counts.

    All methods raise as `Library.search` does.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("POST /places", tool="Count photos by place")
    def counts(self, query: str | Query | None = None, k: CountedPhotos = 1000) -> PlaceCounts:
        """Count the photos of each country, of its regions and of their towns.

        The filter place:NAME finds the photos of a place.
        """
        from imgsearch.analysis.browse import places_of
        from imgsearch.search.answers import counted_ids

        opened = self._opened
        return places_of(opened.reads().browsing, counted_ids(opened.context(), query, k))

    @operation("POST /map/clusters", reads=True)
    def clusters(
        self,
        area: MapArea,
        zoom: Zoom,
        query: str | Query | None = None,
        k: CountedPhotos = 1000,
    ) -> tuple[MapCluster, ...]:
        """Group photos that are close to each other on a map, and name the groups; largest first.

        Groups lie still while the map moves. Raises UsageError for an area that is too wide for the
        zoom.
        """
        from imgsearch.features.places.clusters import cluster_photos, named_clusters

        check_area(area, zoom)
        found = cluster_photos(Browse(self._opened).positions(query, k), area, zoom)
        samples = {photo_id for cluster in found for photo_id in cluster.sample_ids}
        shown = self._opened.photos().records(samples)
        return named_clusters(found, {each: known.photo for each, known in shown.items()})
