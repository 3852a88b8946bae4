"""`library.events`: the events of photos, their titles, and their photos."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.features.events.records import (
    EventPhotos,
    EventSummary,
    PhotoEvent,
    TimelineHeadings,
)
from imgsearch.language.grammar import resolve_query
from imgsearch.operations.browse import Browse
from imgsearch.operations.declared import AskedPhoto, CountedPhotos, operation
from imgsearch.records.changes import Change
from imgsearch.records.ids import as_id, as_ids
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.records.answer import Hit

_MAX_TITLE = 200  # characters


class Events:
    """Finds events: occasions and trips, each with a title.

    Of a query, the photos that `library.browse` counts are in events; those whose metadata has no
    date are in none. docs/events.md states the rule. All methods raise as `Library.search` does.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("POST /events", tool="List events", newest_last=True)
    def all(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> tuple[PhotoEvent, ...]:
        """Find occasions and trips, in order of time, each with a title.

        Photos whose metadata has no date are in no event. docs/events.md states the rule.
        """
        from imgsearch.features.events.finding import find_events
        from imgsearch.features.events.store import EventTitleStore
        from imgsearch.features.events.titles import with_titles
        from imgsearch.search.kept_answers import kept_for_counted

        opened = self._opened
        return kept_for_counted(
            opened.context(),
            "events",
            query,
            k,
            lambda ids: with_titles(
                find_events(opened.reads().browsing.moments(ids)),
                EventTitleStore(opened.database()).all(),
            ),
        )

    @operation("POST /events/summaries", reads=True)
    def summaries(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> tuple[EventSummary, ...]:
        """List the events of all photos, in order of time, without their photos.

        With a query, the events with photos that it finds, and how many these are: an event is the
        same one, with the same title, whatever is searched for.
        """
        from imgsearch.features.events.summaries import summaries_of

        found = None
        if query is not None:
            days = Browse(self._opened).days(query, k)
            found = [each for day in days for each in day.photo_ids.tolist()]
        return summaries_of(self.all(), found)

    @operation("POST /events/photos", reads=True)
    def photos(self, start: datetime, photo_id: AskedPhoto = None) -> EventPhotos | None:
        """Return the event that a moment is in, with its photos, its days and its way.

        Where no event has the moment any more, since dates were corrected, the one with the photo
        `photo_id` is returned.
        """
        from imgsearch.analysis.browse import day_counts_of
        from imgsearch.features.events.route import route_of
        from imgsearch.features.events.summaries import photos_of_event

        event = self.at(start, photo_id)
        if event is None:
            return None
        browse = Browse(self._opened)
        days = day_counts_of(browse.days_of(event.photo_ids)[::-1], None).days
        stops = route_of(browse.positions(), event.photo_ids)
        photos = self._opened.photos().records(stop.first_id for stop in stops)
        towns = {each: found.photo.facts.town for each, found in photos.items()}
        named = {photo_id: town for photo_id, town in towns.items() if town}
        shapes = browse.shapes_of(event.photo_ids)
        return photos_of_event(event, shapes, days, stops, named)

    def at(self, start: datetime, photo_id: int | None = None) -> PhotoEvent | None:
        """Return the event that a moment is in, such as its start; None where there is none.

        The time is local, and an offset from UTC does not count. Where no event has the moment any
        more, since dates were corrected, the one with the photo `photo_id` is returned.
        """
        moment = start.replace(tzinfo=None)
        found = next((each for each in self.all() if each.start <= moment <= each.end), None)
        return self.with_photo(photo_id) if found is None and photo_id is not None else found

    def with_photo(self, photo_id: int) -> PhotoEvent | None:
        """Return the event that a photo is in; None for one that is in no event."""
        number = as_id(photo_id)
        return next((each for each in self.all() if number in each.photo_ids), None)

    @operation("POST /events/title")
    def set_title(self, start: datetime, title: str) -> Change:
        """Give the event that a moment is in another title; an empty one takes it away again.

        `start` is the local time of its first photo, or any moment until that of its last one. The
        title stays when photos come or go, and the change can be undone. Raises UsageError where no
        event has that moment, for a title of more than 200 characters; and DiskError.
        """
        from imgsearch.features.events.store import EventTitleStore

        titles = EventTitleStore(self._opened.database())
        words = " ".join(title.split())
        if len(words) > _MAX_TITLE:
            raise UsageError(f"The title has {len(words)} characters. Use {_MAX_TITLE} at most.")
        event = self.at(start)
        if event is None:
            raise UsageError(
                Sentence(
                    f"No event has the moment {start.replace(tzinfo=None)}. To list them: ",
                    CommandLine("events --json"),
                )
            )
        return titles.set(event, words)

    @operation("POST /timeline/headings", reads=True)
    def headings(
        self, query: str | Query | None = None, k: CountedPhotos = 1000
    ) -> TimelineHeadings:
        """Find the trips with five photos or more, and the towns of each day that is no trip.

        They are those of the photos that filters leave. A query with words or an example has none:
        the photos that match it best are no whole trip.
        """
        from imgsearch.features.events.summaries import headings_of

        resolved = None if query is None else resolve_query(query)
        is_of_filters = resolved is None or not resolved.terms
        return headings_of(self.all(resolved, k) if is_of_filters else ())

    def cover(self, photo_ids: Sequence[int]) -> Hit | None:
        """Choose the photo that stands for these, which are in order of time: a clear one.

        None if the library has none of them.
        """
        from imgsearch.features.events.covers import cover_of

        return cover_of(self._opened.context(), as_ids(photo_ids))
