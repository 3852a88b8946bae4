"""The map of meaning: photos on a plane by what they show, in clusters with names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from imgsearch.errors import UsageError
from imgsearch.features.meaning.records import LayoutReport, MeaningMap, MeaningPoints
from imgsearch.operations.declared import CountedPhotos, operation
from imgsearch.paths import absolute
from imgsearch.records.query import Query
from imgsearch.store.recent_reads import read_only

if TYPE_CHECKING:
    from imgsearch.features.meaning.store import MeaningStore
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job
    from imgsearch.records.arrays import Ids

Level = Annotated[
    int, Meta(ge=0, le=9, description="The finest level of clusters to list; 0 is the coarsest.")
]
_ALL_LEVELS = 9


class Meaning:
    """The map of meaning of a library: photos that show similar things lie close together.

    It is laid out on request and then kept. Photos that are indexed later are placed on it, and the
    others do not move. Each encoder has a map of its own.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def lay_out(self) -> Job[LayoutReport]:
        """Lay out all photos anew, and name the clusters.

        The map before stays until the end, and if the job is stopped. Photos can be added
        meanwhile. Needs the extra `meaning`. Raises MissingPackage, UsageError for a library
        without photos, and LibraryLocked while it is laid out already.
        """
        from imgsearch.features.meaning.laying_out import lay_out_photos
        from imgsearch.progress import Job

        return Job(lay_out_photos(self._opened.existing()))

    @operation("POST /meaning/lay-out")
    def lay_out_now(self) -> LayoutReport:
        """Lay out the whole map of meaning anew, as `lay_out` does, and return its report.

        100,000 photos take some minutes. Raises MissingPackage without the extra `meaning`,
        UsageError for a library without photos, and LibraryLocked while it is laid out already.
        """
        return self.lay_out().run()

    def exists(self) -> bool:
        """Return whether the encoder in use has a map."""
        opened = self._opened
        row = opened.reads().encoders.current()
        return row is not None and self._maps().made_at(row.key) is not None

    @operation("POST /meaning", tool="List what photos are about")
    def clusters(
        self,
        query: str | Query | None = None,
        k: CountedPhotos = 1000,
        level: Level = _ALL_LEVELS,
    ) -> MeaningMap:
        """List clusters of photos that show similar things, each with a name where a word fits.

        Coarse clusters come first, and finer ones are in them. Raises UsageError before the map was
        laid out and for a level that is not 0 to 9, and as `Library.search` does.
        """
        if not 0 <= level <= _ALL_LEVELS:
            raise UsageError(f"The level of clusters is 0 to {_ALL_LEVELS}, not {level}.")
        if query is None:  # what the page asks for
            recent = self._opened.reads().recent
            key = ("clusters of meaning", self._opened.reads().encoders.in_use().key, level)
            return recent.get(key, lambda: self._clusters(None, k, level))
        return self._clusters(query, k, level)

    def _clusters(self, query: str | Query | None, k: int, level: int) -> MeaningMap:
        from imgsearch.features.meaning.counting import counted_map, with_versions

        opened = self._opened
        store, row = opened.store(), opened.reads().encoders.in_use()
        known = self._maps().map_of(row.key)
        if known is None:
            raise UsageError(
                f"The photos are not laid out yet for the model {row.name}. To lay them out: "
                "imgsearch meaning --lay-out"
            )
        asked = self._asked(query, k)
        ids = store.reads.photos.live_ids() if asked is None else asked
        found = counted_map(known, self._all_points(), ids, level)
        shown = opened.photos().records(cluster.example for cluster in found.clusters)
        hashes = {photo_id: each.photo.content_hash for photo_id, each in shown.items()}
        return with_versions(found, hashes, self.points())

    def points(self, query: str | Query | None = None, k: int = 1000) -> MeaningPoints:
        """Return the points of all photos on the map, or of those that a query finds.

        Photos that are not on the map are left out; without a map, all are. Raises as
        `Library.search` does.
        """
        import numpy as np

        points, asked = self._all_points(), self._asked(query, k)
        if asked is None:
            return points
        chosen = np.isin(points.photo_ids, asked)
        return MeaningPoints(
            points.photo_ids[chosen], points.x[chosen], points.y[chosen], points.clusters[chosen]
        )

    def save_picture(
        self,
        place: str | Path,
        query: str | Query | None = None,
        k: int = 1000,
        level: int = 1,
    ) -> int:
        """Write the map, or the photos of it that a query finds, as a picture to a new file.

        Returns how many photos are on it, which are some of all where these are many. The name ends
        in .jpg or .png, and the file is outside of the photo folders. `level` is that of the names.
        Raises UsageError for another place or kind of file, and where no photo is on the map;
        DiskError; and as `clusters` does.
        """
        from imgsearch.features.meaning.picture import check_kind, write_picture
        from imgsearch.operations.pictures import Pictures
        from imgsearch.outputs.places import refuse_inside

        opened, path = self._opened, Path(absolute(place))
        check_kind(path)
        own = (opened.settings.data_dir, opened.settings.cache_dir)
        refuse_inside(path, opened.origin.photo_folders(opened.reads()), own)
        found = self.clusters(query, k, level)
        names = [each for each in found.clusters if each.level == level]
        return write_picture(self.points(query, k), names, path, Pictures(opened).thumbnail)

    def forget(self) -> bool:
        """Delete the map of the encoder in use; returns whether there was one."""
        opened = self._opened
        return self._maps().forget(opened.reads().encoders.in_use().key)

    def _maps(self) -> MeaningStore:
        from imgsearch.features.meaning.store import MeaningStore

        return MeaningStore(self._opened.database())

    def _all_points(self) -> MeaningPoints:
        """Return the points of all photos, the same until anything changes."""
        reads = self._opened.reads()
        encoder_key = reads.encoders.in_use().key

        def read() -> MeaningPoints:
            points = self._maps().points(encoder_key)
            for column in (points.photo_ids, points.x, points.y, points.clusters):
                read_only(column)
            return points

        return reads.recent.get(("points of meaning", encoder_key), read)

    def _asked(self, query: str | Query | None, k: int) -> Ids | None:
        from imgsearch.search.answers import counted_ids

        return counted_ids(self._opened.context(), query, k)
