"""What a library or an archive and its service answer alike, and which of the two to ask."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from imgsearch.records.suggestion import SUGGESTIONS
from imgsearch.service.address import SOCKET

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.progress import RunningJob
    from imgsearch.records.answer import Answer
    from imgsearch.records.browse import PhotoEvent, PlaceCounts, Timeline
    from imgsearch.records.query import Query
    from imgsearch.records.saved import SavedSearch, SavedSearchSummary
    from imgsearch.records.status import Status
    from imgsearch.records.suggestion import Suggestion


class SearchAPI(Protocol):
    """The methods that `Library`, `Archive` and `Client` share."""

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer: ...

    def timeline(self, query: str | Query | None = None, k: int = 1000) -> Timeline: ...

    def events(self, query: str | Query | None = None, k: int = 1000) -> tuple[PhotoEvent, ...]: ...

    def places(self, query: str | Query | None = None, k: int = 1000) -> PlaceCounts: ...

    def suggest(self, line: str, k: int = SUGGESTIONS) -> tuple[Suggestion, ...]: ...


class LibraryAPI(SearchAPI, Protocol):
    """The methods that `Library` and `Client` share."""

    def saved_search(self, name: str) -> SavedSearch: ...

    def saved_searches(self) -> tuple[SavedSearchSummary, ...]: ...

    def mark_looked_at(self, name: str) -> tuple[int, ...]: ...

    def status(self) -> Status: ...

    def running(self) -> RunningJob | None: ...


_API = TypeVar("_API", bound=SearchAPI)
_Result = TypeVar("_Result")


def ask(
    settings: Settings,
    call: Callable[[_API], _Result],
    open_directly: Callable[[], AbstractContextManager[_API]],
    folder: Path | None = None,
) -> _Result:
    """The result of `call` with the running service, or else with what `open_directly` opens.

    That is the library of the settings; with `folder`, the archive whose working folder it is. Both
    ways give the same result. Finding out that there is no service takes at most 50 ms. Raises what
    the library or the archive raises.
    """
    folder = folder or settings.data_dir
    if settings.service != "off" and os.path.lexists(folder / SOCKET):
        # Loaded here: without a service a command saves the 25 ms that HTTP and JSON take.
        from imgsearch.service.client import Client, ServiceUnavailable

        with suppress(ServiceUnavailable):
            return call(cast(_API, Client(settings, folder)))  # it has the methods of both
    with open_directly() as opened:
        return call(opened)
