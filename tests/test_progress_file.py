"""The progress of a process that writes, as another process sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.errors import LibraryLocked
from imgsearch.store.lock import writing
from tests.factories import CHECKOUT, PATIENCE_S, wait_until, write_photos

INDEX = """
    import sys, time
    from pathlib import Path
    from imgsearch import Library, Settings
    from tests.stand_in import StandIn

    class Slow(StandIn):
        batch_size = 4

        def encode_pixels(self, batch):
            while Path(sys.argv[3], f"after {self.embedded}").exists():
                time.sleep(0.01)
            return super().encode_pixels(batch)

    settings = Settings.load(data_dir=Path(sys.argv[1]), encoder="lite")
    with Library.open(settings, encoder=Slow()) as library:
        for step in library.index([sys.argv[2]]):
            time.sleep(0.1)
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """48 photos."""
    return write_photos(tmp_path / "photos", 48)


@pytest.fixture
def begin(tmp_path: Path, photos: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a process that indexes the photos; it pauses after some until a file is removed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(pause_after: int) -> subprocess.Popen[bytes]:
        (tmp_path / f"after {pause_after}").touch()
        program = [sys.executable, "-c", textwrap.dedent(INDEX)]
        paths = [str(tmp_path / "library"), str(photos), str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        started.append(subprocess.Popen([*program, *paths], env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_another_process_sees_the_progress_until_the_end(
    begin: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        assert library.running() is None
        indexing = begin(pause_after=24)
        wait_until(lambda: (seen := library.running()) is not None and seen.rate > 0)
        running = library.running()
        assert running is not None
        assert (running.doing, running.total, running.pid) == ("Indexing", 48, indexing.pid)
        assert running.done <= 24 + 4 and running.rate > 0
        assert running.left_s is not None and running.left_s > 0
        with pytest.raises(LibraryLocked):
            library.index().run()
        still = library.running()
        assert still is not None, "a writer that was refused leaves the progress file alone"
        assert (still.pid, still.total) == (indexing.pid, 48) and still.done >= running.done
        done = subprocess.run(
            [sys.executable, "-m", "imgsearch", "status", "--json", "--data", tmp_path / "library"],
            capture_output=True,
            check=True,
        )
        assert json.loads(done.stdout)["running"]["total"] == 48
        (tmp_path / "after 24").unlink()
        assert indexing.wait(PATIENCE_S) == 0
        assert library.running() is None
        assert library.photo_count() == 48


def test_the_progress_of_a_killed_process_is_ignored_and_removed(
    begin: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        indexing = begin(pause_after=8)
        wait_until(lambda: (seen := library.running()) is not None and seen.total == 48)
        indexing.kill()
        indexing.wait()
        assert (tmp_path / "library" / "writer.json").exists()
        assert library.running() is None
        assert not (tmp_path / "library" / "writer.json").exists()


def test_reading_the_progress_keeps_no_writer_out(tmp_path: Path) -> None:
    data_dir = tmp_path / "library"
    with Library.open(Settings.load(data_dir=data_dir)) as library:
        for _ in range(20):
            with writing(data_dir):
                (data_dir / "writer.json").write_text(
                    '{"doing": "Indexing", "done": 1, "total": 2, "pid": 1, "rate": 0.5}'
                )
                running = library.running()
                assert running is not None and running.left_s == 2.0
            assert library.running() is None
        (data_dir / "writer.json").write_bytes(b"\xff{")
        assert library.running() is None
