"""Which photos pass a query's filters, and in which order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    cast,
    false,
    func,
    or_,
    select,
    tuple_,
)

from imgsearch.store import tables
from imgsearch.store.conditions import CONDITIONS, Ground, date_taken, dated_by
from imgsearch.store.vectors import VectorStore, these_ids
from imgsearch.terms import Filter

if TYPE_CHECKING:
    from imgsearch.records import Ids

_photo = tables.photos.c
_path = tables.paths.c


@dataclass(frozen=True, slots=True)
class Selection:
    """Photos that some path points at and that pass all filters; with `among`, of these only.

    `online` are the ids of the roots that can be reached now.
    """

    filters: tuple[Filter, ...] = ()
    online: frozenset[int] = field(default_factory=frozenset)
    among: Ids | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One photo of a listing; `key` is what it is sorted by, and `id` after that."""

    id: int
    key: str


class FilterStore(VectorStore):
    """The part of the store that picks photos by what is known of them."""

    def matching(self, selection: Selection) -> Ids:
        """The photos of a selection: ids, sorted, unique."""
        import numpy as np

        with self._engine.connect() as connection:
            query = select(_photo.id).where(*_conditions(connection, selection))
            found = connection.execute(query.order_by(_photo.id)).scalars().all()
        return np.array(found, dtype=np.int64)

    def listing(
        self,
        selection: Selection,
        sort: Literal["date", "path"],
        after: Listed | None = None,
        limit: int = -1,
    ) -> list[Listed]:
        """The photos of a selection, the newest first or by path; those behind `after` only."""
        key = date_taken() if sort == "date" else _first_path()
        place = tuple_(key, _photo.id)
        with self._engine.connect() as connection:
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

    def dates(self, ids: Sequence[int]) -> dict[int, tuple[str, str | None]]:
        """When these photos were taken, as ISO text, and who says so: see `Hit.date`."""
        query = select(_photo.id, date_taken(), dated_by()).where(
            _photo.id.in_(these_ids(ids)), _is_somewhere()
        )
        with self._engine.connect() as connection:
            return {photo_id: (date, by) for photo_id, date, by in connection.execute(query)}

    def photo_at(self, path: Path) -> int | None:
        """The photo that this absolute path points at."""
        query = select(_path.photo_id).join(tables.roots).where(_path.photo_id.is_not(None))
        with self._engine.connect() as connection:
            for root_id, root in connection.execute(
                select(tables.roots.c.id, tables.roots.c.path)
            ).all():
                if path.is_relative_to(root):
                    name = str(path.relative_to(root))
                    here = query.where(_path.root_id == root_id, _path.name == name)
                    if (photo_id := connection.execute(here).scalar()) is not None:
                        return int(photo_id)
        return None

    def photo_with(self, content_hash: bytes) -> int | None:
        """The photo with this content."""
        query = select(_photo.id).where(_photo.content_hash == content_hash)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()


def _is_somewhere() -> ColumnElement[bool]:
    return select(_path.id).where(_path.photo_id == _photo.id).exists()


def _first_path() -> ColumnElement[bytes]:
    whole = cast(tables.roots.c.path.concat("/").concat(_path.name), LargeBinary)
    query = select(func.min(whole)).select_from(tables.paths).join(tables.roots)
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
