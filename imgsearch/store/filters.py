"""Finds and sorts the photos that pass the filters of a query, in plain SQL.

A query with filters does without SQLAlchemy, like all others (docs/decisions/0009).
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.features import installed
from imgsearch.features.declared import NamedFilter, ValueFilter, load
from imgsearch.paths import absolute, path_of, stored_path
from imgsearch.records.names import NAME_FIELDS, NameField, names_of_keyword
from imgsearch.records.photo import FACTS, LOOKS, Fact, facts_of
from imgsearch.records.query import (
    FACT_TOLERANCE,
    IN_BRACKETS,
    AllOf,
    Filter,
    FilterSpec,
    FilterValue,
    Interval,
    Listed,
    Place,
    Selection,
)
from imgsearch.records.worth import MEASURE_COLUMNS, PictureMeasures
from imgsearch.sphere import arcs_km, box_around
from imgsearch.store import names
from imgsearch.store.sql import (
    DATE_TAKEN,
    DATED_BY,
    HAS_PATH,
    IN_IDS,
    READ_AT,
    ids_from_text,
    ids_parameter,
    is_called,
    lies_in,
    text_parameter,
)
from imgsearch.store.tray import TRAY_KEY
from imgsearch.text import SCHEME, plain_text, without_spaces, words_of

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_FIRST_PATH = (
    "(SELECT min(CAST(rtrim(roots.path, '/') || '/' || paths.name AS BLOB)) FROM paths "
    "JOIN roots ON roots.id = root_id WHERE photo_id = photos.id)"
)
_ALWAYS, _NEVER = "1", "0"


class SqlCondition(NamedTuple):
    """A condition on a row of `photos`, and the values of its parameters."""

    text: str
    parameters: tuple[object, ...] = ()


NOTHING = SqlCondition(_NEVER)  # passes no photo


def matching(connection: sqlite3.Connection, selection: Selection) -> Ids:
    """Return the photos of a selection: ids, sorted, unique."""
    import numpy as np

    # Many photos may be near a place. As a parameter of SQL, their ids would take a second.
    circles = [each for each in selection.filters if each.field == "near"]
    others = tuple(each for each in selection.filters if each.field != "near")
    where = _where(connection, replace(selection, filters=others), _ALWAYS)
    query = f"SELECT group_concat(id) FROM photos WHERE {where.text}"
    ids = ids_from_text(connection.execute(query, where.parameters).fetchone()[0])
    # There are few without a path, and to look for that of each photo takes longer than the rest.
    gone = "SELECT group_concat(id) FROM photos WHERE gone_at IS NOT NULL"
    ids = ids[~np.isin(ids, ids_from_text(connection.execute(gone).fetchone()[0]))]
    for circle in circles:
        near = np.concatenate([_ids_near(connection, place) for place in circle.values])
        ids = ids[np.isin(ids, near) != circle.negated]
    return ids


def any_passes(connection: sqlite3.Connection, selection: Selection) -> bool:
    """Return whether a selection has a photo."""
    where = _where(connection, selection)
    query = f"SELECT 1 FROM photos WHERE {where.text} LIMIT 1"
    return connection.execute(query, where.parameters).fetchone() is not None


def listing(
    connection: sqlite3.Connection,
    selection: Selection,
    sort: Literal["date", "path"],
    after: Listed | None = None,
    limit: int = -1,
) -> list[Listed]:
    """Return the photos of a selection, newest first or by path; only those after `after`."""
    key = DATE_TAKEN if sort == "date" else _FIRST_PATH
    where = _where(connection, selection)
    text, parameters = where.text, list(where.parameters)
    if after is not None:
        text += f" AND ({key}, photos.id) {'<' if sort == 'date' else '>'} (?, ?)"
        parameters += [after.key if sort == "date" else stored_path(after.key), after.id]
    direction = "DESC" if sort == "date" else "ASC"
    rows = connection.execute(
        f"SELECT photos.id, {key} AS key FROM photos WHERE {text} "
        f"ORDER BY key {direction}, photos.id {direction} LIMIT ?",
        (*parameters, limit),
    )
    return [
        Listed(photo_id, key if isinstance(key, str) else path_of(key)) for photo_id, key in rows
    ]


def measures(connection: sqlite3.Connection, selection: Selection) -> PictureMeasures:
    """Return the stored measures of the pictures of a selection, in the order of their ids."""
    where = _where(connection, selection)
    columns = ", ".join(f"photos.{name}" for name in MEASURE_COLUMNS)
    return PictureMeasures.of_rows(
        connection.execute(
            f"SELECT {columns} FROM photos WHERE {where.text} ORDER BY photos.id", where.parameters
        )
    )


def _where(
    connection: sqlite3.Connection, selection: Selection, there: str = HAS_PATH
) -> SqlCondition:
    """Return the condition that a photo is in a selection.

    `there` is that it is in the library at all.
    """
    connection.create_function("lies_in", 3, lies_in, deterministic=True)
    connection.create_function("is_called", 2, is_called, deterministic=True)
    context = ConditionContext(connection, selection.online, selection.rated_by_files)
    conditions = [SqlCondition(there)]
    if not selection.with_hidden:
        conditions.append(SqlCondition(f"NOT {_marked('hidden')}"))
    for state in selection.left_out:
        is_left_out = _state(context, state)
        conditions.append(is_left_out._replace(text=f"NOT {is_left_out.text}"))
    if selection.among is not None:
        conditions.append(_is_one_of("photos.id", selection.among.tolist()))
    for condition in selection.filters:
        conditions += _passes(context, condition)
    where = joined(" AND ", conditions)
    parameters = [
        text_parameter(each) if isinstance(each, str) else each for each in where.parameters
    ]
    return where._replace(parameters=tuple(parameters))


def _passes(context: ConditionContext, condition: Filter) -> list[SqlCondition]:
    """Return the conditions, all of which must hold, that a photo passes a filter."""
    make = CONDITIONS[condition.field]
    any_value = joined(" OR ", [make(context, value) for value in condition.values])
    if not condition.negated:
        return [any_value]
    return [
        *_was_read_for(context.connection, condition),
        *_has_value(context, condition),
        any_value._replace(text=f"NOT coalesce({any_value.text}, 0)"),
    ]


def _all_of(context: ConditionContext, value: FilterValue) -> SqlCondition:
    """Return the condition that a photo passes all filters of one alternative in brackets."""
    assert isinstance(value, AllOf)
    passes = [each for condition in value.filters for each in _passes(context, condition)]
    return joined(" AND ", passes)


def _was_read_for(connection: sqlite3.Connection, condition: Filter) -> list[SqlCondition]:
    """Return the conditions that a photo was read for the facts of a filter, where some were not.

    A photo of which a fact was never read is unknown: no negated filter on that fact finds it.
    """
    facts = facts_of(condition)
    if not facts:
        return []
    these = json.dumps(facts)
    query = f"SELECT max(added_at) FROM later_facts WHERE fact {IN_IDS}"
    (added_at,) = connection.execute(query, (these,)).fetchone()
    conditions = [] if added_at is None else [SqlCondition(f"{READ_AT} >= ?", (added_at,))]
    query = f"SELECT EXISTS (SELECT 1 FROM unread_facts WHERE fact {IN_IDS})"
    (has_unread,) = connection.execute(query, (these,)).fetchone()
    if has_unread:
        unread = f"SELECT photo_id FROM unread_facts WHERE fact {IN_IDS}"
        conditions.append(SqlCondition(f"photos.id NOT IN ({unread})", (these,)))
    return conditions


def _has_value(context: ConditionContext, condition: Filter) -> list[SqlCondition]:
    """Return the condition that a photo has a value of this filter, where it may have none."""
    declared = installed.filters().get(condition.field)
    if not isinstance(declared, ValueFilter) or declared.known is None:
        return []
    return [load(declared.known)(context)]


def without_value(connection: sqlite3.Connection, known: str) -> int:
    """Count the photos without a value of a filter: see `ValueFilter.known`."""
    where: SqlCondition = load(known)(ConditionContext(connection, frozenset()))
    # Those that are gone are few: their number is subtracted, so that no row of others is read.
    query = (
        "SELECT (SELECT count(*) FROM photos) - (SELECT count(*) FROM photos WHERE "
        f"gone_at IS NOT NULL) - (SELECT count(*) FROM photos WHERE {where.text}) + "
        f"(SELECT count(*) FROM photos WHERE gone_at IS NOT NULL AND {where.text})"
    )
    (count,) = connection.execute(query, where.parameters * 2).fetchone()
    return int(count)


def joined(operator: str, conditions: Collection[SqlCondition]) -> SqlCondition:
    """Return the condition of several, joined by " AND " or " OR "."""
    return SqlCondition(
        f"({operator.join(condition.text for condition in conditions) or _NEVER})",
        tuple(value for condition in conditions for value in condition.parameters),
    )


def _is_one_of(column: str, ids: Collection[int]) -> SqlCondition:
    return SqlCondition(f"{column} {IN_IDS}", (ids_parameter(ids),))


# ------------------------------------------------------------------------- one condition a filter

Condition = Callable[["ConditionContext", FilterValue], SqlCondition]


class ConditionContext(Struct, frozen=True):
    """The data that a condition may read while it is being built."""

    connection: sqlite3.Connection
    online: frozenset[int]
    rated_by_files: bool = False

    def rows_with(self, table: str, column: str, matches: Callable[[str], bool]) -> SqlCondition:
        """Return the condition that the text in a column matches.

        The different texts are few, so Python's rules decide.
        """
        query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL"
        wanted = [text for (text,) in self.connection.execute(query) if matches(text)]
        one_of_them = f"{table}.{column} IN (SELECT value FROM json_each(?))"
        return SqlCondition(one_of_them, (json.dumps(wanted),))


def _after(context: ConditionContext, value: FilterValue) -> SqlCondition:
    # ISO text of any precision sorts by time.
    return _dated_by_either("photos.taken_at >= ?", f"{DATE_TAKEN} >= ?", value)


def _before(context: ConditionContext, value: FilterValue) -> SqlCondition:
    return _dated_by_either("photos.taken_at < ?", f"{DATE_TAKEN} < ?", value)


def _on(context: ConditionContext, value: FilterValue) -> SqlCondition:
    length = len(str(value))
    # What follows a shorter date sorts before "~".
    return _dated_by_either(
        "photos.taken_at BETWEEN ? AND ? || '~'", f"substr({DATE_TAKEN}, 1, {length}) = ?", value
    )


def _dated_by_either(own: str, any_date: str, value: FilterValue) -> SqlCondition:
    """Return a condition on the date of a photo: its own, by the index, or else its file's."""
    count = own.count("?")
    return SqlCondition(
        f"({own} OR photos.taken_at IS NULL AND {any_date})", (value,) * (count + 1)
    )


