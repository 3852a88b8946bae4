"""A dialog to choose a photo folder of this machine, and buttons for the usual ones.

It shows the names of folders and numbers of photos, never the name or the content of a file. It
goes through Streamlit's connection, like the rest of the page, so only those who may use the page
reach it; there is no address that lists a folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import streamlit as st

from imgsearch import (
    FolderChoice,
    ImgsearchError,
    PhotoFileCount,
    count_photo_files,
    printable,
    subfolders,
    usual_folders,
)
from ui import cards
from ui.formatting import escape_markdown
from ui.session import session

COUNTING_S = 1.0  # for all folders of one list together
COUNTS_KEPT_S = 60.0
MAX_SHOWN = 200  # folders of one list
MAX_USUAL = 3  # buttons for usual folders
_ICONS = {"home": ":material/home:", "usual": ":material/folder_special:",
          "drive": ":material/hard_drive:"}  # fmt: skip


def open_picker(on_choice: Callable[[Path], object]) -> None:
    """Open the dialog. `on_choice` is called with the folder that the visitor chooses."""
    st.session_state["picker_folder"] = None
    _dialog(on_choice)


@st.dialog("Choose a folder with photos", icon=":material/folder_open:")
def _dialog(on_choice: Callable[[Path], object]) -> None:
    folder: Path | None = st.session_state.get("picker_folder")
    if folder is None:
        _usual_places()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Places", icon=":material/list:", on_click=_go_to, args=(None,))
        st.button(
            "Up",
            icon=":material/arrow_upward:",
            disabled=folder == folder.parent,
            on_click=_go_to,
            args=(folder.parent,),
        )
    st.markdown(f"**{escape_markdown(folder)}**")
    st.caption(_count_text(_counts([folder])[folder]))
    if st.button("Index this folder", type="primary", width="stretch"):
        on_choice(folder)
        st.rerun()
    try:
        below = subfolders(folder)
    except ImgsearchError as error:
        cards.error_card(error)
        return
    if not below:
        st.caption("There are no folders in it.")
        return
    with st.container(height=300, border=True, gap="small"):
        for path in below[:MAX_SHOWN]:
            _folder_button(path, printable(path.name), ":material/folder:")
    if len(below) > MAX_SHOWN:
        st.caption(
            f"The first {MAX_SHOWN} of {len(below):,} folders. For another, type its path in the "
            "field of the page."
        )


def _usual_places() -> None:
    """Show the folders to start from."""
    st.caption("Photos are only read, never changed.")
    choices = usual_folders()
    counts = _counts([choice.path for choice in choices])
    for kind, title in (("home", ""), ("usual", ""), ("drive", "Drives")):
        of_kind = [choice for choice in choices if choice.kind == kind]
        if title and of_kind:
            st.caption(title)
        for choice in of_kind:
            _place_button(choice, counts[choice.path])
    _folder_button(Path("/"), "All folders of this machine", ":material/computer:")


def usual_folder_buttons() -> bool:
    """Show a button to index it for each usual folder with photos, the fullest first.

    Returns whether there is one.
    """
    choices = [choice for choice in usual_folders() if choice.kind == "usual"]
    counts = _counts([choice.path for choice in choices])
    full = [choice for choice in choices if counts[choice.path].files]
    full.sort(key=lambda choice: -counts[choice.path].files)
    if not full:
        return False
    for choice in full[:MAX_USUAL]:
        if st.button(
            escape_markdown(f"Index {printable(choice.name)}: {_count_text(counts[choice.path])}"),
            key=f"index {choice.path!r}",
            icon=_ICONS[choice.kind],
            type="primary",
            help=escape_markdown(choice.path),
        ):
            session().index((choice.path,))
            st.rerun()
    return True


def _place_button(choice: FolderChoice, count: PhotoFileCount) -> None:
    label = f"{printable(choice.name)} – {_count_text(count)}"
    _folder_button(choice.path, label, _ICONS[choice.kind])


def _folder_button(path: Path, label: str, icon: str) -> None:
    st.button(
        escape_markdown(label),
        key=f"folder {path!r}",  # as text, a name that is not UTF-8 could not be sent
        icon=icon,
        type="tertiary",
        on_click=_go_to,
        args=(path,),
    )


def _go_to(folder: Path | None) -> None:
    st.session_state["picker_folder"] = folder


def _counts(folders: Iterable[Path]) -> dict[Path, PhotoFileCount]:
    """Return the number of photos in each of these folders, counted once a minute at most."""
    kept: dict[Path, tuple[float, PhotoFileCount]]
    kept = st.session_state.setdefault("picker_counts", {})
    now = time.monotonic()
    wanted = list(folders)
    unknown = [folder for folder in wanted if now - kept.get(folder, (-1e9,))[0] > COUNTS_KEPT_S]
    for folder, count in count_photo_files(unknown, COUNTING_S).items():
        kept[folder] = (now, count)
    return {folder: kept[folder][1] for folder in wanted}


def _count_text(count: PhotoFileCount) -> str:
    """ "1,204 photos and videos", "more than 9,000 photos and videos"."""
    if not count.is_complete:
        if not count.files:
            return "not counted yet: it is large or slow"
        return f"more than {count.files:,} photos and videos"
    if not count.files:
        return "no photos"
    return "1 photo or video" if count.files == 1 else f"{count.files:,} photos and videos"
