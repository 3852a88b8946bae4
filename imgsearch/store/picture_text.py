"""Text that was read in pictures: what is recorded, and which photos were not tried yet."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.records.picture_text import TextCounts, TextLine, TextState
from imgsearch.store import schema
from imgsearch.store.database import Database
from imgsearch.store.sql import now

_readings = schema.text_readings.c
_lines = schema.text_lines.c
_looks = schema.text_looks.c
_path = schema.paths.c


class PictureTextStore:
    """The part of a store that writes text in pictures; `Reads` reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, photo_id: int, reader: str, lines: Sequence[TextLine]) -> None:
        """Store the text of a photo in place of what was stored, in one transaction.

        A photo that was deleted meanwhile is left out.
        """
        self._record(photo_id, reader, "read" if lines else "none", lines)

    def record_failure(self, photo_id: int, reader: str, message: str) -> None:
        """Store that the text of a photo could not be read, and why; text it had is deleted."""
        self._record(photo_id, reader, "failed", (), message)

    def pass_over(self, photo_id: int, reader: str) -> None:
        """Store that a reader saw no text in a small copy of a photo, which thus stays unread."""
        statement = upsert(schema.text_looks).values(photo_id=photo_id, reader=reader)
        statement = statement.on_conflict_do_update(
            index_elements=["photo_id"], set_={"reader": reader}
        )
        with self._database.engine.begin() as connection:
            if _exists(connection, photo_id):
                connection.execute(statement)

    def passed_over(self, reader: str | None = None) -> set[int]:
        """Return the photos that were passed over, by any reader or by this one."""
        query = select(_looks.photo_id)
        if reader is not None:
            query = query.where(_looks.reader == reader)
        with self._database.engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def _record(
        self,
        photo_id: int,
        reader: str,
        state: TextState,
        lines: Sequence[TextLine],
        message: str | None = None,
    ) -> None:
        values = {"state": state, "reader": reader, "read_at": now(), "message": message}
        statement = upsert(schema.text_readings).values(photo_id=photo_id, **values)
        statement = statement.on_conflict_do_update(index_elements=["photo_id"], set_=values)
        rows = [
            {
                "photo_id": photo_id,
                "place": place,
                "line": line.text,
                "x": line.x,
                "y": line.y,
                "width": line.width,
                "height": line.height,
                "confidence": line.confidence,
            }
            for place, line in enumerate(lines)
        ]
        with self._database.engine.begin() as connection:
            if not _exists(connection, photo_id):
                return
            connection.execute(statement)
            connection.execute(delete(schema.text_lines).where(_lines.photo_id == photo_id))
            if rows:
                connection.execute(insert(schema.text_lines), rows)

    def unread(self, reader: str, again: bool = False) -> list[int]:
        """Return the photos with a path whose text should be read: ids, sorted.

        Those that were not tried, and those that failed with another reader than this one; with
        `again`, also those that another one has read.
        """
        known = select(_readings.photo_id).where(
            _readings.reader == reader if again else _done_with(reader)
        )
        query = (
            select(_path.photo_id)
            .distinct()
            .where(_path.photo_id.is_not(None), _path.photo_id.not_in(known))
            .order_by(_path.photo_id)
        )
        with self._database.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def counts(self) -> TextCounts:
        """Count the photos with a path in each state."""
        live = select(_path.photo_id).where(_path.photo_id.is_not(None))
        query = (
            select(_readings.state, func.count())
            .where(_readings.photo_id.in_(live))
            .group_by(_readings.state)
        )
        photos = select(func.count(_path.photo_id.distinct()))
        passed_over = select(func.count()).where(
            _looks.photo_id.in_(live), _looks.photo_id.not_in(select(_readings.photo_id))
        )
        with self._database.engine.connect() as connection:
            by_state = {row[0]: int(row[1]) for row in connection.execute(query)}
            total = connection.execute(photos).scalar_one()
            passed = connection.execute(passed_over).scalar_one()
        read, none, failed = (by_state.get(state, 0) for state in ("read", "none", "failed"))
        return TextCounts(read, none, failed, total - read - none - failed, passed)


def _done_with(reader: str):  # type: ignore[no-untyped-def]  # a condition
    return or_(_readings.state != "failed", _readings.reader == reader)


def _exists(connection: Connection, photo_id: int) -> bool:
    query = select(schema.photos.c.id).where(schema.photos.c.id == photo_id)
    return connection.execute(query).first() is not None
