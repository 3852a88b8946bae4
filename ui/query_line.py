"""The query in the search box: visitors type it, clicks change it, and an address brings it.

The browser sends the text of the box and its address along with every event. A click that is made
before the last change has reached the browser sends those from before: they undo nothing.

When another event arrives, Streamlit ends a run or a callback wherever it uses the session state.
So callbacks that change the query call methods of `QueryLine` that do not use it, and the next run
that reaches the search box makes the change.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from imgsearch import ImgsearchError

LINE = "line"  # key of the text input


class QueryLine:
    """The query of one visitor."""

    def __init__(self) -> None:
        self.line = ""  # that the page is about
        self.refusal: str | None = None  # why a change was not made in this run
        self._changes: list[Callable[[str], str]] = []  # that no run has made yet
        self._is_click = self._is_typing = False
        self._address: str | None = None  # the query in the address
        # What was replaced and the browser may still send.
        self._old_lines: set[str] = set()
        self._old_addresses: set[str] = set()

    def note_click(self) -> None:
        """To be called by whatever else than the search box reruns the page."""
        self._is_click = True

    def note_typing(self) -> None:
        """To be called when the text of the search box is another one than before."""
        self._is_typing = True

    def change(self, changed: Callable[[str], str]) -> None:
        """Let the next run put what this makes of the query into the box.

        The query may be another one by then than when a click was made. Where `changed` raises
        an ImgsearchError, `refusal` says why, and the query stays.
        """
        self._changes.append(changed)

    def replace(self, line: str) -> None:
        """Let the next run put this query into the box."""
        self.change(lambda _: line)

    def note_address(self, line: str) -> None:
        """To be called when the address of the view has got this query."""
        if self._address is not None:
            self._old_addresses.add(self._address)
        self._old_addresses.discard(line)
        self._address = line

    def start(self, in_address: str) -> str | None:
        """Find out at the start of a run what the query is, before the box is drawn.

        Returns what was typed, if another text was typed since the last run.
        """
        # Streamlit drops a widget's state while another view is shown; assigning it keeps it.
        shown = st.session_state.get(LINE, in_address)
        is_click = self._is_click or bool(self._changes)
        if not is_click and self._is_typing:
            self._old_lines.discard(shown)
        elif not is_click:  # the browser has loaded the page or gone back: it knows all changes
            self._old_lines.clear()
            self._old_addresses.clear()
        is_old = shown in self._old_lines
        line = self.line if is_old else shown
        typed = shown if self._is_typing and not is_old else None
        if in_address != self._address and in_address not in self._old_addresses:
            line = in_address
        line, refusal = self._changed(line)  # which may use the session state
        if line != shown:
            self._old_lines.update({shown, self.line})
            self._old_lines.discard(line)
        self.line, self.refusal, self._changes = line, refusal, []
        self._is_click = self._is_typing = False
        st.session_state[LINE] = line
        return typed

    def _changed(self, line: str) -> tuple[str, str | None]:
        """Apply all changes to the query. Returns it and the reason of the last refusal."""
        refusal = None
        for changed in self._changes:
            try:
                line = changed(line)
            except ImgsearchError as error:
                refusal = str(error)
        return line, refusal


def query_line() -> QueryLine:
    """The query of the visitor whose page this run is for."""
    line: QueryLine = st.session_state.setdefault("query_line", QueryLine())
    return line