def _day(context: ConditionContext, value: FilterValue) -> SqlCondition:
    return SqlCondition(f"substr({DATE_TAKEN}, 6, 5) = ?", (value,))


def _month(context: ConditionContext, value: FilterValue) -> SqlCondition:
    return SqlCondition(f"substr({DATE_TAKEN}, 6, 2) = ?", (value,))


def _contains(column: str) -> Condition:
    def condition(context: ConditionContext, value: FilterValue) -> SqlCondition:
        part = without_spaces(str(value))
        # 50mm must not match 150mm or 1.50mm
        start = r"(?<![\d.])" if part[:1].isdigit() else ""
        pattern = re.compile(start + re.escape(part))
        return context.rows_with(
            "photos", column, lambda text: bool(pattern.search(without_spaces(text)))
        )

    return condition


def _keyword(context: ConditionContext, value: FilterValue) -> SqlCondition:
    wanted = plain_text(str(value))

    def passes(keyword: str) -> bool:
        folded = plain_text(keyword)
        return wanted in names_of_keyword(folded)

    matches = context.rows_with("keywords", "name", passes)
    return matches._replace(
        text="photos.id IN (SELECT photo_id FROM photo_keywords JOIN keywords "
        f"ON keywords.id = keyword_id WHERE {matches.text})"
    )


