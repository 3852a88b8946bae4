"""Cards for errors and empty states. Each says what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import streamlit as st

from imgsearch import ImgsearchError, printable
from ui.addresses import address_of
from ui.features import CommandButton, page_features
from ui.formatting import escape_markdown
from ui.navigation import go_to
from ui.query_line import query_line
from ui.session import session

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
# By the beginning of a command; a longer one comes before its beginning.
_BUTTONS = {
    "imgsearch rebuild --encoder": CommandButton(
        "library", "encoders", "Change the model", ":material/model_training:"
    ),
    "imgsearch rebuild": CommandButton(
        "library", "encoders", "Rebuild the index", ":material/build:"
    ),
    "imgsearch index": CommandButton("library", "folders", "Update the folders", ":material/sync:"),
}


def card(title: str, body: str, icon: str) -> None:
    """Show a centred title, text and icon.

    `body` is Markdown; untrusted parts of it are escaped.
    """
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
    """Show an expected error: what happened, and the cure from its message.

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
        view_button("library", "Choose a model", ":material/model_training:")
    else:
        command_buttons(error.sentence.lines)


def unexpected_error(error: Exception) -> bool:
    """Show a sentence in place of a traceback, which goes to the log. Streamlit's error handler."""
    st.error(
        f"**Unexpected error** ({type(error).__name__}). Nothing is lost. Reload the page; if the "
        "error comes back, report what `imgsearch ui` printed in the terminal.",
        icon=":material/error:",
    )
    return True


def no_results(reason: str) -> None:
    """Show a search without results."""
    card("No results", reason, ":material/search_off:")


def view_button(
    view: str, label: str, icon: str, kind: Literal["primary", "secondary"] = "primary"
) -> None:
    """Show a button that leads to a view."""
    if st.button(label, type=kind, icon=icon, key=f"to {view}: {label}"):
        go_to(address_of(view))


def command_buttons(lines: Iterable[str]) -> None:
    """Show for each of the commands in a message a button to the view that does the same."""
    for button in buttons_for(lines):
        if session().has(button.part):
            view_button(button.view, button.label, button.icon, "secondary")


def buttons_for(lines: Iterable[str]) -> list[CommandButton]:
    """Return the buttons in place of commands, as typed; one for each kind of command."""
    of_features = {name: each for own in page_features() for name, each in own.commands.items()}
    known = {**_BUTTONS, **of_features}
    commands = (
        next((each for each in known if f"{line} ".startswith(f"{each} ")), None) for line in lines
    )
    return [known[each] for each in dict.fromkeys(commands) if each is not None]
