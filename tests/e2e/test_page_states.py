"""The page in a real browser in unusual states: formats that browsers cannot show, an unplugged
drive, more photos than fit, another process at work, a missing model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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
    choose_file,
    focused_name,
    search,
    serving,
    wait_for_first,
    wait_in_browser,
    wait_until_shown,
)
from tests.factories import dng, heic, scene, write_noise
from tests.held_process import held

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
MANY = 70  # more than fit into the window
MISSING_MODEL = "openclip:ViT-B-32/laion2b_s34b_b79k"  # its weights are not on this machine


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of many photos, HEIC and RAW files, and a drive that was unplugged later."""
    pytest.importorskip("rawpy")
    folder = tmp_path_factory.mktemp("states")
    for number in range(MANY):
        write_noise(folder / "photos" / "many" / f"{number:03}.png", number)
    (folder / "photos" / "phone").mkdir()
    (folder / "photos" / "phone" / "IMG_1.HEIC").write_bytes(heic(scene(320, 240), quality=90))
    (folder / "photos" / "phone" / "IMG_2.dng").write_bytes(dng())
    scene(300, 200).save(folder / "photos" / "phone" / "<script>hacked=1<\u2215script>\n\u202e.png")
    write_noise(folder / "drive" / "far.png", 1_000)
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos", folder / "drive"]).run()
    (folder / "drive").rename(folder / "unplugged")
    return folder


