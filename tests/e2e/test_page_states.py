"""The page in a real browser, where things are not as usual: formats that browsers cannot show, a
drive that is unplugged, more photos than fit, another process at work, a model that is not there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.store.lock import writing
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    ask,
    serving,
    wait_for_count,
    wait_until_shown,
)
from tests.factories import dng, heic, scene

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = NEEDS_BROWSER
MANY = 70  # more than the page shows at first
ELSEWHERE = "openclip:ViT-B-32/laion2b_s34b_b79k"  # a model whose weights are not on this machine


def noise(path: Path, number: int, side_px: int = 32) -> None:
    """A photo whose bytes are those of no other number."""
    pixels = np.random.default_rng(number).integers(0, 255, (side_px, side_px, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of many photos, of HEIC and RAW, and of a drive that is unplugged meanwhile."""
    pytest.importorskip("rawpy")
    folder = tmp_path_factory.mktemp("states")
    for number in range(MANY):
        noise(folder / "photos" / "many" / f"{number:03}.png", number)
    (folder / "photos" / "phone").mkdir()
    (folder / "photos" / "phone" / "IMG_1.HEIC").write_bytes(heic(scene(320, 240), quality=90))
    (folder / "photos" / "phone" / "IMG_2.dng").write_bytes(dng())
    scene(300, 200).save(folder / "photos" / "phone" / "<script>hacked=1<\u2215script>\n\u202e.png")
    noise(folder / "drive" / "far.png", 1_000)
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos", folder / "drive"]).run()
        (far,) = library.find("name:far").hits
        library.thumbnail(far.photo.id, 360)  # it has been seen, and its picture is kept
    (folder / "drive").rename(folder / "unplugged")
    return folder


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    with serving(place / "library") as found:
        yield found


