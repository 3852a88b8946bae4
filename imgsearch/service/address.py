"""The place where a service listens for its user: in the data folder, or in an archive's folder.

Where the system has Unix sockets it is one of them. Otherwise it is a port of the loopback
interface, and a file that only this user can read has the port and a secret that each request must
carry.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from imgsearch import private_files

SOCKET: Final = "serve.sock"
PORT_FILE: Final = "serve.port"
LOOPBACK: Final = "127.0.0.1"
_MAX_ADDRESS_BYTES = 100  # what every system accepts as the path of a socket
_MAX_PORT_FILE_BYTES = 1000


class PrivateListener(Struct, frozen=True):
    """A socket that waits for connections of this user, bound but not listening yet.

    `secret` is what each request must carry; None where only this user can connect.
    """

    socket: socket.socket
    secret: str | None


class PrivateStream(Struct, frozen=True):
    """A connection to a service, and the headers that each request over it must have."""

    socket: socket.socket
    headers: Mapping[str, str]


class PrivateAddress(Protocol):
    """The addresses of this user's services, by the folder of each."""

    def file(self, folder: Path) -> Path:
        """Return the file that is there while a service runs, and after one was killed."""

    def bound(self, folder: Path) -> PrivateListener:
        """Return a socket at the address.

        The caller holds the lock of the folder. Raises OSError.
        """

    def connected(self, folder: Path, time_limit_s: float) -> PrivateStream:
        """Return a connection to the service.

        Raises OSError, at once where no service was started.
        """


class UnixAddress:
    """A Unix socket with the rights of a private file."""

    def file(self, folder: Path) -> Path:
        return folder / SOCKET

    def bound(self, folder: Path) -> PrivateListener:
        if sys.platform == "win32":
            raise NotImplementedError("Python has no Unix sockets on Windows.")
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)  # closed to other users from the moment it exists
        try:
            self.file(folder).unlink(missing_ok=True)  # left by a service that was killed
            with _short_path(folder) as path:
                listening.bind(path)
        except BaseException:
            listening.close()
            raise
        finally:
            os.umask(mask)
        return PrivateListener(listening, None)

    def connected(self, folder: Path, time_limit_s: float) -> PrivateStream:
        if sys.platform == "win32":
            raise NotImplementedError("Python has no Unix sockets on Windows.")
        with _short_path(folder) as path:
            if not os.path.lexists(path):
                raise FileNotFoundError(path)
            stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            stream.settimeout(time_limit_s)
            try:
                stream.connect(path)
            except OSError:
                stream.close()
                raise
        return PrivateStream(stream, {})


def tcp_socket() -> socket.socket:
    """Return a new socket for IPv4 whose answers are sent at once."""
    # asyncio sends small packets at once (TCP_NODELAY) only where the protocol is named. Without,
    # each answer waits for up to 40 ms, until the client has acknowledged its headers.
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)


class LoopbackAddress:
    """A free port of the loopback interface, written with a secret into a private file."""

    def file(self, folder: Path) -> Path:
        return folder / PORT_FILE

    def bound(self, folder: Path) -> PrivateListener:
        listening = tcp_socket()
        secret = secrets.token_urlsafe(32)
        try:
            listening.bind((LOOPBACK, 0))
            written = {"port": listening.getsockname()[1], "secret": secret}
            private_files.replace_file(self.file(folder), json.dumps(written).encode())
        except BaseException:
            listening.close()
            raise
        return PrivateListener(listening, secret)

    def connected(self, folder: Path, time_limit_s: float) -> PrivateStream:
        port, secret = self._read(folder)
        stream = socket.create_connection((LOOPBACK, port), time_limit_s)
        return PrivateStream(stream, {"Authorization": f"Bearer {secret}"})

    def _read(self, folder: Path) -> tuple[int, str]:
        with self.file(folder).open("rb") as file:
            content = file.read(_MAX_PORT_FILE_BYTES)
        try:
            fields = json.loads(content)
            port, secret = int(fields["port"]), str(fields["secret"])
        except (ValueError, KeyError, TypeError):
            raise FileNotFoundError(f"{self.file(folder)} is damaged") from None
        if not 0 < port < 1 << 16 or not secret.isascii() or not secret.isprintable():
            raise FileNotFoundError(f"{self.file(folder)} is damaged")
        return port, secret


PRIVATE_ADDRESS: Final[PrivateAddress] = (
    UnixAddress() if hasattr(socket, "AF_UNIX") else LoopbackAddress()
)


def remove_address(folder: Path, address: PrivateAddress = PRIVATE_ADDRESS) -> None:
    """Remove the file of a service that ends. Raises nothing."""
    with suppress(OSError):
        address.file(folder).unlink(missing_ok=True)


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """Provide a path of the socket that is short enough for the system. Raises OSError.

    It is valid within the block only: on Linux a long path is reached through an open folder.
    """
    path = str(folder / SOCKET)
    if len(os.fsencode(path)) <= _MAX_ADDRESS_BYTES:
        yield path
        return
    if sys.platform != "linux":
        raise OSError(f"{path} is too long for the path of a socket")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
