"""Shows how far a long job is, live."""

from __future__ import annotations

import os

import streamlit as st

from imgsearch import RunningJob
from ui.formatting import time_left_words, unmarked
from ui.session import Task, door


def progress(name: str, doing: str, what: str) -> None:
    """A bar with rate and time left, and a button that stops; the page goes on when it ends."""
    live = st.fragment(_bar, run_every=1.0)
    live(name, doing, what)


def elsewhere() -> None:
    """What another process does with the library: a bar, and nothing while it does nothing.

    The page is made anew when it begins to work and when it ends.
    """
    st.session_state["seen elsewhere"] = running_elsewhere() is not None
    st.fragment(_bar_elsewhere, run_every=1.0)()


def running_elsewhere() -> RunningJob | None:
    """What another process is doing with the library, if any."""
    running = door().library.running()
    return None if running is None or running.pid == os.getpid() else running


def _bar_elsewhere() -> None:
    running = running_elsewhere()
    if (running is not None) != st.session_state["seen elsewhere"]:
        st.rerun(scope="app")
    if running is None:
        return
    share = min(running.done / running.total, 1.0) if running.total else 0.0
    words = unmarked(running.doing)
    st.progress(share, text=f"{words} in another process: {_steps_words(running, 'photos')}")


def _bar(name: str, doing: str, what: str) -> None:
    task = door().tasks.get(name)
    if task is None or not task.running:
        st.rerun(scope="app")
        return
    share = min(task.done / task.total, 1.0) if task.total else 0.0
    bar, stop = st.columns([6, 1], vertical_alignment="bottom")
    bar.progress(share, text=f"{doing}: {_words(task, what)}")
    if stop.button("Stop", key=f"stop {name}", disabled=task.stopping, width="stretch"):
        task.stopping = True


def _words(task: Task, what: str) -> str:
    if task.stopping:
        return "stopping after this batch; what was done is kept"
    return _steps_words(task, what)


def _steps_words(steps: Task | RunningJob, what: str) -> str:
    if not steps.total:
        return "looking and making ready…"
    words = f"{steps.done:,} of {steps.total:,} {what}"
    if steps.done >= steps.total:
        return f"{words}, finishing"
    if steps.rate:
        words += f", {steps.rate:,.0f} a second"
    if steps.left_s:
        words += f", {time_left_words(steps.left_s)} left"
    return words
