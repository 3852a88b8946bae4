"""Jobs that were begun and not finished: the page goes on with them when it starts, and says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import streamlit as st

from imgsearch import ImgsearchError, UnfinishedJob
from ui.coming_photos import show_coming_photos
from ui.features import page_features
from ui.formatting import escape_markdown
from ui.query_line import query_line
from ui.session import Session, session
from ui.tasks import INDEX, Task, is_indexing, other_job
from ui.view_table import all_views

_LOOK_S = 0.5
_OF_FEATURES = {name: job for each in page_features() for name, job in each.jobs.items()}
_TASKS: Mapping[str, str] = {
    "index": INDEX,
    "encoder": INDEX,  # the index goes on with it
    **{name: job.task for name, job in _OF_FEATURES.items()},
}
# The views that show what these jobs find; the index concerns all of them.
_VIEWS: Mapping[str, tuple[str, ...]] = {
    **{name: job.views for name, job in _OF_FEATURES.items()},
}


def go_on() -> None:
    """Go on with unfinished jobs in a thread, one after another, until one is stopped or fails."""
    threading.Thread(target=_go_on, args=(session(),), name="imgsearch-go-on", daemon=True).start()


def _go_on(here: Session) -> None:
    tried: set[str] = set()
    while job := _next(here, tried):
        tried.add(job.job)
        _start(here, job)
        task = here.tasks.get(_TASKS[job.job])
        while task is not None and task.running:
            time.sleep(_LOOK_S)
        if task is None or task.report is None:
            return


def _next(here: Session, tried: set[str]) -> UnfinishedJob | None:
    """Return the next unfinished job, once nobody else writes; None if there is none."""
    try:
        while _unfinished(here):
            if other_job(here.library) is None:
                return next((job for job in _unfinished(here) if job.job not in tried), None)
            time.sleep(_LOOK_S)
    except ImgsearchError:  # the views tell it
        return None
    return None


def _unfinished(here: Session) -> tuple[UnfinishedJob, ...]:
    if not here.has("folders") or not here.library.exists():
        return ()
    # The page goes on with those that it knows: a feature may have no share in it.
    return tuple(job for job in here.library.unfinished() if job.job in _TASKS)


def _start(here: Session, job: UnfinishedJob) -> None:
    if job.job in _OF_FEATURES:
        _OF_FEATURES[job.job].start(job)
    else:
        here.index(job.folders)


def show(view: str) -> None:
    """Say in a view what is not finished, with a button that goes on, or how far it is."""
    here = session()
    jobs = [job for job in _unfinished(here) if view in _VIEWS.get(job.job, (view,))]
    if not jobs:
        return
    if is_indexing(here.library, here.tasks):
        if not all_views()[view].shows_progress:
            show_coming_photos(query_line().note_click)
        return
    if other_job(here.library) is not None:
        return
    for job in jobs:
        task: Task | None = here.tasks.get(_TASKS[job.job])
        if task is None or not task.running:
            with st.container(
                horizontal=True, vertical_alignment="center", key=f"unfinished {job.job}"
            ):
                st.info(escape_markdown(job.sentence), icon=":material/hourglass_bottom:")
                st.button(
                    "Go on",
                    key=f"go on {job.job}",
                    icon=":material/play_arrow:",
                    on_click=_start,
                    args=(here, job),
                )
