"""Asks the resident service of a library where one runs, and the library itself where none does.

It needs the standard library alone, so a command that the service answers starts fast; and where
there is none, next to nothing of that is loaded either.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from imgsearch.errors import ImgsearchError, UsageError
from imgsearch.query import whole_query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPConnection

    from imgsearch import wire
    from imgsearch.config import Settings
    from imgsearch.jobs import Running
    from imgsearch.records import Answer, Status
    from imgsearch.terms import Query

SOCKET: Final = "serve.sock"
MAX_BODY_BYTES = 64 << 20  # of a request; example images are the large ones
MAX_K = 10_000  # photos in one answer
LOOK_S = 0.05  # to find out whether anybody answers
ANSWER_S = 60.0  # the model may have to be loaded
_SUN_PATH_BYTES = 100  # what every system takes as the name of a socket
_OK = 200
# No answer depends on these.
_MAY_DIFFER = ("data_dir", "cache_dir", "threads", "batch_size", "service")

Found = TypeVar("Found")


class NoService(Exception):  # no failure: the library is asked instead
    """No service runs, or it is not one that answers this as the library itself would."""


class Answering(Protocol):
    """What a library and its service answer alike."""

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer: ...

    def status(self) -> Status: ...

    def running(self) -> Running | None: ...


def ask(
    settings: Settings,
    question: Callable[[Answering], Found],
    library: Callable[[], AbstractContextManager[Answering]],
) -> Found:
    """The answer of the resident service, or of `library`, opened for it, where none runs.

    Both give the same answer; to find out that there is no service takes at most 50 ms.
    Raises what the library raises.
    """
    if os.path.lexists(settings.data_dir / SOCKET):
        with suppress(NoService):
            return question(Client(settings))
    with library() as opened:
        return question(opened)


class Client:
    """The resident service of the library in `settings.data_dir`, asked like the library.

    Every method raises NoService where there is none, where it runs with other settings or as
    another version, and where it does not answer; the library itself can be asked then. An error
    about what was asked is raised as the library raises it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer:
        """One page of the answer, as `Library.find` gives it."""
        from imgsearch import wire

        asked = wire.Asked(whole_query(query), k, cursor)
        if k > MAX_K:
            raise NoService
        form = {"query": wire.query_form(asked.query), "k": k, "cursor": cursor}
        try:
            return self._call(wire.answer_of, "POST", "/search", form)
        except UsageError as error:
            if asked.names_files:  # it may see other files than this process does
                raise NoService from error
            raise

    def status(self) -> Status:
        """What the library holds, and how it is, as `Library.status` gives it."""
        from imgsearch import wire

        status = self._call(wire.status_of, "GET", "/status")
        return replace(status, data_dir=self._settings.data_dir)

    def running(self) -> Running | None:
        """What some process is changing in the library, as `Library.running` tells it.

        It is read where the library lies: the service knows no more of it.
        """
        from imgsearch.store import running  # a search has no use for it

        return running(self._settings.data_dir)

    def _call(
        self,
        read: Callable[[object], Found],
        method: str,
        path: str,
        form: wire.Form | None = None,
    ) -> Found:
        """What the service answers to one request, as `read` understands it."""
        if self._settings.service == "off":
            raise NoService
        from http.client import HTTPException

        body = None if form is None else json.dumps(form).encode("ascii")
        if body is not None and len(body) > MAX_BODY_BYTES:
            raise NoService
        try:
            with _connection(self._settings.data_dir) as connection:
                self._greet(connection)
                connection.sock.settimeout(ANSWER_S)
                status, answer = _exchange(connection, method, path, body)
                if status == _OK:
                    return read(answer)
                error = _error_in(answer)
        except (OSError, HTTPException, ImgsearchError, ValueError) as failure:
            raise NoService from failure
        raise NoService if error is None else error

    def _greet(self, connection: HTTPConnection) -> None:
        """Make sure that the service answers as this process would."""
        status, hello = _exchange(connection, "GET", "/hello")
        if status != _OK or hello != hello_form(self._settings):
            raise NoService


def hello_form(settings: Settings) -> wire.Form:
    """What has to be the same for two processes to answer a question alike."""
    from imgsearch import __version__

    known = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {
        "version": __version__,
        **{name: value for name, value in known.items() if name not in _MAY_DIFFER},
    }


def _exchange(
    connection: HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, object]:
    from imgsearch import wire

    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    return response.status, wire.read_json(content)


def _error_in(answer: object) -> UsageError | None:
    """The error about what was asked; None for all others, which the library is to find itself."""
    from imgsearch import wire

    return wire.error_of(wire.Given(answer, ("error",)).raw("error"))


# ------------------------------------------------------------------------- the socket


@contextmanager
def _connection(data_dir: Path) -> Iterator[HTTPConnection]:
    """A connection to the service. Raises OSError, and at once where there is no socket."""
    import socket
    from http.client import HTTPConnection

    with socket_name(data_dir) as name:
        if not os.path.lexists(name):
            raise FileNotFoundError(name)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(LOOK_S)
        try:
            line.connect(name)
        except OSError:
            line.close()
            raise
    connection = HTTPConnection("localhost")
    connection.sock = line
    connection.auto_open = 0  # else it would open a line of its own, to another place
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def socket_name(data_dir: Path) -> Iterator[str]:
    """A name of the service's socket that fits into a socket address. Raises OSError.

    It holds within the block only: long ones are said through an open folder, where the system
    can do so.
    """
    place = str(data_dir / SOCKET)
    if len(os.fsencode(place)) <= _SUN_PATH_BYTES:
        yield place
        return
    if not sys.platform.startswith("linux"):
        raise OSError(f"{place} is too long a name for a socket")
    folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)
