"""The browser, its tabs, the served page, and screenshots.

A test module that uses `page` defines `place`, the folder with its `library`; one that serves it
otherwise defines `address`, too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
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
    # One process for all tabs of a profile: a tab in a new process compiles all scripts anew.
    browser = launch_chromium(driver, "--renderer-process-limit=1")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    """Where the page of this module's library is served."""
    with serving(place / "library") as address:
        yield address


# As somebody has chosen who looks at the details of photos; at first they are in a closed drawer.
_WITH_DETAILS = "try { localStorage['imgsearch.details'] ??= '1' } catch {}"


class OpenTab(Protocol):
    """Opens an empty tab for the page at `address`."""

    def __call__(
        self,
        address: str,
        width: int = 1280,
        height: int = 860,
        color_scheme: Literal["light", "dark"] = "light",
    ) -> Page: ...


_TABS: pytest.StashKey[list[Page]] = pytest.StashKey()
_NO_TABS: list[Page] = []
_TEXT_CHARACTERS = 2000  # of a tab, in the report of a test that failed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds to the report of a failed test what its tabs show: a time-out alone says nothing."""
    report = yield
    if call.when == "call" and report.failed:
        tabs = item.stash.get(_TABS, _NO_TABS)
        for number, tab in enumerate(tabs, start=1):
            report.sections.append((f"tab {number}", _shown_in(tab)))
    return report


def _shown_in(tab: Page) -> str:
    try:
        text = tab.locator("body").inner_text(timeout=5000)
    except Exception as error:  # noqa: BLE001  # whatever it is, the failure itself is reported
        text = f"could not be read: {error}"
    return f"{tab.url}\n{text[:_TEXT_CHARACTERS]}"


NOT_WANTED_ANY_MORE = "status=2152398850"  # NS_BINDING_ABORTED


class Profiles:
    """Profiles of a browser, emptied and used again, so that the scripts of the page stay cached.

    Loading and compiling these takes a third of the time of opening a page.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: list[BrowserContext] = []
        self._empty: dict[BrowserContext, Page] = {}  # tabs that keep the processes alive

    def take(self) -> BrowserContext:
        """A profile without cookies and stored values, and with no tab but an empty one."""
        if self._free:
            return self._free.pop()
        profile = self._browser.new_context(viewport={"width": 1280, "height": 860})
        if self._is_chromium:
            self._empty[profile] = profile.new_page()
        return profile

    @property
    def _is_chromium(self) -> bool:
        return self._browser.browser_type.name == "chromium"

    def give_back(self, profile: BrowserContext, address: str) -> None:
        """Close its tabs, and forget what pages at this address have stored."""
        if not self._is_chromium:  # which alone has a command that forgets it
            profile.close()
            return
        empty = self._empty[profile]
        for tab in profile.pages:
            if tab != empty:
                tab.close()
        values = {"origin": address, "storageTypes": "local_storage,indexeddb,service_workers"}
        session = profile.new_cdp_session(empty)
        session.send("Storage.clearDataForOrigin", values)
        session.detach()
        profile.clear_cookies()
        profile.clear_permissions()
        self._free.append(profile)

    def close(self) -> None:
        """Close the profiles that nobody has."""
        for profile in self._free:
            profile.close()


@pytest.fixture(scope="module")
def profiles(browser: Browser) -> Iterator[Profiles]:
    """Profiles of the browser. They are of use only where pages are served at the same address."""
    profiles = Profiles(browser)
    yield profiles
    profiles.close()


@pytest.fixture
def open_tab(request: pytest.FixtureRequest, profiles: Profiles) -> Iterator[OpenTab]:
    """Afterwards the tabs must have requested nothing from elsewhere, and no script have failed."""
    from playwright.sync_api import expect

    used: list[tuple[BrowserContext, str]] = []
    foreign: list[str] = []
    errors: list[str] = []
    tabs: list[Page] = []
    request.node.stash[_TABS] = tabs

    def open_tab(
        address: str,
        width: int = 1280,
        height: int = 860,
        color_scheme: Literal["light", "dark"] = "light",
    ) -> Page:
        own = (address, address.replace("http", "ws"), "data:", "blob:")
        profile = profiles.take()
        used.append((profile, address))
        profile.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        # Logs the browser in. A profile that was used before keeps its connection, which a server
        # closes when it was idle for some seconds, maybe at the moment of this request.
        profile.request.get(f"{address}/?token={TOKEN}", max_retries=3)
        tab = profile.new_page()
        tabs.append(tab)
        tab.set_viewport_size({"width": width, "height": height})
        tab.emulate_media(color_scheme=color_scheme)
        tab.add_init_script(_WITH_DETAILS)
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
    for profile, address in used:
        profiles.give_back(profile, address)
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
