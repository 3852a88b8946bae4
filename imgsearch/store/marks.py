"""The marks that people have given photos: favourites, stars and hidden photos.

They are the user's own and do not follow from the disk. So they are written in short transactions
without the writer's lock. A mark belongs to a photo by its id, as labels do, and goes when the
library forgets the photo.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from imgsearch.records.changes import Change
from imgsearch.records.marks import MarkKind, PhotoMarks
from imgsearch.store import changes
from imgsearch.store.database import Database
from imgsearch.store.sql import IN_IDS, ids_parameter
from imgsearch.text import format_count

_TITLES = {
    ("favourite", True): "Marked {} as favourite",
    ("favourite", False): "Removed {} from favourites",
    ("hidden", True): "Hid {}",
    ("hidden", False): "Showed {} again",
    ("rating", False): "Removed your stars from {}",
}


class MarkStore:
    """The part of a store that knows marks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, photo_ids: Iterable[int]) -> dict[int, PhotoMarks]:
        """Return the marks of these photos; photos without any are left out."""
        rows = self._database.fetch_all(
            f"SELECT photo_id, kind, value FROM marks WHERE photo_id {IN_IDS}",
            ids_parameter(photo_ids),
        )
        values: dict[int, dict[str, int]] = {}
        for photo_id, kind, value in rows:
            values.setdefault(photo_id, {})[kind] = value
        return {
            photo_id: PhotoMarks("favourite" in of, of.get("rating"), "hidden" in of)
            for photo_id, of in values.items()
        }

    def kinds(self) -> set[MarkKind]:
        """Return the kinds of marks that any photo has."""
        return {kind for (kind,) in self._database.fetch_all("SELECT DISTINCT kind FROM marks")}

    def ratings(self) -> dict[int, int]:
        """Return the stars that were given here, by photo."""
        query = "SELECT photo_id, value FROM marks WHERE kind = 'rating' ORDER BY photo_id"
        return dict(self._database.fetch_all(query))

    def set(self, photo_ids: Sequence[int], values: Mapping[MarkKind, int | None]) -> Change:
        """Set marks of photos, all or nothing; None removes a mark.

        Photos that the library does not have are left out.
        """
        with self._database.brief_transaction() as connection:
            rows = connection.execute(
                f"SELECT id FROM photos WHERE id {IN_IDS}", (ids_parameter(photo_ids),)
            )
            known = [photo_id for (photo_id,) in rows]
            keys = [(kind, photo_id) for kind in values for photo_id in known]
            was = {
                (kind, photo_id): value
                for kind, photo_id, value in changes.rows_before(connection, "marks", keys).rows
            }
            if not known:
                return changes.unchanged("No photo matches, so none was marked")
            changed = [key for key in keys if was.get(key) != values[key[0]]]
            if not changed:
                return changes.unchanged("These marks were set already")
            before = changes.rows_before(connection, "marks", changed)
            connection.executemany(
                "DELETE FROM marks WHERE kind = ? AND photo_id = ?",
                [key for key in changed if values[key[0]] is None],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO marks (kind, photo_id, value) VALUES (?, ?, ?)",
                [(*key, values[key[0]]) for key in changed if values[key[0]] is not None],
            )
            count = len({photo_id for _, photo_id in changed})
            kinds = {kind: values[kind] for kind, _ in changed}
            return changes.record(connection, _title(kinds, count), count, [before])


def _title(values: Mapping[MarkKind, int | None], count: int) -> str:
    photos = format_count(count, "photo")
    if len(values) > 1:
        return f"Marked {photos}"
    ((kind, value),) = values.items()
    if kind == "rating" and value is not None:
        return f"Gave {photos} {format_count(value, 'star')}"
    return _TITLES[kind, value is not None].format(photos)
