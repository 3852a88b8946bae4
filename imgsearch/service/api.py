"""What a library and its service answer alike, and which of the two to ask."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

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

_Result = TypeVar("_Result")


class SearchAPI(Protocol):
    """The methods that `Library` and `Client` share."""

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer: ...

    def timeline(self, query: str | Query | None = None, k: int = 1000) -> Timeline: ...

    def events(self, query: str | Query | None = None, k: int = 1000) -> tuple[PhotoEvent, ...]: ...

    def places(self, query: str | Query | None = None, k: int = 1000) -> PlaceCounts: ...

    def saved_search(self, name: str) -> SavedSearch: ...

    def saved_searches(self) -> tuple[SavedSearchSummary, ...]: ...

    def mark_looked_at(self, name: str) -> tuple[int, ...]: ...

    def suggest(self, line: str, k: int = SUGGESTIONS) -> tuple[Suggestion, ...]: ...

    def status(self) -> Status: ...

    def running(self) -> RunningJob | None: ...


def ask(
    settings: Settings,
    call: Callable[[SearchAPI], _Result],
    open_library: Callable[[], AbstractContextManager[SearchAPI]],
) -> _Result:
    """The result of `call` with the running service, or, without one, with an opened library.

    Both give the same result. Finding out that there is no service takes at most 50 ms. Raises
    what the library raises.
    """
    if settings.service != "off" and os.path.lexists(settings.data_dir / SOCKET):
        # Loaded here: without a service a command saves the 25 ms that HTTP and JSON take.
        from imgsearch.service.client import Client, ServiceUnavailable

        with suppress(ServiceUnavailable):
            return call(Client(settings))
    with open_library() as library:
        return call(library)
