"""What metadata tells of a photo, between records and rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.records.photo import Facts
from imgsearch.store import schema
from imgsearch.store.vectors import VectorStore

_link = schema.photo_keywords
_DROP_KEYWORDS = delete(_link).where(_link.c.photo_id == bindparam("of"))
# The columns of `photos` that hold facts; keywords have a table of their own.
COLUMNS = (
    *("format", "width_px", "height_px", "taken_at", "dated_by", "camera", "lens", "lat", "lon"),
    *("rating", "duration_s", "motion", "animated"),
)


class FactStore(VectorStore):
    """The part of the store that knows photos and their facts."""

    def update_facts(self, facts: Mapping[int, Facts]) -> int:
        """Replace the facts of known photos, all or nothing; how many of them have changed."""
        known = self.photos(facts)
        changed = {
            photo_id: new
            for photo_id, new in facts.items()
            if photo_id in known and known[photo_id].facts != new
        }
        with self._engine.begin() as connection:
            for photo_id, new in changed.items():
                statement = update(schema.photos).where(schema.photos.c.id == photo_id)
                connection.execute(statement.values(columns_of(new)))
                enter_keywords(connection, photo_id, new.keywords)
        return len(changed)


def columns_of(facts: Facts) -> dict[str, object]:
    """These facts as `COLUMNS` hold them."""
    taken_at = None if facts.taken_at is None else facts.taken_at.isoformat()
    return {name: getattr(facts, name) for name in COLUMNS} | {"taken_at": taken_at}


def enter_keywords(connection: Connection, photo_id: int, keywords: Sequence[str]) -> None:
    """Give a photo these keywords, in this order, and no others."""
    connection.execute(_DROP_KEYWORDS, {"of": photo_id})
    if not keywords:
        return
    names = [{"name": name} for name in keywords]
    connection.execute(upsert(schema.keywords).on_conflict_do_nothing(), names)
    ids = _ids_of(connection, keywords)
    rows = [
        {"photo_id": photo_id, "place": place, "keyword_id": ids[name]}
        for place, name in enumerate(keywords)
    ]
    connection.execute(insert(_link), rows)


def _ids_of(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    wanted = text("SELECT value FROM json_each(:names)").bindparams(names=json.dumps(names))
    query = select(schema.keywords.c.name, schema.keywords.c.id).where(
        schema.keywords.c.name.in_(wanted)
    )
    return {row.name: row.id for row in connection.execute(query)}
