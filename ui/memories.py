"""Photos of this time in earlier years: rows for the start page and the timeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from imgsearch import Hit, Query, a_year_ago, in_earlier_years, to_text
from ui.addresses import START, address_of
from ui.formatting import date_of
from ui.session import session
from ui.tiles import marks_of, tile_json

_MOST = 24  # photos of a row; its link leads to all


def on_this_day(photo_parameters: Mapping[str, str] | None = None) -> list[dict[str, object]]:
    """Return a row with the photos of this day in earlier years, newest first; none without any.

    For `photo_parameters`, see `tiles.photo_address`: by default the photos of the row.
    """
    return _of_this_day(date.today(), photo_parameters)[0]


def rows() -> list[dict[str, object]]:
    """Return the rows of the start page that have photos, no photo in two of them."""
    today = date.today()
    first, shown = _of_this_day(today)
    second, _ = _row("A year ago this week", a_year_ago(Query(), today), shown)
    return [*first, *second]


def _of_this_day(
    today: date, photo_parameters: Mapping[str, str] | None = None
) -> tuple[list[dict[str, object]], set[int]]:
    title = f"On this day, {today.day} {today:%B}"
    return _row(title, in_earlier_years(Query(), today), (), photo_parameters)


def _row(
    title: str,
    query: Query,
    without: Collection[int],
    photo_parameters: Mapping[str, str] | None = None,
) -> tuple[list[dict[str, object]], set[int]]:
    """Return a row as a list of one or none, and the ids of its photos."""
    hits = [hit for hit in session().find(query, _MOST).hits if hit.photo.id not in without]
    if not hits:
        return [], set()
    line = to_text(query)
    parameters = {"q": line} if photo_parameters is None else photo_parameters
    marks = marks_of(hit.photo.id for hit in hits)
    photos = [
        {**tile_json(hit, parameters, marks.get(hit.photo.id)), "year": _year_of(hit)}
        for hit in hits
    ]
    row: dict[str, object] = {
        "title": title,
        "link": address_of(START, {"q": line}),
        "photos": photos,
    }
    return [row], {hit.photo.id for hit in hits}


def _year_of(hit: Hit) -> str:
    moment = date_of(hit)
    return "" if moment is None else str(moment.year)
