"""The photos of an archive as its tables have them, for tests of what is written there."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imgsearch.addresses import as_path
from imgsearch.archive.lance.nearest import (
    USUAL_POLICY,
    LancePolicy,
    PhotoVectorsView,
    SearchSettings,
)
from imgsearch.archive.lance.rows import (
    HAS_READING,
    PHOTO_COLUMNS,
    READING_COLUMNS,
    photo_of,
    reading_of,
    vectors_in,
)
from imgsearch.archive.lance.tables import (
    FIRST_PARTS,
    Table,
    TableName,
    View,
    lance_errors,
    loaded,
)
from imgsearch.records.answer import Neighbours, ScoreBaseline
from imgsearch.records.arrays import Vector
from imgsearch.records.photo import PhotoCount, PhotoFile, PhotoVectors, ShownPhoto
from imgsearch.records.picture_text import PhotoText


class ArchivePhotos:
    """The photos of an archive: each call reads the newest versions of its tables."""

    def __init__(self, address: str | Path, policy: LancePolicy = USUAL_POLICY) -> None:
        """Open the table of photos. Raises as `Table` does."""
        self._address = str(address)
        self._policy = policy
        self._photos = Table(self._address, "photos")

    def newest(self, name: TableName = "photos") -> View:
        """The newest version of a table."""
        if name == "photos":
            return self._photos.newest()
        return Table(self._address, name).newest()

    def count(self, condition: str = "true") -> PhotoCount:
        """Count the photos that fulfil an SQL condition, and their vectors."""
        view = self.newest()
        return PhotoCount(view.count(f"{FIRST_PARTS} AND {condition}"), view.count(condition))

    def ids(self, condition: str = "true") -> list[int]:
        """The photos that fulfil an SQL condition, sorted."""
        rows = self.newest().read(["id"], f"{FIRST_PARTS} AND ({condition})")
        return sorted(rows["id"].to_pylist())

    def photos(self) -> dict[int, ShownPhoto]:
        """All photos that can be found."""
        columns = [*PHOTO_COLUMNS, "paths", "date", "date_source"]
        rows = self.newest().read(columns, FIRST_PARTS).to_pylist()
        return {
            row["id"]: ShownPhoto(
                photo_of(row),
                tuple(PhotoFile(as_path(loaded(path))) for path in row["paths"]),
                row["date"],
                row["date_source"],
            )
            for row in rows
        }

    def vectors(self) -> dict[int, PhotoVectors]:
        """The vectors of all photos, in the order of their parts."""
        rows = self.newest().read(["id", "part", "vector", "at_s"])
        if not rows.num_rows:
            return {}
        rows = rows.sort_by([("id", "ascending"), ("part", "ascending")])
        ids, vectors, times_s = rows["id"].to_numpy(), vectors_in(rows), rows["at_s"].to_pylist()
        starts = [*np.flatnonzero(np.append(True, ids[1:] != ids[:-1])).tolist(), len(ids)]
        return {
            int(ids[start]): PhotoVectors(
                vectors[start:end], tuple(each for each in times_s[start:end] if each is not None)
            )
            for start, end in pairwise(starts)
        }

    def texts(self) -> dict[str, PhotoText]:
        """The text that was read in photos, by content in hexadecimal."""
        condition = HAS_READING.removeprefix(" AND ")
        rows = self.newest("texts").read(READING_COLUMNS, condition).to_pylist()
        return {row["hash"]: reading_of(row["reading"]) for row in rows}

    def files(self) -> dict[str, dict[str, Any]]:
        """The rows of the table of files, by path."""
        columns = ["path", "hash", "mtime_ns", "reason", "message", "extra", "read_by"]
        rows = self.newest("files").read([*columns, "recorded_at"]).to_pylist()
        return {loaded(row["path"]): row for row in rows}

    def nearest(
        self, query: Vector, k: int, condition: str | None = None, *, kind: Literal["text", "image"]
    ) -> Neighbours:
        """The nearest photos that fulfil an SQL condition, as a search of the tables finds them."""
        with lance_errors(self._address):
            view = PhotoVectorsView.of(self.newest(), self._policy)
            return view.nearest(query, k, condition, kind)

    def search_settings(self) -> SearchSettings | None:
        """The settings of the index of vectors."""
        return PhotoVectorsView.of(self.newest(), self._policy).settings

    def published(self) -> dict[str, Any]:
        """The row that was published last."""
        rows: list[dict[str, Any]] = self.newest("baselines").dataset.to_table().to_pylist()
        return max(rows, key=lambda row: row["number"])

    def baseline(self) -> ScoreBaseline:
        """The score baseline that was published last."""
        row = self.published()
        dim = self.newest().encoder.dim
        prompts, nouns, photos = (
            np.frombuffer(row[name], "<f4").reshape(-1, dim)
            for name in ("prompts", "nouns", "photos")
        )
        mean = np.frombuffer(row["mean"], "<f4")
        return ScoreBaseline(prompts, nouns, photos, mean, row["vectors"])


def files_of(photos: Iterable[ShownPhoto]) -> dict[str, list[str]]:
    """The paths of photos, by content in hexadecimal."""
    return {each.photo.content_hash: [str(file.path) for file in each.files] for each in photos}
