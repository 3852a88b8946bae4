"""Shows how far a long job is, live."""

from __future__ import annotations

import streamlit as st

from ui.door import Task, door
from ui.words import time_left_words


def progress(name: str, doing: str, what: str) -> None:
    """A bar with rate and time left, and a button that stops; the page goes on when it ends."""
    live = st.fragment(_bar, run_every=1.0)
    live(name, doing, what)


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
    if not task.total:
        return "looking and making ready…"
    words = f"{task.done:,} of {task.total:,} {what}"
    if task.rate:
        words += f", {task.rate:,.0f} a second"
    if task.left_s:
        words += f", {time_left_words(task.left_s)} left"
    return words
