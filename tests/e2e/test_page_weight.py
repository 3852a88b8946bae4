"""The first page: its weight on the wire, the requests that it makes, and its small icon font."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, PATIENCE_MS, TOKEN, settle
from tests.counted_connections import counted
from ui import icon_font

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

pytestmark = NEEDS_BROWSER
MOST_BYTES = 1_100_000  # of the first page, without pictures in a cache
MOST_BYTES_AGAIN = 100_000  # of the next one: scripts and pictures are in the browser's cache


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weight")
    shutil.copytree(demo_photos, folder / "photos")
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


def open_start(tab: Page, address: str) -> None:
    tab.goto(address)
    tab.locator(".tile img").first.wait_for()
    settle(tab)
    tab.wait_for_load_state("networkidle")


def test_the_first_page_weighs_at_most_1_1_mb(browser: Browser, address: str) -> None:
    with counted(address) as (through, counter):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        context.request.get(f"{through}/?token={TOKEN}")
        tab = context.new_page()
        counter.reset()
        open_start(tab, through)
        first_bytes = counter.sent_bytes
        counter.reset()
        open_start(tab, through)
        again_bytes = counter.sent_bytes
        context.close()
    assert 100_000 < first_bytes <= MOST_BYTES, first_bytes
    assert 1000 < again_bytes <= MOST_BYTES_AGAIN


@pytest.mark.parametrize("path", ["/", "/?q=a+cat", "/timeline", "/similar", "/photo?id=none"])
def test_no_request_fails_and_all_scripts_are_asked_for_at_once(
    page: Page, address: str, path: str
) -> None:
    """Also where the address is one that somebody has kept or sent."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    document = page.goto(f"{address}{path}")
    assert document is not None
    named = set(re.findall(r'(?:href|src)="\.?(/[^"]+\.js)"', document.text()))
    page.locator("h1, h2, .tile img").first.wait_for()
    settle(page)
    page.wait_for_load_state("networkidle")
    assert [(each.status, each.url) for each in answers if each.status >= 400] == []
    paths = [urlsplit(each.url).path for each in answers]
    scripts = [
        each for each in paths if each.startswith(("/static/", "/modules/")) and ".js" in each
    ]
    assert len(scripts) > 50 and set(scripts) <= named
    assert len(scripts) == len(set(scripts)), "asked for twice"


def test_every_icon_of_the_small_font_is_drawn(page: Page, address: str) -> None:
    open_start(page, address)
    wide = page.evaluate(
        """async (names) => {
            await document.fonts.load('24px "Material Symbols Rounded"', names.join(""));
            const box = document.createElement("div");
            document.body.append(box);
            const wide = names.filter((name) => {
                const node = document.createElement("span");
                node.style.cssText = 'font: 24px "Material Symbols Rounded"; position: absolute;'
                    + 'font-feature-settings: "liga"; white-space: nowrap';
                node.textContent = name;
                box.append(node);
                return node.offsetWidth !== 24;
            });
            box.remove();
            return wide;
        }""",
        list(icon_font.font_part().names),
    )
    assert wide == [], "they are drawn as letters"
