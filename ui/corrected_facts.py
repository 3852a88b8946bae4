"""What was corrected of a photo, beside what its files state, among its details."""

from __future__ import annotations

import secrets

from imgsearch import Facts, Hit, StatedFacts, as_stated, printable
from ui import component_files
from ui.formatting import date_of, format_datetime
from ui.query_line import query_line
from ui.session import session

_corrected = component_files.component("corrected")


def show(hit: Hit) -> None:
    """The corrections of a photo, each with a button that takes it back, and a way to correct it.

    A change draws the page anew.
    """
    photo_id = hit.photo.id
    stated = session().library.corrections.of([photo_id]).get(photo_id)
    _corrected(
        key="corrected",
        data={
            "photo": str(photo_id),
            "run": secrets.token_hex(4),
            "rows": [] if stated is None else _rows(hit, stated),
        },
        on_changed_change=query_line().note_click,
    )


def _rows(hit: Hit, stated: StatedFacts) -> list[dict[str, str]]:
    now, before = hit.photo.facts, as_stated(hit.photo.facts, stated)
    rows = []
    if stated.date_is_corrected:
        said = "no date" if before.taken_at is None else format_datetime(before.taken_at)
        rows.append(_row("date", format_datetime(date_of(hit)), said))
    if stated.place_is_corrected:
        rows.append(_row("place", _place_of(now), _place_of(before)))
    return rows


def _row(what: str, now: str, stated: str) -> dict[str, str]:
    return {"what": what, "name": what.capitalize(), "now": now, "stated": stated}


def _place_of(facts: Facts) -> str:
    """The names of a place, else its coordinates; "no place" if none is known."""
    if facts.place:
        return printable(facts.place)
    if facts.lat is None or facts.lon is None:
        return "no place"
    return f"{facts.lat:.5f}, {facts.lon:.5f}"
