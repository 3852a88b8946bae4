"""Near-duplicates side by side, with what to keep ticked. Lists and a script can be exported.

Nothing is deleted here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from msgspec import Struct

from imgsearch import (
    DuplicateGroup,
    GroupedPhoto,
    Pairs,
    format_count,
    has_objects,
    removal_paths,
    removal_script,
    with_kept,
)
from ui import cards, elements, exports
from ui.addresses import address_of
from ui.formatting import date_of, escape_markdown, format_datetime, format_size
from ui.search_state import remember_list
from ui.session import session
from ui.tasks import progress_bar

MIN_SCORE = 0.9  # below, photos are similar rather than nearly the same
GROUPS_PER_PAGE = 20
TASK = "near-duplicates"
KEPT = "kept photos"  # in the session state: ids of the photos to keep, by group


def show() -> None:
    """Groups of near-duplicates."""
    if not session().photo_count():
        cards.empty_library()
        return
    task = session().tasks.get(TASK)
    if task is not None and task.running:
        progress_bar(task, "Comparing every photo with every other", "photos")
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
    groups = _groups(task.report, _choice(task.report))
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
    session().start(TASK, lambda library: library.duplicates.find(MIN_SCORE))
    st.rerun()


class _Choice(Struct, frozen=True):
    """What the visitor has set: the lowest score in a group, and the folders to keep."""

    min_score: float
    prefer: tuple[Path, ...]


def _choice(pairs: Pairs) -> _Choice:
    """The settings; beside them is the button that compares again."""
    slider, folders, button = st.columns([3, 3, 1.4], vertical_alignment="bottom")
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
    prefer: list[Path] = []
    if session().has("folders"):  # an archive does not list its folders
        prefer = folders.multiselect(
            "Keep the photos in",
            list(session().counts().folders),
            key="preferred folders",
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
    return _Choice(float(score), tuple(prefer))


def _groups(pairs: Pairs, choice: _Choice) -> list[DuplicateGroup]:
    """The groups with what the visitor keeps of each; without photos that have left since."""
    cached = st.session_state.get("groups")
    if cached is None or cached[:2] != (id(pairs), choice):
        groups = session().library.duplicates.groups(pairs, choice.min_score, choice.prefer)
        cached = st.session_state["groups"] = (id(pairs), choice, groups)
        st.session_state[KEPT] = {}
    kept = st.session_state[KEPT]
    return [with_kept(group, kept.get(_key(group), _ids(group.kept))) for group in cached[2]]


def _key(group: DuplicateGroup) -> tuple[int, ...]:
    return tuple(sorted(_ids(group.photos)))


def _ids(photos: Sequence[GroupedPhoto]) -> frozenset[int]:
    return frozenset(photo.hit.photo.id for photo in photos)


def _summary(groups: Sequence[DuplicateGroup]) -> None:
    """How many there are, and the lists and the script to export."""
    photos = sum(len(group.photos) for group in groups)
    usable = [group for group in groups if group.kept]
    others = [photo.hit.photo for group in usable for photo in group.others]
    st.markdown(
        f"**{format_count(len(groups), 'group')}**, {format_count(photos, 'photo')}; those that "
        f"are not kept take {format_size(sum(photo.size_bytes for photo in others))}"
    )
    with st.container(horizontal=True):
        if not has_objects(usable):
            _download(
                "Script",
                lambda: removal_script(usable),
                "move-near-duplicates.sh",
                ":material/terminal:",
                "A shell script for you to read and to run. It says what it would move; with "
                "--trash or --to DIR it moves the files that are not kept, and leaves those that "
                "have changed.",
            )
        _download(
            "Paths",
            lambda: exports.paths_text(removal_paths(usable)),
            "near-duplicates.txt",
            ":material/list:",
            "The paths of the photos that are not kept.",
        )
        _download(
            "CSV",
            lambda: exports.groups_csv(groups),
            "near-duplicates.csv",
            ":material/table:",
            "All groups, with what is kept and why.",
        )


def _download(
    label: str, content: Callable[[], bytes], name: str, icon: str, explanation: str
) -> None:
    st.download_button(
        label, content, name, "text/plain", on_click="ignore", icon=icon, help=explanation
    )


def _show_group(number: int, group: DuplicateGroup) -> None:
    """The photos of one group, how they differ, and which of them to keep."""
    photos = sorted(group.photos, key=_order)
    hits = tuple(photo.hit for photo in photos)
    with st.container(border=True):
        name = f"similar {number}"
        remember_list(name, hits)
        elements.tiles(
            hits,
            f"group {number}",
            220,
            address=address_of("similar"),
            photo_parameters={"from": name},
        )
        for rank, photo in enumerate(photos, 1):
            st.checkbox(
                f"Keep {rank}: {_facts(photo)}",
                photo.keep,
                key=f"keep {photo.hit.photo.id} of {hash(_key(group))}",
                help=escape_markdown("\n".join(map(str, photo.hit.paths))),
                on_change=_toggle,
                args=(group, photo.hit.photo.id),
            )
        if not group.kept:
            st.warning("Keep at least one: this group is in no list and not in the script.")


def _order(photo: GroupedPhoto) -> int:
    """The photos of a group keep their places when one is ticked."""
    return -photo.hit.photo.width_px * photo.hit.photo.height_px


def _facts(photo: GroupedPhoto) -> str:
    """File name, size, date and the reason of the proposal, as Markdown."""
    found = photo.hit.photo
    properties = (
        f"{found.width_px} × {found.height_px} px, {found.facts.format}, "
        f"{format_size(found.size_bytes)}, {format_datetime(date_of(photo.hit))}"
    )
    name, reason = escape_markdown(photo.hit.path.name), escape_markdown(photo.reason)
    copies = len(photo.hit.paths)
    if copies > 1:
        properties += f", {copies} copies"
    return f"**{name}** {escape_markdown(properties)}; *{reason}*"


def _toggle(group: DuplicateGroup, photo_id: int) -> None:
    """Keep a photo that was not to be kept, or the reverse."""
    st.session_state[KEPT][_key(group)] = _ids(group.kept) ^ {photo_id}


def _show_more(shown: int) -> None:
    st.session_state["groups_shown"] = shown + GROUPS_PER_PAGE
