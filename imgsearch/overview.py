"""What a library holds, and how it is, at one moment."""

from __future__ import annotations

from imgsearch import reconcile
from imgsearch.records import Status
from imgsearch.store import Store


def status_of(store: Store) -> Status:
    """The state of the library that `store` belongs to."""
    row = store.current_encoder()
    snapshot = None if row is None else store.current_snapshot(row.key)
    files = (file for file in store.data_dir.rglob("*") if file.is_file())
    return Status(
        data_dir=store.data_dir,
        roots=reconcile.roots_of(store),
        photos=store.photo_count(),
        vectors=0 if row is None else store.vector_count(row.key),
        encoder=None if row is None else row.name,
        snapshot=snapshot,
        tail=0 if row is None else store.count_after(row.key, snapshot.last_seq if snapshot else 0),
        failures=(*store.unreadable(), *store.failures()),
        disk_bytes=sum(file.stat().st_size for file in files),
    )
