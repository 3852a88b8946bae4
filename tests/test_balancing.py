"""Connections are passed on to the worker with the fewest, through real sockets."""

from __future__ import annotations

import multiprocessing
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs Unix", allow_module_level=True)

from imgsearch.service.address import tcp_socket
from imgsearch.service.balancing import ConnectionBalance, WorkerConnections


def balance_of_two(opened: ExitStack) -> ConnectionBalance:
    balance = ConnectionBalance(multiprocessing.get_context("forkserver"), 2)
    for pair in balance.inboxes:
        for end in pair:
            opened.enter_context(end)
    return balance


class TwoWorkers:
    """Two workers of one process, which accept connections when a test says so."""

    def __init__(self, opened: ExitStack, place: Path) -> None:
        self._opened = opened
        self._place = place
        self.balance = balance_of_two(opened)
        self.listening = opened.enter_context(socket.socket(socket.AF_UNIX))
        self.listening.bind(str(place))
        self.listening.listen(32)
        self.listening.setblocking(False)
        self.first = WorkerConnections(self.balance, 0)
        self.first_sockets = self._sockets(self.first)
        self.start_second()

    def start_second(self) -> None:
        """Start the second worker, or its successor, which has the same inbox."""
        inbox, passing = self.balance.inboxes[1]
        self.balance.inboxes[1] = (inbox.dup(), passing)  # a worker has a copy of its own
        self.second_sockets = self._sockets(WorkerConnections(self.balance, 1))
        self.balance.inboxes[1] = (inbox, passing)

    def _sockets(self, worker: WorkerConnections) -> list[socket.socket]:
        listening = self.listening.dup()
        return [self._opened.enter_context(each) for each in worker.sockets([listening])]

    def connect(self) -> socket.socket:
        client = self._opened.enter_context(socket.socket(socket.AF_UNIX))
        client.connect(str(self._place))
        return client

    def accepted(self, at: socket.socket) -> socket.socket | None:
        try:
            connection, _ = at.accept()
        except BlockingIOError:
            return None
        return self._opened.enter_context(connection)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[TwoWorkers]:
    with ExitStack() as opened:
        yield TwoWorkers(opened, tmp_path / "socket")


def test_the_worker_with_the_fewest_gets_the_next_connection(workers: TwoWorkers) -> None:
    (listening, _), (_, inbox) = workers.first_sockets, workers.second_sockets
    clients = [workers.connect() for _ in range(2)]
    assert workers.accepted(listening) is not None, "both have none, so it keeps this one"
    assert workers.accepted(listening) is None, "passed on"
    passed_on = workers.accepted(inbox)
    assert passed_on is not None
    assert workers.accepted(inbox) is None
    clients[1].sendall(b"a question")
    assert passed_on.recv(100) == b"a question"
    passed_on.sendall(b"an answer")
    assert clients[1].recv(100) == b"an answer"
    workers.first.closed()
    workers.connect()
    assert workers.accepted(listening) is not None, "the other one has more now"


def test_a_connection_to_a_port_stays_one_of_tcp() -> None:
    """asyncio looks at that before it turns Nagle's algorithm off."""
    with ExitStack() as opened:
        balance = balance_of_two(opened)
        port = opened.enter_context(tcp_socket())
        port.bind(("127.0.0.1", 0))
        port.listen()
        first, second = (WorkerConnections(balance, number) for number in (0, 1))
        listening, _ = map(opened.enter_context, first.sockets([port]))
        (inbox,) = map(opened.enter_context, second.sockets([]))
        clients = [
            opened.enter_context(socket.create_connection(listening.getsockname()))
            for _ in range(2)
        ]
        kept, _ = listening.accept()
        with pytest.raises(BlockingIOError):
            listening.accept()
        taken, _ = inbox.accept()
        for connection, client in zip((kept, taken), clients, strict=True):
            opened.enter_context(connection)
            assert connection.proto == socket.IPPROTO_TCP
            assert connection.getpeername() == client.getsockname()


def test_connections_that_come_at_once_are_halved(workers: TwoWorkers) -> None:
    """None of those on the way has been taken yet."""
    for _ in range(10):
        workers.connect()
    (listening, _), (_, inbox) = workers.first_sockets, workers.second_sockets
    kept = [workers.accepted(listening) is not None for _ in range(10)]
    assert kept == [True, False] * 5
    assert all(workers.accepted(inbox) for _ in range(5))
    assert [workers.balance.load(number) for number in (0, 1)] == [5, 5]


def test_a_worker_that_hangs_gets_few(workers: TwoWorkers) -> None:
    for _ in range(30):
        workers.connect()
    listening = workers.first_sockets[0]
    kept = sum(workers.accepted(listening) is not None for _ in range(30))
    assert kept == 22
    assert workers.balance.on_the_way(1) == 8


def test_a_worker_that_has_ended_gets_none_and_its_successor_takes_what_was_on_the_way(
    workers: TwoWorkers,
) -> None:
    for _ in range(7):
        workers.connect()
    listening = workers.first_sockets[0]
    assert [workers.accepted(listening) is not None for _ in range(2)] == [True, False]
    workers.balance.has_ended(1)
    assert all(workers.accepted(listening) for _ in range(2))
    workers.start_second()
    assert workers.accepted(workers.second_sockets[1]) is not None
    assert workers.accepted(listening) is None, "three are more than one"
    assert workers.accepted(workers.second_sockets[1]) is not None
