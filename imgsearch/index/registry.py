"""The index backends by name: built-in ones, registered ones, and plug-ins of other packages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeGuard

from msgspec import Struct

from imgsearch.errors import CommandLine, Sentence, SnapshotError
from imgsearch.index.base import BuildContext, BuiltIndex, Details, IndexBackend, VectorIndex
from imgsearch.index.flat import FlatBackend
from imgsearch.index.policy import IndexPolicy
from imgsearch.plugins import (
    INDEX_BACKENDS,
    entry_points_of,
    load_plugin,
    plugin_named,
    staying,
)


def register(backend: IndexBackend) -> None:
    """Make a backend available to policies and to libraries that it wrote an index for.

    It replaces a backend of the same name.
    """
    _backends[backend.name] = lambda: backend


def find_backend(name: str) -> IndexBackend:
    """Return the backend with this name.

    Raises SnapshotError if there is none, and MissingPackage for a plug-in that does not load.
    """

    def is_backend(loaded: object) -> TypeGuard[IndexBackend]:
        return isinstance(loaded, IndexBackend) and loaded.name == name

    if name not in _backends and name in entry_points_of(INDEX_BACKENDS):
        backend = load_plugin(INDEX_BACKENDS, name, "an IndexBackend of that name", is_backend)
        register(_GuardedBackend(name, backend, plugin_named(INDEX_BACKENDS, name)))
    if name not in _backends:
        raise SnapshotError(
            Sentence(
                f"Unknown kind of index {name!r}. Known: {', '.join(_backends)}. If a newer "
                "imgsearch wrote it, build one that this version can read: ",
                CommandLine("rebuild"),
            )
        )
    return _backends[name]()


class _GuardedBackend(Struct, frozen=True):
    """An index backend of a plug-in, which cannot end the process by SystemExit."""

    name: str
    backend: IndexBackend
    plugin: str

    def build(self, context: BuildContext) -> BuiltIndex:
        with staying(self.plugin):
            return self.backend.build(context)

    def open(self, path: Path, details: Details, policy: IndexPolicy) -> VectorIndex:
        with staying(self.plugin):
            return self.backend.open(path, details, policy)


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
