"""The service in a process of its own, as users run it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgsearch.service import client
from tests.factories import cli_environment

USUAL_CONNECT_S = client.CONNECT_S
client.CONNECT_S = 60.0  # of the clients in this process: a busy machine may take longer than 50 ms


@contextmanager
def serving(
    data: Path, *options: str, **more: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A service that is ready, and the last line it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "imgsearch", "serve", *options],
        env=cli_environment(data, **more),
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    lines = [process.stderr.readline().decode() for _ in range(2 if "--port" in options else 1)]
    try:
        assert lines[0].startswith("Listening at "), lines[0] + process.stderr.read().decode()
        yield process, lines[-1]
    finally:
        if sys.platform != "win32":
            process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        process.stderr.close()