def in_list(key: str) -> SqlCondition:
    """Return the condition that a photo is in a list: see `imgsearch.store.photo_lists`."""
    listed = "SELECT photo_id FROM album_photos JOIN albums ON albums.id = album_id WHERE key = ?"
    return SqlCondition(f"photos.id IN ({listed})", (key,))


def _rating(context: ConditionContext, value: FilterValue) -> SqlCondition:
    own = "(SELECT value FROM marks WHERE kind = 'rating' AND photo_id = photos.id)"
    ratings = ("photos.rating", own) if context.rated_by_files else (own, "photos.rating")
    return number_condition(f"coalesce({', '.join(ratings)}, 0)")(context, value)


def _marked(kind: str) -> str:
    """Return the condition that a photo has a mark: see `imgsearch.store.marks`."""
    return f"photos.id IN (SELECT photo_id FROM marks WHERE kind = '{kind}')"


def _near(context: ConditionContext, value: FilterValue) -> SqlCondition:
    return _is_one_of("photos.id", _ids_near(context.connection, value).tolist())


def _ids_near(connection: sqlite3.Connection, place: FilterValue) -> Ids:
    """Return the photos in a circle around a place, also those without a path."""
    import numpy as np

    assert isinstance(place, Place)
    box = _box(place)
    rows = connection.execute(
        f"SELECT id, lat, lon FROM photos WHERE {box.text}", box.parameters
    ).fetchall()
    table = np.array(rows, np.float64).reshape(-1, 3)
    arc_km = arcs_km(table[:, 1], table[:, 2], place.lat, place.lon)
    return np.asarray(table[arc_km <= place.radius_km, 0], np.int64)


