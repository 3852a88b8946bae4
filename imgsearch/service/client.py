"""The client of a running service. It needs the standard library and little else, to start fast."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from msgspec.structs import replace

from imgsearch.errors import ImgsearchError, UsageError
from imgsearch.query.grammar import resolve_query
from imgsearch.records.answer import Answer
from imgsearch.records.query import Example, Query
from imgsearch.records.suggestion import SUGGESTIONS
from imgsearch.service import codec
from imgsearch.service.address import socket_address
from imgsearch.version import VERSION

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.progress import RunningJob
    from imgsearch.records.browse import PhotoEvent, PlaceCounts, Timeline
    from imgsearch.records.saved import SavedSearch, SavedSearchSummary
    from imgsearch.records.status import Status
    from imgsearch.records.suggestion import Suggestion

MAX_BODY_BYTES = 64 << 20  # of a request; example images are the large ones
MAX_K = 10_000  # photos in one answer
CONNECT_S = 0.05  # time limit for connecting and the handshake
ANSWER_S = 60.0  # time limit for an answer: the model may have to be loaded
_OK = 200
_MAX_ADDRESS_CHARS = 8000  # of a request without a body
# Settings on which no answer depends: client and service may differ in them.
_IRRELEVANT_SETTINGS = (
    *("data_dir", "cache_dir", "threads", "batch_size", "thumbnails_mb", "read_text", "service"),
    "past_queries",  # what is kept is read whatever it says
    *("index_cache_mb", "mounts"),
)

_Result = TypeVar("_Result")


class ServiceUnavailable(Exception):
    """No service runs that answers as the library itself would. Not a failure: ask the library."""


class Client:
    """The running service of the library in `settings.data_dir`, with the methods of `LibraryAPI`.

    With `folder`, that of the archive whose working folder it is, with those of `SearchAPI`.

    Each method raises ServiceUnavailable if no service runs, if it runs with other settings or in
    another version, and if it does not answer. An error in the request is raised as the library
    raises it.
    """

    def __init__(self, settings: Settings, folder: Path | None = None) -> None:
        self._settings = settings
        self._folder = folder or settings.data_dir

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer:
        """One page of results, as `Library.find` returns it."""
        return self._query("/search", codec.answer_from_json, query, k, {"cursor": cursor})

    def timeline(self, query: str | Query | None = None, k: int = 1000) -> Timeline:
        """How many photos each year and month has, as `Library.timeline` returns it."""
        return self._query("/timeline", codec.timeline_from_json, query, k)

    def events(self, query: str | Query | None = None, k: int = 1000) -> tuple[PhotoEvent, ...]:
        """Occasions and trips, as `Library.events` returns them."""
        return self._query("/events", codec.events_from_json, query, k)

    def places(self, query: str | Query | None = None, k: int = 1000) -> PlaceCounts:
        """How many photos each place has, as `Library.places` returns it."""
        return self._query("/places", codec.places_from_json, query, k)

    def saved_search(self, name: str) -> SavedSearch:
        """The search that is saved under this name, as `Library.saved_search` returns it.

        It is read from the data folder: that is as fast, and an answer would hold its images.
        """
        from imgsearch.search.saved_queries import find_saved
        from imgsearch.store.reads import Reads

        with closing(Reads.open(self._settings.data_dir)) as reads:
            return find_saved(reads, name)

    def saved_searches(self) -> tuple[SavedSearchSummary, ...]:
        """The saved searches and their counts, as `Library.saved_searches` returns them."""
        return self._call("GET", "/saved", codec.saved_searches_from_json)

    def mark_looked_at(self, name: str) -> tuple[int, ...]:
        """Record that the user has looked at a saved search, as `Library.mark_looked_at` does."""
        return self._call("POST", "/saved/looked", codec.new_photos_from_json, {"name": name})

    def suggest(self, line: str, k: int = SUGGESTIONS) -> tuple[Suggestion, ...]:
        """How to go on with a line, as `Library.suggest` returns it."""
        text = line.encode("utf-8", "surrogatepass")
        if k > MAX_K:
            raise ServiceUnavailable
        address = f"/suggest?{urlencode({'line': text, 'k': k})}"
        if len(address) > _MAX_ADDRESS_CHARS:
            raise ServiceUnavailable
        return self._call("GET", address, codec.suggestions_from_json)

    def status(self) -> Status:
        """What the library contains and its state, as `Library.status` returns it."""
        status = self._call("GET", "/status", codec.status_from_json)
        return replace(status, data_dir=self._settings.data_dir)

    def running(self) -> RunningJob | None:
        """The job of any process that writes to the library now, as `Library.running` returns it.

        It is read from the data folder: the service knows no more about it.
        """
        # Loaded here: a search, which has to start fast, does not need it.
        from imgsearch.store.progress_file import running_job

        return running_job(self._settings.data_dir)

    def _query(
        self,
        path: str,
        read: Callable[[object], _Result],
        query: str | Query | None,
        k: int,
        more: codec.JsonObject | None = None,
    ) -> _Result:
        """The answer to a request with a query, None for all photos."""
        resolved = None if query is None else resolve_query(query)
        if k > MAX_K:
            raise ServiceUnavailable
        form = None if resolved is None else codec.query_to_json(resolved)
        try:
            return self._call("POST", path, read, {"query": form, "k": k, **(more or {})})
        except UsageError as error:
            if resolved is not None and names_files(resolved):
                raise ServiceUnavailable from error  # it may see other files than this process
            raise

    def _call(
        self,
        method: str,
        path: str,
        read: Callable[[object], _Result],
        form: codec.JsonObject | None = None,
    ) -> _Result:
        """The answer to one request, as `read` converts it."""
        if self._settings.service == "off":
            raise ServiceUnavailable
        body = None if form is None else json.dumps(form).encode("ascii")
        if body is not None and len(body) > MAX_BODY_BYTES:
            raise ServiceUnavailable
        try:
            with connect(self._folder) as connection:
                if _exchange(connection, "GET", "/hello") != (_OK, handshake(self._settings)):
                    raise ServiceUnavailable
                connection.sock.settimeout(ANSWER_S)
                status, answer = _exchange(connection, method, path, body)
                if status == _OK:
                    return read(answer)
                error = codec.error_from_json(answer)
        except (OSError, HTTPException, ImgsearchError, ValueError) as failure:
            raise ServiceUnavailable from failure
        # The library finds all other errors itself.
        raise ServiceUnavailable if error is None else error


def names_files(query: Query) -> bool:
    """Whether an example of the query is a file, which the process that searches has to read."""
    return any(
        isinstance(term.what, Example) and isinstance(term.what.source, Path)
        for term in query.terms
    )


def handshake(settings: Settings) -> codec.JsonObject:
    """What has to be equal in two processes that give the same answers."""
    relevant = [name for name in settings.__struct_fields__ if name not in _IRRELEVANT_SETTINGS]
    return {"version": VERSION, **{name: getattr(settings, name) for name in relevant}}


@contextmanager
def connect(folder: Path) -> Iterator[HTTPConnection]:
    """A connection to the service. Raises OSError, without delay if there is no socket."""
    with socket_address(folder) as address:
        if not os.path.lexists(address):
            raise FileNotFoundError(address)
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.settimeout(CONNECT_S)
        try:
            stream.connect(address)
        except OSError:
            stream.close()
            raise
    connection = HTTPConnection("localhost")
    connection.sock = stream
    connection.auto_open = 0  # otherwise it would reconnect over TCP, to another server
    try:
        yield connection
    finally:
        connection.close()


def _exchange(
    connection: HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, object]:
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, codec.read_json(response.read())
