"""The query in the search box: visitors type it, clicks change it, and an address brings it.

The browser sends its address along with every event. A click that is made before the last change
has reached the browser sends that from before: it undoes nothing.

When another event arrives, Streamlit ends a run or a callback wherever it uses the session state.
So callbacks that change the query call methods of `QueryLine` that do not use it, and the next run
that reaches the search box makes the change. Until the run that ends comes to such a place, it goes
on beside the next one, in a thread of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import streamlit as st

from imgsearch import ImgsearchError


class QueryLine:
    """The query of one visitor. Thread-safe: a run may begin while the one before it ends."""

    def __init__(self) -> None:
        self.line = ""  # that the page is about
        self.refusal: str | None = None  # why a change was not made in this run
        self._changes: list[Callable[[str], str]] = []  # that no run has made yet
        self._is_click = False
        self._typed: str | None = None  # since the last run
        self._address: str | None = None  # the query in the address
        self._old_addresses: set[str] = set()  # which the browser may still send
        self._events = 0  # runs and callbacks so far: tells whether another run has begun
        # Never held where the session state is used: Streamlit holds its own lock while it calls
        # callbacks, which wait for this one.
        self._lock = threading.Lock()

    def note_click(self) -> None:
        """To be called by whatever else than the search box reruns the page."""
        with self._lock:
            self._is_click = True
            self._events += 1

    def type(self, line: str) -> None:
        """Let the next run take this for the query: it was typed."""
        with self._lock:
            self._typed = line
            self._changes.append(lambda _: line)
            self._events += 1

    def change(self, changed: Callable[[str], str]) -> None:
        """Let the next run put what this makes of the query into the box.

        The query may be another one by then than when a click was made. Where `changed` raises
        an ImgsearchError, `refusal` says why, and the query stays.
        """
        with self._lock:
            self._changes.append(changed)
            self._events += 1

    def replace(self, line: str) -> None:
        """Let the next run put this query into the box."""
        self.change(lambda _: line)

    def note_address(self, line: str) -> None:
        """To be called when the address of the view has got this query."""
        with self._lock:
            self._take_address(line)

    def start(self, in_address: str) -> str | None:
        """Find out at the start of a run what the query is, before the box is drawn.

        Returns what was typed, if another text was typed since the last run.
        """
        with self._lock:
            self._events += 1
            event, changes, typed = self._events, tuple(self._changes), self._typed
            is_other = self._has_other(in_address)
            line = in_address if is_other else self.line
        line, refusal = _changed(line, changes)  # which may use the session state
        with self._lock:
            if event != self._events:  # another run has begun, does all this, and ends this one
                return None
            self.line, self.refusal, self._changes = line, refusal, []
            self._is_click, self._typed = False, None
            if is_other:  # also where this run is ended before it notes an address
                self._take_address(in_address)
        return typed

    def _take_address(self, line: str) -> None:
        if self._address is not None:
            self._old_addresses.add(self._address)
        self._old_addresses.discard(line)
        self._address = line

    def _has_other(self, in_address: str) -> bool:
        """Return whether the browser means the query of its address, and not the one before."""
        if not (self._is_click or self._changes):
            # The browser has loaded the page or gone back: it knows all changes.
            self._old_addresses.clear()
        return in_address != self._address and in_address not in self._old_addresses


def _changed(line: str, changes: tuple[Callable[[str], str], ...]) -> tuple[str, str | None]:
    """Apply these changes to a query. Returns it and the reason of the last refusal."""
    refusal = None
    for changed in changes:
        try:
            line = changed(line)
        except ImgsearchError as error:
            refusal = str(error)
    return line, refusal


def query_line() -> QueryLine:
    """Return the query of the visitor whose page this run is for."""
    line: QueryLine = st.session_state.setdefault("query_line", QueryLine())
    return line
