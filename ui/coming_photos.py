"""The line that a view shows while photos are being added, and the route that it asks.

The line is a component, and the page is drawn anew only at a click and at the end. A fragment that
Streamlit reruns every other second would not do: such a rerun that arrives just when another run
has ended makes Streamlit drop what of that run has not been sent yet, so the photos that a click
asked for would not come.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import ImgsearchError
from ui import component_files
from ui.responses import NOT_STORED
from ui.session import session
from ui.tasks import Task, format_progress, indexing_job, progress_share

_coming = component_files.component("coming")


def show_coming_photos(on_click: Callable[[], None] = lambda: None) -> None:
    """While photos are being added, a line that says how many are there and that more will come.

    A button shows those that have come since the page was drawn: counts, answers and the timeline
    follow. The page is drawn anew by itself when the last one was added, and when the first;
    `on_click` is called before.
    """
    here = session()
    if indexing_job(here.library, here.tasks) is None:
        return

    def on_show() -> None:
        here.forget_photo_count()
        on_click()

    _coming(
        key="coming_photos",
        data={"shown": here.photo_count(), "now": _progress()},
        on_show_change=on_show,
    )


def progress(request: Request) -> Response:
    """Return how far the adding of photos is."""
    try:
        return JSONResponse(_progress(), headers=NOT_STORED)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)


def _progress() -> dict[str, object]:
    """Return the number of photos, the running job, None without one, and the share done."""
    here = session()
    job = indexing_job(here.library, here.tasks)
    # After the job was looked at: none of its photos is missing when it has ended.
    photos = here.photos_now()
    if job is None:
        return {"photos": photos, "doing": None, "share": 1.0}
    adding = "Photos are being indexed"
    if not here.has("folders"):
        adding = "The archive is being copied to this machine"
    text = f"{adding}, and more will be found: {format_progress(job, 'photos')}"
    if isinstance(job, Task) and job.part and here.has("folders"):  # a model that comes later
        text = f"{job.part}: {format_progress(job, 'photos')}"
    return {"photos": photos, "doing": text, "share": progress_share(job)}
