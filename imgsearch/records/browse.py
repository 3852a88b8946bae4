"""Records for browsing a library: days, months and years, places, names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Degrees, Ids

_WIDEST_PX = 16_384
_RECORD_BYTES = 500  # in memory: of a record without its photos
_TO_THE_SECOND = len("2023-06-15T12:30:00")


class MonthCount(Struct, frozen=True):
    """The number of photos in a month; `dated_by_file` of them have only the date of their file."""

    month: str  # "2023-06"
    photos: int
    dated_by_file: int


class YearCount(Struct, frozen=True):
    """The number of photos in a year, and its months with photos, in order."""

    year: int
    photos: int
    dated_by_file: int
    months: tuple[MonthCount, ...]


class Timeline(Struct, frozen=True):
    """All years from the first photo to the last, including years without photos, in order."""

    years: tuple[YearCount, ...]


class DayPhotos(Struct, frozen=True):
    """The photos of one day, the latest first; `dated_by_file` have only the date of their file."""

    day: date
    photo_ids: Ids  # (n,)
    dated_by_file: int

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        return self.photo_ids.nbytes + _RECORD_BYTES


class DayCount(Struct, frozen=True):
    """The number of photos of a day; `dated_by_file` of them have only the date of their file."""

    day: date
    photos: int
    dated_by_file: int


class DayCounts(Struct, frozen=True):
    """The days with photos, the newest first.

    `version` changes whenever the photos or their order do. `offset` is how many photos come before
    the one that was asked for; None if it is not among these. `shapes` are the widths of all photos
    in percent of their heights, the newest photo first, if they were asked for.
    """

    version: str
    days: tuple[DayCount, ...]
    offset: int | None = None
    shapes: tuple[int, ...] = ()


class PhotoPositions(Struct, frozen=True):
    """The positions of photos, the latest first, in degrees (WGS 84)."""

    photo_ids: Ids  # (n,)
    lat: Degrees  # (n,), -90 to 90
    lon: Degrees  # (n,), -180 to 180
    unknown: int  # photos without coordinates

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        return self.photo_ids.nbytes + self.lat.nbytes + self.lon.nbytes + _RECORD_BYTES


class MapArea(Struct, frozen=True, forbid_unknown_fields=True):
    """An area between two latitudes and two longitudes, in degrees."""

    south: float
    west: float
    north: float
    east: float

    def fits_on_screen(self, zoom: float) -> bool:
        """Return whether it has at most 16,384 pixels on a web map, four times the widest screens.

        At zoom level z the world is 256 * 2^z pixels wide.
        """
        width_px: float = (self.east - self.west) / 360 * 256 * 2.0**zoom
        return width_px <= _WIDEST_PX


class MapTown(Struct, frozen=True):
    """A town whose name is on a map: degrees (WGS 84)."""

    name: str
    lat: float
    lon: float
    population: int


class TownCount(Struct, frozen=True):
    """The photos in or near a town; a name of None counts photos of the region without a town."""

    town: str | None
    photos: int


class RegionCount(Struct, frozen=True):
    """The photos of a region and its towns; a name of None counts photos without a region."""

    region: str | None
    photos: int
    towns: tuple[TownCount, ...]


class CountryCount(Struct, frozen=True):
    """The photos of a country; a name of None counts photos with a region or town only."""

    country: str | None
    photos: int
    regions: tuple[RegionCount, ...]


class PlaceCounts(Struct, frozen=True):
    """Countries with their regions and towns: most photos first, then by name."""

    countries: tuple[CountryCount, ...]
    unnamed: int  # photos with coordinates far from any town
    unknown: int  # photos without coordinates and without the name of a place


class ValueCount(Struct, frozen=True):
    """The photos with one value of a fact, such as a camera; None counts unknown values."""

    value: str | None
    photos: int


class NameCounts(Struct, frozen=True):
    """The number of photos in each folder, of each person and with each keyword.

    A photo with files in several folders counts in each of them, but not in the folders above.
    People and keywords: most photos first, then by name.
    """

    folders: dict[Path, int]
    people: dict[str, int]
    keywords: dict[str, int]


class FilterChoice(Struct, frozen=True):
    """One value of a filter, with its number of photos: `field:value` in the query language.

    In a tree, `below` are the values in this one, such as the towns of a country, with photos that
    count here, too.
    """

    label: str
    field: str
    value: str
    photos: int
    below: tuple[FilterChoice, ...] = ()


class KindOfChoices(Struct, frozen=True):
    """The values of a filter of a feature, with a title for people, and an icon of the page."""

    title: str
    icon: str
    choices: tuple[FilterChoice, ...]


class FilterChoices(Struct, frozen=True):
    """The values that photos can be filtered by: folders and places as trees, names as lists.

    `of_features` are those of the filters of features.
    """

    folders: tuple[FilterChoice, ...]
    places: tuple[FilterChoice, ...]
    people: tuple[FilterChoice, ...]
    keywords: tuple[FilterChoice, ...]
    of_features: tuple[KindOfChoices, ...] = ()

    @property
    def nbytes(self) -> int:
        """The size in memory, about."""
        waiting = [self.folders, self.places, self.people, self.keywords]
        waiting += [kind.choices for kind in self.of_features]
        number = 0
        while waiting:
            choices = waiting.pop()
            number += len(choices)
            waiting += [each.below for each in choices if each.below]
        return number * _RECORD_BYTES


class Moments(Struct, frozen=True, eq=False):
    """The times and places of n photos, each fact in an array (n,) or a list of its own.

    Photos are sorted by time, then by id.
    """

    photo_ids: Ids
    taken_at: NDArray[np.datetime64]  # the camera's local time, in microseconds
    lats: Degrees  # NaN if unknown
    lons: Degrees
    towns: Sequence[str | None]
    countries: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.photo_ids)

    @classmethod
    def of(
        cls,
        photo_ids: Sequence[int],
        taken_at: Sequence[str],
        lats: Sequence[float | None],
        lons: Sequence[float | None],
        towns: Sequence[str | None],
        countries: Sequence[str | None],
    ) -> Moments:
        """Return the moments of photos in any order.

        Times are ISO text; UTC offsets do not count.
        """
        import numpy as np

        ids, times = np.array(photo_ids, np.int64), _local_times(taken_at)
        order = np.lexsort((ids, times))
        places = order.tolist()
        return cls(
            ids[order],
            times[order],
            np.array(lats, np.float64)[order],
            np.array(lons, np.float64)[order],
            [towns[place] for place in places],
            [countries[place] for place in places],
        )


def _local_times(texts: Sequence[str]) -> NDArray[np.datetime64]:
    """Return times in ISO text, without their UTC offsets, in microseconds."""
    import numpy as np

    times = np.array([text[:_TO_THE_SECOND] for text in texts], "datetime64[us]")
    for place, text in enumerate(texts):
        if text[_TO_THE_SECOND : _TO_THE_SECOND + 1] == ".":
            times[place] = datetime.fromisoformat(text).replace(tzinfo=None)
    return times
