"""The index backends by name: built-in ones, registered ones, and plug-ins of other packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

from imgsearch.errors import SnapshotError
from imgsearch.index.base import IndexBackend
from imgsearch.index.flat import FlatBackend
from imgsearch.plugins import INDEX_BACKENDS, entry_points_of, load_plugin


def register(backend: IndexBackend) -> None:
    """Make a backend available to policies and to libraries that it wrote an index for.

    It replaces a backend of the same name.
    """
    _backends[backend.name] = lambda: backend


def find_backend(name: str) -> IndexBackend:
    """The backend with this name.

    Raises SnapshotError if there is none, and MissingPackage for a plug-in that does not load.
    """

    def is_backend(loaded: object) -> TypeGuard[IndexBackend]:
        return isinstance(loaded, IndexBackend) and loaded.name == name

    if name not in _backends and name in entry_points_of(INDEX_BACKENDS):
        register(load_plugin(INDEX_BACKENDS, name, "an IndexBackend of that name", is_backend))
    if name not in _backends:
        raise SnapshotError(
            f"Unknown kind of index {name!r}. Known: {', '.join(_backends)}. If a newer imgsearch "
            "wrote it, build one that this version can read: imgsearch rebuild"
        )
    return _backends[name]()


def _ivf() -> IndexBackend:
    from imgsearch.index.ivf import IvfBackend  # imports FAISS, which a small library never needs

    return IvfBackend()


def _ivfpq() -> IndexBackend:
    from imgsearch.index.ivf import IvfPqBackend

    return IvfPqBackend()


_backends: dict[str, Callable[[], IndexBackend]] = {
    "flat": FlatBackend,
    "ivf": _ivf,
    "ivfpq": _ivfpq,
}
