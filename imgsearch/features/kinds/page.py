"""Kinds of pictures on the page: in the view of the library, what answers leave out."""

from __future__ import annotations

from functools import partial

import streamlit as st

from imgsearch.features.kinds.records import KIND_NAMES, KindName
from imgsearch.records.status import Status
from imgsearch.text import format_count
from ui.features import CommandButton, PageFeature
from ui.session import session


def page() -> PageFeature:
    """Return the share of kinds of pictures in the page."""
    return PageFeature(
        part="kinds",
        library_section=_section,
        commands={
            "imgsearch kinds": CommandButton("library", "kinds", "Change", ":material/tune:")
        },
    )


def _section(status: Status, busy: bool) -> None:
    """Show how many screenshots and documents there are, with a switch for each."""
    kinds = session().library.kinds.all()
    if not (kinds.screenshots or kinds.documents or kinds.left_out):
        return
    st.header("Screenshots and documents", anchor=False)
    for name, number in zip(KIND_NAMES, (kinds.screenshots, kinds.documents), strict=True):
        key = f"leave out {name}"
        # As the library has it now: another tab or a command may have changed it.
        st.session_state[key] = name in kinds.left_out
        st.toggle(
            f"Leave {format_count(number, name)} out of answers",
            key=key,
            on_change=partial(_choose, key, name),
        )
    st.caption("Queries with is:screenshot or is:document have them in any case.")


def _choose(key: str, name: KindName) -> None:
    here = session()
    others = [each for each in here.library.kinds.all().left_out if each != name]
    here.library.kinds.leave_out([*others, name] if st.session_state[key] else others)
    here.forget_photo_count()  # the next answer is another one at once
