"""Finds what other installed packages add: kinds of encoders and index backends.

A package names them in entry points, which are read only where a name is not one of imgsearch. See
docs/plugins.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from imgsearch.errors import MissingPackage

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENCODERS = "imgsearch.encoders"
INDEX_BACKENDS = "imgsearch.index_backends"

_Plugin = TypeVar("_Plugin")


@cache
def entry_points_of(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name. Of two with one name, the first on the path counts."""
    from importlib.metadata import entry_points  # reads the metadata of all packages

    found: dict[str, EntryPoint] = {}
    for each in entry_points(group=group):
        found.setdefault(each.name, each)
    return found


def load_plugin(
    group: str, name: str, what: str, is_right: Callable[[object], TypeGuard[_Plugin]]
) -> _Plugin:
    """Load an entry point that is there.

    Raises MissingPackage if its package does not work, or if it `is_right` for nothing of what is
    expected, which `what` names.
    """
    entry = entry_points_of(group)[name]
    package = entry.dist.name if entry.dist is not None else entry.module
    try:
        loaded = entry.load()
    except Exception as error:
        raise MissingPackage(
            f"The plug-in {name!r} of the package {package} does not load "
            f"({type(error).__name__}: {error}). Update it, or remove it: pip uninstall {package}"
        ) from error
    if not is_right(loaded):
        raise MissingPackage(
            f"The plug-in {name!r} of the package {package} is not {what}. Update it, or remove "
            f"it: pip uninstall {package}"
        )
    return loaded
