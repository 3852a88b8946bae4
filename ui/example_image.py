"""The example image: given by a click, a drop or from the clipboard; shown; cropped by a drag."""

from __future__ import annotations

import base64
import hashlib

import streamlit as st

from imgsearch import ImgsearchError
from ui import cards, elements
from ui.elements import Part
from ui.session import door

SHOWN_SIDE_PX = 480
MAX_UPLOAD_MB = 100


def example_image() -> tuple[bytes | None, Part | None]:
    """The bytes of the image and the part that counts. Held in memory, never put on a disk."""
    key = f"upload {st.session_state.get('uploads', 0)}"
    is_given = st.session_state.get(key) is not None
    failure = None
    with st.expander(
        "Search by an image", icon=":material/add_photo_alternate:", expanded=is_given
    ):
        left, right = st.columns(2)
        uploaded = left.file_uploader(
            "Drop an image, choose one, or paste one with Ctrl+V",
            key=key,
            max_upload_size=MAX_UPLOAD_MB,
            help="It is searched by, and forgotten when you leave. It is not put in the library.",
        )
        if uploaded is None:
            return None, None
        content = uploaded.getvalue()
        token = hashlib.sha256(content).hexdigest()
        try:
            picture = _shown(content, token)
        except ImgsearchError as error:
            failure = error
        else:
            left.button("Take it away", icon=":material/close:", on_click=_forget)
            with right:
                part = _part(picture, token)
    if failure is not None:
        cards.trouble(failure)
        return None, None
    return content, part


def _part(picture: bytes, token: str) -> Part | None:
    source = "data:image/webp;base64," + base64.b64encode(picture).decode()
    return elements.crop(source, token, f"crop {token[:12]}")


def _shown(content: bytes, token: str) -> bytes:
    """A small picture of it, decoded with every care: it may be hostile."""
    known: tuple[str, bytes] | None = st.session_state.get("example_shown")
    if known is None or known[0] != token:
        known = (token, door().library.thumbnail(content, SHOWN_SIDE_PX) or b"")
        st.session_state["example_shown"] = known
    return known[1]


def _forget() -> None:
    st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1
