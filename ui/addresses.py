"""Addresses of the views. Each holds all that the view shows: it can be reloaded and copied."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

START = "search"  # its path is "/"


def address_of(view: str, parameters: Mapping[str, str] | None = None) -> str:
    """The path and the query string of a view; parameters without a value are left out."""
    given = {name: value for name, value in (parameters or {}).items() if value}
    path = "/" if view == START else f"/{view}"
    return f"{path}?{urlencode(given)}" if given else path
