"""A model hub on the loopback interface, with the faults of real ones.

Large files are on a storage of another origin, as on Hugging Face: the hub answers a HEAD request
with a redirect that carries the file's size, its sha256 and the commit. Small files are served by
the hub itself, and their etag is the hash of a git blob.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import pytest

COMMIT = "c" * 40

Fault: TypeAlias = Callable[[BaseHTTPRequestHandler], bool]  # True: it has answered the request


class LoopbackServer:
    """An HTTP server in threads that passes each request to `answer`."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                answer(self)

            def do_GET(self) -> None:
                answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class ModelHub:
    """A hub that serves `files` and records the requests.

    `small` files are not in large-file storage. `fault` sees each request to the hub first, and
    `storage_fault` each one to the storage.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.small: set[str] = set()
        self.sent: dict[str, bytes] = {}  # the bytes that are sent, where not those of `files`
        self.states_size = True
        self.fault: Fault = lambda request: False
        self.storage_fault: Fault = lambda request: False
        self.requests: list[str] = []  # to the hub
        self.headers: list[dict[str, str]] = []  # of the requests to the hub
        self.storage_requests: list[str] = []
        self.storage_headers: list[dict[str, str]] = []
        self._hub = LoopbackServer(self._answer)
        self._storage = LoopbackServer(self._answer_storage)
        self.address = self._hub.address

    def close(self) -> None:
        self._hub.close()
        self._storage.close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(f"{request.command} {request.path}")
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.fault(request):
            return
        name = request.path.replace("/resolve/main/", "/").lstrip("/")
        data = self.files.get(name)
        if data is None:
            refuse(request, 404, {"X-Error-Code": "EntryNotFound"})
            return
        if name in self.small:
            blob = b"blob %d\0%b" % (len(data), data)
            etag = hashlib.sha1(blob, usedforsecurity=False).hexdigest()
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
            self._send(request, self.sent.get(name, data), headers)
            return
        headers = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
            "Location": f"{self._storage.address}/signed/{name}",
        }
        if self.states_size:
            headers["X-Linked-Size"] = str(len(data))
        refuse(request, 302, headers)

    def _answer_storage(self, request: BaseHTTPRequestHandler) -> None:
        self.storage_requests.append(f"{request.command} {request.path}")
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.storage_headers.append(headers)
        if self.storage_fault(request):
            return
        name = request.path.removeprefix("/signed/")
        data = self.sent.get(name, self.files[name])
        self._send(request, data, {"ETag": '"of-the-storage"'})

    def _send(self, request: BaseHTTPRequestHandler, data: bytes, headers: dict[str, str]) -> None:
        start = range_start(request)
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        for name, value in headers.items():
            request.send_header(name, value)
        if self.states_size:
            request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(data[start:])


def range_start(request: BaseHTTPRequestHandler) -> int:
    """The first byte that a request asks for."""
    return int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])


def refuse(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None
) -> None:
    """Answer without a body."""
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", "0")
    request.end_headers()


def refusing(status: int, headers: dict[str, str] | None = None) -> Fault:
    """A fault that answers each request with this status."""

    def fault(request: BaseHTTPRequestHandler) -> bool:
        refuse(request, status, headers)
        return True

    return fault


def cutting(data: bytes, after: int, times: int = 1_000_000) -> Fault:
    """A fault that closes the connection `after` bytes of a body that states its whole length."""
    cuts = 0

    def fault(request: BaseHTTPRequestHandler) -> bool:
        nonlocal cuts
        if request.command != "GET" or cuts >= times:
            return False
        cuts += 1
        start = range_start(request)
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        request.wfile.write(data[start : start + after])
        request.wfile.flush()
        request.close_connection = True
        return True

    return fault


def empty_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give this process an empty hub cache, no token, and a network that is forbidden."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return folder


@contextmanager
def reachable_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    """Serve a hub that this process may ask."""
    served = ModelHub()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", served.address)
    yield served
    served.close()
