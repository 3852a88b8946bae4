"""What photos are counted by, to browse a library: months and years, places."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MonthCount:
    """The photos of one month; `dated_by_file` of them have only the date of their file."""

    month: str  # "2023-06"
    photos: int
    dated_by_file: int


@dataclass(frozen=True, slots=True)
class YearCount:
    """The photos of one year, and its months that have any, in order."""

    year: int
    photos: int
    dated_by_file: int
    months: tuple[MonthCount, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All years from the first photo to the last, also those without a photo, in order."""

    years: tuple[YearCount, ...]


@dataclass(frozen=True, slots=True)
class TownCount:
    """The photos in or near a town; None for those of the region without a town."""

    town: str | None
    photos: int


@dataclass(frozen=True, slots=True)
class RegionCount:
    """The photos of a region, also without a town; None for those of the country without one."""

    region: str | None
    photos: int
    towns: tuple[TownCount, ...]


@dataclass(frozen=True, slots=True)
class CountryCount:
    """The photos of a country; None for those with a region or town and no country."""

    country: str | None
    photos: int
    regions: tuple[RegionCount, ...]


@dataclass(frozen=True, slots=True)
class PlaceCounts:
    """Countries, their regions, and the towns of these: most photos first, then by name."""

    countries: tuple[CountryCount, ...]
    unnamed: int  # photos with coordinates far from any town
    unknown: int  # photos without coordinates and without the name of a place
