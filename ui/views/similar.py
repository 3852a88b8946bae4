"""Near-duplicates, side by side. Nothing is deleted here: the lists can be exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import streamlit as st

from imgsearch import Hit, Pairs, format_count, printable
from ui import cards, elements, exports
from ui.elements import GridOptions
from ui.formatting import date_of, format_datetime, format_size
from ui.navigation import address_of
from ui.search_state import remember_list
from ui.session import session
from ui.tasks import progress_bar

MIN_SCORE = 0.85  # below, photos are similar rather than nearly the same
GROUPS_PER_PAGE = 20
TASK = "near-duplicates"

Group: TypeAlias = tuple[Hit, ...]  # photos that are nearly the same, the largest first


def show() -> None:
    """Groups of near-duplicates."""
    if not session().photo_count():
        cards.empty_library()
        return
    task = session().tasks.get(TASK)
    if task is not None and task.running:
        progress_bar(task, "Comparing every photo with every other", "vectors")
        return
    if task is None or task.report is None:
        if task is not None and task.error is not None:
            cards.error_card(task.error)
        _introduction()
        return
    st.caption(
        "Photos that are nearly the same: bursts, edits, smaller versions. Exact copies of a file "
        "are one photo with several paths. Nothing is deleted here."
    )
    assert isinstance(task.report, Pairs)
    groups = _groups(task.report, _min_score(task.report))
    if not groups:
        cards.card(
            "No photos are this similar", "Move the slider to the left.", ":material/done_all:"
        )
        return
    _summary(groups)
    shown = st.session_state.get("groups_shown", GROUPS_PER_PAGE)
    for number, group in enumerate(groups[:shown]):
        _show_group(number, group)
    if len(groups) > shown:
        st.button(f"Show {GROUPS_PER_PAGE} more", on_click=_show_more, args=(shown,))


def _introduction() -> None:
    """Before the comparison, or after it was stopped or failed."""
    cards.card(
        "Find near-duplicates",
        "Every photo is compared with every other: this takes seconds for thousands of photos, "
        "and a minute for a hundred thousand. You can use the page meanwhile.",
        ":material/content_copy:",
    )
    if st.button("Compare", type="primary", icon=":material/play_arrow:"):
        _start()


def _start() -> None:
    session().tasks.start(TASK, lambda library: library.near_duplicates(MIN_SCORE))
    st.rerun()


def _min_score(pairs: Pairs) -> float:
    """The score from the slider; beside it is the button that compares again."""
    slider, button = st.columns([5, 1], vertical_alignment="bottom")
    lowest = round(max(pairs.min_score, MIN_SCORE), 3)
    score = slider.slider(
        "Similarity",
        lowest,
        1.0,
        max(0.95, lowest),
        0.005,
        key="similarity",
        format="%.3f",
        help="The lowest score of two photos in a group. Photos that look the same have score 1.",
    )
    if button.button("Compare again", icon=":material/refresh:", width="stretch"):
        _start()
    if pairs.min_score > MIN_SCORE:
        st.info(
            "There are too many similar photos to list them all: only those with a score of "
            f"{pairs.min_score:.3f} or more are."
        )
    return float(score)


def _groups(pairs: Pairs, min_score: float) -> list[Group]:
    """The groups at this score, without photos that have left the library since."""
    cached = st.session_state.get("groups")
    if cached is not None and cached[:2] == (id(pairs), min_score):
        groups: list[Group] = cached[2]
        return groups
    library = session().library
    found = [library.photos(ids) for ids in library.groups(pairs, min_score)]
    groups = [
        tuple(sorted(hits, key=lambda hit: -hit.photo.width_px * hit.photo.height_px))
        for hits in found
        if len(hits) > 1
    ]
    st.session_state["groups"] = (id(pairs), min_score, groups)
    return groups


def _summary(groups: Sequence[Group]) -> None:
    """How many there are, and the lists to export."""
    photos = sum(len(group) for group in groups)
    smaller = [hit for group in groups for hit in group[1:]]
    text, table, paths = st.columns([4, 1, 1], vertical_alignment="center")
    text.markdown(
        f"**{format_count(len(groups), 'group')}**, {format_count(photos, 'photo')}; all but the "
        f"largest of each group take {format_size(sum(hit.photo.size_bytes for hit in smaller))}"
    )
    table.download_button(
        "CSV",
        exports.groups_csv(groups),
        "near-duplicates.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/table:",
        width="stretch",
    )
    paths.download_button(
        "Paths",
        exports.paths_text(path for hit in smaller for path in hit.paths),
        "near-duplicates.txt",
        "text/plain",
        on_click="ignore",
        icon=":material/list:",
        width="stretch",
        help="The paths of all but the largest photo of each group.",
    )


def _show_group(number: int, group: Group) -> None:
    """The photos of one group, and how they differ."""
    with st.container(border=True):
        name = f"similar {number}"
        remember_list(name, group)
        elements.grid(
            group,
            f"group {number}",
            GridOptions(row_px=220, selectable=False),
            address=address_of("similar"),
            photo_parameters={"from": name},
        )
        rows = []
        for rank, hit in enumerate(group, 1):
            photo = hit.photo
            properties = (
                f"{photo.width_px} × {photo.height_px} px, {photo.facts.format}, "
                f"{format_size(photo.size_bytes)}, {format_datetime(date_of(hit))}"
            )
            rows.append((f"{rank}. {properties}", printable(hit.path)))
        elements.facts(rows, f"group facts {number}")


def _show_more(shown: int) -> None:
    st.session_state["groups_shown"] = shown + GROUPS_PER_PAGE
