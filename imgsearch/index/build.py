"""Builds a snapshot of the stored vectors and makes it current."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from imgsearch.errors import ImgsearchError
from imgsearch.index import snapshot
from imgsearch.index.base import BuildContext, EncodeTexts, OnStep, PreviousIndex, VectorSource
from imgsearch.index.flat import contains
from imgsearch.index.policy import IndexPolicy
from imgsearch.index.registry import find_backend
from imgsearch.records.arrays import Ids, Vectors
from imgsearch.records.index import SnapshotInfo
from imgsearch.store.store import Store

_CHUNK_ROWS = 8_192  # vectors read and added at once


def build_snapshot(
    store: Store,
    encoder_key: int,
    encoder_id: str,
    encode_texts: EncodeTexts | None = None,
    *,
    policy: IndexPolicy | None = None,
    fresh: bool = False,
    on_step: OnStep = lambda step: None,
) -> SnapshotInfo:
    """Build a snapshot of every vector whose photo is in the library, and make it current.

    Only the writer may call this. The old snapshot is used until the row in the database changes,
    and longer by processes that have it open. `encode_texts` calibrates an approximate index for
    text queries. With `fresh`, nothing of the last snapshot is reused. `on_step` is called with the
    name of every step: counting, the backend's steps (see BuildContext), writing (once a block),
    synced, renamed, published, cleaned. Raises DiskError, with the old snapshot still current, and
    MissingPackage without FAISS.
    """
    policy = policy or IndexPolicy()
    on_step("counting")
    # Read before the vectors, so that vectors that are added meanwhile belong to the tail.
    last_seq = store.reads.vectors.last_seq(encoder_key)
    chunks = partial(_live_chunks, store, encoder_key, store.reads.photos.live_ids())
    source = VectorSource(store.vectors.live_count(encoder_key), chunks, store.data_dir)
    spec = policy.spec_for(source.count)
    backend = find_backend(spec.backend)
    previous = None
    current = store.reads.encoders.current_snapshot(encoder_key)
    if current is not None and current.kind == backend.name and not fresh:
        verified_path = partial(snapshot.verify, store.snapshots_dir, current, full=True)
        previous = PreviousIndex(current.details, verified_path)
    built = backend.build(
        BuildContext(source, policy, spec.options, previous, encode_texts, on_step)
    )
    path = store.snapshots_dir / f"{encoder_key}-{last_seq}"
    written = snapshot.write(path, f".{backend.name}", built.write, on_step)
    info = SnapshotInfo(
        file_name=written.path.name,
        encoder_id=encoder_id,
        kind=backend.name,
        last_seq=last_seq,
        vectors=len(built.index),
        size_bytes=written.size_bytes,
        sha256=written.sha256,
        built_at=written.written_at,
        details=dict(built.details),
    )
    try:
        store.vectors.publish_snapshot(encoder_key, info)
    except ImgsearchError:
        snapshot.clean(store)
        raise
    on_step("published")
    snapshot.clean(store)
    on_step("cleaned")
    return info


def _live_chunks(store: Store, encoder_key: int, live: Ids) -> Iterator[tuple[Ids, Vectors]]:
    """Yield the ids and vectors of photos with a path, in the order of `seq`."""
    for _, ids, vectors in store.reads.vectors.chunks(encoder_key, 0, _CHUNK_ROWS):
        alive = contains(live, ids)
        yield (ids, vectors) if alive.all() else (ids[alive], vectors[alive])
