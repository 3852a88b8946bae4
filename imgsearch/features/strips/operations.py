"""Strips of pictures: the same thing over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from imgsearch.features.strips.records import StripPeriod, StripPicture, StripReport
from imgsearch.language.grammar import resolve_query
from imgsearch.operations.declared import CountedPhotos, operation
from imgsearch.paths import absolute
from imgsearch.records.query import PeriodLength, Query

if TYPE_CHECKING:
    from imgsearch.features.strips.filmstrip import StripSuffix
    from imgsearch.opened.library import OpenedLibrary

_VERSION_DIGITS = 12  # of a content hash
ByPeriod = Annotated[PeriodLength, Meta(description="Choose a photo of each month or year.")]


class Strips:
    """The same thing over time: the best photo of each month or year."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("POST /over-time", tool="Show the same thing over time")
    def over_time(
        self,
        query: str | Query | None = None,
        k: CountedPhotos = 1000,
        by: ByPeriod = "year",
    ) -> tuple[StripPeriod, ...]:
        """Choose the best photo of each month or year, in order of time.

        It is chosen by its score, light and sharpness. Periods without photos between others are in
        the strip as well. Photos whose metadata has no date are left out.
        """
        from imgsearch.features.strips.choosing import find_strip, strip_of_all
        from imgsearch.search.kept_answers import kept_for_counted, kept_for_found

        context, photos = self._opened.context(), self._opened.reads().browsing
        what = f"strip by {by}"
        if query is None:
            return kept_for_counted(
                context, what, None, k, lambda ids: strip_of_all(context, photos, ids, by)
            )
        return kept_for_found(
            context,
            what,
            resolve_query(query),
            k,
            lambda found: find_strip(context, photos, found.without_weak(), by),
        )

    @operation("POST /over-time/pictures", reads=True)
    def pictures(
        self,
        query: str | Query | None = None,
        k: CountedPhotos = 1000,
        by: ByPeriod = "year",
    ) -> tuple[StripPicture, ...]:
        """Choose the best photo of each month or year as `over_time` does, and name it alone.

        This is a fraction of the size of the photos with their facts.
        """
        return tuple(map(_picture_of, self.over_time(query, k, by)))

    def save(self, strip: Sequence[StripPeriod], place: str | Path) -> StripReport:
        """Write the pictures of a strip to a new file outside of the photo folders.

        A name that ends in .jpg or .png is a picture of all photos side by side with their periods;
        .webp is an animation, and .mp4 a video. Of photos that cannot be read now, the kept small
        picture is taken. The file appears when it is complete.

        Raises UsageError for another kind of file, a place in a photo folder or one that is taken,
        and a strip without photos or with more than the kind of file can hold; MissingPackage for a
        video without the extra `video`; and DiskError where it cannot be written.
        """
        from imgsearch.features.strips.filmstrip import write_strip
        from imgsearch.operations.pictures import Pictures
        from imgsearch.outputs.places import refuse_inside

        opened, path = self._opened, Path(absolute(place))
        folders = [period.best.path.parent for period in strip if period.best is not None]
        own = (opened.settings.data_dir, opened.settings.cache_dir)
        refuse_inside(path, [*opened.origin.photo_folders(opened.reads()), *map(str, folders)], own)
        return write_strip(strip, path, Pictures(opened).thumbnail)

    def content(self, strip: Sequence[StripPeriod], suffix: StripSuffix) -> bytes:
        """Return the pictures of a strip as the content of such a file. Raises as `save` does."""
        from imgsearch.features.strips.filmstrip import strip_bytes
        from imgsearch.operations.pictures import Pictures

        return strip_bytes(strip, suffix, Pictures(self._opened).thumbnail)


def _picture_of(period: StripPeriod) -> StripPicture:
    best = period.best
    if best is None:
        return StripPicture(period.period, period.photos)
    version = best.photo.content_hash[:_VERSION_DIGITS]
    return StripPicture(period.period, period.photos, best.photo.id, version, best.at_s)
