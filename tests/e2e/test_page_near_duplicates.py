"""What is ticked among near-duplicates is kept in the library."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, download, serving, settle

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the indexed library of a cat, twice."""
    folder = tmp_path_factory.mktemp("near-duplicates")
    (folder / "photos").mkdir()
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB")
    cat.save(folder / "photos" / "large.png")
    cat.resize((cat.width // 2, cat.height // 2)).save(folder / "photos" / "small.png")
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


def compare(tab: Page, address: str) -> None:
    tab.goto(f"{address}/similar")
    tab.get_by_role("button", name="Compare").click()
    tab.get_by_role("checkbox").nth(1).wait_for(state="attached")
    settle(tab)


def box_of(tab: Page, name: str) -> Locator:
    return tab.get_by_role("checkbox", name=re.compile(rf"Keep \d: \W*{name}\W"))


def tick(tab: Page, name: str, is_kept: bool) -> None:
    box_of(tab, name).set_checked(is_kept, force=True)
    settle(tab)


def expect_kept(tab: Page, *names: str) -> None:
    from playwright.sync_api import expect

    for name in ("large", "small"):
        expect(box_of(tab, name)).to_be_checked(checked=name in names)


def test_choices_survive_a_reload_and_a_restart_and_are_those_of_all_tabs(
    open_tab: OpenTab, place: Path
) -> None:
    with serving(place / "library") as address:
        tab = open_tab(address)
        compare(tab, address)
        expect_kept(tab, "large")
        tick(tab, "small", True)
        tick(tab, "large", False)
        tab.get_by_text("chosen by hand").nth(1).wait_for()
        tab.reload()
        expect_kept(tab, "small")
        other = open_tab(address)
        other.goto(f"{address}/similar")
        expect_kept(other, "small")
        tick(other, "large", True)
        tab.get_by_role("slider").press("Home")  # any run of the script
        expect_kept(tab, "large", "small")
        tick(tab, "large", False)
    with serving(place / "library") as address:
        tab = open_tab(address)
        compare(tab, address)
        expect_kept(tab, "small")
        rows = csv.DictReader(StringIO(download(tab, "CSV").read_text()))
        assert {Path(row["path"]).name: row["keep"] for row in rows} == {
            "small.png": "1",
            "large.png": "0",
        }
        tab.get_by_role("button", name="Forget 2 choices").click()
        expect_kept(tab, "large")
        tab.reload()
        expect_kept(tab, "large")
