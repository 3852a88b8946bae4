"""Lets the script of the page go to another view.

Each view makes one entry in the browser's history: `st.switch_page` would make two of it.
"""

from __future__ import annotations

import streamlit as st

from ui import elements


def go_to(address: str) -> None:
    """Leave this view for another: call it where a button was pressed."""
    st.session_state["next_address"] = address
    st.rerun()


def follow() -> None:
    """Pass the address of `go_to` to the browser. Called once at the start of each run."""
    address = st.session_state.pop("next_address", None)
    if address is not None:
        elements.visit(address)
