"""The views of the page, ours and those of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from ui.features import feature_views
from ui.page_view import CORE_VIEWS, PageView


@cache
def all_views() -> Mapping[str, PageView]:
    """Return the views of all libraries by name, those of features among them."""
    views = list(CORE_VIEWS.items())
    for name, shown in feature_views().items():
        names = [each for each, _ in views]
        at = names.index(shown.before) if shown.before in names else len(names)
        views.insert(at, (name, shown.view))
    return dict(views)


def views_of(has: Callable[[str], bool]) -> dict[str, PageView]:
    """Return the views that a library can show; `has` says whether it has a part."""
    return {name: view for name, view in all_views().items() if not view.part or has(view.part)}


def linked_views(has: Callable[[str], bool], *, only_hidden: bool = False) -> dict[str, PageView]:
    """Return the views that other views of the photos of a search lead to.

    With `only_hidden`, those that nothing else leads to.
    """
    return {
        name: view
        for name, view in views_of(has).items()
        if view.link and (view.is_hidden or not only_hidden)
    }
