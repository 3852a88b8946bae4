"""Reads how many photos there are of each month, place, folder and value, and their dates."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgsearch.addresses import path_below
from imgsearch.paths import path_of
from imgsearch.records.browse import Moments, MonthCount
from imgsearch.store.database import Database
from imgsearch.store.names import NAMED_FACES
from imgsearch.store.recent_reads import RecentReads
from imgsearch.store.sql import DATE_TAKEN, HAS_PATH, IN_IDS, IS_LIVE, LIST_FACTS, ids_parameter

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_TO_THE_DAY = len("2023-06-15")


class BrowsingReads:
    """The part of `Reads` that counts photos, all of them or some."""

    def __init__(self, database: Database, recent: RecentReads) -> None:
        self._database = database
        self._recent = recent

    def month_counts(self, ids: Ids | None = None) -> list[MonthCount]:
        """Count these photos, or all, by month, in order."""
        query = (
            f"SELECT substr({DATE_TAKEN}, 1, 7) AS month, count(*), sum(taken_at IS NULL) "
            "FROM photos WHERE {} GROUP BY month ORDER BY month"
        )

        return [MonthCount(*row) for row in self._counts_of_live_photos(query, ids)]

    def dated(self, ids: Ids | None = None) -> list[tuple[int, str, bool]]:
        """Return the day of each of these photos, or of all, newest first: (id, ISO day, …).

        The last says whether only the file has a date. The order is that of `listing` by date.
        """
        query = (
            f"SELECT id, {DATE_TAKEN} AS date, taken_at IS NULL FROM photos WHERE {{}} "
            "ORDER BY date DESC, id DESC"
        )
        rows = self._of_live_photos(query, ids)
        return [(photo_id, date[:_TO_THE_DAY], bool(by_file)) for photo_id, date, by_file in rows]

    def positions(self, ids: Ids | None = None) -> list[tuple[int, float | None, float | None]]:
        """Return the places of these photos, or of all, newest first: (id, latitude, longitude).

        Both are None where the photo has none. An older version stored impossible ones, too.
        """
        query = f"SELECT id, lat, lon FROM photos WHERE {{}} ORDER BY {DATE_TAKEN} DESC, id DESC"
        return self._of_live_photos(query, ids)

    def sizes(self, ids: Ids) -> list[tuple[int, int, int]]:
        """Return width and height of these photos, upright, in pixels: (id, width, height)."""
        return self._of_live_photos("SELECT id, width_px, height_px FROM photos WHERE {}", ids)

    def place_counts(
        self, ids: Ids | None = None
    ) -> list[tuple[tuple[str | None, str | None, str | None], int, int]]:
        """Count these photos, or all, by place: ((country, region, town), …).

        With each, the number of photos and how many of them have coordinates.
        """
        query = (
            "SELECT country, region, town, count(*), count(lat) FROM photos WHERE {} "
            "GROUP BY country, region, town"
        )
        rows = self._counts_of_live_photos(query, ids)
        return [(tuple(row[:3]), *row[3:]) for row in rows]

    def folder_counts(self) -> dict[Path, int]:
        """Count the photo files in each folder, without those in its subfolders; sorted."""
        rows = self._database.fetch_all(
            "SELECT path, name FROM paths JOIN roots ON roots.id = root_id "
            "WHERE photo_id IS NOT NULL"
        )
        counts = Counter((root, name.rpartition(b"/")[0]) for root, name in rows)
        return {
            path_below(path_of(root), path_of(inside)): number
            for (root, inside), number in sorted(counts.items())
        }

    def text_counts_of(self, fact: str) -> dict[str, int]:
        """Count the photos with each text of one of `LIST_FACTS`; most first, then by text.

        People are also those whose faces have a name.
        """
        rows = (
            f"SELECT name, photo_id FROM photo_{fact} JOIN {fact} ON {fact}.id = {LIST_FACTS[fact]}"
        )
        if fact == "people":
            rows += f" UNION SELECT name, photo_id FROM ({NAMED_FACES})"
        return dict(
            self._database.fetch_all(
                f"SELECT name, count(*) AS photos FROM ({rows}) AS each "
                "WHERE EXISTS (SELECT 1 FROM paths WHERE photo_id = each.photo_id) "
                "GROUP BY name ORDER BY photos DESC, name"
            )
        )

    def value_counts(self, fact: str, ids: Ids | None = None) -> list[tuple[str | None, int]]:
        """Count these photos, or all, by the value of a fact, None where unknown."""
        query = f"SELECT {fact}, count(*) FROM photos WHERE {{}} GROUP BY {fact}"
        return self._counts_of_live_photos(query, ids)

    def moments(self, ids: Ids | None = None) -> Moments:
        """Return when and where these photos, or all, were taken, in order of time.

        Photos whose metadata has no date are left out.
        """
        query = (
            "SELECT id, taken_at, lat, lon, town, country FROM photos "
            "WHERE taken_at IS NOT NULL AND {}"
        )
        rows = self._of_live_photos(query, ids)
        return Moments.of(*(zip(*rows, strict=True) if rows else [()] * 6))

    def _counts_of_live_photos(self, query: str, ids: Ids | None) -> list[Any]:
        """Do as `_of_live_photos`; the result for all photos is cached until a change."""

        def read() -> list[Any]:
            return self._of_live_photos(query, ids)

        return read() if ids is not None else self._recent.get(query, read)

    def _of_live_photos(self, query: str, ids: Ids | None) -> list[Any]:
        """Return the rows of a query about photos with a path that are among `ids` if given."""
        if ids is None:
            return self._database.fetch_all(query.format(IS_LIVE))
        condition = f"{HAS_PATH} AND photos.id {IN_IDS}"
        return self._database.fetch_all(query.format(condition), ids_parameter(ids.tolist()))
