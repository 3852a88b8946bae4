"""One SQL condition for each filter of `imgsearch.query.fields.FIELDS`, by its name."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    func,
    literal_column,
    or_,
    select,
    true,
)

from imgsearch.records.query import FilterValue, Interval, Place
from imgsearch.store import schema
from imgsearch.store.reads import DATE_TAKEN, DATED_BY
from imgsearch.store.vectors import these_ids

_EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
_KM_OF_A_DEGREE = 111.19  # of latitude, rounded down: the box is never too small

_photo = schema.photos.c
_path = schema.paths.c

Condition = Callable[["Ground", FilterValue], ColumnElement[bool]]


def date_taken() -> ColumnElement[str]:
    """Local time as ISO text: the metadata's, else the file's (the oldest one's)."""
    return literal_column(DATE_TAKEN, Text)


def dated_by() -> ColumnElement[str | None]:
    return literal_column(DATED_BY, Text)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a condition may look at while it is made."""

    connection: Connection
    online: frozenset[int]

    def some(self, column: ColumnElement[str | None], passes: Callable[[str], bool]) -> set[str]:
        """The values of a column that pass: they are few, so Python's own text rules decide."""
        values = self.connection.execute(select(column).distinct()).scalars()
        return {value for value in values if value is not None and passes(value)}


def _after(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    return date_taken() >= value  # ISO text of any precision sorts as the moments do


def _before(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    return date_taken() < value


def _on(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    return func.substr(date_taken(), 1, len(str(value))) == value


def _contains(column: ColumnElement[str | None]) -> Condition:
    def condition(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
        wanted = _squeezed(str(value))
        # 50mm is no part of 150mm or 1.50mm
        start = r"(?<![\d.])" if wanted[:1].isdigit() else ""
        pattern = re.compile(start + re.escape(wanted))
        return column.in_(ground.some(column, lambda text: bool(pattern.search(_squeezed(text)))))

    return condition


def _keyword(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    wanted = fold(str(value))
    name, link = schema.keywords.c.name, schema.photo_keywords.c

    def passes(keyword: str) -> bool:
        folded = fold(keyword)
        return wanted == folded or wanted in re.split(r"[|/]", folded)

    ids = select(schema.keywords.c.id).where(name.in_(ground.some(name, passes)))
    return _photo.id.in_(select(link.photo_id).where(link.keyword_id.in_(ids)))


def _label(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    facet, _, name = fold(str(value)).rpartition("/")
    row_of = schema.labels.c
    wanted = ground.some(row_of.label, lambda label: fold(label) == name)
    query = select(row_of.photo_id).where(row_of.label.in_(wanted))
    if facet:
        names = ground.some(schema.facets.c.name, lambda each: fold(each) == facet)
        facets = select(schema.facets.c.id).where(schema.facets.c.name.in_(names))
        query = query.where(row_of.facet_id.in_(facets))
    return _photo.id.in_(query)


def _near(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    import numpy as np

    assert isinstance(value, Place)
    rows = ground.connection.execute(
        select(_photo.id, _photo.lat, _photo.lon).where(*_box(value))
    ).all()
    table = np.array([tuple(row) for row in rows], np.float64).reshape(-1, 3)
    lat, lon = np.radians(table[:, 1]), np.radians(table[:, 2])
    here_lat, here_lon = np.radians(value.lat), np.radians(value.lon)
    # The haversine formula: stable for small angles, where arccos is not.
    half = np.sin((lat - here_lat) / 2) ** 2
    half += np.cos(lat) * np.cos(here_lat) * np.sin((lon - here_lon) / 2) ** 2
    away_km = 2 * _EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    near = table[away_km <= value.radius_km, 0].astype(np.int64)
    return _photo.id.in_(these_ids(near.tolist()))


def _box(place: Place) -> list[ColumnElement[bool]]:
    """A box of degrees that holds the whole circle: an index finds what lies in it."""
    height = place.radius_km / _KM_OF_A_DEGREE
    south, north = place.lat - height, place.lat + height
    conditions: list[ColumnElement[bool]] = [_photo.lat.between(south, north)]
    conditions.append(_photo.lon.is_not(None))
    if south <= -90 or north >= 90:  # a pole lies in it, and so does every meridian
        return conditions
    angle = math.sin(math.radians(height)) / math.cos(math.radians(place.lat))
    width = math.degrees(math.asin(min(1.0, angle)))
    west, east = place.lon - width, place.lon + width
    if west < -180:
        conditions.append(or_(_photo.lon >= west + 360, _photo.lon <= east))
    elif east > 180:
        conditions.append(or_(_photo.lon >= west, _photo.lon <= east - 360))
    else:
        conditions.append(_photo.lon.between(west, east))
    return conditions


def _number(number: ColumnElement[float] | ColumnElement[int], unit: float = 1) -> Condition:
    def condition(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
        assert isinstance(value, Interval)
        ends: list[ColumnElement[bool]] = []
        if value.low is not None:
            low = value.low * unit
            ends.append(number > low if value.low_open else number >= low)
        if value.high is not None:
            high = value.high * unit
            ends.append(number < high if value.high_open else number <= high)
        return and_(true(), *ends)

    return condition


def _some_path(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    # One pass over the paths: looking them up photo by photo takes three times as long.
    query = select(_path.photo_id).join(schema.roots).where(_path.photo_id.is_not(None))
    return _photo.id.in_(query.where(*conditions))


def _in(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    return _some_path(func.lies_in(schema.roots.c.path, _path.name, _folder(str(value))) == 1)


def _name(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    return _some_path(func.is_called(_path.name, fold(str(value))) == 1)


def _root(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    wanted = _folder(str(value))
    rows = ground.connection.execute(select(schema.roots.c.id, schema.roots.c.path)).all()
    ids = [
        root_id
        for root_id, root in rows
        if root == wanted or fold(root.rpartition("/")[2]) == fold(wanted)
    ]
    return _some_path(_path.root_id.in_(ids))


def _state(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    if value == "animated":
        return _photo.animated
    if value in ("motion", "live"):
        return _photo.motion.is_not(None) if value == "motion" else _photo.motion == "beside"
    online = _some_path(_path.root_id.in_(ground.online), _path.missing_since.is_(None))
    return online if value == "online" else ~online


def _type(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    return func.lower(_photo.format) == value


def _dated(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    return dated_by() == value


def _orientation(ground: Ground, value: FilterValue) -> ColumnElement[bool]:
    width, height = _photo.width_px, _photo.height_px
    shapes = {"landscape": width > height, "portrait": width < height, "square": width == height}
    return shapes[str(value)]


CONDITIONS: dict[str, Condition] = {
    "after": _after,
    "before": _before,
    "on": _on,
    "dated": _dated,
    "camera": _contains(_photo.camera),
    "lens": _contains(_photo.lens),
    "near": _near,
    "rating": _number(func.coalesce(_photo.rating, 0)),
    "keyword": _keyword,
    "label": _label,
    "in": _in,
    "root": _root,
    "name": _name,
    "type": _type,
    "orientation": _orientation,
    "width": _number(_photo.width_px),
    "height": _number(_photo.height_px),
    "megapixels": _number(_photo.width_px * _photo.height_px, unit=1e6),
    "is": _state,
}


# ------------------------------------------------------------------------- text and paths


def fold(text: str) -> str:
    """Text as it compares: without case, composed (macOS decomposes the names of files)."""
    return unicodedata.normalize("NFC", text.casefold())


def _squeezed(text: str) -> str:
    """Without spaces, too: "50 mm" and "50mm" are one lens."""
    return "".join(fold(text).split())


def _folder(text: str) -> str:
    """A folder as a user names it; one that begins with / or ~ is a path."""
    if text.startswith(("/", "~")):
        return os.path.abspath(Path(text).expanduser())  # noqa: PTH100  # keeps symbolic links
    return text.strip("/")


def lies_in(root: bytes, name: bytes, wanted: str) -> bool:
    """For SQL: whether a file lies in a folder of this name, or below this absolute path."""
    return _folder_is_in(root, name.rpartition(b"/")[0], wanted)


@lru_cache(maxsize=4096)
def _folder_is_in(root: bytes, folder: bytes, wanted: str) -> bool:
    path = os.fsdecode(root + b"/" + folder).rstrip("/") + "/"
    if wanted.startswith("/"):
        return path.startswith(wanted.rstrip("/") + "/")
    return f"/{fold(wanted)}/" in fold(path)


def is_called(name: bytes, wanted: str) -> bool:
    """For SQL: whether the name of a file, without its folders, contains this folded text."""
    return wanted in fold(os.fsdecode(name.rpartition(b"/")[2]))
