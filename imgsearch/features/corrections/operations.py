"""Corrections: dates and places of photos that their files do not state, or state wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date as date_
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from imgsearch.errors import QueryError, UsageError
from imgsearch.features.corrections.records import (
    DateAndPlaceChange,
    PhotoDate,
    PlannedDate,
    PlannedPlace,
)
from imgsearch.operations.chosen import known_photos
from imgsearch.operations.declared import (
    ChosenCount,
    ChosenPhotos,
    ResultCount,
    WithWeak,
    operation,
)
from imgsearch.records.changes import Change
from imgsearch.records.ids import as_ids
from imgsearch.records.named_point import NamedPoint
from imgsearch.records.photo import DatePrecision, Facts, as_precision
from imgsearch.records.query import Filter, FilterValue, NamedPlace, Place, Query
from imgsearch.records.stated_facts import StatedFacts
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.features.corrections.store import CorrectionStore
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.outputs.sidecars import PlannedFile
    from imgsearch.progress import Job

GivenDate = Annotated[
    str | None,
    Meta(
        description="Set the date, as exactly as you know it: 1974, 'summer 1974', 1974-07, "
        "1974-07-03T16:30."
    ),
]
FromNames = Annotated[
    bool,
    Meta(
        description="Propose dates from the names of files and folders to photos without one of "
        "their own."
    ),
]
GivenPlace = Annotated[str, Meta(description="Set the place: a town, or LAT,LON in degrees.")]
_BEGINNING = "0001-01-01T00:00:00"  # of what a date leaves open


class Corrections:
    """The corrected dates and places of the photos of a library.

    They count in place of what the files state, in every query and view, and are kept in the
    library: no photo is changed. `dated:you` finds photos with a corrected date.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def _store(self) -> CorrectionStore:
        from imgsearch.features.corrections.store import CorrectionStore

        return CorrectionStore(self._opened.database())

    @operation("POST /corrections/of", reads=True)
    def of(self, photo_ids: Sequence[int]) -> dict[int, StatedFacts]:
        """Return what the files of these photos state; photos without a correction are left out."""
        return self._store().of(as_ids(photo_ids))

    @operation("POST /corrections/plan", reads=True)
    def plan_dates(
        self,
        photo_ids: ChosenPhotos = (),
        query: str | Query | None = None,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
        date: GivenDate = None,
        shift_s: float | None = None,
        from_names: FromNames = False,
    ) -> tuple[PlannedDate, ...]:
        """List the dates that photos, the answer to a query, or both would get; nothing is written.

        `date` is a year, a season, a month, a day or a minute, "1974", "summer 1974", "07.1974" or
        "1974-07-03T16:30"; it gives its beginning and how exact that is. `shift_s` moves dates
        by so many seconds, of a camera whose clock was wrong. `from_names` proposes the date in
        the name of a file or folder. The latter two leave out photos that they say nothing of:
        without a date of their own to shift, with one already, or without a date in a name. Photos
        that have the date are left out as well.

        Raises UsageError unless one of the three is given, for what is no date, for a shift out of
        the years 1 to 9999, and where the library has none of the given photos; QueryError as
        `find` does.
        """
        from imgsearch.language.name_dates import date_in_path

        if (date is not None) + (shift_s is not None) + from_names != 1:
            raise UsageError("Say which dates: a date, a shift, or the dates in names.")
        today = datetime.now().date()
        given = None if date is None else _given_date(date, today)
        planned = []
        chosen = known_photos(self._opened, photo_ids, query, k, include_weak)
        for photo_id, photo in self._opened.photos().records(chosen).items():
            before, path = datetime.fromisoformat(photo.date), photo.files[0].path
            because = ""
            after, precision = (None, None) if given is None else given
            own = None if photo.dated_by == "file" else photo.photo.facts.taken_at
            exact_to = as_precision(photo.photo.facts.date_precision) if own is not None else None
            if shift_s is not None:
                after, precision = _shifted(path, own, shift_s), exact_to
            elif from_names:
                named = date_in_path(path, today) if own is None else None
                if named is not None:
                    after, precision = named.taken_at, named.precision
                    because = f"from the name {named.name}"
            if after is not None and (after, precision) != (own, exact_to):
                planned.append(
                    PlannedDate(
                        photo_id,
                        path,
                        before,
                        photo.dated_by,
                        after,
                        because,
                        precision=precision,
                        before_precision=exact_to,
                    )
                )
        return tuple(planned)

    @operation("POST /corrections/dates")
    def set_dates(self, dates: Sequence[PhotoDate]) -> Change:
        """Correct the date of each of these photos.

        Works while another process writes. Raises DiskError.
        """
        return self._store().set_dates(dates)

    @operation("POST /corrections/plan-place", reads=True)
    def plan_place(
        self,
        photo_ids: ChosenPhotos = (),
        query: str | Query | None = None,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
        place: GivenPlace,
    ) -> tuple[PlannedPlace, ...]:
        """List the places that photos, the answer to a query, or both would get by `set_place`.

        Nothing is written. Photos that have the place are left out. Raises as `set_place` does.
        """
        after = self._located(place)
        chosen = known_photos(self._opened, photo_ids, query, k, include_weak)
        planned = []
        for photo_id, photo in self._opened.photos().records(chosen).items():
            before = _place_of(photo.photo.facts)
            if before != after:
                planned.append(PlannedPlace(photo_id, photo.files[0].path, before, after))
        return tuple(planned)

    @operation("POST /corrections/place")
    def set_place(
        self,
        photo_ids: ChosenPhotos = (),
        query: str | Query | None = None,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
        place: GivenPlace,
    ) -> Change:
        """Correct the place of photos, of the answer to a query, or of both.

        `place` is the name of a town, "Paris" or "Paris, Texas", or a point in degrees,
        "48.85,2.35". Raises UsageError for what is no place, and where the library has none of the
        given photos, QueryError for an unknown town and as `find` does, and DiskError.
        """
        found = self._located(place)
        photos = known_photos(self._opened, photo_ids, query, k, include_weak)
        return self._store().set_place(photos, found)

    @operation("GET /corrections/places")
    def suggest_places(self, text: str, k: ResultCount = 8) -> tuple[NamedPoint, ...]:
        """List the towns whose names begin with a text, the most populous first; at most k.

        "Paris, T" names the beginning of the region or the country as well. Where no name begins
        so, the towns with this name in another language.
        """
        from imgsearch.search.places import towns_beginning

        return tuple(
            NamedPoint(town.lat, town.lon, town.name, town.region or None, town.country or None)
            for town in towns_beginning(self._opened.settings.cache_dir, text, max(k, 0))
        )

    @operation("POST /corrections/forget")
    def forget(
        self,
        photo_ids: ChosenPhotos = (),
        query: str | Query | None = None,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
        date: bool = True,
        place: bool = True,
    ) -> Change:
        """Let count again what the files of photos state, of the date, the place or both.

        Raises UsageError if neither is meant, and where the library has none of the given photos,
        QueryError as `find` does, and DiskError.
        """
        if not (date or place):
            raise UsageError("Say what to take back: the date, the place or both.")
        photos = known_photos(self._opened, photo_ids, query, k, include_weak)
        return self._store().forget(photos, date=date, place=place)

    # ------------------------------------------------------------------ for other programs

    def plan_sidecars(
        self, *, adobe_names: bool = False
    ) -> Job[list[PlannedFile[DateAndPlaceChange]]]:
        """List the XMP files to write so that files beside photos state what was corrected here.

        Nothing is written. Only files that can be reached now are listed. A new file is called
        `IMG.JPG.xmp`, or with `adobe_names` `IMG.xmp`.
        """
        from imgsearch.features.corrections.sidecars import CorrectedFile, plan_corrections
        from imgsearch.progress import Job

        store = self._store()
        corrections = store.all()
        stated = store.of(corrections)
        files = [
            CorrectedFile(photo, file, corrections[photo.id], stated[photo.id])
            for photo, file in self._opened.origin.reachable_files(
                self._opened.reads(), corrections
            )
        ]
        return Job(plan_corrections(files, adobe_names))

    def write_sidecars(
        self, planned: Sequence[PlannedFile[DateAndPlaceChange]]
    ) -> Job[list[DateAndPlaceChange]]:
        """Write the planned XMP files, one after the other; returns each change.

        Photos are never changed. What other programs wrote in a file is kept. A file that has
        changed since it was planned is left as it is, as is the file of a photo that is gone or has
        changed since it was indexed; its change has a problem then. The library reads the files
        at the next `index`. Raises DiskError on a full disk.
        """
        from imgsearch.outputs.sidecars import write_sidecars
        from imgsearch.progress import Job

        return Job(write_sidecars(planned))

    def _located(self, text: str) -> NamedPoint:
        from imgsearch.gazetteer import Gazetteer
        from imgsearch.indexer.places import place_at
        from imgsearch.language.fields import read_place
        from imgsearch.search.places import located

        try:
            value: FilterValue = read_place(text.strip())
        except ValueError as error:
            raise UsageError(str(error)) from None
        cache_dir = self._opened.settings.cache_dir
        if isinstance(value, NamedPlace):
            names = self._opened.photos().names
            (value,) = located(names, cache_dir, Filter("near", (value,))).values
        if not isinstance(value, Place):
            raise QueryError(f"{text!r} is not a place. Write a town, or 48.85,2.35.")
        with closing(Gazetteer(cache_dir)) as gazetteer:
            return place_at(value.lat, value.lon, gazetteer)


