"""Keeps a watcher busy, kills it now and then, and checks that the library matches the disk.

    python -m tests.soak --seconds 600 [--json FILE] [--svg FILE]

First, files are written, copied, moved and deleted at random while the watcher is killed and
started again. Then the same goes on with one watcher. Whenever that has caught up with the disk,
its memory, threads and open files are sampled; they must not keep growing (`tests/resources.py`).
`make soak` runs it for ten minutes, `make soak-hour` for an hour, the test suite for twenty
seconds.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from imgsearch import Library, Settings
from imgsearch.errors import LibraryLocked
from imgsearch.store.store import Store
from tests.factories import CHECKOUT
from tests.resources import Sample, draw, leaks, take_sample
from tests.soak_watcher import POLICY
from tests.stand_in import KIND

PATIENCE_S = 300.0  # on a busy machine
MIN_SAMPLES = 8
KILLS_SHARE = 0.25  # of the time, in which the watcher is killed


@dataclass(frozen=True)
class Outcome:
    """What happened in a run. The library matched the disk, or there is none."""

    operations: int
    kills: int
    samples: tuple[Sample, ...]

    def __str__(self) -> str:
        first, last = self.samples[len(self.samples) // 2], self.samples[-1]
        return (
            f"{self.operations} operations, {self.kills} kills. The library matches the disk.\n"
            f"{len(self.samples)} samples. In the middle {first},\nat the end {last}.\n"
        )


class Soak:
    """Two roots, random operations on them, and the process that watches them."""

    def __init__(self, place: Path, seed: int) -> None:
        self.roots = [place / "one", place / "two"]
        self.data_dir = place / "library"
        self.kills = self.operations = 0
        self.samples: list[Sample] = []
        self._random = random.Random(seed)
        self._number = 0
        self._watcher: subprocess.Popen[bytes] | None = None
        for root in self.roots:
            root.mkdir(parents=True)
            (root / "here.txt").touch()
        for _ in range(200):
            self._write()

    def run(self, seconds: float) -> Outcome:
        """Run both phases and check the outcome. Raises AssertionError."""
        began_s = time.monotonic()
        self._start()
        self._busy(seconds * KILLS_SHARE, kill=True)
        self._wait_until_equal()
        while len(self.samples) < MIN_SAMPLES or time.monotonic() - began_s < seconds:
            self._busy(min(10.0, seconds / 40), kill=False)
            self._wait_until_equal()
            assert self._watcher is not None
            self.samples.append(take_sample(self._watcher.pid, began_s, self.operations))
            self._forget_removed()
        assert self._watcher is not None
        self._watcher.terminate()
        assert self._watcher.wait(PATIENCE_S) == 0
        self._check_store()
        return Outcome(self.operations, self.kills, tuple(self.samples))

    def close(self) -> None:
        if self._watcher is not None and self._watcher.poll() is None:
            self._watcher.kill()
            self._watcher.wait()

    # ------------------------------------------------------------------ the watcher

    def _start(self) -> None:
        module = [sys.executable, "-W", "error", "-m", "tests.soak_watcher"]
        command = [*module, str(self.data_dir), *map(str, self.roots)]
        self._watcher = subprocess.Popen(command, cwd=CHECKOUT)

    def _kill(self) -> None:
        if sys.platform == "win32":
            raise NotImplementedError("needs Unix")
        assert self._watcher is not None
        deadly = self._random.choice([signal.SIGKILL, signal.SIGTERM])
        self._watcher.send_signal(deadly)
        code = self._watcher.wait(PATIENCE_S)
        assert code in (0, -deadly), code  # not an error; SIGTERM kills one that is starting
        self.kills += 1
        self._start()

    def _forget_removed(self) -> None:
        """Accept removals that are held, and delete what is kept of removed photos.

        Without it the library would grow all the time, and with it what a watcher reads of it. It
        is also the work of another process that writes.
        """
        settings = Settings.load(data_dir=self.data_dir, encoder=KIND.prefix)
        encoder = KIND.open(KIND.prefix, settings.cache_dir, "cpu", None, 0)
        library = Library.open(settings, encoder=encoder, index_policy=POLICY)
        with library, suppress(LibraryLocked):  # next time
            library.index(accept_removals=True).run()
            library.folders.prune(0)

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
        if not (self.data_dir / "library.db").exists():  # every watcher was killed before that
            return set()
        with Store.open(self.data_dir, writable=False) as store:
            ids = store.reads.photos.live_ids().tolist()
            paths = {
                str(path) for places in store.reads.photos.paths(ids).values() for _, path in places
            }
            missing = {
                path for root_id in store.reads.roots.all() for path in store.files.held(root_id)
            }
            return paths - missing

    def _check_store(self) -> None:
        with Store.open(self.data_dir, writable=False) as store:
            assert store.database.check_integrity() == "ok"
            assert store.failures.of_files() == (), store.failures.of_files()
            row = store.reads.encoders.current()
            assert row is not None and store.photos.unembedded(row.key) == {}
        assert not list(self.data_dir.rglob("*.partial"))


def soak(place: Path, seconds: float, seed: int) -> Outcome:
    """Run it in `place`, an empty folder."""
    run = Soak(place, seed)
    try:
        return run.run(seconds)
    finally:
        run.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--json", type=Path, help="write the samples to this file")
    parser.add_argument("--svg", type=Path, help="draw the samples into this file")
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    with tempfile.TemporaryDirectory() as place:
        run = Soak(Path(place), options.seed)
        try:
            sys.stdout.write(str(run.run(options.seconds)))
        finally:  # a run that fails has its curve, too
            run.close()
            if options.json:
                write_json(run.samples, options.json)
            if options.svg and run.samples:
                write_svg(run.samples, options.svg, f"A busy watcher, seed {options.seed}")
    if grown := leaks(run.samples):
        sys.exit("\n".join(grown))


def write_json(samples: Sequence[Sample], file: Path) -> None:
    """Write the samples as an array of objects."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(sample) for sample in samples], indent=1) + "\n")


def write_svg(samples: Sequence[Sample], file: Path, title: str) -> None:
    """Draw the samples."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(draw(samples, title))


if __name__ == "__main__":
    main()
