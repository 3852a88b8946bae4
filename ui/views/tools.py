"""The tools of a library: a card for each view that has no other place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imgsearch import format_count, printable
from ui import component_files
from ui.addresses import address_of
from ui.features import feature_views
from ui.formatting import format_datetime
from ui.page_view import PageView
from ui.session import session
from ui.tasks import is_indexing
from ui.view_table import tools_of

_cards = component_files.component("tool_cards")


def show() -> None:
    """Show what each tool does, and how it stands."""
    _cards(
        key="tool_cards",
        data={"cards": [_card(*tool) for tool in tools_of(session().has).items()]},
    )


def _card(name: str, view: PageView) -> dict[str, str]:
    """Return a card as the component takes it."""
    shown = feature_views().get(name)
    state = _STATES.get(name) if shown is None else shown.state
    return {
        "address": address_of(name),
        "icon": view.icon,
        "title": view.title,
        "about": view.about,
        "state": "" if state is None else printable(state()),
    }


def _library() -> str:
    """Return "2,838 photos in 3 folders · 1 folder offline"."""
    here = session()
    if not here.library.exists():
        return "No library yet"
    status = here.library.status()
    offline = sum(not root.online for root in status.roots)
    parts = [
        f"{format_count(status.photos, 'photo')} in {format_count(len(status.roots), 'folder')}",
        f"{format_count(offline, 'folder')} offline" if offline else "",
        f"{format_count(len(status.failures), 'file')} cannot be read" if status.failures else "",
        "indexing now" if is_indexing(here.library, here.tasks) else "",
    ]
    return " · ".join(filter(None, parts))


def _archive() -> str:
    return format_count(session().library.status().photos, "photo")


def _changes() -> str:
    """Return the last change that counts, with its moment."""
    made = (each for each in session().library.changes.all() if not each.undone)
    last = next(made, None)
    if last is None:
        return "Nothing was changed yet"
    moment = last.changed_at.astimezone().replace(tzinfo=None)
    return f"{last.title}, {format_datetime(moment)}"


_STATES: Mapping[str, Callable[[], str]] = {  # of our own views
    "library": _library,
    "archive": _archive,
    "changes": _changes,
}
