"""Twenty seconds of what `make soak` runs for ten minutes, and how its samples are judged."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.resources import Sample, draw, leaks, take_sample
from tests.soak import soak

# Does something for each line that it reads, and answers when that is done.
WORKER = """
import os, sys, threading
kept, kind, end = [], sys.argv[1], threading.Event()
for number, line in enumerate(sys.stdin):
    bytearray(number % 3 << 20)  # noise: it is freed at once
    if kind == "memory":
        kept.append(bytearray(os.urandom(1 << 20)))
    elif kind == "threads":
        threading.Thread(target=end.wait, daemon=True).start()
    elif kind == "files":
        kept.append(open(os.devnull))
    elif number == 21:  # one step, as when a library is loaded
        # Fewer than half of the pairs in the second half of the samples lie across it.
        kept.append((bytearray(os.urandom(20 << 20)), open(os.devnull)))
        threading.Thread(target=end.wait, daemon=True).start()
    print(flush=True)
"""


def sampled(kind: str) -> list[Sample]:
    """24 samples of a process that keeps this and more of it, or nothing."""
    command = [sys.executable, "-c", WORKER, kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        began_s, samples = time.monotonic(), []
        for number in range(24):
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
            samples.append(take_sample(process.pid, began_s, number, interval_s=0))
        process.stdin.close()
    return samples


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_the_library_matches_the_disk_after_a_busy_watcher_was_killed(tmp_path: Path) -> None:
    outcome = soak(tmp_path, seconds=20, seed=1)
    assert outcome.kills and leaks(outcome.samples) == []


@pytest.mark.parametrize("kind", ["memory", "threads", "files"])
def test_a_leak_is_told_from_noise(kind: str) -> None:
    (sentence,) = leaks(sampled(kind))
    assert kind in sentence


def test_one_step_is_no_leak() -> None:
    samples = sampled("step")
    assert samples[-1].memory_mb > samples[0].memory_mb + 15  # it is there
    assert leaks(samples) == []


def test_a_plot_shows_every_sample() -> None:
    samples = [Sample(60.0 * n, 40 + n, 7, 13, 0.5, n) for n in range(61)]
    svg = draw(samples, "An hour")
    lines = [line for line in svg.splitlines() if line.startswith("<polyline")]
    assert len(lines) == 4 and all(line.count(",") == 61 for line in lines)
    assert "memory, MiB: 40 to 100, 100 at the end" in svg
