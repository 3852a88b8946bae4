"""Serves from several processes behind the same sockets; a supervisor keeps them running.

Python computes one answer at a time in a process, however many cores there are. Each worker opens
the library for itself: its index is mapped into memory, which all share, and its caches notice by
the version of the library what another process changes. The supervisor holds the model for all.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from imgsearch import c_memory
from imgsearch.config import Settings
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.encoders.remote import EncoderHost, ProcessGroup, RemoteEncoders
from imgsearch.errors import ImgsearchError, UsageError
from imgsearch.service.balancing import ConnectionBalance, WorkerConnections
from imgsearch.service.connections import ConnectionLimits
from imgsearch.service.idle import IdleTimer
from imgsearch.service.process import answer_requests

if TYPE_CHECKING and sys.platform != "win32":
    from multiprocessing.context import ForkServerContext, ForkServerProcess

assert sys.platform != "win32", "Windows forks no processes: `serve` refuses several workers."

MOST_WORKERS = 64
END_S = 1.8  # when the service is stopped: a worker ends by itself after FORCED_EXIT_S, 1.6 s
_TOO_SOON_S = 5.0  # a worker that ends so soon after its start is counted as one that cannot run
_MOST_IN_A_ROW = 3
# Loaded once, before workers are forked: they share this memory.
_PRELOADED = [
    "imgsearch.service.workers",
    "imgsearch.service.app",
    "imgsearch.opened.library",
    "imgsearch.search.answers",
    "imgsearch.store.store",
]


class ServedLibrary(Struct, frozen=True):
    """The library of each worker: that of `settings`, or the archive at `archive_address`."""

    workers: int
    settings: Settings
    archive_address: str | None
    token: str | None
    secret: str | None  # of the private address
    limits: ConnectionLimits


class _Worker(NamedTuple):
    process: ForkServerProcess
    news: Connection  # a text once: empty when it is ready, else why it cannot start
    started: float


class WorkerProcesses:
    """Starts a number of workers, and another one for each that ends."""

    def __init__(
        self, served: ServedLibrary, sockets: list[socket.socket], host: EncoderHost
    ) -> None:
        self._served, self._sockets, self._host = served, sockets, host
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)
        self._balance = ConnectionBalance(self._context, served.workers)
        self._workers: list[_Worker] = []
        self._early_ends = 0  # in a row

    def start(self) -> None:
        """Start all, and wait until each can answer. Raises what keeps one from that."""
        self._workers = [self._started(number) for number in range(self._served.workers)]
        for worker in self._workers:
            _wait_until_ready(worker)

    def _started(self, number: int) -> _Worker:
        theirs, ours = self._context.Pipe()
        told, news = self._context.Pipe()
        process = self._context.Process(
            target=_work,
            args=(self._served, self._balance, number, self._sockets, theirs, told),
            daemon=True,
        )
        process.start()
        for end in (theirs, told):
            end.close()  # with the worker's own, so that its end is noticed
        self._host.serve(ours)
        return _Worker(process, news, time.monotonic())

    def keep_running(self, stop: Connection) -> None:
        """Start another worker for each that ends, until something arrives at `stop`.

        Raises ImgsearchError if workers end as soon as they have started.
        """
        while True:
            ended = wait([stop, *(worker.process.sentinel for worker in self._workers)])
            if stop in ended:
                return
            for number, worker in enumerate(self._workers):
                if worker.process.is_alive():
                    continue
                self._balance.has_ended(number)
                was_early = time.monotonic() - worker.started < _TOO_SOON_S
                self._early_ends = self._early_ends + 1 if was_early else 0
                if self._early_ends > _MOST_IN_A_ROW:
                    raise ImgsearchError(
                        "The processes of the service end as soon as they have started. Run it "
                        "with --workers 1 to see why."
                    )
                worker.news.close()
                self._workers[number] = self._started(number)

    def stop(self) -> None:
        """End all: those that do not end in time are killed. Nothing is lost: they only read."""
        until = time.monotonic() + END_S
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            worker.process.kill()
            worker.news.close()


def run_workers(
    served: ServedLibrary,
    sockets: list[socket.socket],
    idle_s: float | None,
    notify: Callable[[str], None],
    on_ready: Callable[[], None],
) -> None:
    """Serve from several processes until SIGTERM or Ctrl-C. In the main thread only.

    Raises UsageError for a number that is not 2 to 64, and what keeps a worker from starting.
    """
    if not 2 <= served.workers <= MOST_WORKERS:
        raise UsageError(f"The number of workers must be 1 to {MOST_WORKERS}.")
    c_memory.share_between_threads()
    loader = EncoderLoader(served.settings, notify, None)
    idle = IdleTimer(idle_s, loader.release)
    workers = WorkerProcesses(served, sockets, EncoderHost(loader.shared_by_name, idle.restart))
    with _told_to_stop() as stop:
        try:
            workers.start()
            on_ready()
            workers.keep_running(stop)
        finally:
            workers.stop()
            loader.close()


@contextmanager
def _told_to_stop() -> Iterator[Connection]:
    """Provide a pipe at which something arrives when the process is told to end."""
    stop, tell = multiprocessing.Pipe(duplex=False)

    def on_signal(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            tell.send_bytes(b"stop")

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
        tell.close()


def _wait_until_ready(worker: _Worker) -> None:
    try:
        problem = worker.news.recv()
    except EOFError:
        problem = "A process of the service ended before it could answer."
    if problem:
        raise ImgsearchError(problem)


def _work(
    served: ServedLibrary,
    balance: ConnectionBalance,
    number: int,
    sockets: list[socket.socket],
    encoder: Connection,
    told: Connection,
) -> None:
    """Run the worker with this number."""
    from imgsearch.library import Library

    # The garbage collector writes to each object that it looks at, and a page that is written to is
    # not shared any more.
    gc.freeze()
    c_memory.share_between_threads()
    Thread(target=_end_with_the_supervisor, name="imgsearch-supervisor", daemon=True).start()
    settings, group = served.settings, ProcessGroup(served.workers, RemoteEncoders(encoder).open)
    try:
        if served.archive_address is None:
            library = Library.open(settings, group=group)
        else:
            library = Library.open_archive(served.archive_address, settings, group=group)
        library.memory.warm_up()
    except ImgsearchError as error:
        told.send(str(error))
        return
    connections = WorkerConnections(balance, number)
    with library:
        answer_requests(
            library,
            served.token,
            served.secret,
            connections.sockets(sockets),
            served.limits,
            on_ready=lambda: told.send(""),
            on_closed=connections.closed,
            is_one_of_several=True,
        )


def _end_with_the_supervisor() -> None:
    """End this process when the supervisor was killed: nobody would end it else."""
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    supervisor.join()
    os._exit(0)
