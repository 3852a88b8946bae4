"""Balances the connections of a service among its workers.

Workers accept connections from the same sockets. The system gives nearly all of them to one worker
as long as that one is not busy: clients that connect one after the other, and ask at once later,
would all be answered by one process. Here a worker that accepts a connection passes it on to the
worker with the fewest.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

_MOST_ON_THE_WAY = 8  # connections to one worker; clients connect faster than it is woken
_ENDED = 1 << 40  # more connections than any worker has


class ConnectionBalance:
    """State shared by the workers of a service: their connection counts, and a socket to each.

    Each number is written by one worker only. So there is no lock, which a worker that is killed
    could hold forever. The process that starts the workers keeps the sockets open: a connection
    that is passed on to a worker that has just ended is answered by its successor.
    """

    def __init__(self, context: BaseContext, workers: int) -> None:
        self.workers = workers
        self.open = context.RawArray("q", workers)
        self.taken = context.RawArray("q", workers)  # of those passed on
        self.passed = context.RawArray("q", workers * workers)  # by the worker in front, to another
        self.inboxes = [socket.socketpair() for _ in range(workers)]
        for pair in self.inboxes:
            for end in pair:
                end.setblocking(False)

    def on_the_way(self, worker: int) -> int:
        """Return how many connections were passed on to a worker that has not taken them yet."""
        passed: int = sum(self.passed[worker :: self.workers])
        return passed - int(self.taken[worker])

    def load(self, worker: int) -> int:
        """Return the number of connections that a worker has, with those on the way to it."""
        return int(self.open[worker]) + self.on_the_way(worker)

    def has_ended(self, worker: int) -> None:
        """Pass no connection on to this worker until its successor has started."""
        self.open[worker] = _ENDED


class WorkerConnections:
    """The connections of one worker."""

    def __init__(self, balance: ConnectionBalance, number: int) -> None:
        self._balance = balance
        self._number = number
        balance.open[number] = 0  # also where this worker takes the place of another

    def sockets(self, listening: list[socket.socket]) -> list[socket.socket]:
        """Return the sockets to accept connections from, in place of the workers' common ones."""
        inbox, _ = self._balance.inboxes[self._number]
        return [*(_Listening(each, self) for each in listening), _Inbox(inbox, self)]

    def closed(self) -> None:
        """Note that one of this worker's connections was closed."""
        self._balance.open[self._number] -= 1

    def kept(self) -> None:
        """Count a connection that this worker answers."""
        self._balance.open[self._number] += 1

    def taken(self) -> None:
        """Count a connection that another worker has passed on to this one."""
        self._balance.taken[self._number] += 1

    def is_passed_on(self, connection: socket.socket) -> bool:
        """Pass a connection on to the worker with the fewest, if that is another one.

        A worker that does not take them, because it hangs, gets few.
        """
        if sys.platform == "win32":
            raise NotImplementedError("needs Unix")
        balance, own = self._balance, self._number
        fewest = min(range(balance.workers), key=balance.load)
        is_better = balance.load(fewest) < balance.load(own)
        if not is_better or balance.on_the_way(fewest) >= _MOST_ON_THE_WAY:
            return False
        with suppress(OSError):  # its inbox is full
            socket.send_fds(balance.inboxes[fewest][1], [b"c"], [connection.fileno()])
            balance.passed[own * balance.workers + fewest] += 1
            return True
        return False


class _Accepting(socket.socket):
    """A socket of this worker, which asyncio listens to and accepts connections from."""

    def __init__(self, original: socket.socket, connections: WorkerConnections) -> None:
        kind = original.family, original.type, original.proto
        super().__init__(*kind, fileno=original.detach())
        self._connections = connections


class _Listening(_Accepting):
    """A socket that all workers listen to."""

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; raises BlockingIOError if another worker answers it."""
        connection, address = super().accept()
        if self._connections.is_passed_on(connection):
            connection.close()
            raise BlockingIOError("passed on to another worker")
        self._connections.kept()
        return connection, address


class _Inbox(_Accepting):
    """The socket on which a worker receives connections from others."""

    def listen(self, backlog: int = 0, /) -> None:
        """Do nothing: connections come without it."""

    def accept(self) -> tuple[socket.socket, Any]:
        """Take a connection. Raises ConnectionAbortedError if this process may open no more."""
        if sys.platform == "win32":
            raise NotImplementedError("needs Unix")
        _, descriptors, _, _ = socket.recv_fds(self, 1, 1)
        self._connections.taken()
        if not descriptors:
            raise ConnectionAbortedError("too many open files")
        self._connections.kept()
        connection = socket.socket(fileno=descriptors[0])
        if connection.family == socket.AF_UNIX:
            return connection, ""
        # Named, since not every system tells it: see `tcp_socket`.
        kind = connection.family, connection.type, socket.IPPROTO_TCP
        return socket.socket(*kind, fileno=connection.detach()), ""
