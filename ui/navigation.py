"""Addresses of the views, and how the script of the page goes to one of them.

The address holds all that a view shows, so that it can be reloaded, copied, and gone back to. Each
view makes one entry in the browser's history: `st.switch_page` would make two of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st

from ui import elements

START = "search"  # its path is "/"


def address_of(view: str, parameters: Mapping[str, str] | None = None) -> str:
    """The path and the query string of a view; parameters without a value are left out."""
    given = {name: value for name, value in (parameters or {}).items() if value}
    path = "/" if view == START else f"/{view}"
    return f"{path}?{urlencode(given)}" if given else path


def go_to(address: str) -> None:
    """Leave this view for another: call it where a button was pressed."""
    st.session_state["next_address"] = address
    st.rerun()


def follow() -> None:
    """Pass the address of `go_to` to the browser. Called once at the start of each run."""
    address = st.session_state.pop("next_address", None)
    if address is not None:
        elements.visit(address)
