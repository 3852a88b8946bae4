"""Photos: their facts and keywords, which of them lack a vector, and counts for browsing."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.paths import path_of
from imgsearch.records.files import IngestResult
from imgsearch.records.photo import Facts, with_measured
from imgsearch.records.status import Counts
from imgsearch.store import schema
from imgsearch.store.database import Database
from imgsearch.store.reads import Reads
from imgsearch.store.sql import FACT_COLUMNS, LIST_FACTS, now, to_columns
from imgsearch.store.stated_facts import as_stated, stated_facts

_c = schema.photos.c
# Statements that run for every file are built once: building one costs more than running it.
_insert = upsert(schema.photos)
_UPSERT = _insert.on_conflict_do_update(
    index_elements=["content_hash"],
    set_={
        name: _insert.excluded[name] for name in ("facts_at", *(fact.name for fact in FACT_COLUMNS))
    },
).returning(_c.id)
_KNOWN_ID = select(_c.id).where(_c.content_hash == bindparam("hash"))
_DELETE_LINKS = {
    fact: delete(link).where(link.c.photo_id == bindparam("of"))
    for fact, (_, link) in schema.LIST_TABLES.items()
}


class PhotoStore:
    """The part of a store that knows photos and their facts."""

    def __init__(self, database: Database, reads: Reads) -> None:
        self._database = database
        self._reads = reads

    def last_id(self) -> int:
        """Return the id of the newest photo, 0 without any; photos added later have higher ids."""
        with self._database.engine.connect() as connection:
            return connection.execute(select(func.max(_c.id))).scalar() or 0

    def unembedded(self, encoder_key: int | None) -> dict[int, Path]:
        """Return photos with a path and without a vector of this encoder: id to one of its paths.

        None stands for an encoder that has embedded nothing yet.
        """
        c = schema.paths.c
        embedded = select(schema.vectors.c.photo_id).where(
            schema.vectors.c.encoder_key == encoder_key
        )
        query = (
            select(c.photo_id, c.name, schema.roots.c.path)
            .select_from(schema.paths)
            .join(schema.roots, schema.roots.c.id == c.root_id)
            .where(c.photo_id.is_not(None), c.photo_id.not_in(embedded))
            .order_by(c.photo_id)
        )
        with self._database.engine.connect() as connection:
            return {
                photo_id: Path(root, name) for photo_id, name, root in connection.execute(query)
            }

    def update_facts(self, facts: Mapping[int, Facts]) -> int:
        """Replace the facts of known photos (by id), all or nothing; returns how many changed.

        A date or place that a person has corrected goes on to count, and the new one is kept as
        what the files state.
        Those that did not change have been read now as well. Facts that were measured stay, unless
        there are new ones.
        """
        known = {each: photo.facts for each, photo in self._reads.photos.records(facts).items()}
        for photo_id, stated in stated_facts(self._database, known).items():
            known[photo_id] = as_stated(known[photo_id], stated)
        read = {
            photo_id: with_measured(facts[photo_id], of_photo)
            for photo_id, of_photo in known.items()
        }
        changed = {photo_id: new for photo_id, new in read.items() if known[photo_id] != new}
        with self._database.engine.begin() as connection:
            for photo_id, new in changed.items():
                statement = update(schema.photos).where(_c.id == photo_id)
                connection.execute(statement.values(to_columns(new)))
            set_lists(connection, changed)
            all_read = update(schema.photos).where(_c.id.in_(schema.ids_subquery(known)))
            connection.execute(all_read.values(facts_at=now()))
        return len(changed)

    def prune(self, before: datetime) -> int:
        """Delete photos, with their vectors, whose last path was removed before `before`.

        Returns how many.
        """
        statement = delete(schema.photos).where(self._unlinked_since(before))
        with self._database.engine.begin() as connection:
            return connection.execute(statement).rowcount

    def prunable(self, before: datetime) -> int:
        """Count the photos that `prune` would delete."""
        query = select(func.count()).where(self._unlinked_since(before))
        with self._database.engine.connect() as connection:
            return connection.execute(query).scalar_one()

    @staticmethod
    def _unlinked_since(before: datetime) -> ColumnElement[bool]:
        some_path = select(schema.paths.c.id).where(schema.paths.c.photo_id == _c.id)
        limit = before.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return and_(_c.gone_at < limit, ~some_path.exists())

    def counts(self) -> Counts:
        """Return photos by camera, format, month taken and day added.

        Files by top folder of a root.
        """
        return Counts(
            cameras=self._count_by(_c.camera),
            formats=self._count_by(_c.format),
            months=self._count_by(func.substr(_c.taken_at, 1, 7)),
            added=self._count_by(func.substr(_c.added_at, 1, 10)),
            folders=self._count_by_folder(),
        )

    def _count_by(self, value: ColumnElement[str]) -> dict[str, int]:
        query = (
            select(value, func.count())
            .where(_c.id.in_(select(schema.paths.c.photo_id)), value.is_not(None))
            .group_by(value)
            .order_by(value)
        )
        with self._database.engine.connect() as connection:
            return dict(connection.execute(query).all())

    def _count_by_folder(self) -> dict[Path, int]:
        """Return files by folder directly inside each root.

        Files directly in a root count for it.
        """
        # Text, because SQLAlchemy would decode the bytes of the names before they are cut.
        query = (
            "SELECT roots.path, CASE instr(name, ?) WHEN 0 THEN x'' "
            "ELSE substr(name, 1, instr(name, ?) - 1) END AS top, count(*) "
            "FROM paths JOIN roots ON roots.id = root_id WHERE photo_id IS NOT NULL "
            "GROUP BY root_id, top ORDER BY roots.path, top"
        )
        separator = b"/"
        return {
            Path(path_of(root), path_of(top)): count
            for root, top, count in self._database.fetch_all(query, separator, separator)
        }


def record_photo(connection: Connection, result: IngestResult) -> int | None:
    """Store the photo of an ingest result; returns its id, None for a failure.

    A result without facts is of content that is known already.
    """
    if result.failure is not None or result.content_hash is None:
        return None
    facts = result.facts
    if facts is None:
        return int(connection.execute(_KNOWN_ID, {"hash": result.content_hash}).scalar_one())
    values = {
        "content_hash": result.content_hash,
        "size_bytes": result.stat.size_bytes,
        "added_at": now(),
        "facts_at": now(),
        **to_columns(facts),
    }
    photo_id = int(connection.execute(_UPSERT, values).scalar_one())
    set_lists(connection, {photo_id: facts})
    return photo_id


def set_lists(
    connection: Connection, facts: Mapping[int, Facts], fact_names: Collection[str] = LIST_FACTS
) -> None:
    """Give photos (by id) exactly the keywords and people of these facts, in their order.

    Facts that are not among `fact_names` stay as they are.
    """
    for fact, id_column in LIST_FACTS.items():
        if fact not in fact_names:
            continue
        texts: dict[int, tuple[str, ...]] = {id: getattr(new, fact) for id, new in facts.items()}
        if texts:
            connection.execute(_DELETE_LINKS[fact], [{"of": photo_id} for photo_id in texts])
        distinct = list(dict.fromkeys(chain.from_iterable(texts.values())))
        if not distinct:
            continue
        table, link = schema.LIST_TABLES[fact]
        connection.execute(upsert(table).on_conflict_do_nothing(), [{"name": t} for t in distinct])
        among = text("SELECT value FROM json_each(:texts)").bindparams(texts=json.dumps(distinct))
        query = select(table.c.name, table.c.id).where(table.c.name.in_(among))
        ids = {row.name: row.id for row in connection.execute(query)}
        rows = [
            {"photo_id": photo_id, "place": place, id_column: ids[name]}
            for photo_id, of_photo in texts.items()
            for place, name in enumerate(of_photo)
        ]
        connection.execute(insert(link), rows)
