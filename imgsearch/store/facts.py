"""What metadata tells of a photo, between records and rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, delete, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.records import Facts, Photo
from imgsearch.store import tables
from imgsearch.store.vectors import VectorStore, these_ids


class FactStore(VectorStore):
    """The part of the store that knows photos and their facts."""

    def photos(self, ids: Iterable[int]) -> dict[int, Photo]:
        """The photos with these ids; ids that are not known are left out."""
        ids = list(ids)
        query = select(tables.photos).where(tables.photos.c.id.in_(these_ids(ids)))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            keywords = _keywords_of(connection, ids)
        return {row.id: _photo(row, keywords.get(row.id, ())) for row in rows}

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
                statement = update(tables.photos).where(tables.photos.c.id == photo_id)
                connection.execute(statement.values(columns_of(new)))
                enter_keywords(connection, photo_id, new.keywords)
        return len(changed)


def columns_of(facts: Facts) -> dict[str, object]:
    """The columns of `photos` that hold these facts; keywords have a table of their own."""
    return {
        "format": facts.format,
        "width_px": facts.width_px,
        "height_px": facts.height_px,
        "taken_at": None if facts.taken_at is None else facts.taken_at.isoformat(),
        "dated_by": facts.dated_by,
        "camera": facts.camera,
        "lens": facts.lens,
        "lat": facts.lat,
        "lon": facts.lon,
        "rating": facts.rating,
        "duration_s": facts.duration_s,
        "motion": facts.motion,
        "animated": facts.animated,
    }


def enter_keywords(connection: Connection, photo_id: int, keywords: Sequence[str]) -> None:
    """Give a photo these keywords, in this order, and no others."""
    link = tables.photo_keywords
    connection.execute(delete(link).where(link.c.photo_id == photo_id))
    if not keywords:
        return
    names = [{"name": name} for name in keywords]
    connection.execute(upsert(tables.keywords).on_conflict_do_nothing(), names)
    ids = _ids_of(connection, keywords)
    rows = [
        {"photo_id": photo_id, "place": place, "keyword_id": ids[name]}
        for place, name in enumerate(keywords)
    ]
    connection.execute(insert(link), rows)


def _ids_of(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    wanted = text("SELECT value FROM json_each(:names)").bindparams(names=json.dumps(names))
    query = select(tables.keywords.c.name, tables.keywords.c.id).where(
        tables.keywords.c.name.in_(wanted)
    )
    return {row.name: row.id for row in connection.execute(query)}


def _keywords_of(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    link = tables.photo_keywords
    query = (
        select(link.c.photo_id, tables.keywords.c.name)
        .join(tables.keywords)
        .where(link.c.photo_id.in_(these_ids(ids)))
        .order_by(link.c.photo_id, link.c.place)
    )
    found: dict[int, tuple[str, ...]] = {}
    for photo_id, name in connection.execute(query):
        found[photo_id] = (*found.get(photo_id, ()), name)
    return found


def _photo(row: Row[tuple[object, ...]], keywords: tuple[str, ...]) -> Photo:
    taken_at = None if row.taken_at is None else datetime.fromisoformat(row.taken_at)
    return Photo(
        id=row.id,
        content_hash=row.content_hash.hex(),
        size_bytes=row.size_bytes,
        facts=Facts(
            format=row.format,
            width_px=row.width_px,
            height_px=row.height_px,
            taken_at=taken_at,
            camera=row.camera,
            lens=row.lens,
            lat=row.lat,
            lon=row.lon,
            dated_by=row.dated_by,
            rating=row.rating,
            keywords=keywords,
            duration_s=row.duration_s,
            motion=row.motion,
            animated=row.animated,
        ),
    )
