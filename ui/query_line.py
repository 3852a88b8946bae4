"""The query in the search box: visitors type it, clicks change it, and an address brings it.

The browser sends the text of the box and its address along with every event. A click that is made
before the last change has reached the browser sends those from before: they undo nothing.
"""

from __future__ import annotations

from typing import NoReturn

import streamlit as st

LINE = "line"  # key of the text input


def note_click() -> None:
    """To be called by whatever else than the search box reruns the page."""
    st.session_state["is_click"] = True


def note_typing() -> None:
    """To be called when the text of the search box is another one than before."""
    st.session_state["is_typing"] = True


def start_line(in_address: str) -> str | None:
    """Find out at the start of a run what the query is, before the box is drawn.

    Returns what was typed, if another text was typed since the last run.
    """
    state = st.session_state
    is_click, is_typing = state.get("is_click", False), state.get("is_typing", False)
    # Streamlit drops a widget's state while another view is shown; assigning it keeps it.
    state[LINE] = state.get(LINE, in_address)
    if not is_click and is_typing:
        _replaced().discard(state[LINE])
    elif not is_click and "next_line" not in state:
        _replaced().clear()  # the browser has loaded the page or gone back: it knows all changes
    typed = state[LINE] if is_typing and state[LINE] not in _replaced() else None
    if state.get("line_in_address") != in_address and in_address not in _replaced():
        change_line(in_address)
    elif current_line() != state[LINE]:
        change_line(current_line())
    state.update(is_click=False, is_typing=False)
    return typed


def current_line() -> str:
    """The query that a click is about."""
    state = st.session_state
    if "next_line" in state:
        key = "next_line"
    else:
        key = "new_line" if state[LINE] in _replaced() else LINE
    line: str = state[key]
    return line


def change_line(line: str) -> None:
    """Put another query into the box: in a callback, or before the box is drawn."""
    note_click()
    state = st.session_state
    replaced = _replaced()
    replaced.update({state[LINE], current_line()})
    replaced.discard(line)
    state.update({LINE: line, "new_line": line})
    state.pop("next_line", None)


def go_on_with(line: str) -> NoReturn:
    """Put another query into the box when it is drawn already."""
    # Streamlit forbids changing the state of a widget that is already on the page.
    st.session_state["next_line"] = line
    st.rerun()


def _replaced() -> set[str]:
    """Queries that were replaced and the browser may still have."""
    lines: set[str] = st.session_state.setdefault("replaced_lines", set())
    return lines
