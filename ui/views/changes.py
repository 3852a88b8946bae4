"""The view of the last changes of the library, each with Undo."""

from __future__ import annotations

import streamlit as st

from ui import component_files

_changes = component_files.component("changes", "shared/change_list.css")


def show() -> None:
    """Show all that people have made or decided, the last first; the browser asks for it."""
    st.header("Last changes", anchor=False)
    _changes(key="changes", data={})
