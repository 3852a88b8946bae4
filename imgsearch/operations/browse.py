"""Browsing: photos counted and listed by time, place and name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from imgsearch.errors import UsageError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.language.grammar import resolve_query
from imgsearch.operations.declared import CountedPhotos, operation
from imgsearch.records.browse import (
    DayPhotos,
    FilterChoices,
    MapArea,
    MapTown,
    NameCounts,
    PhotoEvent,
    PhotoPositions,
    PlaceCounts,
    Timeline,
    ValueCount,
)
from imgsearch.records.changes import Change
from imgsearch.records.ids import as_ids
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.engines.local import LocalEngine
    from imgsearch.records.answer import Hit
    from imgsearch.records.arrays import Ids


MAX_ZOOM = 16
Zoom = Annotated[
    float,
    Meta(
        ge=0, le=MAX_ZOOM, description="The zoom of a web map: 256 * 2^zoom pixels are the world."
    ),
]
_MAX_TITLE = 200  # characters


class Browse:
    """Counts and lists photos: all of them, or the photos that a query finds.

    A query with terms finds at most its best k photos, and of these the ones that are not weak; one
    of filters alone has no such limit. Dates are those of `Hit.date`: a photo whose metadata has
    none counts by the date of its file. All methods raise as `Library.search` does.
    """

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine

    @operation("POST /timeline", tool="Count photos by time")
    def timeline(self, query: str | Query | None = None, k: CountedPhotos = 1000) -> Timeline:
        """Count the photos of each year and month.

        The filters after:, before: and on: find the photos of a time.
        """
        from imgsearch.analysis.browse import timeline_of

        return timeline_of(self._engine.browsing(), self._counted(query, k))

    @operation("POST /places", tool="Count photos by place")
    def places(self, query: str | Query | None = None, k: CountedPhotos = 1000) -> PlaceCounts:
        """Count the photos of each country, of its regions and of their towns.

        The filter place:NAME finds the photos of a place.
        """
        from imgsearch.analysis.browse import places_of

        return places_of(self._engine.browsing(), self._counted(query, k))

    @operation("POST /events", tool="List events", newest_last=True)
    def events(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> tuple[PhotoEvent, ...]:
        """Find occasions and trips, in order of time, each with a title.

        Photos whose metadata has no date are in no event. docs/events.md states the rule.
        """
        from imgsearch.analysis.event_titles import with_titles
        from imgsearch.analysis.events import find_events

        events = find_events(self._engine.browsing().moments(self._counted(query, k)))
        return with_titles(events, self._engine.event_titles())

    @operation("POST /events/title")
    def title_event(self, start: datetime, title: str) -> Change:
        """Give the event that a moment is in another title; an empty one takes it away again.

        `start` is the local time of its first photo, or any moment until that of its last one. The
        title stays when photos come or go, and the change can be undone. Raises UsageError where no
        event has that moment, for a title of more than 200 characters; and DiskError.
        """
        from imgsearch.analysis.events import find_events

        store = self._engine.event_title_store()
        words = " ".join(title.split())
        if len(words) > _MAX_TITLE:
            raise UsageError(f"The title has {len(words)} characters. Use {_MAX_TITLE} at most.")
        moment = start.replace(tzinfo=None)
        for event in find_events(self._engine.browsing().moments(self._counted(None, 1))):
            if event.start <= moment <= event.end:
                return store.set(event, words)
        raise UsageError(f"No event has the moment {moment}. To list them: imgsearch events --json")

    def cover(self, photo_ids: Sequence[int]) -> Hit | None:
        """Choose the photo that stands for these, which are in order of time: a clear one.

        None if the library has none of them.
        """
        from imgsearch.analysis.covers import cover_of

        return cover_of(self._engine.context(), as_ids(photo_ids))

    @operation("POST /cameras", tool="Count photos by camera")
    def cameras(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> tuple[ValueCount, ...]:
        """Count the photos of each camera, most first; None where the camera is not known.

        The filter camera:NAME finds the photos of a camera.
        """
        from imgsearch.analysis.browse import value_counts_of

        return value_counts_of(self._engine.browsing(), "camera", self._counted(query, k))

    def stacks_of(self, photo_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Find which of these photos are nearly the same as one before them, or of the same burst.

        By the id of the photo on top, which is the first of its stack: the ids of those behind it.
        """
        from imgsearch.search.stacking import stacks_of

        return stacks_of(self._engine.context(), as_ids(photo_ids))

    def days(self, query: str | Query | None = None, k: int = 1000) -> tuple[DayPhotos, ...]:
        """List the photos of each day, the newest day first."""
        from imgsearch.analysis.browse import days_of

        return days_of(self._engine.browsing(), self._counted(query, k))

    def days_of(self, photo_ids: Iterable[int]) -> tuple[DayPhotos, ...]:
        """Sort these photos by day, newest first, as `sort:date` has them."""
        import numpy as np

        from imgsearch.analysis.browse import days_of

        return days_of(self._engine.browsing(), np.array(as_ids(photo_ids), np.int64))

    def positions(self, query: str | Query | None = None, k: int = 1000) -> PhotoPositions:
        """List where the photos were taken."""
        from imgsearch.analysis.browse import positions_of

        return positions_of(self._engine.browsing(), self._counted(query, k))

    @operation("POST /map/towns", reads=True)
    def towns_on_map(self, area: MapArea, zoom: Zoom) -> tuple[MapTown, ...]:
        """List the towns whose names fit on a map, with or without photos; most people first.

        Raises UsageError for an area that is too wide for the zoom.
        """
        if not area.fits_on_screen(zoom):
            raise UsageError(
                "The area is too wide for this zoom. Ask for a part, or for a lower zoom."
            )
        from contextlib import closing

        from imgsearch.analysis.clusters import towns_on_map
        from imgsearch.gazetteer import Gazetteer

        with closing(Gazetteer(self._engine.settings.cache_dir)) as gazetteer:
            return tuple(towns_on_map(gazetteer, area, zoom))

    @operation("GET /filters/choices")
    def filter_choices(self) -> FilterChoices:
        """List the folders, places, people, keywords and more that a filter can name.

        Each has its number of photos, and the filter that finds them. Names that cannot be typed
        are left out. Of each kind, at most 20,000 are listed: those with most photos, and the
        folders that are least deep.
        """
        from imgsearch.analysis.filter_choices import (
            choices_of_names,
            folder_tree,
            place_tree,
        )

        engine, names = self._engine, self.names()
        roots = engine.photo_folders() if "folders" in engine.capabilities else []
        return FilterChoices(
            folder_tree(names.folders, map(Path, roots)),
            place_tree(self.places()),
            choices_of_names("person", names.people),
            choices_of_names("keyword", names.keywords),
            tuple(load(named)(engine.database()) for named in installed.choices()),
        )

    def names(self) -> NameCounts:
        """Count the photos of each folder, person and keyword."""
        from imgsearch.analysis.browse import name_counts_of

        return name_counts_of(self._engine.browsing())

    def values(self, fact: Literal["camera", "format"]) -> dict[str, int]:
        """Count the photos with each value of a fact, most first; unknown values are left out."""
        from imgsearch.analysis.browse import value_counts_of

        counts = value_counts_of(self._engine.browsing(), fact, None)
        return {each.value: each.photos for each in counts if each.value is not None}

    def _counted(self, query: str | Query | None, k: int) -> Ids | None:
        from imgsearch.search.answers import counted_ids

        resolved = None if query is None else resolve_query(query)
        return counted_ids(self._engine.context(), resolved, k)
