"""The process that the soak test watches: `imgsearch watch` with a quick schedule.

    python -m tests.soak_watcher DATA_DIR ROOT...

It embeds with the stand-in, checks everything every few seconds, and builds an index after every
few photos, so that minutes here repeat what takes months elsewhere. SIGTERM ends it with code 0.
"""

from __future__ import annotations

import signal
import sys
import threading

from imgsearch import Library, Settings
from imgsearch.encoders.registry import register
from imgsearch.index.policy import IndexPolicy, IndexSpec
from imgsearch.indexer.watch_loop import WatchSchedule
from imgsearch.indexer.watcher import WatchTiming
from tests.stand_in import KIND

TIMING = WatchTiming(quiet_ms=200, tick_s=0.5, canary_s=5, burst=100)
SCHEDULE = WatchSchedule(TIMING, reconcile_s=20, idle_s=3, retry_s=0.5)
POLICY = IndexPolicy(
    specs=((0, IndexSpec("flat")), (200, IndexSpec("ivf", {"nlist": 4}))),
    tail_rows=100,
)


def watch(data_dir: str, roots: list[str]) -> None:
    """Watch until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *arguments: stop.set())
    register(KIND)  # by its name it can be released and opened again
    settings = Settings.load(data_dir=data_dir, encoder=KIND.prefix)
    with Library.open(settings, index_policy=POLICY) as library:
        for _ in library.watch(roots, stop=stop, schedule=SCHEDULE):
            pass


if __name__ == "__main__":
    watch(sys.argv[1], sys.argv[2:])
