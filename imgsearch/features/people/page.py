"""People: groups of faces to name, and the faces of each person to confirm and to correct."""

from __future__ import annotations

import streamlit as st
from starlette.routing import Route

from imgsearch.features.people import page_data
from imgsearch.records.status import UnfinishedJob
from imgsearch.text import format_count
from ui import cards, component_files
from ui.addresses import START, address_of
from ui.features import CommandButton, PageFeature, PageJob, ShownView
from ui.library_state import follow, library_state
from ui.page_view import PageView
from ui.session import session
from ui.tasks import other_process_bar, progress_bar
from ui.view_table import linked_views

_TASK = "find faces"
_people = component_files.component("people")


def page() -> PageFeature:
    """Return the share of people in the page."""
    view = PageView("People", "group", "none", ("people", "follow"), "people", place="people")
    return PageFeature(
        part="people",
        viewer="people/photo_faces.js",
        views={"people": ShownView(view, show, before="library")},
        routes=(Route("/face/{size}/{face_id}", page_data.picture),),
        jobs={"faces": PageJob(_TASK, ("people", "library"), _go_on)},
        commands={
            "imgsearch faces": CommandButton("people", "people", "Find faces", ":material/group:")
        },
    )


def show() -> None:
    """Show the persons of the library, or how to find faces."""
    here = session()
    state = library_state()
    task = here.tasks.get(_TASK)
    is_busy = task is not None and task.running
    if task is not None and is_busy:
        progress_bar(task, "Finding faces", "photos")
    else:
        is_busy = other_process_bar(here.library)
        if task is not None and task.error is not None:
            cards.error_card(task.error)
    counts = here.library.people.counts()
    if counts.faces:
        opened = {name: st.query_params.get(name, "") for name in ("person", "face")}
        found = f"{state} {counts}"  # a person may change while the number of faces does not
        _people(key="people", data={**opened, "links": _links(), "state": found})
    elif not is_busy and not counts.unread:
        cards.card("No faces", "No face was found in these photos.", ":material/group_off:")
    elif not is_busy:
        where = "This happens on this machine only, and nothing leaves it."
        if here.has("fleet"):
            where = "They are found on this machine, and kept in the archive for all who read it."
        cards.card(
            "Whose face it is",
            "Faces are found in your photos and grouped by person; you say who they are, and find "
            f"all their photos by name. {where} You can delete everything again: "
            "`imgsearch faces --forget`",
            ":material/group:",
        )
    _find_button(counts.unread, is_busy, is_first=not counts.faces)
    follow(state)


def _links() -> list[tuple[str, str]]:
    """Return the views of a person's photos that a search leads to: text and path of each."""
    others = linked_views(session().has, only_hidden=True)
    links = {"All photos": START, **{view.link: name for name, view in others.items()}}
    return [(text, address_of(name)) for text, name in links.items()]


def _find_button(unread: int, is_busy: bool, is_first: bool) -> None:
    """Offer to look for faces in the photos that were not looked at; at first, nothing else is."""
    if not unread:
        return
    st.button(
        f"Find faces in {format_count(unread, 'photo')}",
        type="primary" if is_first else "secondary",
        icon=":material/familiar_face_and_zone:",
        disabled=is_busy,
        on_click=_start,
        help="You can go on searching meanwhile, and stop at any time: what was found is kept.",
    )


def _start() -> None:
    session().start(_TASK, lambda library: library.people.find_faces())


def _go_on(job: UnfinishedJob) -> None:
    session().start(_TASK, lambda library: library.people.find_faces(job.folders, again=job.again))
