"""The page in a real browser: what a person does, and what a hostile file or visitor tries.

Needs Chromium or Chrome (tests/e2e/install_browser.sh) and playwright, else skipped. With
IMGSEARCH_SCREENSHOTS=DIR a picture of each view is kept there; docs/images is made so.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    ask,
    serving,
    settle,
    wait_for_first,
    wait_for_line,
    wait_for_only,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = NEEDS_BROWSER
HOSTILE = "<img src=x onerror=hacked=1> ![x](http-example)\u202egpj.\n*bold*.jpg"
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo photos in two folders, one with a hostile name, one broken, one twice; indexed."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "photos" / "animals").mkdir(parents=True)
    for photo in demo_photos.iterdir():
        inside = "animals" if photo.name in ("chelsea.png", "horse.png") else ""
        shutil.copyfile(photo, folder / "photos" / inside / photo.name)
    Image.new("RGB", (90, 60), (200, 30, 30)).save(folder / "photos" / HOSTILE)
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB")
    cat.save(folder / "photos" / "cat_small.jpg", quality=90)
    (folder / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    with serving(place / "library") as found:
        yield found


# ---------------------------------------------------------------------------- search


def test_type_a_question_and_look_closer(
    page: Page, address: str, keep: Callable[..., None]
) -> None:
    page.goto(address)
    page.locator(".tile img").first.wait_for()
    keep(page, "start")
    ask(page, "a cup of coffee")
    wait_for_first(page, "coffee.png")
    page.wait_for_url("**/?q=a+cup+of+coffee")
    keep(page, "search")
    page.locator(".tile:first-child a").click()
    page.locator(".frame img").wait_for()
    page.get_by_text("600 × 400 px").wait_for()
    page.get_by_text("coffee.png").wait_for()
    keep(page, "photo")
    page.get_by_role("button", name="Results").click()
    wait_for_first(page, "coffee.png")


def test_a_video_shows_the_moment(
    browser: Browser, demo_photos: Path, tmp_path: Path, keep: Callable[..., None]
) -> None:
    pytest.importorskip("av")
    from tests.clips import video

    (tmp_path / "photos").mkdir()
    shown = ("brick.png", "chelsea.png", "coffee.png")
    images = [Image.open(demo_photos / name).convert("RGB").resize((320, 240)) for name in shown]
    (tmp_path / "photos" / "clip.mp4").write_bytes(video(images, 4.0))
    for photo in demo_photos.iterdir():
        if photo.name not in shown:
            shutil.copyfile(photo, tmp_path / "photos" / photo.name)
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        library.index([tmp_path / "photos"]).run()
        moment = library.search("a cat", k=1)[0].at_s
    assert moment is not None and 4 <= moment < 8
    with serving(tmp_path / "library") as address:
        context = browser.new_context(viewport={"width": 1280, "height": 860})
        context.set_default_timeout(PATIENCE_MS)
        tab = context.new_page()
        tab.goto(f"{address}/?q=a+cat")
        wait_for_first(tab, "clip.mp4")
        badge = tab.locator(".tile:first-child .badge.video")
        assert badge.text_content() == f"▶ 0:{int(moment):02}"
        source = tab.locator(".tile:first-child img").get_attribute("src") or ""
        assert source.endswith(f"&at={round(moment * 1000)}")
        _, content, _ = fetch(f"{address}{source}")
        cat = Image.open(BytesIO(content)).convert("RGB").resize((8, 6))
        assert_alike(cat, images[1].resize((8, 6)))
        keep(tab, "video")
        tab.locator(".tile:first-child a").click()
        tab.locator(f".frame img[src*='at={round(moment * 1000)}']").wait_for()
        tab.get_by_text("0:12").wait_for()  # its length
        context.close()


def assert_alike(one: Image.Image, other: Image.Image) -> None:
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    assert max(abs(a - b) for a, b in pairs) < 40


def test_the_address_is_the_question(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=a+rocket+launch")
    wait_for_first(page, "rocket.jpg")
    ask(page, "a motorcycle")
    wait_for_first(page, "motorcycle_left.png")
    page.go_back()
    wait_for_first(page, "rocket.jpg")


def test_find_similar(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=name:chelsea")
    page.locator(".tile a").click()
    page.get_by_role("button", name="Find similar").click()
    wait_for_first(page, "cat_small.jpg")
    page.locator(".tile a[aria-label^='chelsea.png']").wait_for(state="detached")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_give_an_image_and_crop_it(
    page: Page, address: str, demo_photos: Path, keep: Callable[..., None], way: str
) -> None:
    page.goto(address)
    page.locator(".tile img").first.wait_for()
    mine = BytesIO()  # much like a photo of the library, and no copy of it, which would be left out
    Image.open(demo_photos / "chelsea.png").convert("RGB").save(mine, "JPEG", quality=70)
    page.evaluate(
        """([way, bytes]) => {
            const file = new File([new Uint8Array(bytes)], "mine.jpg", {type: "image/jpeg"});
            const data = new DataTransfer();
            data.items.add(file);
            const manner = {bubbles: true, cancelable: true};
            document.body.dispatchEvent(way === "drop"
                ? new DragEvent("drop", {dataTransfer: data, ...manner})
                : new ClipboardEvent("paste", {clipboardData: data, ...manner}));
        }""",
        [way, list(mine.getvalue())],
    )
    for name in ("chelsea.png", "cat_small.jpg"):
        page.locator(f".tile:nth-child(-n+2) a[aria-label^='{name}']").wait_for()
    settle(page)
    box = page.locator(".crop img").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 20, steps=4)
    page.mouse.up()
    page.locator(".part:not([hidden])").wait_for()
    settle(page)
    keep(page, "image")
    page.locator(".tile a").first.wait_for()


def test_an_unreadable_upload_is_told(page: Page, address: str) -> None:
    page.goto(address)
    page.set_input_files(
        "[data-testid=stFileUploader] input",
        {"name": "cat.jpg", "mimeType": "image/jpeg", "buffer": b"this is no image at all"},
    )
    page.get_by_text("That image cannot be read").wait_for()


def test_filter_by_date_and_take_it_out(
    page: Page, address: str, keep: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=a+flower")
    wait_for_first(page, "flower.jpg")
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Taken from").first.wait_for()
    keep(page, "filters")
    page.keyboard.press("Escape")
    ask(page, "a flower after:2011 before:2012-01")
    wait_for_only(page, "flower.jpg")
    page.get_by_role("button", name="after:2011").click()
    page.get_by_role("button", name="after:2011").wait_for(state="detached")
    wait_for_line(page, "a flower before:2012-01")


def test_pick_and_carry_away(
    page: Page, address: str, place: Path, keep: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=in:animals")
    page.locator(".tile").nth(1).wait_for()
    settle(page)  # a checkbox that moves away from under the mouse is not ticked
    page.locator(".tile .pick").nth(0).check(force=True)
    page.locator(".tile .pick").nth(1).check(force=True)
    page.get_by_text("2 photos selected").wait_for()
    keep(page, "picked")
    with page.expect_download() as paths:
        page.get_by_role("button", name="Paths").click()
    lines = Path(paths.value.path()).read_text().split()
    assert sorted(Path(line).name for line in lines) == ["chelsea.png", "horse.png"]
    with page.expect_download() as records:
        page.get_by_role("button", name="JSON").click()
    assert len(json.loads(Path(records.value.path()).read_text())) == 2
    with page.expect_download() as archive:
        page.get_by_role("button", name="Zip of copies").click()
    with zipfile.ZipFile(archive.value.path()) as copies:
        original = place / "photos" / "animals" / "chelsea.png"
        assert copies.read("chelsea.png") == original.read_bytes()


def test_a_hostile_name_is_text(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=name:onerror")
    page.locator(".tile img").wait_for()
    assert r"\u202egpj.\n*bold*.jpg" in page.locator(".words .first").inner_text()
    page.locator(".tile a").click()
    page.locator(".frame img").wait_for()
    page.get_by_text("<img src=x onerror=hacked=1>").first.wait_for()
    assert page.evaluate("window.hacked === undefined")


def test_no_result_and_a_wrong_question(
    page: Page, address: str, keep: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=a+cat+after:2099")
    page.get_by_text("No photo passes the filters").wait_for()
    ask(page, "a cat camra:canon")
    page.get_by_text("Did you mean camera:?").wait_for()
    keep(page, "wrong")


def test_nothing_looks_like_that_and_the_weak_ones_are_a_click_away(
    page: Page, address: str, keep: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=a+submarine")
    page.get_by_text("no nearer than chance").wait_for()
    keep(page, "nothing")
    page.get_by_role("button", name="Show weaker matches too").click()
    page.locator(".tile .badge.weak").nth(9).wait_for()


# ---------------------------------------------------------------------------- the other views


def test_near_duplicates(page: Page, address: str, keep: Callable[..., None]) -> None:
    page.goto(f"{address}/similar")
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("How alike").first.wait_for()
    for name in ("chelsea.png", "cat_small.jpg"):
        page.locator(f".tile a[aria-label^='{name}']").wait_for()
    keep(page, "similar")
    with page.expect_download() as table:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(StringIO(Path(table.value.path()).read_text())))
    assert {Path(row["path"]).name for row in rows} >= {"chelsea.png", "cat_small.jpg"}


def test_labels(page: Page, address: str, keep: Callable[..., None]) -> None:
    page.goto(f"{address}/labels")
    page.get_by_role("button", name="cat, dog, horse, bird").click()
    page.locator(".tile a[aria-label^='chelsea.png']").wait_for()
    page.get_by_label("Keep these labels as").fill("animals")
    page.get_by_role("button", name="Keep", exact=True).click()
    page.get_by_text("Kept: animals").click()
    keep(page, "labels")
    page.get_by_test_id("stExpander").get_by_role("button", name="cat (").click()
    page.wait_for_url("**/?q=label*")
    page.locator(".tile a[aria-label^='chelsea.png']").wait_for()


def test_the_library_and_a_new_folder(
    page: Page, address: str, tmp_path: Path, keep: Callable[..., None]
) -> None:
    Image.new("RGB", (64, 64), (10, 200, 30)).save(tmp_path / "green.png")
    page.goto(f"{address}/library")
    page.get_by_text("Not readable").first.wait_for()
    page.get_by_text("Over time").wait_for()
    keep(page, "library")
    page.get_by_label("Add a folder of this machine").fill(str(tmp_path))
    page.get_by_role("button", name="Index", exact=True).click()
    page.get_by_text(re.compile("Done in .* 1 new")).wait_for()


def test_an_empty_library_leads_on(
    browser: Browser, tmp_path: Path, keep: Callable[..., None]
) -> None:
    with serving(tmp_path / "nothing") as empty:
        tab = browser.new_page(viewport={"width": 390, "height": 780}, color_scheme="dark")
        tab.set_default_timeout(PATIENCE_MS)
        tab.goto(empty)
        tab.get_by_text("No photos yet").wait_for()
        keep(tab, "empty-dark-narrow")
        tab.get_by_role("button", name="Add a folder").click()
        tab.get_by_text("No library yet").wait_for()
        tab.context.close()


def test_dark_and_narrow(browser: Browser, address: str, keep: Callable[..., None]) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 780}, color_scheme="dark")
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(f"{address}/?q=in:photos")
    tab.locator(".tile img").nth(3).wait_for()
    first, second = (tab.locator(".tile").nth(place).bounding_box() for place in (0, 1))
    assert first is not None and second is not None
    assert max(first["width"], second["width"]) <= 390
    tab.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    keep(tab, "dark-narrow")
    tab.context.close()


def test_the_keyboard_is_enough(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=sort:date")
    page.locator(".tile a").nth(2).wait_for()
    settle(page)
    page.locator(".tile a").first.focus()
    page.keyboard.press("ArrowRight")
    focused = page.evaluate(
        "(() => { let e = document.activeElement; "
        "while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e.href })()"
    )
    assert focused == page.locator(".tile a").nth(1).evaluate("link => link.href")
    page.keyboard.press("Enter")
    page.locator(".frame img").wait_for()
    first = page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: url != first)


# ---------------------------------------------------------------------------- the server


def fetch(url: str, cookie: str = "", **headers: str) -> tuple[int, bytes, str]:
    """Status, body and cookie of an answer; redirects are not followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments: object) -> None:
            return None

    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    data = headers.pop("Form", "").encode() or None
    request = urllib.request.Request(url, data, headers | ({"Cookie": cookie} if cookie else {}))
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers.get("Set-Cookie", "")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get("Set-Cookie", "")


