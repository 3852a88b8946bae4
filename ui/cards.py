"""What is shown when there is nothing to show: each state says what to do next."""

from __future__ import annotations

import streamlit as st

from imgsearch import ImgsearchError, printable
from ui.formatting import unmarked

_MODEL = 6
# By the exit code of an error's class, see docs/cli.md.
_TITLES = {
    2: ("That cannot be asked this way", ":material/help:"),
    4: ("That folder cannot be used", ":material/folder_off:"),
    5: ("That image cannot be read", ":material/broken_image:"),
    _MODEL: ("The model does not answer", ":material/cloud_off:"),
    7: ("The index file is damaged", ":material/build:"),
    8: ("The library cannot be opened", ":material/database_off:"),
    9: ("The library is being written to", ":material/hourglass_top:"),
    10: ("The disk does not take it", ":material/hard_drive:"),
    11: ("A package is missing", ":material/extension_off:"),
}


def trouble(error: ImgsearchError) -> None:
    """An error that was foreseen: what happened and what to do, as its message says it."""
    title, icon = _TITLES.get(error.exit_code, ("That did not work", ":material/error:"))
    card(title, unmarked(str(error)), icon)
    line = getattr(error, "line", None)
    if line:  # a question: point at the character at fault
        st.code(
            f"{printable(line)}\n{' ' * len(printable(line[: getattr(error, 'at', 0)]))}^",
            language=None,
        )
    if error.exit_code == _MODEL:
        to_library("Choose a model", ":material/model_training:")


def to_library(words: str, icon: str) -> None:
    """A button to the view where folders, index and model are looked after."""
    if st.button(words, type="primary", icon=icon):
        st.switch_page(st.session_state["pages"]["library"])


def show_bug(error: Exception) -> bool:
    """An error that nobody foresaw, in place of a traceback; the log has it."""
    st.error(
        f"**Something went wrong that should not have** ({type(error).__name__}). Nothing is lost: "
        "the page only reads. Load it again; if it stays, report what `imgsearch ui` printed.",
        icon=":material/error:",
    )
    return True


def card(title: str, body: str, icon: str) -> None:
    """A state with a title, some words and an icon. `body` is Markdown of ours."""
    with st.container(border=True, horizontal_alignment="center"):
        st.subheader(f"{icon} {title}", anchor=False, text_alignment="center")
        st.markdown(body, text_alignment="center")


def empty_library() -> None:
    """There is no photo yet."""
    card(
        "No photos yet",
        "Name a folder, and its photos become searchable. They are only read, never changed, and "
        "nothing leaves this machine.",
        ":material/photo_library:",
    )
    to_library("Add a folder", ":material/create_new_folder:")


def no_result(reason: str) -> None:
    """A question without an answer."""
    card("Nothing here looks like that", reason, ":material/search_off:")
