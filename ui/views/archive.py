"""The view "Archive": the contents of the archive, and the encoder that searches it."""

from __future__ import annotations

import streamlit as st

from imgsearch import format_count, path_text, printable
from ui import elements
from ui.coming_photos import show_coming_photos
from ui.session import session


def show() -> None:
    """Show the state of the archive and of its copy on this machine."""
    show_coming_photos()
    status = session().library.status()
    st.header("Archive", anchor=False)
    vectors = format_count(status.vectors, "vector")
    indexed = 0 if status.snapshot is None else status.snapshot.vectors
    index = f"{indexed:,} of {vectors}" if indexed else f"none; {vectors} compared"
    copy = status.copy
    assert copy is not None
    state = "complete" if copy.is_complete else "not complete yet"
    rows = [
        ("Address", status.address),
        ("Copy on this machine", path_text(copy.folder)),
        ("Its size", f"{status.disk_bytes / 1e6:,.1f} MB, {state}"),
        ("Photos", f"{status.photos:,}"),
        ("Model", status.encoder or ""),
        ("Index", index),
        ("Recall for words", _share(status.recall_text)),
        ("Recall for examples", _share(status.recall_image)),
        ("Files that cannot be read", f"{status.failed:,}"),
    ]
    elements.facts([(name, printable(value)) for name, value in rows if value], "archive")
    st.caption(
        "Photos are added by `imgsearch index FOLDER --library ADDRESS`, and found here at once."
    )


def _share(recall: float | None) -> str:
    """ "98 % of the ten nearest photos"; empty where every photo is compared."""
    return "" if recall is None else f"{100 * recall:.0f} % of the ten nearest photos"
