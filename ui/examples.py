"""Images to search by, which are chosen, dropped or pasted, in every view."""

from __future__ import annotations

import streamlit as st

from imgsearch import ImgsearchError
from ui import elements
from ui.addresses import START, address_of
from ui.formatting import escape_markdown
from ui.navigation import go_to
from ui.session import session

THUMBNAIL_PX = 480  # the long side of an example as it is shown


def uploaded_image() -> str | None:
    """The id under which a new image was kept; None if there is none.

    Draws the unseen field that takes the images of `elements.example_button`. Raises PhotoError
    for an image that cannot be read, at every run until there is another one.
    """
    number = st.session_state.get("uploads", 0)
    with st.container(key="uploader"):
        uploaded = st.file_uploader("Image to search by", key=f"upload {number}")
    if uploaded is None:
        return None
    content, library = uploaded.getvalue(), session().library
    library.pictures.thumbnail_of(content, THUMBNAIL_PX)  # raises PhotoError
    image_id = library.pictures.keep_example(content)
    # A file uploader cannot be emptied, so the next run gets a new one.
    st.session_state["uploads"] = number + 1
    return image_id


def tell_refused(name: str | None) -> None:
    """Say that the file with this name, if there is one, is no image."""
    if name is not None:
        st.toast(
            f"{escape_markdown(name)} is not an image that can be searched by.",
            icon=":material/broken_image:",
        )


def take_images(*, is_shown: bool = False) -> None:
    """Go to the search by an image that is dropped or pasted in this view, or chosen if `is_shown`.

    For views that an example does not narrow.
    """
    if not session().photo_count():
        return
    tell_refused(elements.example_button(is_shown=is_shown))
    state = st.session_state
    try:
        image_id = uploaded_image()
    except ImgsearchError as error:
        told, state["unreadable"] = state.get("unreadable"), str(error)
        if told != str(error):  # else it was told in an earlier run
            told_now = f"Cannot read this image: {escape_markdown(str(error))}"
            st.toast(told_now, icon=":material/broken_image:")
        return
    state.pop("unreadable", None)
    if image_id is not None:
        go_to(address_of(START, {"image": image_id}))
