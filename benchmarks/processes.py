"""Runs a command as a whole process and measures its time, processor time and memory.

The kernel counts the memory of the parent at the start of a child as the child's own peak. So
commands are started by a small process that does nothing else: this file, run as a program.
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
    """A command, its working directory, and variables to add to this process's environment."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]


@dataclass(frozen=True)
class Cost:
    """The cost of a process with all its children: seconds by the clock and of all cores, MiB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class CommandFailed(Exception):
    """The exit code was not 0; the message ends with the last output."""


def run(command: Command) -> Cost:
    """Run the command to its end, without its output. Raises CommandFailed.

    Memory is the larger of the kernel's figure for a single process (exact) and the sum of the
    proportional set sizes (PSS, which count a shared page once) of the process and all below it,
    sampled five times a second.
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
        raise CommandFailed(f"{' '.join(command.argv)}: exit {answer['code']}\n{answer['output']}")
    return Cost(answer["wall_s"], answer["cpu_s"], answer["peak_mb"])


def _run_here(command: Command) -> dict[str, object]:
    if sys.platform == "win32":
        raise NotImplementedError("needs Unix")
    with tempfile.TemporaryFile() as output:
        env = {**os.environ, **command.env}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # each run would compile the same modules again
        began = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.stop()
        output.seek(0)
        return {
            "wall_s": wall_s,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_mb": max(usage.ru_maxrss / 1024, sampler.peak_mb),
            "code": process.returncode,
            "output": output.read()[-2_000:].decode(errors="replace"),
        }


class _Sampler(threading.Thread):
    """Samples the memory of a process that has children; a single one needs no sampling."""

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
    """The proportional set sizes of a process and all below it; 0 without children."""
    if sys.platform != "linux":
        raise NotImplementedError("needs Linux")
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
        except psutil.Error:  # it has ended
            continue
    return total_bytes / 2**20


if __name__ == "__main__":
    print(json.dumps(_run_here(Command(**json.load(sys.stdin)))))  # noqa: T201
