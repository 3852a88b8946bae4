"""Corrections on the page: an action for selected photos, and a part of the viewer."""

from __future__ import annotations

from ui.features import PageFeature


def page() -> PageFeature:
    """Return the share of corrections in the page."""
    module = "corrections/actions.js"
    return PageFeature(part="corrections", actions=module, viewer=module)
