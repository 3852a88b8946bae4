"""Which photos pass a query's filters, and in which order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    cast,
    false,
    func,
    or_,
    select,
    tuple_,
)

from imgsearch.records.query import Listed, Selection
from imgsearch.store import schema
from imgsearch.store.conditions import CONDITIONS, Ground, date_taken
from imgsearch.store.vectors import these_ids

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_photo = schema.photos.c
_path = schema.paths.c


def matching(engine: Engine, selection: Selection) -> Ids:
    """The photos of a selection: ids, sorted, unique."""
    import numpy as np

    with engine.connect() as connection:
        query = select(_photo.id).where(*_conditions(connection, selection))
        found = connection.execute(query.order_by(_photo.id)).scalars().all()
    return np.array(found, dtype=np.int64)


def listing(
    engine: Engine,
    selection: Selection,
    sort: Literal["date", "path"],
    after: Listed | None = None,
    limit: int = -1,
) -> list[Listed]:
    """The photos of a selection, the newest first or by path; those behind `after` only."""
    key = date_taken() if sort == "date" else _first_path()
    place = tuple_(key, _photo.id)
    with engine.connect() as connection:
        query = select(_photo.id, key).where(*_conditions(connection, selection))
        if after is not None:
            end = (after.key if sort == "date" else os.fsencode(after.key), after.id)
            query = query.where(place < end if sort == "date" else place > end)
        if sort == "date":
            query = query.order_by(key.desc(), _photo.id.desc())
        else:
            query = query.order_by(key, _photo.id)
        rows = connection.execute(query.limit(limit)).all()
    return [
        Listed(photo_id, key if isinstance(key, str) else os.fsdecode(key))
        for photo_id, key in rows
    ]


def _is_somewhere() -> ColumnElement[bool]:
    return select(_path.id).where(_path.photo_id == _photo.id).exists()


def _first_path() -> ColumnElement[bytes]:
    whole = cast(schema.roots.c.path.concat("/").concat(_path.name), LargeBinary)
    query = select(func.min(whole)).select_from(schema.paths).join(schema.roots)
    return query.where(_path.photo_id == _photo.id).scalar_subquery()


def _conditions(connection: Connection, selection: Selection) -> list[ColumnElement[bool]]:
    ground = Ground(connection, selection.online)
    conditions = [_is_somewhere()]
    if selection.among is not None:
        conditions.append(_photo.id.in_(these_ids(selection.among.tolist())))
    for each in selection.filters:
        make = CONDITIONS[each.field]
        passes = func.coalesce(or_(*(make(ground, value) for value in each.values)), false())
        conditions.append(~passes if each.negated else passes)
    return conditions
