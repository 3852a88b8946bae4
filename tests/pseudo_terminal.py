"""A terminal for tests: runs a command in it, and answers its questions as a terminal would."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence

import pytest

from tests.factories import PATIENCE_S

ROWS, COLUMNS = 40, 100
CELL_PX = (10, 20)  # width and height
ASKS_FOR_ATTRIBUTES = b"\x1b[c"
SIXEL_TERMINAL = b"\x1b[?62;4c"  # a VT200 with sixels (4)
PLAIN_TERMINAL = b"\x1b[?62c"


def run_in_terminal(
    command: Sequence[str | os.PathLike[str]],
    environment: Mapping[str, str],
    answers: Mapping[bytes, bytes],
    typed_ahead: bytes = b"",
) -> tuple[int, bytes]:
    """The exit code of a command and all that it prints to a terminal.

    Whenever the output has a new occurrence of a key of `answers`, its value is typed. What is
    `typed_ahead` waits in the terminal before the command starts, for a command that would not
    wait long enough for the answers of a busy machine.
    """
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    terminal, inside = pty.openpty()
    size = struct.pack("HHHH", ROWS, COLUMNS, COLUMNS * CELL_PX[0], ROWS * CELL_PX[1])
    fcntl.ioctl(inside, termios.TIOCSWINSZ, size)
    os.write(terminal, typed_ahead)
    process = subprocess.Popen(
        command, stdin=inside, stdout=inside, stderr=inside, env=environment, close_fds=True
    )
    os.close(inside)
    output, answered = b"", dict.fromkeys(answers, 0)
    until = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < until:
            if not select.select([terminal], [], [], 0.2)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                read = os.read(terminal, 1 << 16)
            except OSError:  # Linux: the other end was closed
                break
            output += read
            for question, answer in answers.items():
                while answered[question] < output.count(question):
                    answered[question] += 1
                    os.write(terminal, answer)
        return process.wait(timeout=PATIENCE_S), output
    finally:
        process.kill()
        os.close(terminal)
