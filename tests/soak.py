"""Keeps a watcher busy, kills it now and then, and checks that the library matches the disk.

    python -m tests.soak --seconds 600

In the first phase, files are written, copied, moved and deleted at random while the watcher is
killed and started again. In the second, the same goes on with one watcher, whose threads, open
files and memory are counted. `make soak` runs it for ten minutes, the test suite for twenty
seconds.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from imgsearch.store.store import Store

PATIENCE_S = 300.0  # on a busy machine
WATCHER = """
import sys, threading, signal
sys.path.insert(0, sys.argv[1])
from tests.stand_in import KIND
from imgsearch import Library, Settings
from imgsearch.encoders.registry import register
from imgsearch.indexer.watch_loop import WatchSchedule
from imgsearch.indexer.watcher import WatchTiming

register(KIND)  # by its name it can be released and opened again
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *arguments: stop.set())
timing = WatchTiming(quiet_ms=200, tick_s=0.5, canary_s=5, burst=100)
schedule = WatchSchedule(timing, reconcile_s=20, idle_s=3)
with Library.open(Settings.load(data_dir=sys.argv[2], encoder=KIND.prefix)) as library:
    for event in library.watch(sys.argv[3:], stop=stop, schedule=schedule):
        pass
"""


@dataclass(frozen=True)
class Resources:
    """What a process uses."""

    threads: int
    files: int
    memory_mb: float


class Soak:
    """Two roots, random operations on them, and the process that watches them."""

    def __init__(self, place: Path, seed: int) -> None:
        self.roots = [place / "one", place / "two"]
        self.data_dir = place / "library"
        self.kills = self.operations = 0
        self._random = random.Random(seed)
        self._number = 0
        self._watcher: subprocess.Popen[bytes] | None = None
        for root in self.roots:
            root.mkdir(parents=True)
            (root / "here.txt").touch()
        for _ in range(200):
            self._write()

    def run(self, seconds: float) -> str:
        """Run both phases and check the outcome; returns a summary. Raises AssertionError.

        The resources of the watcher are compared with those after similar work, not with those at
        its start: SQLite keeps the files of all connections that were open at the same time.
        """
        self._start()
        self._busy(seconds / 2, kill=True)
        self._wait_until_equal()
        self._busy(seconds / 4, kill=False)
        self._wait_until_equal()
        before = self._resources()
        self._busy(seconds / 2, kill=False)
        self._wait_until_equal()
        after = self._resources()
        assert after.threads <= before.threads, (before, after)
        assert after.files <= before.files + 2, (before, after)
        assert after.memory_mb <= before.memory_mb * 1.15 + 20, (before, after)
        assert self._watcher is not None
        self._watcher.terminate()
        assert self._watcher.wait(PATIENCE_S) == 0
        self._check_store()
        return (
            f"{self.operations} operations, {self.kills} kills. The library matches the disk.\n"
            f"Before the last part {before}, after it {after}.\n"
        )

    def close(self) -> None:
        if self._watcher is not None and self._watcher.poll() is None:
            self._watcher.kill()
            self._watcher.wait()

    # ------------------------------------------------------------------ the watcher

    def _start(self) -> None:
        checkout = str(Path(__file__).parent.parent)
        command = [sys.executable, "-W", "error", "-c", WATCHER, checkout, str(self.data_dir)]
        self._watcher = subprocess.Popen([*command, *map(str, self.roots)])

    def _kill(self) -> None:
        assert self._watcher is not None
        self._watcher.send_signal(self._random.choice([signal.SIGKILL, signal.SIGTERM]))
        self._watcher.wait(PATIENCE_S)
        self.kills += 1
        self._start()

    def _resources(self) -> Resources:
        assert self._watcher is not None
        process = Path(f"/proc/{self._watcher.pid}")
        status = dict(
            line.split(":\t", 1) for line in (process / "status").read_text().splitlines()
        )
        memory_mb = int(status["VmRSS"].split()[0]) / 1024
        return Resources(
            int(status["Threads"]), len(os.listdir(process / "fd")), round(memory_mb, 1)
        )

    # ------------------------------------------------------------------ the disk

    def _busy(self, seconds: float, kill: bool) -> None:
        until = time.monotonic() + seconds
        next_kill = time.monotonic() + 1
        operations: list[Callable[[], None]] = [
            *[self._write] * 4,
            *[self._copy] * 2,
            *[self._move] * 3,
            *[self._delete] * 3,
            *[self._move_folder, self._delete_folder, self._edit, self._burst],
        ]
        while time.monotonic() < until:
            self._random.choice(operations)()
            self.operations += 1
            time.sleep(self._random.choice([0, 0, 0.01, 0.05, 0.3]))
            if kill and time.monotonic() > next_kill:
                self._kill()
                next_kill = time.monotonic() + self._random.uniform(0.5, 6)

    def _write(self) -> None:
        self._number += 1
        colour = tuple(self._number >> shift & 255 for shift in (0, 8, 16))
        Image.new("RGB", (8, 8), colour).save(self._new_path())

    def _edit(self) -> None:
        self._number += 1
        Image.new("RGB", (9, 9), (self._number % 256, 1, 1)).save(self._some_file())

    def _copy(self) -> None:
        shutil.copy(self._some_file(), self._new_path())

    def _move(self) -> None:
        self._some_file().rename(self._new_path())

    def _delete(self) -> None:
        if len(self._files()) > 100:
            self._some_file().unlink()

    def _burst(self) -> None:
        for _ in range(150 if len(self._files()) < 1_000 else 5):
            self._write()

    def _move_folder(self) -> None:
        source = self._some_file().parent
        if source not in self.roots:
            source.rename(self._random.choice(self.roots) / f"moved {self._random.random()}")

    def _delete_folder(self) -> None:
        folder = self._some_file().parent
        if folder not in self.roots and len(self._files()) > 300:
            shutil.rmtree(folder)

    def _new_path(self) -> Path:
        folder = self._random.choice(self.roots) / self._random.choice(["", "a", "b", "b/c"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self._random.randrange(10**9)}.png"

    def _files(self) -> list[Path]:
        return [path for root in self.roots for path in root.rglob("*.png")]

    def _some_file(self) -> Path:
        return self._random.choice(self._files())

    # ------------------------------------------------------------------ the outcome

    def _wait_until_equal(self) -> None:
        """Return once the library has exactly the files of the disk, without missing photos."""
        disk = {str(path) for path in self._files()}
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if self._known() == disk:
                time.sleep(1.5)  # no change is on its way
                if self._known() == disk:
                    return
            time.sleep(0.2)
        known = self._known()
        raise AssertionError(f"only in the library {known - disk}; only on the disk {disk - known}")

    def _known(self) -> set[str]:
        with Store.open(self.data_dir, writable=False) as store:
            ids = store.reads.live_ids().tolist()
            paths = {str(path) for places in store.reads.paths(ids).values() for _, path in places}
            missing = {
                path for root_id in store.reads.roots() for path in store.files.held(root_id)
            }
            return paths - missing

    def _check_store(self) -> None:
        with Store.open(self.data_dir, writable=False) as store:
            assert store.database.check_integrity() == "ok"
            assert store.failures.of_files() == (), store.failures.of_files()
            row = store.reads.current_encoder()
            assert row is not None and store.photos.unembedded(row.key) == {}
        assert not list(self.data_dir.rglob("*.partial"))


def soak(place: Path, seconds: float, seed: int) -> str:
    """Run it in `place`, an empty folder; returns a summary."""
    run = Soak(place, seed)
    try:
        return run.run(seconds)
    finally:
        run.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    with tempfile.TemporaryDirectory() as place:
        sys.stdout.write(soak(Path(place), options.seconds, options.seed))


if __name__ == "__main__":
    main()
