"""A relay in front of a server that counts the bytes on the wire: headers, frames and all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_PART_BYTES = 1 << 16


class CountedConnections:
    """What has passed since the last `reset`. Thread-safe."""

    def __init__(self) -> None:
        self.sent_bytes = 0  # by the server
        self.asked_bytes = 0  # by its visitors
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Count from 0."""
        with self._lock:
            self.sent_bytes = self.asked_bytes = 0

    def add(self, sent_bytes: int, asked_bytes: int) -> None:
        """Count bytes of both directions."""
        with self._lock:
            self.sent_bytes += sent_bytes
            self.asked_bytes += asked_bytes


@contextmanager
def counted(address: str) -> Iterator[tuple[str, CountedConnections]]:
    """Another address of the server at `address`, and what passes through it."""
    target = urlsplit(address)
    assert target.hostname is not None and target.port is not None
    counter, listening = CountedConnections(), socket.create_server(("127.0.0.1", 0))

    def relay(visitor: socket.socket) -> None:
        with suppress(OSError), socket.create_connection((target.hostname, target.port)) as server:
            back = threading.Thread(target=pump, args=(server, visitor, True), daemon=True)
            back.start()
            pump(visitor, server, False)
            back.join()
        visitor.close()

    def pump(source: socket.socket, sink: socket.socket, is_sent: bool) -> None:
        with suppress(OSError):
            while part := source.recv(_PART_BYTES):
                counter.add(*((len(part), 0) if is_sent else (0, len(part))))
                sink.sendall(part)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):  # closed
            while True:
                visitor, _ = listening.accept()
                threading.Thread(target=relay, args=(visitor,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", counter
    finally:
        listening.close()
