"""The library's memory: roots, paths, photos, failures and vectors, in one SQLite database.

SQLite is the truth that FAISS files are snapshots of. One writer, any number of readers; a
reader sees whole batches only. `Store` is the one name this package offers.
"""

from imgsearch.store.store import Store

__all__ = ["Store"]
