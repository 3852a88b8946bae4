"""Shows another search in place of the one that is shown."""

from __future__ import annotations

import streamlit as st

from ui.addresses import START, put_in_address
from ui.query_line import query_line


def show_search(line: str) -> None:
    """Show another search in place of this one and of its example; the start page for none.

    Not by its address, as a link does: this view would be shown once more before, and what it
    names may be gone.
    """
    put_in_address(START, {"q": line} if line else {})
    query_line().note_address(line)
    query_line().replace(line)
    st.rerun()
