"""Near-duplicates side by side, of all photos or of those that a search finds, with what to keep
ticked. Lists and a script can be exported.

Nothing is deleted here. Streamlit draws the settings, the component the groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from starlette.routing import Route

from imgsearch import Comparison, path_text
from imgsearch.features.duplicates import page_data
from imgsearch.features.duplicates.page_data import (
    MIN_SCORE,
    TASK,
    Grouping,
    comparison,
    folders_of,
    group_hits,
    groups_of,
    start_comparing,
)
from imgsearch.features.duplicates.records import Pairs
from ui import cards, component_files
from ui.addresses import parameters_here
from ui.features import PageFeature, PhotosAround, ShownView
from ui.formatting import format_datetime
from ui.library_state import follow, library_state
from ui.page_view import PageView
from ui.query_line import query_line
from ui.search_state import SearchInput
from ui.session import session
from ui.tasks import progress_bar

_similar = component_files.component("similar", "shared/photo_tile.css")
_SCORE, _FOLDERS = "similarity", "preferred folders"  # keys of widgets


def page() -> PageFeature:
    """Return the share of near-duplicates in the page."""
    view = PageView(
        "Near-duplicates",
        "content_copy",
        "narrows",
        ("similar", "follow"),
        link="Near-duplicates",
        about="Photos that are nearly the same, side by side, and which of them to keep",
    )
    return PageFeature(
        keys=(("k", "keep the photo, or not, among near-duplicates"),),
        views={
            "similar": ShownView(
                view, show, before="library", around=around, back=back, state=_state
            )
        },
        routes=(
            Route("/similar/tiles", page_data.tiles, methods=["PUT"]),
            Route("/exports/similar/{kind}", page_data.export, methods=["PUT"]),
        ),
    )


def around(parameters: Mapping[str, str], photo_id: int) -> PhotosAround:
    """Return the photos of the group that has a photo: see `page_data.group_hits`."""
    return PhotosAround(group_hits(Grouping.from_address(parameters), photo_id))


def back(parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Return the parameters of the view, from the address of a photo that was opened in it."""
    return Grouping.from_address(parameters).parameters


def show() -> None:
    """Show the groups of near-duplicates, among the photos that a search finds, if there is one."""
    state = library_state()
    _show_comparison(SearchInput.of_address(), parameters_here())
    follow(state)


def _show_comparison(search_input: SearchInput, parameters: Mapping[str, str]) -> None:
    """Show the last comparison: how far it is, or what it found."""
    task = session().tasks.get(TASK)
    if task is not None and task.running:
        progress_bar(task, "Comparing every photo with every other", "photos")
        return
    if task is not None and task.error is not None:
        cards.error_card(task.error)
    last = comparison()
    if last is None:
        _introduction()
        return
    st.caption(
        "Photos that are nearly the same: bursts, edits, smaller versions. Exact copies of a file "
        "are one photo with several paths. Nothing is deleted here. "
        f"Compared on {_moment_of(last)}; photos added since then are not among these groups until "
        "you compare again."
    )
    grouping = _settings(last.pairs, search_input, parameters)
    proposed = groups_of(grouping)  # raises what is wrong with the query
    if not proposed.groups:
        cards.card(
            "No photos are this similar",
            f"Move the slider to the left{', or search for more' if search_input else ''}.",
            ":material/done_all:",
        )
        return
    _similar(
        key="similar",
        data={
            "parameters": grouping.parameters,
            "min_score": max(grouping.min_score, last.pairs.min_score),
            "version": proposed.version,
        },
    )


def _state() -> str:
    """Return when photos were compared."""
    task = session().tasks.get(TASK)
    if task is not None and task.running:
        return "Comparing now"
    last = comparison()
    return "Not compared yet" if last is None else f"Compared on {_moment_of(last)}"


def _moment_of(last: Comparison) -> str:
    return format_datetime(last.compared_at.astimezone().replace(tzinfo=None))


def _introduction() -> None:
    """Show the view before the comparison, or after it was stopped or failed."""
    cards.card(
        "Find near-duplicates",
        "Every photo is compared with every other: this takes seconds for thousands of photos, "
        "and a minute for a hundred thousand. You can use the page meanwhile.",
        ":material/content_copy:",
    )
    if st.button("Compare", type="primary", icon=":material/play_arrow:"):
        _start()


def _start() -> None:
    query_line().note_click()
    start_comparing()
    st.rerun()


def _settings(pairs: Pairs, search_input: SearchInput, parameters: Mapping[str, str]) -> Grouping:
    """Return the settings, which the address has at first.

    Beside them the button that compares again.
    """
    in_address = Grouping.from_address(parameters)
    slider, folders, button = st.columns([3, 3, 1.4], vertical_alignment="bottom")
    lowest = round(max(pairs.min_score, MIN_SCORE), 3)
    state = st.session_state
    state[_SCORE] = max(lowest, state.get(_SCORE, in_address.min_score))
    score = slider.slider(
        "Similarity",
        lowest,
        1.0,
        step=0.005,
        key=_SCORE,
        on_change=query_line().note_click,
        format="%.3f",
        help="The lowest score of two photos in a group. Photos that look the same have score 1.",
    )
    prefer: list[Path] = []
    if session().has("folders"):  # an archive does not list its folders
        known = list(session().counts().folders)
        state[_FOLDERS] = [
            each for each in state.get(_FOLDERS, folders_of(in_address, known)) if each in known
        ]
        prefer = folders.multiselect(
            "Keep the photos in",
            known,
            key=_FOLDERS,
            on_change=query_line().note_click,
            format_func=lambda folder: folder.name or str(folder),
            placeholder="Any folder",
            help="Of nearly equal photos, those in these folders are kept; the first is best.",
        )
    if button.button("Compare again", icon=":material/refresh:", width="stretch"):
        _start()
    if pairs.min_score > MIN_SCORE:
        st.info(
            "There are too many similar photos to list them all: only those with a score of "
            f"{pairs.min_score:.3f} or more are."
        )
    return Grouping(search_input, float(score), tuple(map(path_text, prefer)))
