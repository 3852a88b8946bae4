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
from imgsearch.query.grammar import resolve_query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPConnection

    from imgsearch.config import Settings
    from imgsearch.progress import RunningJob
    from imgsearch.records.answer import Answer
    from imgsearch.records.query import Query
    from imgsearch.records.status import Status
    from imgsearch.service import codec

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


class ServiceUnavailable(Exception):  # no failure: the library is asked instead
    """No service runs, or it is not one that answers this as the library itself would."""


class SearchAPI(Protocol):
    """What a library and its service answer alike."""

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer: ...

    def status(self) -> Status: ...

    def running(self) -> RunningJob | None: ...


def ask(
    settings: Settings,
    question: Callable[[SearchAPI], Found],
    library: Callable[[], AbstractContextManager[SearchAPI]],
) -> Found:
    """The answer of the resident service, or of `library`, opened for it, where none runs.

    Both give the same answer; to find out that there is no service takes at most 50 ms.
    Raises what the library raises.
    """
    if os.path.lexists(settings.data_dir / SOCKET):
        with suppress(ServiceUnavailable):
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
        from imgsearch.service import codec

        asked = codec.SearchRequest(resolve_query(query), k, cursor)
        if k > MAX_K:
            raise ServiceUnavailable
        form = {"query": codec.query_to_json(asked.query), "k": k, "cursor": cursor}
        try:
            return self._call(codec.answer_from_json, "POST", "/search", form)
        except UsageError as error:
            if asked.names_files:  # it may see other files than this process does
                raise ServiceUnavailable from error
            raise

    def status(self) -> Status:
        """What the library holds, and how it is, as `Library.status` gives it."""
        from imgsearch.service import codec

        status = self._call(codec.status_from_json, "GET", "/status")
        return replace(status, data_dir=self._settings.data_dir)

    def running(self) -> RunningJob | None:
        """What some process is changing in the library, as `Library.running` tells it.

        It is read where the library lies: the service knows no more of it.
        """
        from imgsearch.store.progress_file import running_job  # a search has no use for it

        return running_job(self._settings.data_dir)

    def _call(
        self,
        read: Callable[[object], Found],
        method: str,
        path: str,
        form: codec.JsonObject | None = None,
    ) -> Found:
        """What the service answers to one request, as `read` understands it."""
        if self._settings.service == "off":
            raise ServiceUnavailable
        from http.client import HTTPException

        body = None if form is None else json.dumps(form).encode("ascii")
        if body is not None and len(body) > MAX_BODY_BYTES:
            raise ServiceUnavailable
        try:
            with _connection(self._settings.data_dir) as connection:
                self._greet(connection)
                connection.sock.settimeout(ANSWER_S)
                status, answer = _exchange(connection, method, path, body)
                if status == _OK:
                    return read(answer)
                error = _error_in(answer)
        except (OSError, HTTPException, ImgsearchError, ValueError) as failure:
            raise ServiceUnavailable from failure
        raise ServiceUnavailable if error is None else error

    def _greet(self, connection: HTTPConnection) -> None:
        """Make sure that the service answers as this process would."""
        status, hello = _exchange(connection, "GET", "/hello")
        if status != _OK or hello != hello_form(self._settings):
            raise ServiceUnavailable


def hello_form(settings: Settings) -> codec.JsonObject:
    """What has to be the same for two processes to answer a question alike."""
    from imgsearch.version import VERSION

    known = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {
        "version": VERSION,
        **{name: value for name, value in known.items() if name not in _MAY_DIFFER},
    }


def _exchange(
    connection: HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, object]:
    from imgsearch.service import codec

    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    return response.status, codec.read_json(content)


def _error_in(answer: object) -> UsageError | None:
    """The error about what was asked; None for all others, which the library is to find itself."""
    from imgsearch.service import codec

    return codec.error_from_json(codec.FieldReader(answer, ("error",)).raw("error"))


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
