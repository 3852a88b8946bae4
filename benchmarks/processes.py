"""Runs a command as a whole process and says what it cost: time, processor time, memory.

The kernel counts into a child's peak memory what its parent held when it was started. So commands
are started by a small process that does nothing else: this file, run as a program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SAMPLE_S = 0.2


@dataclass(frozen=True)
class Command:
    """What to run, where, with which variables beside this process's own."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]


@dataclass(frozen=True)
class Cost:
    """Of a process with all its children: seconds by the clock and of all cores, memory in MiB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class CommandFailed(Exception):
    """It did not end with 0; the message is the end of what it said."""


def run(command: Command) -> Cost:
    """Run it to its end, its output thrown away. Raises CommandFailed.

    Memory is the larger of what the kernel saw in one process (exact) and the proportional sets
    (PSS, which counts a shared page once) of all processes together, five times a second.
    """
    done = subprocess.run(
        [sys.executable, "-I", __file__],
        input=json.dumps(asdict(command), default=str),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    if answer["code"]:
        raise CommandFailed(f"{' '.join(command.argv)}: exit {answer['code']}\n{answer['said']}")
    return Cost(answer["wall_s"], answer["cpu_s"], answer["peak_mb"])


def _run_here(command: Command) -> dict[str, object]:
    with tempfile.TemporaryFile() as said:
        env = {**os.environ, **command.env}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # each run would compile the same modules again
        began = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.stop()
        said.seek(0)
        return {
            "wall_s": wall_s,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_mb": max(usage.ru_maxrss / 1024, sampler.peak_mb),
            "code": process.returncode,
            "said": said.read()[-2_000:].decode(errors="replace"),
        }


class _Sampler(threading.Thread):
    """Looks at a process that has children; one that has none is told exactly by the kernel."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0
        self._pid, self._ended = pid, threading.Event()

    def run(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self.peak_mb = max(self.peak_mb, _tree_mb(self._pid))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _tree_mb(pid: int) -> float:
    """The proportional sets of a process and all below it; 0 for one that is alone or has ended."""
    import psutil

    total_bytes = 0
    try:
        root = psutil.Process(pid)
        children = root.children(recursive=True)
    except psutil.Error:
        return 0.0
    for process in [root, *children] if children else []:
        try:
            total_bytes += process.memory_full_info().pss
        except psutil.Error:  # it has ended meanwhile
            continue
    return total_bytes / 2**20


if __name__ == "__main__":
    print(json.dumps(_run_here(Command(**json.load(sys.stdin)))))  # noqa: T201
