"""The state of the library and its jobs, and the route by which an open page notices a change.

A view that shows jobs ends with `follow`, so a browser that has the state has all the rest. A
fragment that draws the page anew would not do: see `ui.coming_photos`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ui import component_files
from ui.responses import NOT_STORED
from ui.session import session
from ui.tasks import INDEX, other_job

ROUTE = "/library/state"
_follow = component_files.component("follow")


def library_state() -> str:
    """Return whether the library exists, its jobs, and whether another process works.

    It is read before the view is drawn: what changes meanwhile is noticed then.
    """
    here = session()
    other = "another process" if other_job(here.library) is not None else ""
    waiting = here.tasks.waiting(INDEX)
    return " ".join([str(here.library.exists()), other, *here.tasks.running(), *waiting])


def follow(state: str) -> None:
    """Draw the page anew when the state of the library is another one than this."""
    _follow(key="follow", data={"address": ROUTE, "state": state}, on_changed_change=_rerun)


def _rerun() -> None:
    """Serve as the callback of an event that draws the page anew and does nothing else."""


def state(request: Request) -> Response:
    """Return the present state of the library."""
    return JSONResponse({"state": library_state()}, headers=NOT_STORED)
