"""Names the places of photos that have coordinates."""

from __future__ import annotations

from msgspec.structs import replace

from imgsearch.gazetteer import Gazetteer
from imgsearch.records.named_point import NamedPoint
from imgsearch.records.photo import Facts


def with_place_names(facts: Facts, gazetteer: Gazetteer) -> Facts:
    """Return the facts with town, region and country of their coordinates.

    Names that another program has written stay as they are.
    """
    if facts.lat is None or facts.lon is None or facts.town or facts.region or facts.country:
        return facts
    place = place_at(facts.lat, facts.lon, gazetteer)
    return replace(
        facts,
        town=place.town,
        region=place.region,
        country=place.country,
        near_town=place.near_town,
    )


def place_at(lat: float, lon: float, gazetteer: Gazetteer) -> NamedPoint:
    """Return the point with the names of the town that it is in or near, if there is one."""
    found = gazetteer.town_of(lat, lon)
    if found is None:
        return NamedPoint(lat, lon)
    town = found.town
    return NamedPoint(lat, lon, town.name, town.region or None, town.country or None, found.is_near)