def test_only_photos_of_the_library_by_id(address: str) -> None:
    status, body, _ = fetch(f"{address}/thumbnail/small/1")
    assert status == 200 and body[8:12] == b"WEBP"
    for path in ("small/999", "huge/1", "small/../1", "small/1/../../etc/passwd", "small/-1"):
        status, body, _ = fetch(f"{address}/thumbnail/{path}")
        assert body[8:12] != b"WEBP", path
    assert fetch(f"{address}/thumbnail/small/{'9' * 30}")[0] == 404


def test_no_other_name_reaches_this_machine(address: str) -> None:
    assert fetch(address, Host="evil.example")[0] == 403
    assert fetch(address, Host="localhost")[0] == 200


def test_others_need_the_password(place: Path) -> None:
    with serving(place / "library", "--host", "0.0.0.0", IMGSEARCH_UI_PASSWORD=PASSWORD) as address:
        assert fetch(f"{address}/thumbnail/small/1")[0] == 401
        assert fetch(address, Accept="text/html")[0] == 303
        assert fetch(f"{address}/_stcore/stream", Upgrade="websocket", Connection="Upgrade")[0] in (
            401,
            403,
        )
        wrong = fetch(f"{address}/login", Form="password=guess")
        assert wrong[0] == 401 and b"not the password" in wrong[1] and not wrong[2]
        form = urllib.parse.urlencode({"password": PASSWORD})
        status, _, cookie = fetch(f"{address}/login", Form=form)
        assert status == 303 and "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert fetch(f"{address}/thumbnail/small/1", cookie=cookie.split(";")[0])[0] == 200
        assert fetch(f"{address}/thumbnail/small/1", cookie="imgsearch_page=x")[0] == 401


def test_no_password_no_other_host(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imgsearch", "ui", "--host", "0.0.0.0", "--data", str(place)],
        env={**os.environ, "IMGSEARCH_UI_PASSWORD": "short"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and "IMGSEARCH_UI_PASSWORD" in done.stderr
