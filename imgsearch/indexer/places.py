"""Names the places of photos that have coordinates."""

from __future__ import annotations

from msgspec.structs import replace

from imgsearch.gazetteer import Gazetteer
from imgsearch.records.photo import Facts


def with_place_names(facts: Facts, gazetteer: Gazetteer) -> Facts:
    """The facts with town, region and country of their coordinates.

    Names that another program has written stay as they are.
    """
    if facts.lat is None or facts.lon is None or facts.town or facts.region or facts.country:
        return facts
    found = gazetteer.town_of(facts.lat, facts.lon)
    if found is None:
        return facts
    town = found.town
    return replace(
        facts,
        town=town.name,
        region=town.region or None,
        country=town.country or None,
        near_town=found.is_near,
    )