def _box(place: Place) -> SqlCondition:
    """Return a box in degrees around the whole circle, so that the index on (lat, lon) is used."""
    latitudes, longitudes = box_around(place.lat, place.lon, place.radius_km)
    between = " OR ".join(["lon BETWEEN ? AND ?"] * len(longitudes))
    return SqlCondition(
        f"lat BETWEEN ? AND ? AND ({between})",
        (*latitudes, *(end for each in longitudes for end in each)),
    )


def number_condition(number: str, tolerance: float = 0.0) -> Condition:
    """Return a bound or a range of a column.

    Ends are widened by `tolerance`, a share of their value.
    """

    def condition(context: ConditionContext, value: FilterValue) -> SqlCondition:
        assert isinstance(value, Interval)
        ends: list[SqlCondition] = []
        span = value.widened(tolerance)
        if span.low is not None:
            ends.append(SqlCondition(f"{number} {'>' if span.low_open else '>='} ?", (span.low,)))
        if span.high is not None:
            ends.append(SqlCondition(f"{number} {'<' if span.high_open else '<='} ?", (span.high,)))
        return joined(" AND ", ends) if ends else SqlCondition("1")

    return condition


def _some_path(condition: SqlCondition) -> SqlCondition:
    # One pass over all paths: a look-up for each photo takes three times as long.
    return condition._replace(
        text="photos.id IN (SELECT photo_id FROM paths JOIN roots ON roots.id = root_id "
        f"WHERE photo_id IS NOT NULL AND {condition.text})"
    )


def _in(context: ConditionContext, value: FilterValue) -> SqlCondition:
    lies = "lies_in(roots.path, paths.name, ?) = 1"
    return _some_path(SqlCondition(lies, (_folder(str(value)),)))


def _name(context: ConditionContext, value: FilterValue) -> SqlCondition:
    called = SqlCondition("is_called(paths.name, ?) = 1", (plain_text(str(value)),))
    parts = names.file_name_expression(str(value))
    if parts is None:  # too short for the index of parts: every file is looked at
        return _some_path(called)
    return _some_path(joined(" AND ", [full_text("photo_id", "names_parts", parts), called]))


def _words(*fields: NameField) -> Condition:
    """Return the words of the value in their order, in one of these fields of a photo's names."""

    def condition(context: ConditionContext, value: FilterValue) -> SqlCondition:
        words = names.words_expression(str(value), fields)
        return full_text("photos.id", "names_words", words)

    return condition


def full_text(column: str, table: str, expression: str | None) -> SqlCondition:
    """Return the condition that a full-text expression matches the photo with this id.

    Without an expression no photo passes.
    """
    if expression is None:
        return NOTHING
    return SqlCondition(
        f"{column} IN (SELECT rowid FROM {table} WHERE {table} MATCH ?)", (expression,)
    )


def person_condition(context: ConditionContext, value: FilterValue) -> SqlCondition:
    """Return the name in its order of words.

    "me" is the person that the user is, and nobody else.
    """
    own = own_name(context, words_of(str(value)))
    if own is None:
        return _words("people")(context, value)
    listed = context.rows_with("names", "people", lambda people: own in names.separate(people))
    return listed._replace(text=f"photos.id IN (SELECT photo_id FROM names WHERE {listed.text})")


def own_name(context: ConditionContext, words: Sequence[str]) -> str | None:
    """Return the name of the person that the user is, if these words are "me"."""
    return names.own_person(context.connection) if list(words) == ["me"] else None


def _root(context: ConditionContext, value: FilterValue) -> SqlCondition:
    wanted = _folder(str(value))
    roots = context.connection.execute("SELECT id, path FROM roots").fetchall()
    ids = [
        root_id
        for root_id, root in ((root_id, path_of(path)) for root_id, path in roots)
        if root == wanted or plain_text(root.rpartition("/")[2]) == plain_text(wanted)
    ]
    return _some_path(_is_one_of("root_id", ids))


