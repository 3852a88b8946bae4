"""Browsing: photos counted and listed by time, place and name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from imgsearch.errors import UsageError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.operations.declared import AskedPhoto, CountedPhotos, operation
from imgsearch.records.browse import (
    DayCounts,
    DayPhotos,
    FilterChoices,
    MapArea,
    MapTown,
    NameCounts,
    PhotoPositions,
    Timeline,
    ValueCount,
)
from imgsearch.records.ids import as_id, as_ids
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary


MAX_ZOOM = 16
Zoom = Annotated[
    float,
    Meta(
        ge=0, le=MAX_ZOOM, description="The zoom of a web map: 256 * 2^zoom pixels are the world."
    ),
]


class Browse:
    """Counts and lists photos: all of them, or the photos that a query finds.

    A query with terms finds at most its best k photos, and of these the ones that are not weak; one
    of filters alone has no such limit. Dates are those of `Hit.date`: a photo whose metadata has
    none counts by the date of its file. All methods raise as `Library.search` does.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("POST /timeline", tool="Count photos by time")
    def timeline(self, query: str | Query | None = None, k: CountedPhotos = 1000) -> Timeline:
        """Count the photos of each year and month.

        The filters after:, before: and on: find the photos of a time.
        """
        from imgsearch.analysis.browse import timeline_of
        from imgsearch.search.answers import counted_ids

        opened = self._opened
        return timeline_of(opened.reads().browsing, counted_ids(opened.context(), query, k))

    @operation("POST /cameras", tool="Count photos by camera")
    def cameras(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> tuple[ValueCount, ...]:
        """Count the photos of each camera, most first; None where the camera is not known.

        The filter camera:NAME finds the photos of a camera.
        """
        from imgsearch.analysis.browse import value_counts_of
        from imgsearch.search.answers import counted_ids

        opened = self._opened
        counted = counted_ids(opened.context(), query, k)
        return value_counts_of(opened.reads().browsing, "camera", counted)

    def stacks_of(self, photo_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Find which of these photos are nearly the same as one before them, or of the same burst.

        By the id of the photo on top, which is the first of its stack: the ids of those behind it.
        """
        from imgsearch.search.stacking import stacks_of

        return stacks_of(self._opened.context(), as_ids(photo_ids))

    def days(self, query: str | Query | None = None, k: int = 1000) -> tuple[DayPhotos, ...]:
        """List the photos of each day, the newest day first."""
        from imgsearch.analysis.browse import days_of
        from imgsearch.search.kept_answers import kept_for_counted

        opened = self._opened
        return kept_for_counted(
            opened.context(), "days", query, k, lambda ids: days_of(opened.reads().browsing, ids)
        )

    @operation("POST /timeline/days", reads=True)
    def day_counts(
        self,
        query: str | Query | None = None,
        k: CountedPhotos = 1000,
        photo_id: AskedPhoto = None,
        shapes: bool = False,
    ) -> DayCounts:
        """Count the photos of each day, the newest day first.

        With a photo, also how many photos come before it: those of newer days, and those of its day
        that were taken later. With `shapes`, also the shape of each photo, as `shapes_of` has it.
        """
        from imgsearch.analysis.browse import day_counts_of

        days = self.days(query, k)
        asked = (each for day in days for each in day.photo_ids.tolist())
        return day_counts_of(
            days,
            None if photo_id is None else as_id(photo_id),
            self.shapes_of(asked) if shapes else (),
        )

    def days_of(self, photo_ids: Iterable[int]) -> tuple[DayPhotos, ...]:
        """Sort these photos by day, newest first, as `sort:date` has them."""
        import numpy as np

        from imgsearch.analysis.browse import days_of

        return days_of(self._opened.reads().browsing, np.array(as_ids(photo_ids), np.int64))

    def shapes_of(self, photo_ids: Iterable[int]) -> tuple[int, ...]:
        """Return the width of each of these photos, upright, in percent of its height.

        100 for a photo that is not in the library any more.
        """
        import numpy as np

        from imgsearch.analysis.browse import shapes_of

        return shapes_of(self._opened.reads().browsing, np.array(as_ids(photo_ids), np.int64))

    def positions(self, query: str | Query | None = None, k: int = 1000) -> PhotoPositions:
        """List where the photos were taken."""
        from imgsearch.analysis.browse import positions_of
        from imgsearch.search.kept_answers import kept_for_counted

        opened = self._opened
        return kept_for_counted(
            opened.context(),
            "positions",
            query,
            k,
            lambda ids: positions_of(opened.reads().browsing, ids),
        )

    @operation("POST /map/towns", reads=True)
    def towns_on_map(self, area: MapArea, zoom: Zoom) -> tuple[MapTown, ...]:
        """List the towns whose names fit on a map, with or without photos; most people first.

        Raises UsageError for an area that is too wide for the zoom.
        """
        from contextlib import closing

        from imgsearch.analysis.web_map import towns_on_map
        from imgsearch.gazetteer import Gazetteer

        check_area(area, zoom)
        with closing(Gazetteer(self._opened.settings.cache_dir)) as gazetteer:
            return tuple(towns_on_map(gazetteer, area, zoom))

    @operation("GET /filters/choices")
    def filter_choices(self) -> FilterChoices:
        """List the folders, places, people, keywords and more that a filter can name.

        Each has its number of photos, and the filter that finds them. Names that cannot be typed
        are left out. Of each kind, at most 20,000 are listed: those with most photos, and the
        folders that are least deep.
        """
        return self._opened.reads().recent.get("filter choices", self._filter_choices)

    def _filter_choices(self) -> FilterChoices:
        from imgsearch.analysis.browse import places_of
        from imgsearch.analysis.filter_choices import (
            choices_of_names,
            folder_tree,
            place_tree,
        )
        from imgsearch.search.answers import counted_ids

        opened, names = self._opened, self.names()
        all_photos = counted_ids(opened.context(), None, 0)
        roots = opened.reads().roots.all().values() if "folders" in opened.origin.parts else ()
        return FilterChoices(
            folder_tree(names.folders, map(Path, roots)),
            place_tree(places_of(opened.reads().browsing, all_photos)),
            choices_of_names("person", names.people),
            choices_of_names("keyword", names.keywords),
            tuple(load(named)(opened.database()) for named in installed.choices()),
        )

    def names(self) -> NameCounts:
        """Count the photos of each folder, person and keyword."""
        from imgsearch.analysis.browse import name_counts_of

        return name_counts_of(self._opened.reads().browsing)

    def values(self, fact: Literal["camera", "format"]) -> dict[str, int]:
        """Count the photos with each value of a fact, most first; unknown values are left out."""
        from imgsearch.analysis.browse import value_counts_of

        counts = value_counts_of(self._opened.reads().browsing, fact, None)
        return {each.value: each.photos for each in counts if each.value is not None}


def check_area(area: MapArea, zoom: float) -> None:
    """Raise UsageError for an area that no screen has at this zoom."""
    if not area.fits_on_screen(zoom):
        raise UsageError("The area is too wide for this zoom. Ask for a part, or for a lower zoom.")
