"""Dates and places that a person has corrected, beside those that the files state.

They are written in short transactions without the writer's lock, as marks are, and every change can
be undone. `photos` has what counts: triggers write it there (`migrations`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from imgsearch.features.corrections.records import Correction, PhotoDate
from imgsearch.records.changes import Change
from imgsearch.records.named_point import NamedPoint
from imgsearch.records.stated_facts import StatedFacts
from imgsearch.store import changes, names
from imgsearch.store.database import Database
from imgsearch.store.sql import IN_IDS, ids_parameter
from imgsearch.store.stated_facts import stated_facts
from imgsearch.text import format_count

_PLACE = ("lat", "lon", "town", "region", "country", "near_town")


class CorrectionStore:
    """The part of a store that knows corrections."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, photo_ids: Iterable[int]) -> dict[int, StatedFacts]:
        """Return the facts that the files of these photos state, for those with a correction."""
        return stated_facts(self._database, photo_ids)

    def all(self) -> dict[int, Correction]:
        """Return the corrections of all photos, by id."""
        rows = self._database.fetch_all(
            f"SELECT photo_id, taken_at, date_precision, {', '.join(_PLACE)} FROM corrections "
            "ORDER BY photo_id"
        )
        return {
            photo_id: Correction(
                taken_at=None if time is None else datetime.fromisoformat(time),
                place=None
                if lat is None
                else NamedPoint(lat, lon, town, region, country, bool(near)),
                date_precision=precision,
            )
            for photo_id, time, precision, lat, lon, town, region, country, near in rows
        }

    def set_dates(self, dates: Iterable[PhotoDate]) -> Change:
        """Correct the date of each of these photos, all or nothing.

        Photos that the library does not have, and dates that a photo has already, are left out.
        """
        texts = {
            each.photo_id: (each.taken_at.replace(tzinfo=None).isoformat(), each.precision)
            for each in dates
        }
        with self._database.brief_transaction() as connection:
            found = connection.execute(
                f"SELECT id, taken_at, date_precision FROM photos WHERE id {IN_IDS}",
                (ids_parameter(texts),),
            )
            known = {photo_id: (text, precision) for photo_id, text, precision in found}
            rows = [
                (photo_id, *date)
                for photo_id, date in texts.items()
                if photo_id in known and known[photo_id] != date
            ]
            if not rows:
                return changes.unchanged("These dates were set already")
            before = _before(connection, [photo_id for photo_id, *_ in rows])
            connection.executemany(
                "INSERT INTO corrections (photo_id, taken_at, date_precision) VALUES (?, ?, ?) "
                "ON CONFLICT (photo_id) DO UPDATE SET taken_at = excluded.taken_at, "
                "date_precision = excluded.date_precision",
                rows,
            )
            title = f"Corrected the date of {format_count(len(rows), 'photo')}"
            return changes.record(connection, title, len(rows), [before])

    def set_place(self, photo_ids: Sequence[int], place: NamedPoint) -> Change:
        """Correct the place of these photos, all or nothing; those there already are left out."""
        values = (place.lat, place.lon, place.town, place.region, place.country, place.near_town)
        with self._database.brief_transaction() as connection:
            rows = connection.execute(
                f"SELECT id FROM photos WHERE id {IN_IDS} AND "
                f"({', '.join(_PLACE)}) IS NOT (?, ?, ?, ?, ?, ?)",
                (ids_parameter(photo_ids), *values),
            )
            changed = [photo_id for (photo_id,) in rows]
            if not changed:
                return changes.unchanged(
                    "These photos have this place already"
                    if photo_ids
                    else "No photo matches, so no place was corrected"
                )
            before = _before(connection, changed)
            connection.executemany(
                f"INSERT INTO corrections (photo_id, {', '.join(_PLACE)}) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (photo_id) DO UPDATE SET "
                + ", ".join(f"{name} = excluded.{name}" for name in _PLACE),
                [(photo_id, *values) for photo_id in changed],
            )
            names.refresh(connection)
            title = f"Corrected the place of {format_count(len(changed), 'photo')}"
            return changes.record(connection, title, len(changed), [before])

    def forget(self, photo_ids: Sequence[int], *, date: bool, place: bool) -> Change:
        """Let count what the files of these photos state, of the date, the place or both."""
        gone = [*(["taken_at", "date_precision"] if date else []), *(_PLACE if place else [])]
        corrected = " OR ".join(
            f"{name} IS NOT NULL"
            for name, is_meant in (("taken_at", date), ("lat", place))
            if is_meant
        )
        with self._database.brief_transaction() as connection:
            rows = connection.execute(
                f"SELECT photo_id FROM corrections WHERE photo_id {IN_IDS} AND ({corrected})",
                (ids_parameter(photo_ids),),
            )
            changed = [photo_id for (photo_id,) in rows]
            if not changed:
                return changes.unchanged("Nothing was corrected in these photos")
            before = _before(connection, changed)
            connection.execute(
                f"UPDATE corrections SET {', '.join(f'{name} = NULL' for name in gone)} "
                f"WHERE photo_id {IN_IDS}",
                (ids_parameter(changed),),
            )
            connection.execute("DELETE FROM corrections WHERE taken_at IS NULL AND lat IS NULL")
            names.refresh(connection)
            title = f"Took back what was corrected in {format_count(len(changed), 'photo')}"
            return changes.record(connection, title, len(changed), [before])


def _before(connection: sqlite3.Connection, photo_ids: Sequence[int]) -> changes.Step:
    return changes.rows_before(connection, "corrections", [[photo_id] for photo_id in photo_ids])
