"""Which photos pass the filters of a query, and in which order they are listed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Text,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
)

from imgsearch.records.names import NAME_FIELDS, NameField
from imgsearch.records.photo import FACTS, Fact
from imgsearch.records.query import FilterSpec, FilterValue, Interval, Listed, Place, Selection
from imgsearch.sphere import arcs_km, box_around
from imgsearch.store import names, schema
from imgsearch.store.sql import DATE_TAKEN, DATED_BY
from imgsearch.text import plain_text

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_photo = schema.photos.c
_path = schema.paths.c


def matching(engine: Engine, selection: Selection) -> Ids:
    """The photos of a selection: ids, sorted, unique."""
    import numpy as np

    with engine.connect() as connection:
        query = select(_photo.id).where(*_conditions(connection, selection))
        ids = connection.execute(query.order_by(_photo.id)).scalars().all()
    return np.array(ids, dtype=np.int64)


def listing(
    engine: Engine,
    selection: Selection,
    sort: Literal["date", "path"],
    after: Listed | None = None,
    limit: int = -1,
) -> list[Listed]:
    """The photos of a selection, newest first or by path; only those after `after`."""
    key = date_taken() if sort == "date" else _first_path()
    position = tuple_(key, _photo.id)
    with engine.connect() as connection:
        query = select(_photo.id, key).where(*_conditions(connection, selection))
        if after is not None:
            end = (after.key if sort == "date" else os.fsencode(after.key), after.id)
            query = query.where(position < end if sort == "date" else position > end)
        if sort == "date":
            query = query.order_by(key.desc(), _photo.id.desc())
        else:
            query = query.order_by(key, _photo.id)
        rows = connection.execute(query.limit(limit)).all()
    return [
        Listed(photo_id, key if isinstance(key, str) else os.fsdecode(key))
        for photo_id, key in rows
    ]


def _has_path() -> ColumnElement[bool]:
    return select(_path.id).where(_path.photo_id == _photo.id).exists()


def _first_path() -> ColumnElement[bytes]:
    path = cast(schema.roots.c.path.concat("/").concat(_path.name), LargeBinary)
    query = select(func.min(path)).select_from(schema.paths).join(schema.roots)
    return query.where(_path.photo_id == _photo.id).scalar_subquery()


def _conditions(connection: Connection, selection: Selection) -> list[ColumnElement[bool]]:
    context = ConditionContext(connection, selection.online)
    conditions = [_has_path()]
    if selection.among is not None:
        conditions.append(_photo.id.in_(ids_subquery(selection.among.tolist())))
    for condition in selection.filters:
        make = CONDITIONS[condition.field]
        any_value = or_(*(make(context, value) for value in condition.values))
        passes = func.coalesce(any_value, false())
        conditions.append(~passes if condition.negated else passes)
    return conditions


def ids_subquery(ids: Iterable[int]):  # type: ignore[no-untyped-def]  # a scalar subquery
    """Ids as a subquery, since SQLite limits the parameters of a statement."""
    parameter: BindParameter[str] = bindparam("ids", json.dumps(list(ids)), unique=True)
    return text("SELECT value FROM json_each(:ids)").bindparams(parameter)


# ------------------------------------------------------------------------- one condition a filter

Condition = Callable[["ConditionContext", FilterValue], ColumnElement[bool]]


def date_taken() -> ColumnElement[str]:
    """Local time as ISO text: see `sql.DATE_TAKEN`."""
    return literal_column(DATE_TAKEN, Text)


def dated_by() -> ColumnElement[str | None]:
    return literal_column(DATED_BY, Text)


@dataclass(frozen=True, slots=True)
class ConditionContext:
    """What a condition may read while it is being built."""

    connection: Connection
    online: frozenset[int]

    def matching_values(
        self, column: ColumnElement[str | None], matches: Callable[[str], bool]
    ) -> set[str]:
        """The values of a column that match. They are few, so Python's text rules decide."""
        values = self.connection.execute(select(column).distinct()).scalars()
        return {value for value in values if value is not None and matches(value)}


