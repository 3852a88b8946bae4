"""Near-duplicates, side by side. Nothing is deleted from here: the list can be carried away."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

import streamlit as st

from imgsearch import Hit, Pairs, printable
from ui import cards, elements, tasks
from ui.elements import GridLook
from ui.formatting import count_words, date_of, moment_words, size_words
from ui.session import door

LOWEST = 0.85  # below, photos are alike and no longer nearly the same
GROUPS_A_PAGE = 20
TASK = "near-duplicates"


@dataclass(frozen=True, slots=True)
class Group:
    """Photos that are nearly the same, the largest first."""

    hits: tuple[Hit, ...]

    @property
    def spare_bytes(self) -> int:
        """What the others take."""
        return sum(hit.photo.size_bytes for hit in self.hits[1:])


def show() -> None:
    """Groups of nearly the same photos."""
    if not door().photo_count():
        cards.empty_library()
        return
    task = door().tasks.get(TASK)
    if task is None or (not task.running and task.report is None):
        invitation()
        return
    if task.running:
        tasks.progress(TASK, "Comparing every photo with every other", "vectors")
        return
    st.caption(
        "Photos that are nearly the same: bursts, edits, smaller versions. Exact copies of a file "
        "are one photo with several paths. Nothing is deleted from here."
    )
    assert isinstance(task.report, Pairs)
    score = choose(task.report)
    groups = groups_of(task.report, score)
    if not groups:
        cards.card("None as alike as that", "Move the slider to the left.", ":material/done_all:")
        return
    head(groups)
    for number, group in enumerate(groups[: st.session_state.get("groups_shown", GROUPS_A_PAGE)]):
        side_by_side(number, group)
    if len(groups) > st.session_state.get("groups_shown", GROUPS_A_PAGE):
        st.button(f"Show {GROUPS_A_PAGE} more", on_click=show_more)


def invitation() -> None:
    """Before the comparison, or after one that failed."""
    task = door().tasks.get(TASK)
    if task is not None and task.error is not None:
        cards.trouble(task.error)
    cards.card(
        "Find photos that are nearly the same",
        "Every photo is compared with every other: seconds for thousands, a minute for a hundred "
        "thousand. The page can be used meanwhile.",
        ":material/content_copy:",
    )
    if st.button("Compare", type="primary", icon=":material/play_arrow:"):
        start()
        st.rerun()


def start() -> None:
    """Compare in the background."""
    door().start(TASK, lambda library: library.near_duplicates(LOWEST))


def choose(report: Pairs) -> float:
    """The slider, and the button that compares anew."""
    slider, again = st.columns([5, 1], vertical_alignment="bottom")
    lowest = round(max(report.min_score, LOWEST), 3)
    score = slider.slider(
        "How alike", lowest, 1.0, max(0.95, lowest), 0.005, key="alike", format="%.3f",
        help="The score of two photos: 1 is the same picture.",
    )  # fmt: skip
    if again.button("Compare anew", icon=":material/refresh:", width="stretch"):
        start()
        st.rerun()
    if report.min_score > LOWEST:
        st.info(f"So many are alike that only those from {report.min_score:.3f} on are listed.")
    return float(score)


def groups_of(report: Pairs, score: float) -> list[Group]:
    """The groups at this score. Photos that have left the library since are left out."""
    known = st.session_state.get("groups")
    if known is not None and known[:2] == (id(report), score):
        found: list[Group] = known[2]
        return found
    library = door().library
    groups = []
    for ids in library.groups(report, score):
        hits = library.photos(ids)
        if len(hits) > 1:
            hits = sorted(hits, key=lambda hit: -hit.photo.width_px * hit.photo.height_px)
            groups.append(Group(tuple(hits)))
    st.session_state["groups"] = (id(report), score, groups)
    return groups


def head(groups: Sequence[Group]) -> None:
    """How many, and the list to carry away."""
    spare = sum(group.spare_bytes for group in groups)
    words, table, paths = st.columns([4, 1, 1], vertical_alignment="center")
    words.markdown(
        f"**{count_words(len(groups), 'group')}**, "
        f"{count_words(sum(len(group.hits) for group in groups), 'photo')}; "
        f"all but the largest of each take {size_words(spare)}"
    )
    table.download_button(
        "CSV", as_csv(groups), "near-duplicates.csv", "text/csv", on_click="ignore",
        icon=":material/table:", width="stretch",
    )  # fmt: skip
    paths.download_button(
        "Paths", as_paths(groups), "near-duplicates.txt", "text/plain", on_click="ignore",
        icon=":material/list:", width="stretch", help="The paths of all but the largest of each.",
    )  # fmt: skip


def side_by_side(number: int, group: Group) -> None:
    """One group, and how its photos differ from the largest."""
    with st.container(border=True):
        touched = elements.grid(group.hits, f"group {number}", GridLook("fit", 220, pickable=False))
        rows = []
        for place, hit in enumerate(group.hits, 1):
            photo = hit.photo
            differences = f"{photo.width_px} × {photo.height_px} px, {photo.facts.format}, "
            differences += f"{size_words(photo.size_bytes)}, {moment_words(date_of(hit))}"
            rows.append((f"{place}. {differences}", printable(hit.path)))
        elements.facts(rows, f"group facts {number}")
    if touched.opened is not None:
        st.session_state["result_ids"] = [hit.photo.id for hit in group.hits]
        st.switch_page(st.session_state["pages"]["photo"], query_params={"id": str(touched.opened)})


def show_more() -> None:
    """Show further groups."""
    shown = st.session_state.get("groups_shown", GROUPS_A_PAGE)
    st.session_state["groups_shown"] = shown + GROUPS_A_PAGE


def as_csv(groups: Sequence[Group]) -> bytes:
    """A row for each file: group, whether it is the largest, sides, bytes, date, path."""
    text = StringIO()
    table = csv.writer(text)
    table.writerow(["group", "largest", "width_px", "height_px", "size_bytes", "taken_at", "path"])
    for number, group in enumerate(groups, 1):
        for hit in group.hits:
            photo, when = hit.photo, date_of(hit)
            for path in hit.paths:
                table.writerow([
                    number, int(hit is group.hits[0]), photo.width_px, photo.height_px,
                    photo.size_bytes, when.isoformat() if when else "", path,
                ])  # fmt: skip
    return text.getvalue().encode("utf-8", "surrogateescape")


def as_paths(groups: Sequence[Group]) -> bytes:
    """The paths of all but the largest of each group, one a line."""
    lines = [
        os.fsencode(path) + b"\n"
        for group in groups
        for hit in group.hits[1:]
        for path in hit.paths
    ]
    return b"".join(lines)
