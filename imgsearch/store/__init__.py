"""The library's memory: roots, paths, photos, failures and vectors, in one SQLite database.

SQLite is the truth that FAISS files are snapshots of. One writer, any number of readers; a
reader sees whole batches only. `QueryStore` answers queries, `Store` knows all there is to know,
and `writing` gives the store to write to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.store.connecting import DATABASE
from imgsearch.store.notice import announced, running
from imgsearch.store.reading import QueryStore

if TYPE_CHECKING:
    from imgsearch.store.store import Store
    from imgsearch.store.writer import writing

__all__ = ["DATABASE", "QueryStore", "Store", "announced", "running", "writing"]

_HOMES = {"Store": "store", "writing": "writer"}


def __getattr__(name: str) -> object:
    # Loaded when first used: a query needs no SQLAlchemy.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
