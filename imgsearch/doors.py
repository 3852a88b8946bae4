"""Doors of packages: each name is loaded, from the module it lives in, when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def door(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of a package: takes each name from the module that `homes` tells.

    So a package says in one place what it offers, and who takes one name waits for no other.
    """

    def open_(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return open_
