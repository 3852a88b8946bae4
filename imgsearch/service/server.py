"""Runs the service: one for each library or archive, at an address that goes at its end."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from msgspec import Struct

from imgsearch import private_files
from imgsearch.errors import DiskError, UsageError
from imgsearch.library import Library
from imgsearch.service.address import (
    LOOPBACK,
    PRIVATE_ADDRESS,
    PrivateAddress,
    PrivateListener,
    remove_address,
    tcp_socket,
)
from imgsearch.service.auth import TOKEN_FILE, stored_token
from imgsearch.service.connections import USUAL_LIMITS, ConnectionLimits
from imgsearch.service.idle import IdleTimer
from imgsearch.service.process import BACKLOG, answer_requests

LOCK_FILE = "serve.lock"
MAX_IDLE_S = 366 * 24 * 60 * 60  # timers count no further than 292 years


class Network(Struct, frozen=True):
    """Listen at a port of this machine besides the socket; port 0 is any free one."""

    port: int
    token: str | None = None  # None: the one stored in the data folder


class RunningService(Struct, frozen=True):
    """The addresses of a service that has started; `file` has the private one."""

    file: Path
    port: int | None
    token_file: Path | None


def serve(
    library: Library,
    network: Network | None,
    idle_s: float | None,
    on_ready: Callable[[RunningService], None],
    limits: ConnectionLimits = USUAL_LIMITS,
    workers: int = 1,
    notify: Callable[[str], None] = lambda sentence: None,
    address: PrivateAddress = PRIVATE_ADDRESS,
) -> None:
    """Serve until SIGTERM or Ctrl-C, and end within two seconds of it. In the main thread only.

    After `idle_s` without a request the model's memory is released, unless it is None. `on_ready`
    is called when the service can be reached and the model is loaded. With several `workers`,
    processes of this number answer requests, the model is in this one, and `notify` is called with
    sentences about it. Raises UsageError if the library does not exist or is served already, if the
    port is taken, for an `idle_s` that is not more than 0 and at most a year, and for more than 64
    workers; DiskError if the data folder cannot be written; and what opening an archive raises.
    """
    if idle_s is not None and not 0 < idle_s <= MAX_IDLE_S:
        raise UsageError(
            f"The time without a request must be more than 0 and at most {MAX_IDLE_S // 60:,} "
            "minutes. To keep the model in memory, leave --idle out."
        )
    folder = library.working_folder
    library.photo_count()  # raises if there is nothing to serve
    private_files.make_folder(folder)
    with _single_service(folder), ExitStack() as stack:

        def ready() -> None:
            stack.enter_context(library.upkeep.looking_after())  # after workers were forked
            on_ready(running)

        token = None if network is None else network.token or stored_token(folder)
        with _private_socket(folder, address) as private:
            sockets = [private.socket]
            if network is not None:
                sockets.append(network_socket(network.port))
            token_is_stored = network is not None and network.token is None
            running = RunningService(
                address.file(folder),
                None if network is None else sockets[1].getsockname()[1],
                folder / TOKEN_FILE if token_is_stored else None,
            )
            if workers != 1:
                if sys.platform != "win32":
                    from imgsearch.service.workers import ServedLibrary, run_workers

                    place = library.address if "fleet" in library.capabilities else None
                    served = ServedLibrary(
                        workers, library.settings, place, token, private.secret, limits
                    )
                    run_workers(served, sockets, idle_s, notify, ready)
                    return
                raise UsageError(
                    "Several workers need a system that forks processes, which Windows does not. "
                    "Leave --workers out."
                )
            library.memory.warm_up()
            idle = IdleTimer(idle_s, library.memory.release_encoder)
            answer_requests(
                library,
                token,
                private.secret,
                sockets,
                limits,
                on_request=idle.restart,
                on_ready=ready,
                on_forced_exit=lambda: remove_address(folder, address),
            )


# ------------------------------------------------------------------------- lock and sockets


@contextmanager
def _single_service(folder: Path) -> Iterator[None]:
    """Provide the right to serve from this folder, by a lock that ends with its process."""
    lock = FileLock(folder / LOCK_FILE, timeout=0, mode=private_files.FILE_MODE)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"The library or archive of {folder} is served already. Use that service, or stop "
            "it first."
        ) from None
    except OSError as error:
        raise DiskError(
            f"Cannot write to the folder {folder} ({error.strerror}), and the service needs a "
            "socket there. Make it writable, or choose another data folder with --data."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _private_socket(folder: Path, address: PrivateAddress) -> Iterator[PrivateListener]:
    """Provide the socket that clients of this user look for. Its file is removed at the end."""
    try:
        bound = address.bound(folder)
    except OSError as error:
        raise DiskError(
            f"Cannot create a socket in {folder} ({error.strerror or error}). Choose a data "
            "folder with a shorter path, on a disk of this machine."
        ) from error
    try:
        bound.socket.listen(BACKLOG)
        yield bound
    finally:
        bound.socket.close()
        remove_address(folder, address)


def network_socket(port: int) -> socket.socket:
    """Return a socket at a port of this machine only."""
    listening = tcp_socket()
    if sys.platform != "win32":  # where it would let another program take the port over
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise UsageError(
            f"Cannot use port {port} ({reason}). Choose another, or 0 for any free one."
        ) from error
    return listening
