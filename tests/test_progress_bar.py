"""The progress of a long job in a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.factories import CHECKOUT, PATIENCE_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

JOB = """
from imgsearch.cli.output import info
from imgsearch.cli.progress import run_with_progress
from imgsearch.progress import Job, Progress

def steps():
    info("The first message.")
    for done in range(1, 4):
        yield Progress(done, 3)
        if done == 2:
            info("The second message.")
    return "report"

assert run_with_progress(Job(steps()), "Indexing") == "report"
"""


def seen_in_terminal(code: str) -> str:
    """What a process writes to a terminal, without colours."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    written = b""
    with suppress(OSError):  # the end of the process, on Linux
        while part := os.read(ours, 65536):
            written += part
    os.close(ours)
    assert process.wait(PATIENCE_S) == 0, written.decode()
    return re.sub(r"\x1b\[[0-9;]*m", "", written.decode())


def test_a_message_has_a_line_of_its_own_above_the_bar() -> None:
    seen = seen_in_terminal(JOB)
    for message in ("The first message.", "The second message."):
        # The line of the bar is cleared, the message takes it, and the bar is drawn below.
        assert re.search(rf"\x1b\[2K{re.escape(message)} *\r\n.*Indexing", seen, re.DOTALL), seen
    assert seen.index("The first message.") < seen.index("The second message.")
