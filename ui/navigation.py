"""Lets the script of the page go to another view.

Each view makes one entry in the browser's history: `st.switch_page` would make two of it.
"""

from __future__ import annotations

import time

import streamlit as st
from msgspec import Struct

from ui import elements

_NEXT = "next_address"  # key of the session state


class _Departure(Struct, frozen=True):
    """An address to go to, when that was asked for, and where the browser was then."""

    address: str
    asked_s: float
    leaves: tuple[object, ...]


def go_to(address: str) -> None:
    """Leave this view for another: call it where a button was pressed."""
    st.session_state[_NEXT] = _Departure(address, time.time(), _here())
    st.rerun()


def follow() -> None:
    """Pass the address of `go_to` to the browser. Called once at the start of each run.

    A run may be ended before the browser has drawn anything of it, so each run passes the address
    until the browser is elsewhere. Its script goes there once: see `visit.js`.
    """
    departure: _Departure | None = st.session_state.get(_NEXT)
    if departure is None:
        return
    if departure.leaves == _here():
        elements.visit(departure.address, departure.asked_s)
    else:
        del st.session_state[_NEXT]


def _here() -> tuple[object, ...]:
    """Return the address that the browser has sent along with the event of this run."""
    return st.context.url, st.query_params.to_dict()