def stated_in_photo(opened: OpenedLibrary, photo_id: int) -> StatedFacts | None:
    """Return what the files of a photo state; None for one without a correction."""
    return Corrections(opened).of([photo_id]).get(photo_id)


def _given_date(text: str, today: date_) -> tuple[datetime, DatePrecision | None]:
    """Return the beginning of a date in words or numbers, and how exact it is.

    Raises UsageError.
    """
    from imgsearch.language.calendar_words import SEASONS
    from imgsearch.language.dates import read_period
    from imgsearch.language.fields import read_date

    precisions: dict[int, DatePrecision] = {4: "year", 7: "month", 10: "day"}
    try:
        written = read_date(text.strip())
    except ValueError as error:
        words = text.lower().split()
        period = read_period(words, today) if words else None
        if period is None or period.kind != "on" or period.until is not None:
            raise UsageError(f"{error} Or 07.1974, July 1974 or summer 1974.") from None
        written = min(period.parts)
        if len(period.parts) > 1:
            if not SEASONS.keys() & set(words):
                raise UsageError(f"{text!r} is several dates. Give one of them.") from None
            return datetime.fromisoformat(written + _BEGINNING[len(written) :]), "season"
    beginning = datetime.fromisoformat(written + _BEGINNING[len(written) :])
    return beginning, precisions.get(len(written))


def _place_of(facts: Facts) -> NamedPoint | None:
    if facts.lat is None or facts.lon is None:
        return None
    names = (facts.town, facts.region, facts.country)
    return NamedPoint(facts.lat, facts.lon, *names, near_town=facts.near_town)


def _shifted(path: Path, own: datetime | None, shift_s: float) -> datetime | None:
    """Return the date of a photo, moved; None where there is none. Raises UsageError."""
    try:
        return None if own is None else own + timedelta(seconds=shift_s)
    except OverflowError:
        raise UsageError(
            f"The shift moves the date of {printable(path)}, {own:%Y-%m-%d}, out of the years 1 to "
            "9999. Give a smaller one."
        ) from None
