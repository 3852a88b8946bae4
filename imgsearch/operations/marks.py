"""Marks: favourites, stars and hidden photos, kept in the library and never in the photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from imgsearch.errors import UsageError
from imgsearch.operations.chosen import known_photos
from imgsearch.operations.declared import ChosenCount, ChosenPhotos, WithWeak, operation
from imgsearch.records.changes import Change
from imgsearch.records.ids import as_ids
from imgsearch.records.marks import MAX_STARS, MarkKind, PhotoMarks, SidecarChange
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.outputs.sidecars import PlannedFile
    from imgsearch.progress import Job
    from imgsearch.store.marks import MarkStore

Favourite = Annotated[bool | None, Meta(description="Set or remove the favourite mark.")]
Stars = Annotated[int | None, Meta(description=f"Give 0 to {MAX_STARS} stars.")]
Hidden = Annotated[bool | None, Meta(description="Leave photos out of answers, or not.")]


class Marks:
    """The marks of the photos of a library.

    `is:favourite` and `rating:4+` find photos by them. Hidden photos leave all answers; `is:hidden`
    finds them.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def _store(self) -> MarkStore:
        from imgsearch.store.marks import MarkStore

        return MarkStore(self._opened.database())

    @operation("POST /marks/of", reads=True)
    def of(self, photo_ids: Sequence[int]) -> dict[int, PhotoMarks]:
        """Return the marks of these photos by id; photos without any are left out."""
        return self._store().of(as_ids(photo_ids))

    @operation("POST /marks")
    def set(
        self,
        photo_ids: ChosenPhotos = (),
        query: str | Query | None = None,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
        favourite: Favourite = None,
        rating: Stars = None,
        hidden: Hidden = None,
    ) -> Change:
        """Mark photos, the answer to a query, or both; a mark that is not given stays.

        `rating` is 0 to 5 stars, which count before those that a file states unless the setting
        `rating` says otherwise. Works while another process writes. Photos that the library does
        not have are left out. Raises UsageError without a mark, for other numbers of stars, and
        where the library has none of the given photos, QueryError as `find` does, and DiskError.
        """
        if rating is not None and not 0 <= rating <= MAX_STARS:
            raise UsageError(f"A rating is 0 to {MAX_STARS} stars, not {rating}.")
        values: dict[MarkKind, int | None] = {}
        if favourite is not None:
            values["favourite"] = 1 if favourite else None
        if rating is not None:
            values["rating"] = rating
        if hidden is not None:
            values["hidden"] = 1 if hidden else None
        if not values:
            raise UsageError("Say how to mark the photos: favourite, rating or hidden.")
        photos = known_photos(self._opened, photo_ids, query, k, include_weak)
        return self._store().set(photos, values)

    @operation("POST /marks/forget-rating")
    def forget_rating(
        self,
        photo_ids: ChosenPhotos = (),
        query: str | Query | None = None,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
    ) -> Change:
        """Remove the stars that photos were given here, so that the stars of their files count.

        Raises UsageError where the library has none of the given photos, QueryError as `find` does,
        and DiskError.
        """
        photos = known_photos(self._opened, photo_ids, query, k, include_weak)
        return self._store().set(photos, {"rating": None})

    def plan_sidecars(self, *, adobe_names: bool = False) -> Job[list[PlannedFile[SidecarChange]]]:
        """List the XMP files to write so that files beside photos state the stars given here.

        Nothing is written. Only files that can be reached now are listed. A new file is called
        `IMG.JPG.xmp`, or with `adobe_names` `IMG.xmp`.
        """
        from imgsearch.outputs.stars import RatedFile, plan_stars
        from imgsearch.progress import Job

        stars = self._store().ratings()
        files = [
            RatedFile(photo, file, stars[photo.id], photo.facts.rating)
            for photo, file in self._opened.origin.reachable_files(self._opened.reads(), stars)
        ]
        return Job(plan_stars(files, adobe_names))

    def write_sidecars(
        self, planned: Sequence[PlannedFile[SidecarChange]]
    ) -> Job[list[SidecarChange]]:
        """Write the planned XMP files, one after the other; returns each change.

        Photos are never changed. What other programs wrote in a file is kept. A file that has
        changed since it was planned is left as it is, as is the file of a photo that is gone or has
        changed since it was indexed; its change has a problem then. The library reads the new stars
        at the next `index`. Raises DiskError on a full disk.
        """
        from imgsearch.outputs.sidecars import write_sidecars
        from imgsearch.progress import Job

        return Job(write_sidecars(planned))