# ---------------------------------------------------------------------------- photos


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_2.dng"])
def test_what_no_browser_can_show_is_shown(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/?q=name:{name}")
    wait_until_shown(page.locator(".tile:only-child img"))
    page.locator(".tile a").click()
    wait_until_shown(page.locator(".frame img"))
    page.get_by_text({"IMG_1.HEIC": "320 × 240 px", "IMG_2.dng": "256 × 192 px"}[name]).wait_for()


def test_a_photo_of_an_unplugged_drive_is_shown_and_marked(
    page: Page, address: str, keep: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=is:offline")
    wait_until_shown(page.locator(".tile:only-child img"))
    page.locator(".tile .badge.offline").wait_for()
    keep(page, "offline")
    page.locator(".tile a").click()
    wait_until_shown(page.locator(".frame img"))
    page.get_by_text("Its drive is not there now").wait_for()
    keep(page, "offline-photo")
    page.goto(f"{address}/library")
    page.get_by_text("offline").first.wait_for()


def test_more_come_while_one_scrolls(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=in:many+sort:path")
    page.locator(".tile").nth(59).wait_for()
    page.locator(".tile").nth(59).scroll_into_view_if_needed()
    wait_for_count(page, MANY)
    wait_until_shown(page.locator(".tile img").nth(MANY - 1))
    labels = page.locator(".tile a").evaluate_all("all => all.map(a => a.ariaLabel.slice(0, 7))")
    assert labels == [f"{number:03}.png" for number in range(MANY)], "each once, in its order"
    page.locator(".more").wait_for(state="detached")


def test_a_name_with_a_script_a_line_break_and_a_right_to_left_mark(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/?q=name:script")
    wait_until_shown(page.locator(".tile:only-child img"))
    page.locator(".tile a").click()
    page.get_by_text(r"hacked=1<∕script>\n\u202e.png").first.wait_for()
    assert page.evaluate("window.hacked === undefined && !document.title.includes('\\u202e')")


@pytest.mark.parametrize("photo_id", ["999999", "x", ""])
def test_no_such_photo(page: Page, address: str, photo_id: str) -> None:
    page.goto(f"{address}/photo?id={photo_id}")
    page.get_by_text("There is no such photo").wait_for()


def test_an_upload_of_too_many_pixels_is_told(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".tile").first.wait_for()
    bomb = BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    page.set_input_files(
        "[data-testid=stFileUploader] input",
        {"name": "bomb.png", "mimeType": "image/png", "buffer": bomb.getvalue()},
    )
    page.get_by_text("That image cannot be read").wait_for()


# ---------------------------------------------------------------------------- others at work


def test_what_another_process_does_is_shown_live_until_it_ends(
    page: Page, address: str, place: Path, tmp_path: Path, keep: Callable[..., None]
) -> None:
    for number in range(600):
        noise(tmp_path / "more" / f"{number}.png", 10_000 + number, 64)
    page.goto(f"{address}/library")
    button = page.get_by_role("button", name="Make it anew")
    button.wait_for()
    words = ["index", str(tmp_path / "more"), "--data", str(place / "library")]
    other = subprocess.Popen(
        [sys.executable, "-m", "imgsearch", *words],
        env={**os.environ, "IMGSEARCH_ENCODER": "lite"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        page.get_by_text("Indexing in another process").wait_for()
        page.get_by_text(re.compile(r"[1-9]\d* of 600 photos, \d+ a second, .* left")).wait_for()
        page.locator("button:disabled", has_text="Make it anew").first.wait_for()
        keep(page, "library-busy")
        page.goto(f"{address}/?q=name:IMG_1")
        page.locator(".tile").first.wait_for()  # searching works meanwhile
        page.goto(f"{address}/library")
        page.get_by_text("Indexing in another process").wait_for()
    finally:
        other.kill()
        other.wait()
    page.get_by_text("Indexing in another process").wait_for(state="detached")
    page.locator("button:enabled", has_text="Make it anew").first.wait_for()


def test_who_comes_second_is_told(
    page: Page, address: str, place: Path, keep: Callable[..., None]
) -> None:
    page.goto(f"{address}/library")
    with writing(place / "library"):
        page.get_by_role("button", name="Make it anew").click()
        page.get_by_text("The library is being written to").wait_for()
        keep(page, "busy")
    page.get_by_role("button", name="Make it anew").click()
    page.get_by_text(re.compile("Done in .* vectors")).wait_for()


# ---------------------------------------------------------------------------- models


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A library that was made with a model that is not on this machine."""
    with writing(tmp_path / "library") as store:
        noise(tmp_path / "photos" / "one.png", 1)
        root_id = store.add_root(str(tmp_path / "photos"))
        row = store.add_encoder(f"{ELSEWHERE}@1", ELSEWHERE, 512)
        about = (tmp_path / "photos" / "one.png").stat()
        stat = FileStat(
            str(tmp_path / "photos" / "one.png"), about.st_size, about.st_mtime_ns, about.st_ino
        )
        vector = np.eye(1, 512, dtype=np.float32)
        store.record(
            root_id, row.key, [IngestResult(stat, b"1" * 32, Facts("PNG", 32, 32), vector)]
        )
    return tmp_path / "library"


@pytest.mark.parametrize("asked", ["auto", "lite"])
def test_a_model_that_does_not_answer_leads_to_the_library(
    browser: Browser, foreign: Path, asked: str, keep: Callable[..., None]
) -> None:
    with serving(foreign, IMGSEARCH_ENCODER=asked, HF_HUB_OFFLINE="1") as address:
        tab = browser.new_page(viewport={"width": 1280, "height": 860})
        tab.set_default_timeout(PATIENCE_MS)
        tab.goto(f"{address}/?q=a+cat")
        tab.get_by_text("The model does not answer").wait_for()
        keep(tab, f"model-{asked}")
        tab.get_by_role("button", name="Choose a model").click()
        tab.get_by_text("Change the model").wait_for()
        if asked == "auto":
            tab.goto(address)
            wait_until_shown(tab.locator(".tile:only-child img"))  # looking needs no model
            ask(tab, "name:one")
            wait_until_shown(tab.locator(".tile:only-child img"))
        tab.context.close()


def test_every_view_of_an_empty_library_says_what_to_do(
    browser: Browser, tmp_path: Path, keep: Callable[..., None]
) -> None:
    with serving(tmp_path / "nothing") as empty:
        tab = browser.new_page(viewport={"width": 1280, "height": 860})
        tab.set_default_timeout(PATIENCE_MS)
        for view in ("", "similar", "labels"):
            tab.goto(f"{empty}/{view}")
            tab.get_by_text("No photos yet").wait_for()
            tab.get_by_role("button", name="Add a folder").wait_for()
        keep(tab, "empty")
        tab.goto(f"{empty}/library")
        tab.get_by_label("Add a folder of this machine").fill(str(tmp_path / "missing"))
        tab.get_by_role("button", name="Index", exact=True).click()
        tab.get_by_text("That folder cannot be used").wait_for()
        keep(tab, "no-folder")
        tab.context.close()