def _after(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    return date_taken() >= value  # ISO text of any precision sorts by time


def _before(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    return date_taken() < value


def _on(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    return func.substr(date_taken(), 1, len(str(value))) == value


def _day(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    return func.substr(date_taken(), 6, 5) == value


def _contains(column: ColumnElement[str | None]) -> Condition:
    def condition(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
        part = _without_spaces(str(value))
        # 50mm must not match 150mm or 1.50mm
        start = r"(?<![\d.])" if part[:1].isdigit() else ""
        pattern = re.compile(start + re.escape(part))
        return column.in_(
            context.matching_values(
                column, lambda text: bool(pattern.search(_without_spaces(text)))
            )
        )

    return condition


def _keyword(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    wanted = plain_text(str(value))
    texts, link = (table.c for table in schema.LIST_TABLES["keywords"])

    def passes(keyword: str) -> bool:
        folded = plain_text(keyword)
        return wanted == folded or wanted in re.split(r"[|/]", folded)

    ids = select(texts.id).where(texts.name.in_(context.matching_values(texts.name, passes)))
    return _photo.id.in_(select(link.photo_id).where(link.keyword_id.in_(ids)))


def _label(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    facet, _, name = plain_text(str(value)).rpartition("/")
    c = schema.labels.c
    wanted = context.matching_values(c.label, lambda label: plain_text(label) == name)
    query = select(c.photo_id).where(c.label.in_(wanted))
    if facet:
        facet_names = context.matching_values(
            schema.facets.c.name, lambda each: plain_text(each) == facet
        )
        facets = select(schema.facets.c.id).where(schema.facets.c.name.in_(facet_names))
        query = query.where(c.facet_id.in_(facets))
    return _photo.id.in_(query)


def _near(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    import numpy as np

    assert isinstance(value, Place)
    rows = context.connection.execute(
        select(_photo.id, _photo.lat, _photo.lon).where(*_box(value))
    ).all()
    table = np.array([tuple(row) for row in rows], np.float64).reshape(-1, 3)
    arc_km = arcs_km(table[:, 1], table[:, 2], value.lat, value.lon)
    near = table[arc_km <= value.radius_km, 0].astype(np.int64)
    return _photo.id.in_(ids_subquery(near.tolist()))


def _box(place: Place) -> list[ColumnElement[bool]]:
    """A box in degrees that contains the whole circle, so that the index on (lat, lon) is used."""
    latitudes, longitudes = box_around(place.lat, place.lon, place.radius_km)
    return [
        _photo.lat.between(*latitudes),
        or_(*(_photo.lon.between(*each) for each in longitudes)),
    ]


def _number(number: ColumnElement[Any], tolerance: float = 0.0) -> Condition:
    """A bound or a range of a column; ends are widened by `tolerance`, a share of their value."""

    def condition(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
        assert isinstance(value, Interval)
        ends: list[ColumnElement[bool]] = []
        if value.low is not None:
            low = value.low * (1 + tolerance if value.low_open else 1 - tolerance)
            ends.append(number > low if value.low_open else number >= low)
        if value.high is not None:
            high = value.high * (1 - tolerance if value.high_open else 1 + tolerance)
            ends.append(number < high if value.high_open else number <= high)
        return and_(true(), *ends)

    return condition


def _some_path(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    # One pass over all paths: a look-up for each photo takes three times as long.
    query = select(_path.photo_id).join(schema.roots).where(_path.photo_id.is_not(None))
    return _photo.id.in_(query.where(*conditions))


def _in(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    return _some_path(func.lies_in(schema.roots.c.path, _path.name, _folder(str(value))) == 1)


def _name(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    is_called = func.is_called(_path.name, plain_text(str(value))) == 1
    parts = names.parts_expression([str(value)], ["file_name"])
    if parts is None:  # too short for the index of parts: every file is looked at
        return _some_path(is_called)
    return _some_path(_path.photo_id.in_(_rowids("names_parts", parts)), is_called)


def _words(*fields: NameField) -> Condition:
    """The words of the value in their order, in one of these fields of a photo's names."""

    def condition(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
        words = names.words_expression([str(value)], fields)
        return false() if words is None else _photo.id.in_(_rowids("names_words", words))

    return condition


def _text(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    """The words of the value in their order, in the text that was read in the picture."""
    words = names.text_expression([str(value)])
    return false() if words is None else _photo.id.in_(_rowids("text_words", words))


def _rowids(table: str, expression: str):  # type: ignore[no-untyped-def]  # a scalar subquery
    """The photos that a full-text expression matches."""
    parameter: BindParameter[str] = bindparam("expression", expression, unique=True)
    return text(f"SELECT rowid FROM {table} WHERE {table} MATCH :expression").bindparams(parameter)


def _root(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    wanted = _folder(str(value))
    rows = context.connection.execute(select(schema.roots.c.id, schema.roots.c.path)).all()
    ids = [
        root_id
        for root_id, root in rows
        if root == wanted or plain_text(root.rpartition("/")[2]) == plain_text(wanted)
    ]
    return _some_path(_path.root_id.in_(ids))


def _state(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    if value == "animated":
        return _photo.animated
    if value in ("motion", "live"):
        return _photo.motion.is_not(None) if value == "motion" else _photo.motion == "beside"
    online = _some_path(_path.root_id.in_(context.online), _path.missing_since.is_(None))
    return online if value == "online" else ~online


def _type(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    return func.lower(_photo.format) == value


def _dated(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    return dated_by() == value


def _orientation(context: ConditionContext, value: FilterValue) -> ColumnElement[bool]:
    width, height = _photo.width_px, _photo.height_px
    shapes = {"landscape": width > height, "portrait": width < height, "square": width == height}
    return shapes[str(value)]


def _of_fact(fact: Fact, spec: FilterSpec) -> Condition:
    if spec.kind == "words":
        return _words(*(field for field in NAME_FIELDS if field == fact.name))
    column = _photo[fact.name]
    if spec.kind == "text":
        return _contains(column)
    if spec.missing_as is not None:
        return _number(func.coalesce(column, spec.missing_as))
    # 1/3 s is not exact in binary, and cameras round; their steps are far larger than 0.1 %.
    return _number(column, tolerance=0.001 if fact.type is float else 0.0)


# By the names of `imgsearch.query.fields.FIELDS`.
CONDITIONS: dict[str, Condition] = {
    "after": _after,
    "before": _before,
    "on": _on,
    "day": _day,
    "dated": _dated,
    "near": _near,
    "keyword": _keyword,
    "label": _label,
    "in": _in,
    "root": _root,
    "name": _name,
    "place": _words("place", "country"),
    "text": _text,
    "type": _type,
    "orientation": _orientation,
    "megapixels": _number(_photo.width_px * _photo.height_px / 1e6),
    "is": _state,
    **{fact.filter.name: _of_fact(fact, fact.filter) for fact in FACTS if fact.filter is not None},
}


def _without_spaces(text: str) -> str:
    """Folded, and "50 mm" equal to "50mm"."""
    return "".join(plain_text(text).split())


def _folder(text: str) -> str:
    """A folder as a user names it: a path if it begins with / or ~, otherwise a name."""
    if text.startswith(("/", "~")):
        return os.path.abspath(Path(text).expanduser())  # noqa: PTH100  # keeps symbolic links
    return text.strip("/")
