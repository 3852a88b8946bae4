"""Browsing: photos counted and listed by time, place and name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from msgspec import Meta

from imgsearch.errors import Command, Sentence, UsageError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.language.grammar import resolve_query
from imgsearch.operations.declared import AskedPhoto, CountedPhotos, operation
from imgsearch.records.browse import (
    DayCounts,
    DayPhotos,
    EventPhotos,
    EventSummary,
    FilterChoices,
    MapArea,
    MapCluster,
    MapTown,
    NameCounts,
    PhotoEvent,
    PhotoPositions,
    PlaceCounts,
    Timeline,
    TimelineHeadings,
    ValueCount,
)
from imgsearch.records.changes import Change
from imgsearch.records.ids import as_id, as_ids
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
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

_Value = TypeVar("_Value")


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

        return timeline_of(self._opened.reads().browsing, self._counted(query, k))

    @operation("POST /places", tool="Count photos by place")
    def places(self, query: str | Query | None = None, k: CountedPhotos = 1000) -> PlaceCounts:
        """Count the photos of each country, of its regions and of their towns.

        The filter place:NAME finds the photos of a place.
        """
        from imgsearch.analysis.browse import places_of

        return places_of(self._opened.reads().browsing, self._counted(query, k))

    @operation("POST /events", tool="List events", newest_last=True)
    def events(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> tuple[PhotoEvent, ...]:
        """Find occasions and trips, in order of time, each with a title.

        Photos whose metadata has no date are in no event. docs/events.md states the rule.
        """
        from imgsearch.analysis.event_titles import with_titles
        from imgsearch.analysis.events import find_events

        opened = self._opened
        return self._of_counted(
            "events",
            query,
            k,
            lambda ids: with_titles(
                find_events(opened.reads().browsing.moments(ids)), opened.event_titles()
            ),
        )

    @operation("POST /events/summaries", reads=True)
    def event_summaries(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> tuple[EventSummary, ...]:
        """List the events of all photos, in order of time, without their photos.

        With a query, the events with photos that it finds, and how many these are: an event is the
        same one, with the same title, whatever is searched for.
        """
        from imgsearch.analysis.event_summaries import summaries_of

        found = None
        if query is not None:
            found = [each for day in self.days(query, k) for each in day.photo_ids.tolist()]
        return summaries_of(self.events(), found)

    @operation("POST /events/photos", reads=True)
    def event_photos(self, start: datetime, photo_id: AskedPhoto = None) -> EventPhotos | None:
        """Return one event with its photos, its days and its way; see `event_at`."""
        from imgsearch.analysis.browse import day_counts_of
        from imgsearch.analysis.event_summaries import photos_of_event
        from imgsearch.analysis.route import route_of

        event = self.event_at(start, photo_id)
        if event is None:
            return None
        days = day_counts_of(self.days_of(event.photo_ids)[::-1], None).days
        stops = route_of(self.positions(), event.photo_ids)
        photos = self._opened.photos().records(stop.first_id for stop in stops)
        towns = {each: found.photo.facts.town for each, found in photos.items()}
        named = {photo_id: town for photo_id, town in towns.items() if town}
        return photos_of_event(event, days, stops, named)

    def event_at(self, start: datetime, photo_id: int | None = None) -> PhotoEvent | None:
        """Return the event that a moment is in, such as its start; None where there is none.

        The time is local, and an offset from UTC does not count. Where no event has the moment any
        more, since dates were corrected, the one with the photo `photo_id` is returned.
        """
        moment, events = start.replace(tzinfo=None), self.events()
        found = next((each for each in events if each.start <= moment <= each.end), None)
        if found is None and photo_id is not None:
            number = as_id(photo_id)
            found = next((each for each in events if number in each.photo_ids), None)
        return found

    @operation("POST /events/title")
    def title_event(self, start: datetime, title: str) -> Change:
        """Give the event that a moment is in another title; an empty one takes it away again.

        `start` is the local time of its first photo, or any moment until that of its last one. The
        title stays when photos come or go, and the change can be undone. Raises UsageError where no
        event has that moment, for a title of more than 200 characters; and DiskError.
        """
        store = self._opened.event_title_store()
        words = " ".join(title.split())
        if len(words) > _MAX_TITLE:
            raise UsageError(f"The title has {len(words)} characters. Use {_MAX_TITLE} at most.")
        event = self.event_at(start)
        if event is None:
            raise UsageError(
                Sentence(
                    f"No event has the moment {start.replace(tzinfo=None)}. To list them: ",
                    Command("events --json"),
                )
            )
        return store.set(event, words)

    def cover(self, photo_ids: Sequence[int]) -> Hit | None:
        """Choose the photo that stands for these, which are in order of time: a clear one.

        None if the library has none of them.
        """
        from imgsearch.analysis.covers import cover_of

        return cover_of(self._opened.context(), as_ids(photo_ids))

    @operation("POST /cameras", tool="Count photos by camera")
    def cameras(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> tuple[ValueCount, ...]:
        """Count the photos of each camera, most first; None where the camera is not known.

        The filter camera:NAME finds the photos of a camera.
        """
        from imgsearch.analysis.browse import value_counts_of

        return value_counts_of(self._opened.reads().browsing, "camera", self._counted(query, k))

    def stacks_of(self, photo_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Find which of these photos are nearly the same as one before them, or of the same burst.

        By the id of the photo on top, which is the first of its stack: the ids of those behind it.
        """
        from imgsearch.search.stacking import stacks_of

        return stacks_of(self._opened.context(), as_ids(photo_ids))

    def days(self, query: str | Query | None = None, k: int = 1000) -> tuple[DayPhotos, ...]:
        """List the photos of each day, the newest day first."""
        from imgsearch.analysis.browse import days_of

        opened = self._opened
        return self._of_counted("days", query, k, lambda ids: days_of(opened.reads().browsing, ids))

    @operation("POST /timeline/days", reads=True)
    def day_counts(
        self,
        query: str | Query | None = None,
        k: CountedPhotos = 1000,
        photo_id: AskedPhoto = None,
    ) -> DayCounts:
        """Count the photos of each day, the newest day first.

        With a photo, also how many photos come before it: those of newer days, and those of its day
        that were taken later.
        """
        from imgsearch.analysis.browse import day_counts_of

        return day_counts_of(self.days(query, k), None if photo_id is None else as_id(photo_id))

    @operation("POST /timeline/headings", reads=True)
    def headings(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> TimelineHeadings:
        """Find the trips with five photos or more, and the towns of each day that is no trip.

        They are those of the photos that filters leave. A query with words or an example has none:
        the photos that match it best are no whole trip.
        """
        from imgsearch.analysis.event_summaries import headings_of

        resolved = None if query is None else resolve_query(query)
        is_of_filters = resolved is None or not resolved.terms
        return headings_of(self.events(resolved, k) if is_of_filters else ())

    def days_of(self, photo_ids: Iterable[int]) -> tuple[DayPhotos, ...]:
        """Sort these photos by day, newest first, as `sort:date` has them."""
        import numpy as np

        from imgsearch.analysis.browse import days_of

        return days_of(self._opened.reads().browsing, np.array(as_ids(photo_ids), np.int64))

    def positions(self, query: str | Query | None = None, k: int = 1000) -> PhotoPositions:
        """List where the photos were taken."""
        from imgsearch.analysis.browse import positions_of

        opened = self._opened
        return self._of_counted(
            "positions", query, k, lambda ids: positions_of(opened.reads().browsing, ids)
        )

    @operation("POST /map/clusters", reads=True)
    def clusters_on_map(
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
        from imgsearch.analysis.clusters import cluster_photos, named_clusters

        _check_area(area, zoom)
        found = cluster_photos(self.positions(query, k), area, zoom)
        samples = {photo_id for cluster in found for photo_id in cluster.sample_ids}
        shown = self._opened.photos().records(samples)
        return named_clusters(found, {each: known.photo for each, known in shown.items()})

    @operation("POST /map/towns", reads=True)
    def towns_on_map(self, area: MapArea, zoom: Zoom) -> tuple[MapTown, ...]:
        """List the towns whose names fit on a map, with or without photos; most people first.

        Raises UsageError for an area that is too wide for the zoom.
        """
        _check_area(area, zoom)
        from contextlib import closing

        from imgsearch.analysis.clusters import towns_on_map
        from imgsearch.gazetteer import Gazetteer

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
        from imgsearch.analysis.filter_choices import (
            choices_of_names,
            folder_tree,
            place_tree,
        )

        opened, names = self._opened, self.names()
        roots = opened.reads().roots.all().values() if "folders" in opened.origin.parts else ()
        return FilterChoices(
            folder_tree(names.folders, map(Path, roots)),
            place_tree(self.places()),
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

    def _counted(self, query: str | Query | None, k: int) -> Ids | None:
        from imgsearch.search.answers import counted_ids

        resolved = None if query is None else resolve_query(query)
        return counted_ids(self._opened.context(), resolved, k)

    def _of_counted(
        self,
        what: str,
        query: str | Query | None,
        k: int,
        compute: Callable[[Ids | None], _Value],
    ) -> _Value:
        """Return what `compute` makes of the photos that count, the same until anything changes.

        One view asks for it several times, and events of 100,000 photos take a second to find.
        """
        from imgsearch.search.answers import counted_ids
        from imgsearch.search.kept_answers import key_of

        context = self._opened.context()
        resolved = None if query is None else resolve_query(query)
        key = key_of(context, Query() if resolved is None else resolved, k, None)
        if key is None:
            return compute(counted_ids(context, resolved, k))
        return self._opened.reads().recent.get(
            (what, resolved is None, key), lambda: compute(counted_ids(context, resolved, k))
        )


def _check_area(area: MapArea, zoom: float) -> None:
    """Raise UsageError for an area that no screen has at this zoom."""
    if not area.fits_on_screen(zoom):
        raise UsageError("The area is too wide for this zoom. Ask for a part, or for a lower zoom.")
