"""The browser, a tab, and screenshots, for tests of the page. Each module says its `address`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browsing import BROWSER, FLAGS, PATIENCE_MS, settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """An empty tab. Afterwards: it asked nobody but us, and no script of ours failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(PATIENCE_MS)
    tab = context.new_page()
    strangers: list[str] = []
    errors: list[str] = []
    tab.on("request", lambda request: strangers.append(request.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    context.close()
    ours = (address, address.replace("http", "ws"), "data:", "blob:")
    assert not [url for url in strangers if not url.startswith(ours)]
    assert not errors


@pytest.fixture
def keep() -> Callable[..., None]:
    """Keeps a screenshot, where asked to."""

    def shoot(tab: Page, name: str) -> None:
        folder = os.environ.get("IMGSEARCH_SCREENSHOTS")
        if folder:
            settle(tab)
            Path(folder).mkdir(parents=True, exist_ok=True)
            tab.screenshot(path=Path(folder, f"{name}.png"))

    return shoot
