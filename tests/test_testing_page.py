"""The page that `imgsearch.testing` serves and opens for the tests of plug-ins."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Library
from tests.browsing import NEEDS_BROWSER, PATIENCE_MS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ["imgsearch.testing"]


def test_the_page_is_served_to_who_has_its_address(served_page: str) -> None:
    with urllib.request.urlopen(served_page, timeout=60) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(served_page.partition("?")[0], timeout=60)
    assert refused.value.code == 403
    refused.value.close()


class TestInABrowser:
    pytestmark = NEEDS_BROWSER

    def test_a_photo_of_the_library_is_shown(
        self,
        new_photo: Callable[..., Path],
        temporary_library: Library,
        browser_page: Page,
    ) -> None:
        folder = new_photo("red.png", "red").parent
        temporary_library.index([folder]).run()
        (photo_id,) = temporary_library.find_all("name:red").ids.tolist()
        browser_page.goto(f"/photo?id={photo_id}")
        browser_page.get_by_role("img", name="red.png").first.wait_for(timeout=PATIENCE_MS)
        browser_page.goto("/timeline")
        browser_page.get_by_text("1 photo", exact=True).first.wait_for(timeout=PATIENCE_MS)
