"""Addresses of the views. Each holds all that the view shows: it can be reloaded and copied."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st

START = "search"  # its path is "/"
_WRITER = "shown-at"  # the path of the view that writes the others: see `late_replies.js`
_LONGEST_NUMBER = len(str(1 << 63))


def address_of(view: str, parameters: Mapping[str, str] | None = None) -> str:
    """Return the path and the query string of a view; parameters without a value are left out."""
    given = {name: value for name, value in (parameters or {}).items() if value}
    path = "/" if view == START else f"/{view}"
    return f"{path}?{urlencode(given)}" if given else path


def number_of(text: str) -> int | None:
    """Return a number below 2^63 as the page writes it into addresses, else None."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        return None
    number = int(text)
    return number if number < 1 << 63 else None


def parameters_here() -> dict[str, str]:
    """Return the parameters of the address of the view that is shown."""
    parameters: dict[str, str] = st.query_params.to_dict()
    parameters.pop(_WRITER, None)
    return parameters


def put_in_address(view: str, parameters: Mapping[str, str]) -> None:
    """Make these the parameters of the address of this view, the one that is shown.

    The browser takes them only if it still has an address of this view. One that has them already
    is left alone: there would be another run of the script for it.
    """
    if parameters_here() != dict(parameters):
        st.query_params.from_dict({**parameters, _WRITER: address_of(view)})
