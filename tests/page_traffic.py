"""What the page and its server send each other, which a test can hold back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page, WebSocketRoute

PATIENCE_S = 60
# Opens a view as a link does.
VISIT = """async (address) => {
    const modules = performance.getEntriesByType("resource").map((each) => each.name);
    const { visit } = await import(modules.find((name) => name.endsWith("/history/history.js")));
    visit(address);
}"""


# Opens views, one right after the other.
QUICK_STEPS = """async (addresses) => {
    const modules = performance.getEntriesByType("resource").map((each) => each.name);
    const { visit } = await import(modules.find((name) => name.endsWith("/history/history.js")));
    for (const address of addresses) visit(address);
}"""


class Traffic:
    """What the page and its server send each other, which a test can hold back. Create it first."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._requests = Held()
        self._replies = Held()
        page.route_web_socket(re.compile("/_stcore/stream"), self._relay)

    def _relay(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda request: self._requests.pass_on(request, server.send))
        server.on_message(lambda reply: self._replies.pass_on(reply, socket.send))

    @property
    def held_requests(self) -> int:
        """The number of requests that are held now."""
        return len(self._requests.messages)

    @contextmanager
    def replies_held(self) -> Iterator[Callable[[str], None]]:
        """Nothing reaches the page inside. Yields what waits for a reply that has a text in it."""
        with self._replies.holding():
            yield lambda text: self._wait(lambda: self._replies.has(text))

    @contextmanager
    def requests_held(self) -> Iterator[Callable[[int], None]]:
        """Nothing leaves the page inside. Yields what waits until so many requests are held."""
        with self._requests.holding():
            yield lambda number: self._wait(lambda: len(self._requests.messages) >= number)

    @contextmanager
    def requests_lost(self) -> Iterator[Callable[[int], None]]:
        """As `requests_held`, but the requests are lost in the end."""
        with self.requests_held() as wait_for_requests:
            yield wait_for_requests
            self._requests.messages.clear()

    def _wait(self, is_there: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not is_there():
            assert time.monotonic() < until, "what is waited for was not sent"
            self._page.wait_for_timeout(20)


class Held:
    """Messages in one direction, in their order."""

    def __init__(self) -> None:
        self.messages: list[tuple[str | bytes, Callable[[str | bytes], None]]] = []
        self._is_holding = False

    def pass_on(self, message: str | bytes, send: Callable[[str | bytes], None]) -> None:
        if self._is_holding:
            self.messages.append((message, send))
        else:
            send(message)

    def has(self, text: str) -> bool:
        return any(
            text.encode() in message for message, _ in self.messages if isinstance(message, bytes)
        )

    @contextmanager
    def holding(self) -> Iterator[None]:
        self._is_holding = True
        yield
        self._is_holding = False
        for message, send in self.messages:
            send(message)
        self.messages.clear()
