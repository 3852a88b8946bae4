"""Counts and paths of an archive, read from its tables."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow.compute as pc

from imgsearch.archive.lance.nearest import (
    USUAL_POLICY,
    PhotoVectorsView,
    SearchSettings,
    indexed_rows,
)
from imgsearch.archive.lance.rows import checksums_of, stored_in
from imgsearch.archive.lance.tables import (
    FIRST_PARTS,
    VECTOR_CHECKSUM,
    Table,
    View,
    lance_errors,
    literal,
    loaded,
)
from imgsearch.records.photo import PhotoCount

_Counted: TypeAlias = Literal["photos", "kept", "files", "texts", "baselines"]
_COUNTED: tuple[_Counted, ...] = ("photos", "kept", "files", "texts", "baselines")


class ArchiveContents:
    """The tables of an archive that every archive has: each call reads their newest versions."""

    def __init__(self, address: str) -> None:
        """Open the tables. Raises StoreError where there are none, or damaged or foreign ones."""
        self._address = address
        self._tables = {name: Table(address, name) for name in _COUNTED}

    def count(self) -> PhotoCount:
        """Count the photos that can be found, and their vectors."""
        with lance_errors(self._address):
            view = self._photos()
            return PhotoCount(view.count(FIRST_PARTS), view.count())

    def indexed_vectors(self) -> int:
        """Return the number of vectors in the index."""
        with lance_errors(self._address):
            return indexed_rows(self._photos().dataset)

    def unindexed_vectors(self) -> int:
        """Return the number of vectors that are in no index."""
        with lance_errors(self._address):
            view = self._photos()
            return view.count() - indexed_rows(view.dataset)

    def search_settings(self) -> SearchSettings | None:
        """Return the search settings of the index and its recall.

        None where every vector is compared.
        """
        with lance_errors(self._address):
            return PhotoVectorsView.of(self._photos(), USUAL_POLICY).settings

    def paths_below(self, place: str) -> list[str]:
        """Return the paths of all files below a folder or address, without a slash at its end."""
        below = f"path >= {literal(f'{place}/')} AND path < {literal(f'{place}0')}"  # after "/"
        with lance_errors(self._address):
            rows = self._tables["files"].newest().read(["path"], below)
        return [loaded(path) for path in rows["path"].to_pylist()]

    def rows_of_tables(self) -> dict[str, int]:
        """Return the number of rows of each table. Raises StoreError for damage."""
        with lance_errors(self._address):
            return {name: table.newest().count() for name, table in self._tables.items()}

    def pending_changes(self) -> int:
        """Count the changes that are in progress, or were interrupted."""
        with lance_errors(self._address):
            return Table(self._address, "pending").newest().count()

    def check_vectors(self, count: int) -> tuple[int, list[int]]:
        """Compare a random sample of vectors with their checksums.

        Returns the number of compared vectors, and the ids of photos whose vectors were damaged. An
        older imgsearch stored no checksums.
        """
        with lance_errors(self._address):
            view = self._photos()
            if VECTOR_CHECKSUM not in view.names:
                return 0, []
            total = view.count()
            chosen = np.random.default_rng().choice(total, min(count, total), replace=False)
            columns = ["id", "vector", VECTOR_CHECKSUM]
            rows: Any = view.dataset.take(np.sort(chosen).tolist(), columns=columns)
        rows = rows.filter(pc.is_valid(rows[VECTOR_CHECKSUM]))
        wanted = rows[VECTOR_CHECKSUM].to_pylist()
        pairs = zip(rows["id"].to_pylist(), wanted, checksums_of(stored_in(rows)), strict=True)
        return len(wanted), [photo_id for photo_id, stated, own in pairs if stated != own]

    def _photos(self) -> View:
        return self._tables["photos"].newest()
