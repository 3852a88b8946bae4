"""Runs the service: one a library, found by its socket, gone without a trace at the end."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from imgsearch.errors import DiskError, UsageError
from imgsearch.service.client import SOCKET, socket_name

if TYPE_CHECKING:
    from imgsearch.library import Library

LOCK_FILE = "serve.lock"
TOKEN_FILE = "serve.token"
MIN_TOKEN_LENGTH = 16
ADDRESS = "127.0.0.1"
GRACE_S = 1.0  # for answers that are under way when the end comes
HARD_END_S = 1.6  # a model that does not let go is left behind then
MAX_CONNECTIONS = 256
SWITCH_S = 0.0005  # so that a greeting is heard in time though sixteen threads are at work


@dataclass(frozen=True, slots=True)
class Network:
    """Where else than at the socket to answer: at a port of this machine; 0 is any free one."""

    port: int
    token: str | None = None  # None: one is made, and kept in the data folder


@dataclass(frozen=True, slots=True)
class RunningService:
    """What a service that has begun says of itself."""

    socket: Path
    port: int | None
    token_file: Path | None


def serve(
    library: Library,
    network: Network | None,
    idle_s: float | None,
    began: Callable[[RunningService], None],
) -> None:
    """Answer until SIGTERM or Ctrl-C, and end within two seconds of it. In the main thread only.

    After `idle_s` without a question the model is let go, if that is not None. `began` is called
    when the service can be reached and the model is ready. Raises UsageError where the library is
    served already, where there is none, and where the port is taken; DiskError where the data
    folder cannot be written.
    """
    data_dir = library.settings.data_dir
    library.status()  # says so where there is no library
    with _only_one(data_dir):
        token = None if network is None else network.token or _kept_token(data_dir)
        library.make_ready()
        with _socket_in(data_dir) as private:
            sockets = [private] if network is None else [private, _listening(network.port)]
            is_kept = network is not None and network.token is None
            running = RunningService(
                data_dir / SOCKET,
                None if network is None else sockets[1].getsockname()[1],
                data_dir / TOKEN_FILE if is_kept else None,
            )
            _run(library, token, sockets, idle_s, lambda: began(running))


def _run(
    library: Library,
    token: str | None,
    sockets: list[socket.socket],
    idle_s: float | None,
    began: Callable[[], None],
) -> None:
    import uvicorn

    from imgsearch.service.app import app

    idle = _Idle(idle_s, library.rest)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            began()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            super().handle_exit(sig, frame)
            _end_hard_later(library.settings.data_dir)

    config = uvicorn.Config(
        app(library, token, idle.heard),
        log_config=None,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=int(GRACE_S),
    )
    sys.setswitchinterval(SWITCH_S)
    with _signals_that_end_quietly():
        Server(config).run(sockets)


@contextmanager
def _signals_that_end_quietly() -> Iterator[None]:
    """uvicorn raises a signal again once it has ended; it is done with then."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *arguments: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_hard_later(data_dir: Path) -> None:
    """End even where a thread is inside a model. Nothing is lost: the service only reads."""

    def end() -> None:
        time.sleep(HARD_END_S)
        with suppress(OSError):
            (data_dir / SOCKET).unlink()
        os._exit(0)

    threading.Thread(target=end, name="imgsearch-end", daemon=True).start()


class _Idle:
    """Calls `rest` once nothing was heard for `idle_s`; with None, never."""

    def __init__(self, idle_s: float | None, rest: Callable[[], None]) -> None:
        self._idle_s = idle_s
        self._rest = rest
        self._timer: threading.Timer | None = None
        self._setting = threading.Lock()
        self.heard()

    def heard(self) -> None:
        if self._idle_s is None:
            return
        with self._setting:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._idle_s, self._rest)
            self._timer.daemon = True
            self._timer.start()


# ------------------------------------------------------------------------- lock, socket, token


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """The right to serve this library; the system's own lock, so a dead process has none."""
    from filelock import FileLock, Timeout

    lock = FileLock(data_dir / LOCK_FILE, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"The library in {data_dir} is served already. Use that service, or end it first."
        ) from None
    except OSError as error:
        raise DiskError(
            f"The data folder {data_dir} cannot be written ({error.strerror}), and the service "
            "needs a socket there. Make it writable, or choose another with --data."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _socket_in(data_dir: Path) -> Iterator[socket.socket]:
    """The socket that clients look for, open to this user alone; its file is gone afterwards."""
    place = data_dir / SOCKET
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)  # nobody else may open it, from its first moment on
    try:
        place.unlink(missing_ok=True)  # of a service that was killed: we have the lock
        with socket_name(data_dir) as name:
            listening.bind(name)
    except OSError as error:
        listening.close()
        raise DiskError(
            f"No socket can be made in {data_dir} ({error.strerror or error}). Choose a data "
            "folder with a shorter name, on a disk of this machine."
        ) from error
    finally:
        os.umask(mask)
    try:
        listening.listen(MAX_CONNECTIONS)
        yield listening
    finally:
        listening.close()
        place.unlink(missing_ok=True)


def _listening(port: int) -> socket.socket:
    """A socket at this machine's own address."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
        listening.listen(MAX_CONNECTIONS)
    except (OSError, OverflowError) as error:
        listening.close()
        why = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise UsageError(
            f"Port {port} cannot be used ({why}). Choose another, or 0 for any that is free."
        ) from error
    return listening


def _kept_token(data_dir: Path) -> str:
    """The token in the data folder, made if need be, for this user's eyes only."""
    file = data_dir / TOKEN_FILE
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_token(file)
    except OSError as error:
        raise DiskError(f"{file} cannot be written ({error.strerror}).") from error
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(token + "\n")
    return token


def _read_token(file: Path) -> str:
    try:
        mode = file.stat().st_mode
        token = file.read_text().strip()
    except (OSError, ValueError) as error:
        raise DiskError(
            f"{file} cannot be read: {error}. Delete it, and it is made anew."
        ) from error
    if stat.S_IMODE(mode) & 0o077 or len(token) < MIN_TOKEN_LENGTH:
        raise UsageError(
            f"{file} can be read by others, or holds less than {MIN_TOKEN_LENGTH} characters. "
            "Delete it, and it is made anew."
        )
    return token
