"""The library: folders, indexing, what failed, the index, the model, and what there is by month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from imgsearch import EncoderInfo, Root, Status, printable
from ui import cards, elements, tasks
from ui.formatting import count_words, moment_words, size_words, unmarked
from ui.session import Task, door

INDEX, REBUILD = "index", "rebuild"
FAILURES_SHOWN = 500


def show() -> None:
    """What the library holds, and how it is."""
    running = [task for task in door().tasks.values() if task.running]
    for name, doing in ((INDEX, "Indexing"), (REBUILD, "Rebuilding")):
        if any(task.name == name for task in running):
            tasks.progress(name, doing, "photos")
        else:
            outcome(door().tasks.get(name))
    tasks.elsewhere()
    busy = bool(running) or tasks.running_elsewhere() is not None
    if door().library.exists():
        status = door().library.status()
        numbers(status)
        folders(status.roots, busy)
        failures(status, busy)
        left, right = st.columns(2, gap="large")
        with left:
            index(status, busy)
            model(status, busy)
        with right:
            over_time()
    else:
        cards.card(
            "No library yet",
            "Name a folder with photos. They are only read, never changed.",
            ":material/photo_library:",
        )
        add_folder(busy)
    remarks()


def outcome(task: Task | None) -> None:
    """What became of a job that has ended."""
    if task is None:
        return
    if task.error is not None:
        cards.trouble(task.error)
    elif task.report is not None:
        st.success(report_words(task.report), icon=":material/check_circle:")
    else:
        st.info("Stopped. What was done so far is kept; start it again to go on.")


def report_words(report: object) -> str:
    """The report of a job in a sentence."""
    parts = []
    for name in ("new", "moved", "unchanged", "gone", "offline", "missing", "failed", "vectors"):
        number = getattr(report, name, 0)
        if number:
            parts.append(f"{number:,} {name}")
    seconds = getattr(report, "seconds", 0.0)
    return f"Done in {seconds:.1f} s: {', '.join(parts) or 'nothing to do'}."


def numbers(status: Status) -> None:
    """The size of it all."""
    tiles = st.columns(4)
    tiles[0].metric("Photos", f"{status.photos:,}", border=True)
    tiles[1].metric("Folders", f"{len(status.roots):,}", border=True)
    tiles[2].metric("Not readable", f"{len(status.failures):,}", border=True)
    tiles[3].metric("Disk used", size_words(status.disk_bytes), border=True)


def folders(roots: Sequence[Root], busy: bool) -> None:
    """The photo folders, online or offline, and a way to bring them up to date."""
    st.subheader("Folders", anchor=False)
    for root in roots:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(
                "online" if root.online else "offline",
                icon=":material/check:" if root.online else ":material/cloud_off:",
                color="green" if root.online else "gray",
            )
            st.text(printable(root.path))
            st.caption(count_words(root.photos, "photo"))
            st.button(
                "Bring up to date", key=f"root {root.id}", disabled=busy or not root.online,
                icon=":material/sync:", on_click=start_index, args=((root.path,),),
            )  # fmt: skip
        if root.missing:
            held(root, busy)
    add_folder(busy)


def held(root: Root, busy: bool) -> None:
    """Photos that vanished at once: gone on purpose, or not."""
    st.warning(
        f"{count_words(root.missing, 'photo')} of this folder vanished at once, and "
        "are kept until you say that you removed them.",
        icon=":material/question_mark:",
    )
    st.button(
        "I removed them", key=f"accept {root.id}", disabled=busy, icon=":material/delete_sweep:",
        on_click=start_index, args=((root.path,), True),
    )  # fmt: skip


def add_folder(busy: bool) -> None:
    """A new folder."""
    with st.form("add folder", border=False):
        name, button = st.columns([5, 1], vertical_alignment="bottom")
        folder = name.text_input(
            "Add a folder of this machine", placeholder=str(Path.home() / "Pictures")
        )
        if button.form_submit_button("Index", type="primary", disabled=busy, width="stretch"):
            if folder.strip():
                start_index((Path(folder.strip()).expanduser(),))
                st.rerun()
            st.warning("Name a folder first.")


def start_index(folders: Sequence[Path] = (), accept_removals: bool = False) -> None:
    """Index in the background."""
    door().start(INDEX, lambda library: library.index(folders, accept_removals=accept_removals))


def start_retry(reasons: Sequence[str]) -> None:
    """Read files again that failed, all or for some reasons, in the background."""
    door().start(INDEX, lambda library: library.retry(reasons))


def failures(status: Status, busy: bool) -> None:
    """The files that could not be read, by reason, what would help, and another try."""
    failed = status.failures
    if not failed:
        return
    reasons = Counter(each.reason.value for each in failed)
    words = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    with st.expander(f"Not readable: {words}", icon=":material/broken_image:"):
        for want in status.wants:
            st.info(
                f"{count_words(want.files, f'{want.format} file')} would be read after: "
                f"`{want.cure}`",
                icon=":material/extension:",
            )
        chosen = st.pills("Reason", list(reasons), selection_mode="multi")
        rows = [
            {
                "file": printable(each.path),
                "reason": each.reason.value,
                "why": printable(each.message),
            }
            for each in failed
            if not chosen or each.reason.value in chosen
        ]
        st.dataframe(rows[:FAILURES_SHOWN], hide_index=True, width="stretch")
        if len(rows) > FAILURES_SHOWN:
            st.caption(f"The first {FAILURES_SHOWN} of {len(rows):,}.")
        st.button(
            "Try again", icon=":material/replay:", disabled=busy, on_click=start_retry,
            args=(tuple(chosen),), help="All of them, or those of the chosen reasons, now. Files "
            "that changed, or for which a decoder came, are tried again by themselves.",
        )  # fmt: skip


def index(status: Status, busy: bool) -> None:
    """The index file, with its size and how much of the exact answer it finds."""
    st.subheader("Index", anchor=False)
    snapshot = status.snapshot
    if snapshot is None:
        rows = [("Index", f"none needed yet: {status.vectors:,} vectors are searched exactly")]
    else:
        recall = [
            f"{value:.1%} for {name.removeprefix('recall_')}s"
            for name, value in sorted(snapshot.details.items())
            if name.startswith("recall_") and isinstance(value, float)
        ]
        rows = [
            ("Kind", snapshot.kind),
            ("Vectors", f"{snapshot.vectors:,}, and {status.tail:,} newer ones beside it"),
            ("Found of the best ten", ", ".join(recall) or "all: it is exact"),
            ("Size", size_words(snapshot.size_bytes)),
            ("Made", moment_words(snapshot.built_at)),
        ]
    elements.facts(rows, "index facts")
    st.button(
        "Make it anew", disabled=busy or not status.vectors, icon=":material/build:",
        on_click=start_rebuild, help="From the stored vectors; no photo is read.",
    )  # fmt: skip


def model(status: Status, busy: bool) -> None:
    """The model with its numbers, and a way to another one."""
    st.subheader("Model", anchor=False)
    choices = {info.name: info for info in door().library.encoders()}
    info = choices.get(status.encoder or "")
    rows = [("In use", status.encoder or "none yet")]
    if info is not None:
        rows += [
            ("Vectors", f"{info.dim} numbers a photo"),
            ("Accuracy", info.accuracy),
            ("Licence", info.licence),
        ]
    elements.facts(rows, "model facts")
    with st.popover("Change the model", icon=":material/model_training:", disabled=busy):
        st.markdown(
            "Every photo is embedded again, beside the old vectors, which go on answering until "
            "the new ones are complete."
        )
        name = st.selectbox("Model", list(choices), format_func=lambda name: _choice(choices[name]))
        if st.button("Embed all again", type="primary", disabled=busy or not name):
            start_rebuild(name)
            st.rerun()


def _choice(info: EncoderInfo) -> str:
    here = "here" if info.weights_here else f"{info.size_mb:,} MB to fetch"
    return f"{info.name} ({here}; {info.licence})"


def start_rebuild(encoder: str | None = None) -> None:
    """Make the index anew, or embed all with another model, in the background."""
    door().start(REBUILD, lambda library: library.rebuild(encoder))


def over_time() -> None:
    """Photos by year taken, and when they came into the library."""
    counts = door().library.counts()
    if not counts.months and not counts.added:
        return
    st.subheader("Over time", anchor=False)
    taken, added = st.tabs(["Taken", "Added"])
    years: Counter[str] = Counter()
    for month, number in counts.months.items():
        years[month[:4]] += number
    with taken:
        if years:
            st.bar_chart(dict(years), height=220, x_label="year", y_label="photos")
        else:
            st.caption("No photo says when it was taken.")
    with added:
        st.bar_chart(counts.added, height=220, x_label="day", y_label="photos")


def remarks() -> None:
    """What the library had to say since the page was started."""
    if door().remarks:
        with st.expander("Remarks", icon=":material/info:"):
            for sentence in reversed(door().remarks):
                st.markdown(unmarked(sentence))
