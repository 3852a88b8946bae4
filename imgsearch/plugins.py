"""Finds what other installed packages add: encoders, index backends and features.

A package names them in entry points, which are read only where a name is not one of imgsearch. See
docs/plugins.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from imgsearch.errors import MissingPackage

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint, EntryPoints

ENCODERS = "imgsearch.encoders"
INDEX_BACKENDS = "imgsearch.index_backends"

_Plugin = TypeVar("_Plugin")
# What reading the files of a package that anybody has made may raise.
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError)


def is_named_by_a_package(group: str) -> bool:
    """Return whether the entry points of any installed package seem to have this group.

    For commands that must start fast and cannot know the names in it: to read the metadata of all
    packages takes 40 ms, and to look at their lists of entry points 2 ms. Packages in zip files,
    which pip does not make, are not seen.
    """
    named = group.encode()
    return any(named in content for path in sys.path for content in _lists_in(path or os.curdir))


def _lists_in(folder: str) -> Iterator[bytes]:
    """Yield the lists of entry points of the packages in a folder of Python's search path."""
    try:
        packages = [
            entry.path
            for entry in os.scandir(folder)
            if entry.name.endswith((".dist-info", ".egg-info"))
        ]
    except OSError:  # many have folders that do not exist
        return
    for package in packages:
        try:
            yield Path(package, "entry_points.txt").read_bytes()
        except OSError:  # most packages have no such list
            continue


def entry_points_of(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name.

    Of two with one name, the first on the path counts.

    A package with a list of entry points that cannot be read is left out: see `unreadable_lists`.
    """
    found: dict[str, EntryPoint] = {}
    for points in _installed()[0]:
        for each in points.select(group=group):
            found.setdefault(each.name, each)
    return found


def unreadable_lists() -> tuple[str, ...]:
    """Return a sentence for each installed package with an unreadable list of entry points."""
    return _installed()[1]


@cache
def _installed() -> tuple[tuple[EntryPoints, ...], tuple[str, ...]]:
    """Return the entry points of each installed package, and `unreadable_lists`.

    Of two versions of a package, the first on the path counts.
    """
    from importlib.metadata import distributions  # reads the metadata of all packages

    listed: dict[str, EntryPoints] = {}
    unreadable: dict[str, str] = {}
    for each in distributions():
        try:
            points = each.entry_points
            if points:  # the name takes longer to read
                listed.setdefault(each.name, points)
        except _UNREADABLE as error:
            name = _name_of(each)
            unreadable[name] = (
                f"The list of entry points of the package {name} cannot be read "
                f"({type(error).__name__}), so its plug-ins are left out, if it has any. Install "
                f"it again: pip install --force-reinstall {name}"
            )
    return tuple(listed.values()), tuple(unreadable.values())


def _name_of(package: Distribution) -> str:
    try:
        return package.name or str(package.locate_file(""))
    except _UNREADABLE:  # its METADATA, too
        return str(package.locate_file(""))


@contextmanager
def staying(plugin: str) -> Iterator[None]:
    """Raise MissingPackage where a plug-in, a text that names it, asks Python to end.

    A command would end there without a word, and as if it had done its work.
    """
    try:
        yield
    except SystemExit as error:
        raise MissingPackage(
            f"{plugin} tried to end imgsearch (SystemExit: {error}). Update it, or remove it."
        ) from error


def load_plugin(
    group: str, name: str, what: str, is_right: Callable[[object], TypeGuard[_Plugin]]
) -> _Plugin:
    """Load an entry point that is there.

    Raises MissingPackage if its package does not work, or if it `is_right` for nothing of what is
    expected, which `what` names.
    """
    entry = entry_points_of(group)[name]
    package = _package_of(entry)
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as error:
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


def plugin_named(group: str, name: str) -> str:
    """Name an entry point that is there and its package, to begin a sentence."""
    return f"The plug-in {name!r} of the package {_package_of(entry_points_of(group)[name])}"


def _package_of(entry: EntryPoint) -> str:
    return entry.module if entry.dist is None else _name_of(entry.dist)
