"""The photos just before and after a photo, as a strip below it in the viewer."""

from __future__ import annotations

from ui.features import PageFeature


def page() -> PageFeature:
    """Return the share of the feature in the page."""
    return PageFeature(
        part="around",
        strip="around/strip.js",
        photo_keys=(("t", "what was just before and after, below the photo, or not"),),
    )
