"""The client of a running service. It needs the standard library and little else, to start fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode

import msgspec

from imgsearch.errors import ImgsearchError, UsageError
from imgsearch.operations.records import JsonObject, dump_json, from_json, load_json
from imgsearch.operations.requests import Operation, names_files, operation_of
from imgsearch.service.address import PRIVATE_ADDRESS, PrivateAddress
from imgsearch.service.refusals import error_of
from imgsearch.version import VERSION

if TYPE_CHECKING:
    from imgsearch.config import Settings

MAX_BODY_BYTES = 64 << 20  # of a request; example images are the large ones
CONNECT_S = 0.05  # time limit for connecting and the handshake
ANSWER_S = 60.0  # time limit for an answer: the model may have to be loaded
_OK = 200
_MAX_ADDRESS_CHARS = 8000  # of a request without a body
# Settings on which no answer depends: client and service may differ in them.
_IRRELEVANT_SETTINGS = (
    *("data_dir", "cache_dir", "threads", "batch_size", "thumbnails_mb", "read_text"),
    *("find_faces", "service"),
    "past_queries",  # what is kept is read whatever it says
    *("index_cache_mb", "archive_cache_mb", "replica_dir", "mounts"),
)

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class ServiceUnavailable(Exception):
    """No service runs that answers as the library itself would. Not a failure: ask the library."""


class Client:
    """The running service of the library in `settings.data_dir`; with `folder`, of an archive."""

    def __init__(
        self,
        settings: Settings,
        folder: Path | None = None,
        address: PrivateAddress = PRIVATE_ADDRESS,
    ) -> None:
        self._settings = settings
        self._folder = folder or settings.data_dir
        self._address = address

    def call(
        self,
        operation: Callable[Concatenate[Any, _Parameters], _Result],
        *arguments: _Parameters.args,
        **named: _Parameters.kwargs,
    ) -> _Result:
        """Return the result of an operation, such as `client.call(Library.find, "a dog", 5)`.

        Raises ServiceUnavailable if no service runs, if it runs with other settings or in another
        version, if it takes no such request, and if it does not answer. An error in the request is
        raised as the library raises it.
        """
        called = operation_of(operation)
        form = called.form(arguments, named)
        try:
            request = msgspec.convert(form, called.request)
        except msgspec.ValidationError as error:
            raise ServiceUnavailable from error  # the library knows better what is wrong
        try:
            answer = self._exchange(called, form)
        except UsageError as error:
            if names_files(tuple(called.arguments(request).values())):
                raise ServiceUnavailable from error  # it may see other files than this process
            raise
        try:
            result: _Result = from_json(answer, called.result)
        except UsageError as error:
            raise ServiceUnavailable from error
        return result

    def _exchange(self, operation: Operation, form: JsonObject) -> object:
        """Return the JSON that the service answers to a request."""
        if self._settings.service == "off":
            raise ServiceUnavailable
        method, path, body = operation.declared.method, operation.path_of(form), None
        if method == "GET":
            path = f"{path}?{urlencode(form, errors='surrogatepass')}" if form else path
        else:
            body = dump_json(form).encode("ascii")
        if len(path) > _MAX_ADDRESS_CHARS or len(body or b"") > MAX_BODY_BYTES:
            raise ServiceUnavailable
        try:
            with connect(self._folder, self._address) as connection:
                if connection.exchange("GET", "/hello") != (_OK, handshake(self._settings)):
                    raise ServiceUnavailable
                connection.http.sock.settimeout(ANSWER_S)
                status, answer = connection.exchange(method, path, body)
                if status == _OK:
                    return answer
                error = error_of(answer)
        except (OSError, HTTPException, ImgsearchError, ValueError) as failure:
            raise ServiceUnavailable from failure
        # The library finds all other errors itself.
        raise ServiceUnavailable if error is None else error


def handshake(settings: Settings) -> JsonObject:
    """Return the version and settings that must be equal in client and service."""
    relevant = [name for name in settings.__struct_fields__ if name not in _IRRELEVANT_SETTINGS]
    return {"version": VERSION, **{name: getattr(settings, name) for name in relevant}}


class ServiceConnection(msgspec.Struct, frozen=True):
    """A connection to a service, with the headers of each request."""

    http: HTTPConnection
    headers: Mapping[str, str]

    def exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, object]:
        """Return the status code and the JSON that the service answers.

        Raises OSError and ValueError.
        """
        kind = {} if body is None else {"Content-Type": "application/json"}
        self.http.request(method, path, body, {**self.headers, **kind})
        response = self.http.getresponse()
        return response.status, load_json(response.read())


@contextmanager
def connect(folder: Path, address: PrivateAddress = PRIVATE_ADDRESS) -> Iterator[ServiceConnection]:
    """Provide a connection to the service.

    Raises OSError, without delay if no service was started.
    """
    stream = address.connected(folder, CONNECT_S)
    connection = HTTPConnection("localhost")
    connection.sock = stream.socket
    connection.auto_open = 0  # otherwise it would reconnect over TCP, to another server
    try:
        yield ServiceConnection(connection, stream.headers)
    finally:
        connection.close()
