"""Near-duplicates side by side, of all photos or of those that a search finds, with what to keep
ticked. Lists and a script can be exported.

Nothing is deleted here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from msgspec import Struct
from msgspec.structs import replace

from imgsearch import (
    DuplicateGroup,
    GroupedPhoto,
    ImgsearchError,
    Pairs,
    format_count,
    has_objects,
    removal_paths,
    removal_script,
    with_kept,
)
from ui import cards, elements, exports, first_run, search_row
from ui.addresses import address_of
from ui.answer_data import answer_of
from ui.formatting import date_of, escape_markdown, format_datetime, format_size
from ui.library_state import follow, library_state
from ui.query_line import query_line
from ui.search_state import SearchInput, remember_list
from ui.session import session
from ui.tasks import progress_bar

MIN_SCORE = 0.9  # below, photos are similar rather than nearly the same
GROUPS_PER_PAGE = 20
TASK = "near-duplicates"
# Keys of the session state: on the page of an archive, whether to keep a photo, by its id; and why
# a choice was not recorded.
KEPT, ERROR = "kept photos", "choice error"


def show() -> None:
    """Groups of near-duplicates, among the photos that a search finds, if there is one."""
    if not session().photo_count():
        first_run.empty_library()
        return
    state = library_state()
    search_input = search_row.search_box("similar")
    _show_comparison(search_input)
    follow(state)


def _show_comparison(search_input: SearchInput) -> None:
    """Show the last comparison: how far it is, or what it found."""
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
    among = _found_ids(search_input)  # raises what is wrong with the query
    error = st.session_state.pop(ERROR, None)
    if error is not None:
        st.warning(escape_markdown(error))
    choice, chosen = _choice(task.report), _chosen()
    groups = _groups(task.report, among, choice, chosen)
    if not groups:
        cards.card(
            "No photos are this similar",
            f"Move the slider to the left{', or search for more' if search_input else ''}.",
            ":material/done_all:",
        )
        return
    _summary(groups, sum(photo.hit.photo.id in chosen for each in groups for photo in each.photos))
    shown = st.session_state.get("groups_shown", GROUPS_PER_PAGE)
    for number, group in enumerate(groups[:shown]):
        _show_group(number, group, search_input)
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


def _found_ids(search_input: SearchInput) -> np.ndarray | None:
    """The photos that a search finds, the weak matches left out; None for all photos.

    Raises the errors of the query language and of the library.
    """
    return answer_of(search_input).strong.ids if search_input else None


def _start() -> None:
    query_line().note_click()
    session().start(TASK, lambda library: library.duplicates.find(MIN_SCORE))
    st.rerun()


class _Choice(Struct, frozen=True):
    """The visitor's settings: the lowest score within a group, and the folders to keep."""

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
        on_change=query_line().note_click,
        format="%.3f",
        help="The lowest score of two photos in a group. Photos that look the same have score 1.",
    )
    prefer: list[Path] = []
    if session().has("folders"):  # an archive does not list its folders
        prefer = folders.multiselect(
            "Keep the photos in",
            list(session().counts().folders),
            key="preferred folders",
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
    return _Choice(float(score), tuple(prefer))


def _groups(
    pairs: Pairs, among: np.ndarray | None, choice: _Choice, chosen: Mapping[int, bool]
) -> list[DuplicateGroup]:
    """The groups with what the visitor keeps of each; without photos that have left since.

    Only photos of `among` are in them, unless that is None.
    """
    key = (id(pairs), None if among is None else among.tobytes(), choice)
    cached = st.session_state.get("groups")
    if cached is None or cached[0] != key:
        compared = pairs if among is None else _pairs_among(pairs, among)
        groups = session().library.duplicates.groups(compared, choice.min_score, choice.prefer)
        cached = st.session_state["groups"] = (key, groups)
    return [
        with_kept(group, [id_ for id_, keep in _kept_of(group).items() if chosen.get(id_, keep)])
        for group in cached[1]
    ]


def _pairs_among(pairs: Pairs, photo_ids: np.ndarray) -> Pairs:
    """The pairs of which both photos are among these."""
    known = set(photo_ids.tolist())
    both = (pair for pair in pairs.pairs if pair.a in known and pair.b in known)
    return replace(pairs, pairs=tuple(both))


def _kept_of(group: DuplicateGroup) -> dict[int, bool]:
    """Whether each photo is kept, by its id."""
    return {photo.hit.photo.id: photo.keep for photo in group.photos}


def _chosen() -> Mapping[int, bool]:
    """Whether a photo is to be kept, by its id, where somebody has chosen that.

    In the library, so that every tab shows the same; an archive is written only when photos are
    added to it, so there it is the choice of this tab.
    """
    if session().has("choices"):
        return session().library.duplicates.choices()
    kept: dict[int, bool] = st.session_state.setdefault(KEPT, {})
    return kept


def _summary(groups: Sequence[DuplicateGroup], chosen: int) -> None:
    """Show the number of groups, with lists and a script to export.

    `chosen` photos are in them that somebody has chosen to keep, or not to.
    """
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
        if chosen:
            st.button(
                f"Forget {format_count(chosen, 'choice')}",
                icon=":material/undo:",
                help="Keep what is proposed, in all groups.",
                on_click=_forget_choices,
            )
    if not session().has("choices"):
        st.caption(
            "What you tick is kept in this tab only, until it is reloaded: an archive has no place "
            "for it. Export what you have chosen."
        )


def _download(
    label: str, content: Callable[[], bytes], name: str, icon: str, explanation: str
) -> None:
    st.download_button(
        label, content, name, "text/plain", on_click="ignore", icon=icon, help=explanation
    )


def _show_group(number: int, group: DuplicateGroup, search_input: SearchInput) -> None:
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
            address=address_of("similar", search_input.parameters),
            photo_parameters={**search_input.parameters, "from": name},
        )
        for rank, photo in enumerate(photos, 1):
            key = f"keep {photo.hit.photo.id}"
            st.session_state[key] = photo.keep  # another tab may have changed it
            st.checkbox(
                f"Keep {rank}: {_facts(photo)}",
                key=key,
                help=escape_markdown("\n".join(map(str, photo.hit.paths))),
                on_change=_choose,
                args=(photo.hit.photo.id, key),
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


def _choose(photo_id: int, key: str) -> None:
    """Keep a photo that was not to be kept, or the reverse."""
    query_line().note_click()
    is_kept = bool(st.session_state[key])
    if session().has("choices"):
        _change(lambda: session().library.duplicates.choose(photo_id, is_kept))
    else:
        st.session_state.setdefault(KEPT, {})[photo_id] = is_kept


def _forget_choices() -> None:
    """Keep what is proposed."""
    query_line().note_click()
    if session().has("choices"):
        _change(session().library.duplicates.forget_choices)
    else:
        st.session_state[KEPT] = {}


def _change(act: Callable[[], object]) -> None:
    """Change the choices of the library; the view says why that was not possible."""
    try:
        act()
    except ImgsearchError as error:
        st.session_state[ERROR] = str(error)


def _show_more(shown: int) -> None:
    query_line().note_click()
    st.session_state["groups_shown"] = shown + GROUPS_PER_PAGE
