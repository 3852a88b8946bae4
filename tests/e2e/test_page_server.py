"""The server of the page: what it holds for the tabs that come and go, and whom it lets in."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browsing import PATIENCE_MS, page_server, serving
from tests.page_loads import connect, cookie_of, load, run_script

PATIENCE_S = PATIENCE_MS / 1000
LOADS = 150  # with the three descriptors of each, more than the limit
CROWD = 1_200
REQUEST_S = 10  # how long a request may take to arrive
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def place(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the indexed library of the demo photos."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(demo_data, folder / "library")
    return folder


@pytest.fixture
def more_files() -> Iterator[None]:
    """This process may open as many files as the tests of crowds need."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * CROWD:
        pytest.skip(f"needs {2 * CROWD} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * CROWD), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_socket(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def answer_of(address: str, request: str) -> str:
    """The first bytes of the answer to a request of a new client."""
    with open_socket(address) as client:
        client.sendall(request.encode())
        return client.recv(100).decode()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_tabs_that_come_and_go_leave_nothing_open(place: Path) -> None:
    """With the limit that is usual on macOS, which the process cannot raise here."""
    with page_server(place / "library", open_files=256) as (address, process):
        cookie = cookie_of(address)

        def open_files() -> int:
            return len(os.listdir(f"/proc/{process.pid}/fd"))

        load(address, cookie)
        before = open_files()
        most = 0
        for _ in range(LOADS):
            load(address, cookie)
            most = max(most, open_files())
        assert most < before + 30, "a load takes three while it lasts"
        assert open_files() < before + 10


@pytest.mark.skipif(sys.platform != "linux", reason="reads limits in /proc")
def test_the_page_may_open_more_files_than_its_soft_limit(place: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    with page_server(place / "library", soft_open_files=256) as (_, process):
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        (row,) = re.findall(r"Max open files +(\d+) +(\d+)", limits)
        assert int(row[0]) == min(4096, int(row[1])) > 256
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft


@pytest.mark.usefixtures("more_files")
def test_a_crowd_of_idle_connections_does_not_keep_tabs_out(place: Path) -> None:
    """Nobody needs to log in for that. A tab that is open stays open, however idle."""
    with (
        page_server(place / "library", open_files=1024) as (address, _),
        ExitStack() as stack,
    ):
        cookie = cookie_of(address)
        tab = stack.enter_context(connect(address, cookie))
        run_script(tab)
        crowd = [stack.enter_context(open_socket(address)) for _ in range(CROWD)]
        load(address, cookie)
        started = time.monotonic()
        assert crowd[0].recv(1) == b"", "the oldest made room"
        assert crowd[-1].recv(1) == b"", "the newest has sent no request in time"
        assert time.monotonic() - started < PATIENCE_S / 2
        time.sleep(max(0.0, started + REQUEST_S + 2 - time.monotonic()))
        run_script(tab)
        load(address, cookie)


@pytest.mark.usefixtures("more_files")
def test_a_crowd_of_slow_logins_does_not_keep_tabs_out(place: Path) -> None:
    with (
        serving(place / "library", IMGSEARCH_UI_PASSWORD=PASSWORD) as address,
        ExitStack() as stack,
    ):
        crowd = [stack.enter_context(open_socket(address)) for _ in range(250)]
        head = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n"
        for slow in crowd:
            slow.sendall(head.encode())
        for slow in crowd:
            assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
        form = f"password={PASSWORD.replace(' ', '+')}"
        told = answer_of(address, head.replace("50", str(len(form))) + form)
        assert told.startswith("HTTP/1.1 303 ")


def test_a_websocket_of_nobody_takes_no_place(place: Path) -> None:
    """A request for a websocket that follows another one at once is counted as well."""
    with serving(place / "library") as address:
        host = address.removeprefix("http://")
        plain = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"
        key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        change = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        asked = f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\n{change}{key}\r\n"
        broken = asked.replace(key, "")
        for request in (asked, broken, plain + asked, plain + broken):
            for _ in range(300):  # more than there may be at once
                told = answer_of(address, request)
                assert re.match(r"HTTP/1.1 4\d\d ", told), told
        with ExitStack() as stack:  # all places are free: nobody has to leave for these
            silent = [stack.enter_context(open_socket(address)) for _ in range(100)]
            load(address, cookie_of(address))
            for each in silent:
                each.setblocking(False)
                with pytest.raises(BlockingIOError):
                    each.recv(1)
