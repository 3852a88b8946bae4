"""`library.around`: the photos just before and after another one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from imgsearch.addresses import as_path
from imgsearch.errors import Sentence, UsageError
from imgsearch.features.around.records import NearbyPhoto, PhotosBeforeAfter
from imgsearch.features.around.texts import time_between
from imgsearch.features.events.operations import Events
from imgsearch.operations.declared import operation
from imgsearch.records.answer import Hit
from imgsearch.records.ids import as_id, as_ids
from imgsearch.store.sql import IN_IDS, ids_parameter
from imgsearch.text import path_text, printable

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary

_MOST = 1000
EachSide = Annotated[
    int, Meta(ge=1, le=_MOST, description="Return at most this many photos before, and after.")
]


class Around:
    """Finds what was just before and after a photo, within its event."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("POST /around", tool="Show what was before and after a photo")
    def photos(self, photo: int | str | Path, k: EachSide = 10) -> PhotosBeforeAfter:
        """Find the photos just before and after a photo, in order of time, with the time between.

        `photo` is an id or a path. They end where its event ends. The time between follows from
        the offsets from UTC where all photos of the event have one, and from the clocks of the
        cameras otherwise. Raises UsageError for a photo that the library does not have.
        """
        photo_id = self._id_of(photo)
        hits = self._hits([photo_id])
        if not hits:
            raise UsageError(
                f"The library has no photo with the id {photo_id}. A search returns ids."
            )
        event = Events(self._opened).with_photo(photo_id)
        if event is None:
            return PhotosBeforeAfter(hits[0])
        times = self._times(event.photo_ids)
        ordered = sorted((each for each in event.photo_ids if each in times), key=times.__getitem__)
        if photo_id not in times:  # it lost its date since the events were found
            return PhotosBeforeAfter(hits[0])
        place = ordered.index(photo_id)
        first, end = max(place - k, 0), min(place + k + 1, len(ordered))
        shown = {each.photo.id: each for each in self._hits(ordered[first:end])}
        nearby = [
            _nearby(shown[each], (times[each] - times[photo_id]).total_seconds())
            for each in ordered[first:end]
            if each in shown and each != photo_id
        ]
        before = {*ordered[first:place]}
        return PhotosBeforeAfter(
            hits[0],
            event.summary(),
            tuple(each for each in nearby if each.hit.photo.id in before),
            tuple(each for each in nearby if each.hit.photo.id not in before),
            more_before=first,
            more_after=len(ordered) - end,
        )

    def _id_of(self, photo: int | str | Path) -> int:
        if isinstance(photo, int):
            return as_id(photo)
        opened = self._opened
        path = as_path(opened.origin.absolute(photo))
        photo_id = opened.context().photos.photo_at(path)
        if photo_id is None:
            reason = opened.origin.why_unknown(opened.store(), path)
            raise UsageError(Sentence(f"{printable(path_text(path))}: ", reason))
        return photo_id

    def _hits(self, ids: Sequence[int]) -> list[Hit]:
        from imgsearch.search.hits import make_hits

        context = self._opened.context()
        return list(make_hits(context.photos, as_ids(ids), stack_raw=context.stack_raw))

    def _times(self, ids: Sequence[int]) -> dict[int, datetime]:
        """Return when photos were taken, in UTC if all say so, else by the clocks of cameras."""
        rows = self._opened.database().fetch_all(
            f"SELECT id, taken_at FROM photos WHERE taken_at IS NOT NULL AND id {IN_IDS} "
            "ORDER BY id",
            ids_parameter(ids),
        )
        times = {photo_id: datetime.fromisoformat(text) for photo_id, text in rows}
        if all(time.tzinfo is not None for time in times.values()):
            try:
                return {photo_id: time.astimezone(UTC) for photo_id, time in times.items()}
            except OverflowError:  # a time of the first or the last year
                pass
        return {photo_id: time.replace(tzinfo=None) for photo_id, time in times.items()}


def _nearby(hit: Hit, apart_s: float) -> NearbyPhoto:
    return NearbyPhoto(hit, apart_s, time_between(apart_s))
