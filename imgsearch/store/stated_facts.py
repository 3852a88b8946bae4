"""The dates and places that files state, of photos for which a person has corrected them.

The table `photos` has what counts. Triggers write it there, and keep beside the correction what the
files state (`migrations`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from imgsearch.records.photo import Facts
from imgsearch.records.stated_facts import StatedFacts
from imgsearch.store.database import Database
from imgsearch.store.sql import IN_IDS, ids_parameter


def stated_facts(database: Database, photo_ids: Iterable[int]) -> dict[int, StatedFacts]:
    """Return the facts that the files of these photos state, for those with a correction."""
    rows = database.fetch_all(
        "SELECT photo_id, taken_at IS NOT NULL, lat IS NOT NULL, file_taken_at, file_dated_by, "
        "file_lat, file_lon, file_town, file_region, file_country, "
        "coalesce(file_near_town, 0), file_date_precision "
        f"FROM corrections WHERE photo_id {IN_IDS}",
        ids_parameter(photo_ids),
    )
    return {
        photo_id: StatedFacts(
            date_is_corrected=bool(dated),
            place_is_corrected=bool(placed),
            taken_at=None if time is None else datetime.fromisoformat(time),
            dated_by=source,
            lat=lat,
            lon=lon,
            town=town,
            region=region,
            country=country,
            near_town=bool(near),
            date_precision=precision,
        )
        for photo_id, dated, placed, time, source, *place, precision in rows
        for lat, lon, town, region, country, near in (place,)
    }


def as_stated(facts: Facts, stated: StatedFacts) -> Facts:
    """Return the facts of a corrected photo as its files state them."""
    return replace(
        facts,
        taken_at=stated.taken_at,
        dated_by=stated.dated_by,
        date_precision=stated.date_precision,
        lat=stated.lat,
        lon=stated.lon,
        town=stated.town,
        region=stated.region,
        country=stated.country,
        near_town=stated.near_town,
    )
