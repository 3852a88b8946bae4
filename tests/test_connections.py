"""The service closes connections that wait too long, and those in the way of a new client."""

from __future__ import annotations

import json
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.service.client import Client
from tests.factories import PATIENCE_S, write_photos
from tests.stand_in import StandIn

TOKEN = "a-token-for-the-tests"
CROWD = 1_500
# A service with these limits, in a process that may open no more files than usual.
SERVING = """
import resource, sys
from imgsearch import Library, Settings
from imgsearch.service.connections import ConnectionLimits
from imgsearch.service.server import Network, serve
from tests.stand_in import StandIn

resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
data_dir, token, connections, request_s = sys.argv[1:]
limits = ConnectionLimits(int(connections), float(request_s))
library = Library.open(Settings.load(data_dir=data_dir), encoder=StandIn())
serve(library, Network(0, token), None, lambda running: print(running.port, flush=True), limits)
"""


@dataclass(frozen=True)
class Service:
    """A running service of a library with three photos."""

    settings: Settings
    port: int

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def status(self) -> int:
        """The status code of a request of a new client."""
        with self.connect() as connection:
            connection.sendall(request("GET", "/status"))
            return status_of(connection.recv(100))


@contextmanager
def running(data_dir: Path, connections: int, request_s: float) -> Iterator[Service]:
    arguments = [str(data_dir), TOKEN, str(connections), str(request_s)]
    with subprocess.Popen(
        [sys.executable, "-c", SERVING, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Service(Settings.load(data_dir=data_dir), int(process.stdout.readline()))
        finally:
            process.kill()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("connections")
    settings = Settings.load(data_dir=place / "library")
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([write_photos(place / "photos", 3)]).run()
    return settings.data_dir


@pytest.fixture(scope="module")
def service(data_dir: Path) -> Iterator[Service]:
    """A service whose requests have to arrive within one second."""
    with running(data_dir, connections=256, request_s=1) as service:
        yield service


def request(method: str, path: str, body: bytes = b"", length: int | None = None) -> bytes:
    """A request with the token; `length` is the length of the body that it announces."""
    length = len(body) if length is None else length
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + body


def status_of(answer: bytes) -> int:
    return int(re.match(rb"HTTP/1.1 (\d+) ", answer)[1])  # type: ignore[index]


def whole_answer(connection: socket.socket) -> tuple[int, bytes]:
    """The status code and the body of an answer, whose head and body may arrive one by one."""
    response = HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


def sent_slowly(connection: socket.socket, content: bytes, pause_s: float = 0.05) -> float:
    """Send bytes one by one until the connection is closed or answers; the seconds it took."""
    connection.settimeout(pause_s)
    started = time.monotonic()
    for number in range(len(content)):
        try:
            connection.sendall(content[number : number + 1])
            connection.recv(1, socket.MSG_PEEK)
            break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        raise AssertionError("all of it was accepted")
    return time.monotonic() - started


def closed_after(connection: socket.socket) -> float:
    """Wait until the connection is closed; the seconds it took."""
    started = time.monotonic()
    with suppress(ConnectionResetError):
        assert connection.recv(1) == b""
    return time.monotonic() - started


def test_a_crowd_of_idle_connections_does_not_keep_clients_out(data_dir: Path) -> None:
    """All connections are open at once, and the time limit is far away."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * CROWD:
        pytest.skip(f"needs {2 * CROWD} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * CROWD), hard))
    try:
        with running(data_dir, connections=256, request_s=600) as service, ExitStack() as stack:
            crowd = [stack.enter_context(service.connect()) for _ in range(CROWD)]
            assert service.status() == 200
            assert Client(service.settings).call(Library.find, "a photo").hits
            assert closed_after(crowd[0]) < PATIENCE_S, "the oldest made room"
            crowd[-1].sendall(request("GET", "/status"))
            assert status_of(crowd[-1].recv(100)) == 200, "the newest may still ask"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connections_that_answer_make_no_room(data_dir: Path) -> None:
    """Three requests whose bodies are not there yet fill a service for three."""
    with running(data_dir, connections=3, request_s=600) as service, ExitStack() as stack:
        busy = [stack.enter_context(service.connect()) for _ in range(3)]
        body = b'{"query": "a photo"}'
        for connection in busy:
            head = request("POST", "/search", length=len(body))
            connection.sendall(head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
            assert status_of(connection.recv(100)) == 100, "it waits for the body"
        assert [service.status() for _ in range(3)] == [503] * 3
        for connection in busy:
            connection.sendall(body)
            assert status_of(connection.recv(100)) == 200
        assert service.status() == 200


def test_a_connection_without_a_request_is_closed(service: Service) -> None:
    with service.connect() as silent:
        assert 0.5 < closed_after(silent) < PATIENCE_S / 2
    assert service.status() == 200


def test_headers_that_arrive_slowly_are_given_up(service: Service) -> None:
    with service.connect() as slow:
        seconds = sent_slowly(slow, request("GET", "/status") * 10)
        assert 0.9 < seconds < 10, "one second after the first byte, not 45 seconds"
    with service.connect() as kept:  # a second request on the same connection
        kept.sendall(request("GET", "/status"))
        status, body = whole_answer(kept)
        assert status == 200 and json.loads(body)
        assert 0.9 < sent_slowly(kept, request("GET", "/status") * 10) < 10


def test_a_body_that_arrives_slowly_is_given_up(service: Service) -> None:
    with service.connect() as slow:
        slow.sendall(request("POST", "/search", length=10_000))
        assert 0.9 < sent_slowly(slow, b" " * 10_000) < 10
        assert status_of(slow.recv(100)) == 408


def test_a_body_that_nobody_reads_is_given_up(service: Service) -> None:
    with service.connect() as slow:
        slow.sendall(request("GET", "/status", length=10_000))
        assert status_of(slow.recv(1 << 16)) == 200
        assert sent_slowly(slow, b" " * 10_000) < 10
    assert service.status() == 200