def _state(context: ConditionContext, value: FilterValue) -> SqlCondition:
    of_feature = installed.states().get(str(value))
    if of_feature is not None:
        made: SqlCondition = load(of_feature.condition)(context)
        return made
    if value in LOOKS:
        look = LOOKS[str(value)]
        return number_condition(f"photos.{look.fact}")(context, look.values)
    if value == "animated":
        return SqlCondition("photos.animated")
    if value in ("motion", "live"):
        is_live = "photos.motion = 'beside'"
        return SqlCondition("photos.motion IS NOT NULL" if value == "motion" else is_live)
    if value in ("favourite", "hidden"):
        return SqlCondition(_marked(str(value)))
    if value == "picked":
        return in_list(TRAY_KEY)
    is_there = SqlCondition("missing_since IS NULL")
    online = _some_path(joined(" AND ", [_is_one_of("root_id", sorted(context.online)), is_there]))
    return online if value == "online" else online._replace(text=f"NOT {online.text}")


# By the values of `no:`.
_LACKING = {
    "date": "photos.taken_at IS NULL",
    "place": "photos.lat IS NULL AND photos.id NOT IN "
    "(SELECT photo_id FROM names WHERE place != '' OR country != '')",
    "person": "photos.id NOT IN (SELECT photo_id FROM names WHERE people != '')",
    "keyword": "photos.id NOT IN (SELECT photo_id FROM photo_keywords)",
    "title": "coalesce(photos.title, '') = ''",
    "camera": "coalesce(photos.camera, '') = ''",
}


def _no(context: ConditionContext, value: FilterValue) -> SqlCondition:
    of_feature = installed.lacking().get(str(value))
    if of_feature is None:
        return SqlCondition(f"({_LACKING[str(value)]})")
    condition: SqlCondition = load(of_feature)(context)
    return condition


def _type(context: ConditionContext, value: FilterValue) -> SqlCondition:
    return SqlCondition("lower(photos.format) = ?", (value,))


def _dated(context: ConditionContext, value: FilterValue) -> SqlCondition:
    return SqlCondition(f"{DATED_BY} = ?", (value,))


def _orientation(context: ConditionContext, value: FilterValue) -> SqlCondition:
    sign = {"landscape": ">", "portrait": "<", "square": "="}[str(value)]
    return SqlCondition(f"photos.width_px {sign} photos.height_px")


def _of_fact(fact: Fact, spec: FilterSpec) -> Condition:
    if spec.kind == "words":
        return _words(*(field for field in NAME_FIELDS if field == fact.name))
    if spec.kind == "text":
        return _contains(fact.name)
    column = f"photos.{fact.name}"
    if spec.missing_as is not None:
        column = f"coalesce({column}, {spec.missing_as})"
    if spec.kind == "yes/no":
        return lambda context, value: SqlCondition(f"{column} = {int(value == 'yes')}")
    if spec.kind == "share":
        return lambda context, value: SqlCondition(f"instr({column}, ?) > 0", (f"{value} ",))
    return number_condition(column, tolerance=FACT_TOLERANCE if fact.type is float else 0.0)


def _of_feature(declared: NamedFilter | ValueFilter) -> Condition:
    def condition(context: ConditionContext, value: FilterValue) -> SqlCondition:
        made: SqlCondition
        if isinstance(declared, NamedFilter):
            made = load(declared.module).condition(str(value))
        else:
            # A filter without a condition only reorders an answer: all photos pass it.
            named = declared.condition
            made = SqlCondition(_ALWAYS) if named is None else load(named)(context, value)
        return made

    return condition


# By the names of `imgsearch.language.fields.FIELDS`.
CONDITIONS: dict[str, Condition] = {
    **{name: _of_feature(declared) for name, declared in installed.filters().items()},
    "after": _after,
    "before": _before,
    "on": _on,
    "day": _day,
    "month": _month,
    "dated": _dated,
    "near": _near,
    "keyword": _keyword,
    "no": _no,
    "in": _in,
    "root": _root,
    "name": _name,
    "place": _words("place", "country"),
    "type": _type,
    "orientation": _orientation,
    "megapixels": number_condition("photos.width_px * photos.height_px / 1e6"),
    "is": _state,
    **{fact.filter.name: _of_fact(fact, fact.filter) for fact in FACTS if fact.filter is not None},
    "person": person_condition,
    "rating": _rating,
    IN_BRACKETS: _all_of,
}


def _folder(text: str) -> str:
    """Return a folder as a user names it: a path from / or ~ on, an address, or a name."""
    if text.startswith(("/", "~")):
        return absolute(text)
    if SCHEME.match(text):
        return text.rstrip("/")
    return text.strip("/")
