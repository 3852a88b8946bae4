"""Text in pictures on the page: the section of the library view that reads it."""

from __future__ import annotations

import streamlit as st

from imgsearch.features.text.records import TextReport
from imgsearch.records.status import Status, UnfinishedJob
from imgsearch.text import format_count
from ui import elements
from ui.features import CommandButton, PageFeature, PageJob
from ui.session import session

_TASK = "read text"
_ICON = ":material/document_scanner:"


def page() -> PageFeature:
    """Return the share of text in pictures in the page."""
    job = PageJob(_TASK, ("library",), _go_on, title="Reading text", outcome=_outcome)
    return PageFeature(
        jobs={"text": job},
        library_section=_section,
        commands={
            "imgsearch read-text": CommandButton("library", "folders", "Read text", _ICON),
        },
    )


def _section(status: Status, busy: bool) -> None:
    """Show how much text in pictures was read, with buttons to read more."""
    st.header("Text in pictures", anchor=False)
    counts = session().library.text.counts()
    rows = [
        ("With text", format_count(counts.read, "photo")),
        ("Without text", format_count(counts.none, "photo")),
        ("Could not be read", format_count(counts.failed, "photo") if counts.failed else ""),
        ("Passed over", format_count(counts.passed_over, "photo") if counts.passed_over else ""),
        ("Not tried yet", format_count(counts.unread - counts.passed_over, "photo")),
    ]
    elements.facts([(name, value) for name, value in rows if value], "text facts")
    with st.container(horizontal=True):
        st.button(
            "Read text",
            disabled=busy or not status.photos,
            icon=_ICON,
            on_click=_start,
            help="Looks at a small copy of each photo, and reads those that seem to have text, so "
            "that text:exit finds them. Nothing leaves this machine.",
        )
        st.button(
            "Read all photos",
            disabled=busy or not counts.unread,
            on_click=_start,
            args=(True,),
            help="Also reads the photos in which no text was seen.",
        )


def _start(everything: bool = False) -> None:
    session().start(_TASK, lambda library: library.text.read(everything=everything))


def _go_on(job: UnfinishedJob) -> None:
    session().start(
        _TASK,
        lambda library: library.text.read(job.folders, everything=job.everything, again=job.again),
    )


def _outcome(report: TextReport) -> str:
    """Return the report as a sentence: "Done in 3.2 s: 21 with text, 1 failed."."""
    counts = [
        (report.failed, "failed"),
        (report.read, "with text"),
        (report.none, "without text"),
        (report.unreached, "not reached"),
    ]
    parts = [f"{number:,} {name}" for number, name in counts if number]
    return f"Done in {report.seconds:.1f} s: {', '.join(parts) or 'nothing to do'}."
