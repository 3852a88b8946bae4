"""Runs `imgsearch` in a process that is held at a known moment, so that a test can act on it there.

    with held("index", folder, data=data, at_batch=3) as process:
        process.wait_until_held()
        process.send_signal(signal.SIGINT)
        process.release()

The process stops before its model embeds the n-th batch of photos and waits until the test lets it
go on: to its end, or with `step` to a later batch. All its other threads run. Batches are recorded
in order, one behind the model: when the third is held, the first is in the library.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Vectors

CHECKOUT = Path(__file__).parent.parent
PATIENCE_S = 120.0  # for a machine with other things to do
BATCH_SIZE = 8


class HeldProcess:
    """An `imgsearch` command that stops before a batch until `release` is called."""

    def __init__(self, process: subprocess.Popen[str], reached: int, gate: int) -> None:
        self._process = process
        self._reached = reached
        self._gate: int | None = gate

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_held(self) -> None:
        """Return once the process waits at its batch. Fails if it ends before."""
        ready, _, _ = select.select([self._reached], [], [], PATIENCE_S)
        if not ready or not os.read(self._reached, 1):
            self._process.kill()
            raise AssertionError(f"it never came to its batch: {self._process.communicate()}")

    def release(self) -> None:
        """Let the process go on."""
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def step(self, batches: int) -> None:
        """Let the process embed so many batches, and return once it waits before the next.

        Only with the stand-in: `lite` embeds two batches at the same time.
        """
        assert self._gate is not None, "it was released"
        os.write(self._gate, f"{batches}\n".encode())
        self.wait_until_held()

    def send_signal(self, number: int) -> None:
        assert self._process.poll() is None, "it has ended already"
        self._process.send_signal(number)

    def finish(self) -> tuple[int, str, str]:
        """Wait for the end; the exit code and what was printed to standard output and error."""
        output, errors = self._process.communicate(timeout=PATIENCE_S)
        return self._process.returncode, output, errors

    def close(self) -> None:
        """Kill the process if it still runs."""
        self.release()
        os.close(self._reached)
        with self._process:  # closes its pipes and waits for it
            self._process.kill()


@contextmanager
def held(
    *arguments: str | Path, data: Path, at_batch: int, stand_in: bool = False
) -> Iterator[HeldProcess]:
    """Start `imgsearch` with these arguments; it stops before its `at_batch`-th batch (from 1).

    It embeds with `lite` in batches of `BATCH_SIZE`, or with the fast stand-in of `tests.stand_in`
    in batches of its own. The process is killed when the block ends.
    """
    reached, report = os.pipe()
    waiting, gate = os.pipe()
    encoder = "stand-in" if stand_in else "lite"
    own = [str(report), str(waiting), str(at_batch), encoder]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.held_process", *own, *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": str(CHECKOUT),
            "IMGSEARCH_DATA": str(data),
            "IMGSEARCH_ENCODER": "lite",
            "IMGSEARCH_BATCH_SIZE": str(BATCH_SIZE),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=(report, waiting),
    )
    os.close(report)
    os.close(waiting)
    started = HeldProcess(process, reached, gate)
    try:
        yield started
    finally:
        started.close()


# ------------------------------------------------------------------------- inside the process


class GatedEncoder:
    """An encoder that reports on one pipe before its n-th batch and then waits on another."""

    def __init__(self, encoder: Encoder, report: int, waiting: int, at_batch: int) -> None:
        self._encoder = encoder
        self._report = report
        self._waiting = waiting
        self._left = at_batch

    def __getattr__(self, name: str) -> object:
        return getattr(self._encoder, name)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        self._left -= 1
        if self._left == 0:
            os.write(self._report, b"!")
            # Until the test says how many batches more, or closes the other end.
            self._left = int(os.read(self._waiting, 20) or 0)
        return self._encoder.encode_pixels(batch)


def main() -> None:
    """The command `imgsearch`, with an encoder that is held."""
    report, waiting, at_batch, name, *arguments = sys.argv[1:]
    from imgsearch import Settings, cli
    from imgsearch.encoders.registry import open_encoder
    from tests.stand_in import StandIn

    # A shell starts background processes, such as a whole test run, with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = Settings.load()
    encoder: Encoder = StandIn()
    if name == "lite":
        encoder = open_encoder(name, settings.cache_dir, batch_size=settings.batch_size)
    gated = GatedEncoder(encoder, int(report), int(waiting), int(at_batch))
    sys.argv = ["imgsearch", *arguments]
    cli.main(cast("Encoder", gated))


if __name__ == "__main__":
    main()
