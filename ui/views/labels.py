"""Labels: name classes, see the library sorted into them, save them."""

from __future__ import annotations

from ui import cards


def show() -> None:
    """To come with the library's labels."""
    cards.card("Labels", "…", ":material/label:")
