"""The library's memory: roots, paths, photos, failures and vectors, in one SQLite database.

SQLite is the truth that FAISS files are snapshots of. One writer, any number of readers; a
reader sees whole batches only. `Store` reads, and `writing` gives the store to write to.
"""

from imgsearch.store.notice import announced, running
from imgsearch.store.store import DATABASE, Store
from imgsearch.store.writer import writing

__all__ = ["DATABASE", "Store", "announced", "running", "writing"]
