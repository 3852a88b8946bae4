"""The status of a library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from imgsearch.decode.formats import FORMATS_BY_NAME
from imgsearch.encoders import registry
from imgsearch.indexer.roots import list_roots
from imgsearch.installation import install_command
from imgsearch.records.status import Failure, MissingExtra, Status, StoredEncoder
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore


def status_of(store: Store) -> Status:
    """Return the content of the library, and its state."""
    row = store.reads.encoders.current()
    snapshot = None if row is None else store.reads.encoders.current_snapshot(row.key)
    failures = (*store.failures.of_folders(), *store.failures.of_files())
    files = (file for file in store.data_dir.rglob("*") if file.is_file())
    with ThumbnailStore(store.data_dir) as thumbnails:
        thumbnail_counts = thumbnails.counts()
    details = {} if snapshot is None else snapshot.details
    return Status(
        kind="library",
        address=str(store.data_dir),
        roots=list_roots(store.reads),
        photos=store.reads.photos.count(),
        vectors=0 if row is None else store.vectors.count(row.key),
        encoder=None if row is None else row.name,
        snapshot=snapshot,
        recall_text=_number(details.get("recall_text")),
        recall_image=_number(details.get("recall_image")),
        tail=0
        if row is None
        else store.vectors.count(row.key, snapshot.last_seq if snapshot else 0),
        failed=len(failures),
        failures=failures,
        wants=missing_extras(failures),
        disk_bytes=sum(file.stat().st_size for file in files),
        thumbnails=thumbnail_counts,
        unfinished=store.unfinished.all(),
    )


def _number(detail: object) -> float | None:
    return float(detail) if isinstance(detail, int | float) else None


def stored_encoders(store: Store) -> tuple[StoredEncoder, ...]:
    """Return the encoders whose vectors the library has, in the order in which they were added."""
    return tuple(
        StoredEncoder(
            name=registry.name_in_library(stored.row),
            encoder_id=stored.row.encoder_id,
            state=stored.state,
            photos=stored.photos,
            missing=len(store.photos.unembedded(stored.row.key)),
            vectors=stored.vectors,
            size_bytes=stored.size_bytes,
        )
        for stored in store.vectors.stored_encoders()
    )


def missing_extras(failures: Iterable[Failure]) -> tuple[MissingExtra, ...]:
    """Return the extras that would make files readable, and how many; the most useful first."""
    counts = Counter(failure.extra for failure in failures if failure.extra is not None)
    return tuple(
        MissingExtra(extra, " or ".join(_formats_of(extra)), files, install_command(extra))
        for extra, files in counts.most_common()
    )


def _formats_of(extra: str) -> list[str]:
    return [form.title for form in FORMATS_BY_NAME.values() if form.extra == extra]
