"""The library's memory: roots, paths, photos, failures and vectors, in one SQLite database.

SQLite is the truth that FAISS files are snapshots of. One writer, any number of readers; a
reader sees whole batches only. `QueryStore` answers queries, `Store` knows all there is to know,
and `writing` gives the store to write to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.doors import door
from imgsearch.store.connecting import DATABASE
from imgsearch.store.reading import QueryStore

if TYPE_CHECKING:
    from imgsearch.store.notice import announced, running
    from imgsearch.store.store import Store
    from imgsearch.store.writer import writing

__all__ = ["DATABASE", "QueryStore", "Store", "announced", "running", "writing"]

# A query needs no SQLAlchemy, and nothing of who writes.
__getattr__ = door(
    __name__, {"Store": "store", "announced": "notice", "running": "notice", "writing": "writer"}
)
