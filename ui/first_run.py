"""The card of every view of a library without photos: the way to the first ones."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from ui import cards, folder_picker
from ui.coming_photos import show_coming_photos
from ui.formatting import escape_markdown
from ui.session import session
from ui.tasks import COPY, is_indexing


def empty_library() -> None:
    """Show how to add the first photos. They appear by themselves while they are indexed."""
    here = session()
    if is_indexing(here.library, here.tasks):
        show_coming_photos()
        cards.card(
            "The first photos come soon",
            "They appear here as soon as they are there, and can be searched at once.",
            ":material/hourglass_top:",
        )
        return
    if not here.has("folders"):
        task = here.tasks.get(COPY)
        if task is not None and task.error is not None:
            cards.error_card(task.error)
            return
        cards.card(
            "No photos yet",
            "The archive is empty. Fill it: `imgsearch index FOLDER --library "
            f"{escape_markdown(here.library.address)}`",
            ":material/photo_library:",
        )
        return
    cards.card(
        "No photos yet",
        "Add a folder to make its photos searchable. They are only read, never changed, and "
        "nothing leaves this machine.",
        ":material/photo_library:",
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        has_usual = folder_picker.usual_folder_buttons()
        label = "Add another folder" if has_usual else "Add a folder"
        kind: Literal["primary", "secondary"] = "secondary" if has_usual else "primary"
        cards.view_button("library", label, ":material/create_new_folder:", kind)
