"""The page of an archive: search, view and open its photos in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image

from imgsearch import Archive, Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    download,
    serving,
    settle,
    wait_for_count,
    wait_for_first,
    wait_until_shown,
)
from tests.factories import run_cli

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytest.importorskip("lance", reason="needs the extra scale")
pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def address(demo: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of an archive is served that the demo library was copied to."""
    place = tmp_path_factory.mktemp("archive-page")
    archive = place / "archive"
    with Archive.open(archive, Settings.load(data_dir=place / "data")) as opened:
        opened.copy_from(demo.settings.data_dir).run()
    with serving(place / "data", "--library", str(archive)) as served:
        yield served


@pytest.mark.parametrize(
    ("width_px", "height_px", "theme"), [(1440, 900, "light"), (390, 844, "dark")]
)
def test_photos_of_an_archive_are_found_and_shown(
    address: str,
    open_tab: OpenTab,
    screenshot: Callable[[Page, str], None],
    width_px: int,
    height_px: int,
    theme: Literal["light", "dark"],
) -> None:
    tab = open_tab(address, width_px, height_px, theme)
    tab.goto(address)
    wait_for_count(tab, 21)
    settle(tab)
    assert tab.get_by_role("link", name="Timeline").count() == 0
    assert tab.get_by_role("button", name="Filters").count() == 0
    wait_until_shown(tab.locator(".tile img").first)
    widths_px = tab.locator(".tile img").evaluate_all("each => each.map(one => one.naturalWidth)")
    assert 0 < max(widths_px) <= 256, "tiles need no original"
    screenshot(tab, f"archive-newest-{width_px}-{theme}")
    tab.get_by_role("textbox", name="Search").fill("a cat")
    tab.keyboard.press("Enter")
    wait_for_first(tab, "chelsea.png")
    settle(tab)
    screenshot(tab, f"archive-answer-{width_px}-{theme}")
    assert axe_violations(tab) == []
    tab.locator(".tile a[aria-label^='chelsea.png']").click()
    tab.get_by_role("heading", name="Why it matched").wait_for()
    settle(tab)
    assert tab.get_by_text("chelsea.png").first.is_visible()
    screenshot(tab, f"archive-photo-{width_px}-{theme}")
    assert axe_violations(tab) == []
    tab.goto(f"{address}/archive")
    tab.get_by_text("none; 28 vectors compared").wait_for()
    settle(tab)
    screenshot(tab, f"archive-state-{width_px}-{theme}")
    assert axe_violations(tab) == []


def test_near_duplicates_of_an_archive_are_shown_side_by_side(
    demo_photos: Path, tmp_path: Path, open_tab: OpenTab, screenshot: Callable[[Page, str], None]
) -> None:
    photos, archive = tmp_path / "photos", tmp_path / "archive"
    photos.mkdir()
    with Image.open(demo_photos / "chelsea.png") as cat:
        cat.convert("RGB").save(photos / "cat.png")
        cat.convert("RGB").resize((300, 200)).save(photos / "small.jpg")
    settings = Settings.load(data_dir=tmp_path / "data", encoder="lite")
    with Archive.open(archive, settings) as opened:
        opened.index([photos]).run()
    with serving(tmp_path / "data", "--library", str(archive)) as address:
        tab = open_tab(address)
        tab.goto(f"{address}/similar")
        tab.get_by_role("button", name="Compare").click()
        for name in ("cat.png", "small.jpg"):
            tab.locator(f".tile a[aria-label^='{name}']").wait_for()
        settle(tab)
        screenshot(tab, "archive-similar")
        assert axe_violations(tab) == []
        assert download(tab, "Paths").read_text() == f"{photos / 'small.jpg'}\n"
        assert download(tab, "Script").read_text().count("small.jpg' ") == 1
        tab.set_viewport_size({"width": 390, "height": 844})
        settle(tab)
        screenshot(tab, "archive-similar-narrow")


def test_a_photo_of_an_archive_is_an_example(address: str, open_tab: OpenTab) -> None:
    tab = open_tab(address)
    tab.goto(f"{address}/?q=a+cat")
    wait_for_first(tab, "chelsea.png")
    tab.locator(".tile a[aria-label^='chelsea.png']").click()
    tab.get_by_role("link", name="Find similar").click()
    tab.wait_for_url("**photo=*")
    tab.locator(".crop img").wait_for()
    tab.locator(".tile").first.wait_for()
    assert tab.locator(".tile a[aria-label^='chelsea.png']").count() == 0


def test_selected_photos_of_an_archive_can_be_exported(
    address: str, open_tab: OpenTab, demo: Library
) -> None:
    tab = open_tab(address)
    tab.goto(f"{address}/?q=a+cat")
    wait_for_first(tab, "chelsea.png")
    settle(tab)
    tab.locator(".tile .select").first.check()
    tab.get_by_text("1 photo selected").wait_for()
    paths = download(tab, "Paths")
    written = paths.read_text()
    assert written == f"{demo.find('a cat').hits[0].path}\n"
    assert tab.get_by_role("button", name="Folder of links").count() == 0


def test_without_an_archive_there_no_page_opens(tmp_path: Path) -> None:
    done = run_cli("ui", "--library", tmp_path / "none", "--no-browser", data=tmp_path / "data")
    assert done.returncode == 8
    assert f"There is no catalogue at {tmp_path / 'none'}" in done.stderr
