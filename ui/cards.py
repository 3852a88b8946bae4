"""Cards for errors and empty states. Each says what to do next."""

from __future__ import annotations

import streamlit as st

from imgsearch import ImgsearchError, printable
from ui.addresses import address_of
from ui.coming_photos import show_coming_photos
from ui.formatting import escape_markdown
from ui.navigation import go_to
from ui.query_line import query_line
from ui.session import session
from ui.tasks import is_indexing

_MODEL_UNAVAILABLE = 6
# By the exit code of an error's class, see docs/cli.md.
_TITLES = {
    2: ("Check your input", ":material/help:"),
    4: ("Cannot use this folder", ":material/folder_off:"),
    5: ("Cannot read this image", ":material/broken_image:"),
    _MODEL_UNAVAILABLE: ("The model is not available", ":material/cloud_off:"),
    7: ("The index file is damaged", ":material/build:"),
    8: ("Cannot open the library", ":material/database_off:"),
    9: ("The library is busy", ":material/hourglass_top:"),
    10: ("Cannot write to the disk", ":material/hard_drive:"),
    11: ("A package is missing", ":material/extension_off:"),
}


def card(title: str, body: str, icon: str) -> None:
    """A centred title, text and icon. `body` is Markdown; untrusted parts of it are escaped."""
    with st.container(border=True, horizontal_alignment="center"):
        st.header(f"{icon} {title}", anchor=False, text_alignment="center")
        st.markdown(body, text_alignment="center")


def suggestion_button(line: str, key: str = "suggestion") -> None:
    """Show a corrected query as a button; a click searches for it."""
    st.button(
        f"Did you mean {escape_markdown(line)}?",
        icon=":material/spellcheck:",
        on_click=query_line().replace,
        args=(line,),
        key=key,
        type="tertiary",
    )


def error_card(error: ImgsearchError, suggestion_key: str | None = None) -> None:
    """An expected error: what happened, and the cure from its message.

    Beside the search box, `suggestion_key` is the key of the button for the query that may have
    been meant.
    """
    title, icon = _TITLES.get(error.exit_code, ("Something went wrong", ":material/error:"))
    card(title, escape_markdown(str(error)), icon)
    line = getattr(error, "line", None)
    if line:  # an error in a query: mark the character it is about
        before = printable(line[: getattr(error, "at", 0)])
        st.code(f"{printable(line)}\n{' ' * len(before)}^", language=None)
    suggestion = getattr(error, "suggestion", None)
    if suggestion is not None and suggestion_key is not None:
        suggestion_button(suggestion, suggestion_key)
    if error.exit_code == _MODEL_UNAVAILABLE and session().has("encoders"):
        _library_button("Choose a model", ":material/model_training:")


def unexpected_error(error: Exception) -> bool:
    """Show a sentence in place of a traceback, which goes to the log. Streamlit's error handler."""
    st.error(
        f"**Unexpected error** ({type(error).__name__}). Nothing is lost. Reload the page; if the "
        "error comes back, report what `imgsearch ui` printed in the terminal.",
        icon=":material/error:",
    )
    return True


def empty_library() -> None:
    """Show how to add the first photos. They appear by themselves while they are indexed."""
    here = session()
    if not here.has("folders"):
        card(
            "No photos yet",
            "The archive is empty. Fill it: `imgsearch index FOLDER --library "
            f"{escape_markdown(here.library.address)}`",
            ":material/photo_library:",
        )
        return
    if is_indexing(here.library, here.tasks):
        show_coming_photos()
        card(
            "The first photos come soon",
            "They appear here as soon as they are indexed, and can be searched at once.",
            ":material/hourglass_top:",
        )
        return
    card(
        "No photos yet",
        "Add a folder to make its photos searchable. They are only read, never changed, and "
        "nothing leaves this machine.",
        ":material/photo_library:",
    )
    _library_button("Add a folder", ":material/create_new_folder:")


def no_results(reason: str) -> None:
    """A search without results."""
    card("No results", reason, ":material/search_off:")


def _library_button(label: str, icon: str) -> None:
    """A button to the view that manages folders, index and model."""
    if st.button(label, type="primary", icon=icon):
        go_to(address_of("library"))
