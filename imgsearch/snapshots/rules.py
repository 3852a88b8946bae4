"""When a new snapshot is worth its making."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.errors import SnapshotError
from imgsearch.indexes.ladder import Ladder
from imgsearch.snapshots.files import verify

if TYPE_CHECKING:
    from imgsearch.store import Store


def due(store: Store, encoder_key: int, ladder: Ladder | None = None) -> str | None:
    """Why a new snapshot should be built now, as half a sentence; None when none should.

    The tail has outgrown its share, too many of the snapshot's vectors have left the library, or
    its file is missing or damaged.
    """
    ladder = ladder or Ladder()
    info = store.current_snapshot(encoder_key)
    if info is None:
        tail = store.vector_count(encoder_key)
        return f"{tail} vectors have no index yet" if tail >= ladder.tail_rows else None
    try:
        verify(store.snapshots_dir, info)
    except SnapshotError as error:
        return str(error)
    tail = store.last_seq(encoder_key) - info.last_seq  # numbers have gaps, so at most this many
    if tail > max(ladder.tail_rows, ladder.tail_share * info.vectors):
        return f"{tail} vectors have come since the index was built"
    dead = info.vectors - store.live_vector_count(encoder_key, info.last_seq)
    if dead > ladder.dead_share * info.vectors:
        return f"{dead} of the {info.vectors} vectors in the index have left the library"
    return None
