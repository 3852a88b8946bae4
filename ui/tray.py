"""Forms for the selected photos, or for a search, which the page opens in every view."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from imgsearch import UsageError, expand_home, format_count
from ui import exports
from ui.features import show_form as show_form_of_feature
from ui.session import session

# What the bar offers for the photos of a library, by the part that it takes.
_OFFERED = {
    "tray": "tray",
    "marks": "marks",
    "changes": "changes",
    "folders": "files",
}


def offered() -> list[str]:
    """Return the actions for selected photos, by the names that `shell/tray_bar.js` knows."""
    here = session()
    return [name for part, name in _OFFERED.items() if here.has(part)]


def show_form(name: str) -> None:
    """Open the form that was asked for, if one was."""
    if name == "links":
        _link()
    else:
        show_form_of_feature(name, lambda: session().library.tray.photos().photo_ids)


@st.dialog("Folder of links")
def _link() -> None:
    """Create a folder with a symbolic link to each photo, on the machine that serves the page."""
    library = session().library
    photos = library.tray.photos().photo_ids
    folder = st.text_input(
        "New folder", placeholder=str(Path.home() / "selected"), key="link_folder"
    )
    if st.button("Create", disabled=not folder):
        roots = [root.path for root in library.folders.all()]
        try:
            number = exports.link_folder(library.photos(photos), Path(expand_home(folder)), roots)
        except (ValueError, UsageError) as error:
            st.warning(str(error))
        else:
            st.success(f"Created {format_count(number, 'link')}.")
