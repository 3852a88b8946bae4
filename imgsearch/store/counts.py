"""Counts of a library by what its photos have: what a person can narrow down by."""

from __future__ import annotations

import os
from pathlib import Path

from imgsearch.records.status import Counts
from imgsearch.store.roots import RootStore

_NOW_HERE = "photos.id IN (SELECT photo_id FROM paths)"  # some path points at it


class CountStore(RootStore):
    """The part of the store that counts. `Store` adds files and photos."""

    def counts(self) -> Counts:
        """Photos by camera, format, month taken and day added, files by folder of a root."""
        return Counts(
            cameras=self._count("camera"),
            formats=self._count("format"),
            months=self._count("substr(taken_at, 1, 7)"),
            added=self._count("substr(added_at, 1, 10)"),
            folders=self._count_folders(),
        )

    def _count(self, what: str) -> dict[str, int]:
        query = (
            f"SELECT {what} AS name, count(*) AS photos FROM photos WHERE {_NOW_HERE} "
            "AND name IS NOT NULL GROUP BY name ORDER BY name"
        )
        with self._engine.connect() as connection:
            return {row.name: row.photos for row in connection.exec_driver_sql(query)}

    def _count_folders(self) -> dict[Path, int]:
        """The folders right inside each root; files that lie in a root itself count for it."""
        query = (
            "SELECT roots.path, CASE instr(name, ?) WHEN 0 THEN x'' "
            "ELSE substr(name, 1, instr(name, ?) - 1) END AS top, count(*) "
            "FROM paths JOIN roots ON roots.id = root_id WHERE photo_id IS NOT NULL "
            "GROUP BY root_id, top ORDER BY roots.path, top"
        )
        separator = os.sep.encode()
        with self._engine.connect() as connection:
            return {
                Path(os.fsdecode(root), os.fsdecode(top)): count
                for root, top, count in connection.exec_driver_sql(query, (separator, separator))
            }
