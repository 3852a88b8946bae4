"""The browser, its tabs, the served page, and screenshots.

A test module that uses `page` defines `place`, the folder with its `library`; one that serves it
otherwise defines `address`, too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import pytest

from tests.browsing import PATIENCE_MS, TOKEN, launch_chromium, serving, settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright


# Not for the whole session: while Playwright runs, no test can start an event loop.
@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    """What starts and drives browsers, for all tests in this folder."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def browser(driver: Playwright) -> Iterator[Browser]:
    """Chromium, for all tests in this folder; `open_tab` gives each a profile of its own."""
    browser = launch_chromium(driver)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    """Where the page of this module's library is served."""
    with serving(place / "library") as address:
        yield address


class OpenTab(Protocol):
    """Opens an empty tab for the page at `address`."""

    def __call__(
        self,
        address: str,
        width: int = 1280,
        height: int = 860,
        color_scheme: Literal["light", "dark"] = "light",
    ) -> Page: ...


NOT_WANTED_ANY_MORE = "status=2152398850"  # NS_BINDING_ABORTED


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Afterwards the tabs must have requested nothing from elsewhere, and no script have failed."""
    from playwright.sync_api import expect

    contexts: list[BrowserContext] = []
    foreign: list[str] = []
    errors: list[str] = []

    def open_tab(
        address: str,
        width: int = 1280,
        height: int = 860,
        color_scheme: Literal["light", "dark"] = "light",
    ) -> Page:
        own = (address, address.replace("http", "ws"), "data:", "blob:")
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, color_scheme=color_scheme)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        context.request.get(f"{address}/?token={TOKEN}")  # logs the browser in
        tab = context.new_page()
        tab.on(
            "request",
            lambda request: None if request.url.startswith(own) else foreign.append(request.url),
        )
        tab.on(
            "pageerror",
            # Firefox calls it an error that a font which the page before wanted comes no more.
            lambda error: None if NOT_WANTED_ANY_MORE in str(error) else errors.append(str(error)),
        )
        return tab

    yield open_tab
    for context in contexts:
        context.close()
    assert not foreign
    assert not errors


@pytest.fixture
def page(open_tab: OpenTab, address: str) -> Page:
    """An empty tab for the page of the module."""
    return open_tab(address)


@pytest.fixture
def screenshot() -> Callable[[Page, str], None]:
    """Saves a screenshot in the folder IMGSEARCH_SCREENSHOTS, if it is set."""

    def save(tab: Page, name: str) -> None:
        folder = os.environ.get("IMGSEARCH_SCREENSHOTS")
        if folder:
            settle(tab)
            Path(folder).mkdir(parents=True, exist_ok=True)
            tab.screenshot(path=Path(folder, f"{name}.png"), animations="disabled")

    return save