# ---------------------------------------------------------------------------- photos


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_2.dng"])
def test_formats_that_browsers_cannot_show_are_shown(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/?q=name:{name}")
    wait_until_shown(page.locator(".tile:only-child img"))
    page.locator(".tile a[href]").click()
    wait_until_shown(page.locator(".frame img"))
    page.get_by_text({"IMG_1.HEIC": "320 × 240 px", "IMG_2.dng": "256 × 192 px"}[name]).wait_for()


def test_a_photo_on_an_unplugged_drive_is_shown_and_marked(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=is:offline")
    wait_until_shown(page.locator(".tile:only-child img"))
    page.locator(".tile .badge.offline").wait_for()
    screenshot(page, "offline")
    page.locator(".tile a[href]").click()
    wait_until_shown(page.locator(".frame img"))
    remark = page.get_by_text("The drive with this photo is not connected")
    remark.wait_for()
    page.get_by_role("button", name="Details").click()
    page.get_by_role("complementary", name="Details").wait_for(state="hidden")
    remark.wait_for()
    screenshot(page, "offline-photo")
    page.goto(f"{address}/library")
    page.get_by_text("offline").first.wait_for()


def test_a_photo_whose_file_is_gone_says_so_and_is_not_downloaded(
    page: Page, address: str, place: Path, screenshot: Callable[..., None]
) -> None:
    file = place / "photos" / "many" / "007.png"
    file.rename(place / "007.png")
    try:
        page.goto(f"{address}/?q=name:007")
        page.locator(".tile:only-child a[href]").click()
        wait_until_shown(page.locator(".frame img"))
        page.get_by_text("The file of this photo is not where it was").wait_for()
        screenshot(page, "gone-photo")
        shown = page.url
        page.get_by_role("link", name="Download the original").click()
        page.get_by_text("The file cannot be read now, or has changed").wait_for()
        assert page.url == shown
    finally:
        (place / "007.png").rename(file)
    page.reload()
    wait_until_shown(page.locator(".frame img"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the original").click()
    assert Path(download.value.path()).read_bytes() == file.read_bytes()


def test_a_long_answer_scrolls_to_its_end(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 640, "height": 600})
    page.goto(f"{address}/?q=in:many+sort:path")
    page.locator(".head h2", has_text=str(MANY)).wait_for()
    wait_for_first(page, "000.png")
    assert page.locator(".tile").count() < MANY, "only those in sight exist"
    page.locator(".tile a[href]").first.focus()
    shown = [focused_name(page)]
    for _ in range(MANY - 1):
        page.keyboard.press("ArrowRight")
        shown.append(focused_name(page))
    assert shown == [f"{number:03}.png" for number in range(MANY)], "each once, in order"
    wait_until_shown(page.locator(f".tile:has(a[aria-label^='{MANY - 1:03}.png']) img"))


@pytest.mark.parametrize("failure", ["no connection", "busy"])
def test_a_picture_that_failed_is_asked_for_again(page: Page, address: str, failure: str) -> None:
    """Where the server was away or busy; a picture that there is not is not asked for again."""
    from playwright.sync_api import expect

    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        if failure == "busy":
            route.fulfill(status=503, body="Busy.")
        else:
            route.abort("connectionrefused")

    page.route("**/thumbnail/**", refuse)
    page.goto(f"{address}/?q=in:many")
    page.locator(".tile img").first.wait_for(state="attached")
    # Each was asked for, and again to find out why it failed.
    wait_in_browser(page, lambda: any(asked.count(each) > 2 for each in asked))
    expect(page.get_by_text("No preview available")).to_have_count(0)
    page.unroute("**/thumbnail/**")
    wait_until_shown(page.locator(".tile img").first)
    gone: list[str] = []

    def deny(route: Route) -> None:
        gone.append(route.request.url)
        route.fulfill(status=404, body="Photo not found.")

    page.route("**/thumbnail/**", deny)
    page.goto(f"{address}/?q=in:phone")
    expect(page.get_by_text("No preview available")).to_have_count(3)
    assert all(gone.count(each) <= 2 for each in gone)


def test_a_file_name_with_a_script_a_line_break_and_a_right_to_left_mark(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/?q=name:script")
    wait_until_shown(page.locator(".tile:only-child img"))
    page.locator(".tile a[href]").click()
    page.get_by_text(r"hacked=1<∕script>\n\u202e.png").first.wait_for()
    assert page.evaluate("window.hacked === undefined && !document.title.includes('\\u202e')")


@pytest.mark.parametrize("photo_id", ["999999", "x", ""])
def test_an_unknown_photo(page: Page, address: str, photo_id: str) -> None:
    page.goto(f"{address}/photo?id={photo_id}")
    page.get_by_text("Photo not found").wait_for()


def test_an_upload_with_too_many_pixels_is_reported(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".tile").first.wait_for()
    bomb = BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    choose_file(page, "bomb.png", "image/png", bomb.getvalue())
    page.get_by_text("Cannot read this image").wait_for()


# ---------------------------------------------------------------------------- other processes


def test_the_progress_of_another_process_is_shown(
    page: Page, address: str, place: Path, tmp_path: Path, screenshot: Callable[..., None]
) -> None:
    for number in range(200):
        write_noise(tmp_path / "more" / f"{number}.png", 10_000 + number, 64)
    page.goto(f"{address}/library")
    page.locator("button:enabled", has_text="Rebuild").first.wait_for()
    with held("index", tmp_path / "more", data=place / "library", at_batch=12) as other:
        page.get_by_text("Indexing in another process").wait_for()
        other.wait_until_held()
        progress = re.compile(r"[1-9]\d* of 200 photos, [\d.]+ per second, .* left")
        page.get_by_text(progress).wait_for()
        page.locator("button:disabled", has_text="Rebuild").first.wait_for()
        screenshot(page, "library-busy")
        page.goto(f"{address}/?q=name:IMG_1")
        page.locator(".tile").first.wait_for()  # searching still works
        page.goto(f"{address}/library")
        page.get_by_text("Indexing in another process").wait_for()
    page.get_by_text("Indexing in another process").wait_for(state="detached")
    page.locator("button:enabled", has_text="Rebuild").first.wait_for()


def test_a_second_writer_is_refused(
    page: Page, address: str, place: Path, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/library")
    with writing(place / "library"):
        page.get_by_role("button", name="Rebuild").click()
        page.get_by_text("The library is busy").wait_for()
        screenshot(page, "busy")
    page.get_by_role("button", name="Rebuild").click()
    page.get_by_text(re.compile("Done in .* vectors")).wait_for()


# ---------------------------------------------------------------------------- models


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A library whose model is not on this machine."""
    with writing(tmp_path / "library") as store:
        write_noise(tmp_path / "photos" / "one.png", 1)
        root_id = store.files.add_root(str(tmp_path / "photos"))
        row = store.vectors.add_encoder(f"{MISSING_MODEL}@1", MISSING_MODEL, 512)
        about = (tmp_path / "photos" / "one.png").stat()
        stat = FileStat(
            str(tmp_path / "photos" / "one.png"), about.st_size, about.st_mtime_ns, about.st_ino
        )
        vector = np.eye(1, 512, dtype=np.float32)
        store.record(
            root_id, row.key, [IngestResult(stat, b"1" * 32, Facts("PNG", 32, 32), vector)]
        )
    return tmp_path / "library"


@pytest.mark.parametrize("encoder", ["auto", "lite"])
def test_a_missing_model_leads_to_choosing_one(
    open_tab: OpenTab, foreign: Path, encoder: str, screenshot: Callable[..., None]
) -> None:
    with serving(foreign, IMGSEARCH_ENCODER=encoder, HF_HUB_OFFLINE="1") as address:
        tab = open_tab(address)
        tab.goto(f"{address}/?q=a+cat")
        tab.get_by_text("The model is not available").wait_for()
        screenshot(tab, f"model-{encoder}")
        tab.get_by_role("button", name="Choose a model").click()
        tab.get_by_text("Change the model").wait_for()
        if encoder == "auto":
            tab.goto(address)
            wait_until_shown(tab.locator(".tile:only-child img"))  # browsing needs no model
            search(tab, "name:one")
            tab.wait_for_url("**/?q=name*")
            wait_until_shown(tab.locator(".tile:only-child img"))


def test_every_view_of_an_empty_library_says_what_to_do(
    open_tab: OpenTab, tmp_path: Path, screenshot: Callable[..., None]
) -> None:
    with serving(tmp_path / "nothing") as address:
        tab = open_tab(address)
        refused: list[str] = []
        tab.on(
            "response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None
        )
        for view in ("", "timeline", "map", "similar", "labels"):
            tab.goto(f"{address}/{view}")
            tab.get_by_text("No photos yet").wait_for()
            tab.get_by_role("button", name="Add a folder").wait_for()
        screenshot(tab, "empty")
        assert not refused
        tab.goto(f"{address}/library")
        tab.get_by_label("Add a folder on this machine").fill(str(tmp_path / "missing"))
        tab.get_by_role("button", name="Index", exact=True).click()
        tab.get_by_text("Cannot use this folder").wait_for()
        screenshot(tab, "no-folder")
