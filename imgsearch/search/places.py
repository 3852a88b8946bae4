"""Finds the towns that the filter `near:` names, and those that somebody begins to name."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.errors import QueryError
from imgsearch.place_names import place_names
from imgsearch.records.query import Filter, FilterValue, NamedPlace, Place

if TYPE_CHECKING:
    from imgsearch.gazetteer import Gazetteer, Town
    from imgsearch.store.reading.names import NameReads


def located(names: NameReads, cache_dir: Path, condition: Filter) -> Filter:
    """Add to the filter a circle on the Earth for each town that it names.

    Raises QueryError for an unknown town.
    """
    if not any(isinstance(value, NamedPlace) for value in condition.values):
        return condition
    return replace(condition, values=tuple(_located(names, cache_dir, v) for v in condition.values))


def _located(names: NameReads, cache_dir: Path, value: FilterValue) -> FilterValue:
    if not isinstance(value, NamedPlace):
        return value
    from imgsearch.gazetteer import Gazetteer  # only for a query that names a town

    gazetteer = Gazetteer(cache_dir)
    try:
        towns = gazetteer.named(value.name) or _named_elsewhere(gazetteer, cache_dir, value.name)
    finally:
        gazetteer.close()
    if not towns:
        raise QueryError(
            f"near: No town called {value.name!r} is known. Write its name in its own language or "
            "in English, or its latitude and longitude: near:48.85,2.35,20km"
        )
    # Towns come with the most populous first, and of equal numbers `max` takes the first.
    town = max(towns, key=lambda town: names.photos_around(town.lat, town.lon))
    return Place(town.lat, town.lon, value.radius_km)


def towns_beginning(cache_dir: Path, text: str, limit: int) -> list[Town]:
    """Return the most populous towns that begin so, else the ones called so in other languages."""
    from imgsearch.gazetteer import Gazetteer

    with closing(Gazetteer(cache_dir)) as gazetteer:
        found = gazetteer.beginning(text, limit)
        return found or _named_elsewhere(gazetteer, cache_dir, text)[:limit]


def _named_elsewhere(gazetteer: Gazetteer, cache_dir: Path, name: str) -> list[Town]:
    """Return the towns that have this name in another language."""
    english = place_names(cache_dir).english(name)
    return [town for each in english if each.kind == "place" for town in gazetteer.named(each.name)]
