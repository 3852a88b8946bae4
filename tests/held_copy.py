"""Runs a command, and holds it in the first copy of an archive: after its first batch of photos.

python -m tests.held_copy status --library ADDRESS
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from imgsearch.archive.replica.applying import ReplicaRows
from imgsearch.archive.replica.changes import ReplicatedPhoto
from imgsearch.cli import main

_put = ReplicaRows.put
_batches: list[int] = []


def _held_put(self: ReplicaRows, photos: Sequence[ReplicatedPhoto], run: int) -> int:
    if _batches:
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(60)
    _batches.append(len(photos))
    return _put(self, photos, run)


if __name__ == "__main__":
    ReplicaRows.put = _held_put  # type: ignore[method-assign]
    main()
