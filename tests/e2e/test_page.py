"""The page in a real browser: what people do, and what hostile files and visitors try.

Skipped without Chromium or Chrome (tests/e2e/install_browser.sh) and playwright. With
IMGSEARCH_SCREENSHOTS=DIR, a screenshot of each view is saved there: those in docs/images are.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import zipfile
from collections.abc import Callable
from email.message import Message
from http.client import HTTPConnection
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.outputs.copies import LIST_NAME
from tests.browsing import (
    NEEDS_BROWSER,
    TOKEN,
    choose_file,
    clear_tray,
    download,
    give_file,
    scroll_to,
    search,
    serving,
    settle,
    wait_for_first,
    wait_for_line,
    wait_for_only,
    wait_until_shown,
)
from tests.factories import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

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


@pytest.fixture(autouse=True)
def empty_tray(place: Path) -> None:
    clear_tray(place / "library")


# ---------------------------------------------------------------------------- search


def test_type_a_query_and_open_a_photo(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    page.goto(address)
    page.locator(".tile img").first.wait_for()
    screenshot(page, "start")
    search(page, "espresso")
    wait_for_first(page, "coffee.png")
    page.wait_for_url("**/?q=espresso")
    screenshot(page, "search")
    settle(page)  # until the photos of the start are gone
    page.locator(".tile a[href]").first.click()
    page.locator(".frame img").wait_for()
    page.get_by_text("600 × 400 px").wait_for()
    page.locator("code", has_text="coffee.png").wait_for()
    page.get_by_role("heading", name="Why it matched").wait_for()
    screenshot(page, "photo")
    page.get_by_role("link", name="Results").click()
    wait_for_first(page, "coffee.png")


def test_a_video_shows_the_best_matching_moment(
    open_tab: OpenTab, demo_photos: Path, tmp_path: Path, screenshot: Callable[..., None]
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
        tab = open_tab(address)
        tab.goto(f"{address}/?q=a+cat")
        wait_for_first(tab, "clip.mp4")
        badge = tab.locator(".tile .badge.video")
        assert badge.text_content() == f"▶ 0:{int(moment):02}"
        source = tab.locator(".tile img").first.get_attribute("src") or ""
        assert source.endswith(f"&at={round(moment * 1000)}")
        picture = fetch(address, source, Cookie=cookie_of(address)).body
        cat = Image.open(BytesIO(picture)).convert("RGB").resize((8, 6))
        assert_alike(cat, images[1].resize((8, 6)))
        screenshot(tab, "video")
        tab.locator(".tile a[href]").first.click()
        tab.locator(f".frame video[poster*='at={round(moment * 1000)}']").wait_for()
        tab.get_by_text("0:12").wait_for()  # its duration


def assert_alike(one: Image.Image, other: Image.Image) -> None:
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    assert max(abs(a - b) for a, b in pairs) < 40


def test_the_query_is_in_the_url(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=a+rocket+launch")
    wait_for_first(page, "rocket.jpg")
    search(page, "a motorcycle")
    wait_for_first(page, "motorcycle_left.png")
    page.go_back()
    wait_for_first(page, "rocket.jpg")


def test_find_similar(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=name:chelsea")
    page.locator(".tile a[href]").click()
    page.get_by_role("link", name="Find similar").click()
    wait_for_first(page, "cat_small.jpg")
    page.locator(".tile a[aria-label^='chelsea.png']").wait_for(state="detached")
    page.wait_for_url(re.compile(r"/\?photo=\d+$"))
    wait_until_shown(page.locator(".crop img"))
    wait_for_line(page, "")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_search_by_an_image_and_by_a_part_of_it(
    page: Page, address: str, demo_photos: Path, screenshot: Callable[..., None], way: str
) -> None:
    page.goto(address)
    page.locator(".tile img").first.wait_for()
    example = BytesIO()  # like a photo of the library; an exact copy would be left out
    Image.open(demo_photos / "chelsea.png").convert("RGB").save(example, "JPEG", quality=70)
    give_file(page, "example.jpg", "image/jpeg", example.getvalue(), way)
    for name in ("chelsea.png", "cat_small.jpg"):
        page.locator(f".tile:nth-child(-n+2) a[aria-label^='{name}']").wait_for()
    settle(page)
    image = page.locator(".crop img")
    image.hover(position={"x": 20, "y": 20})  # this waits until the image does not move
    box = image.bounding_box()  # larger while the pointer is on it
    assert box is not None
    page.mouse.down()
    image.hover(position={"x": box["width"] * 0.8, "y": box["height"] - 20})
    page.mouse.up()
    page.locator(".region:not([hidden])").wait_for()
    page.mouse.move(box["x"], 800)
    settle(page)
    screenshot(page, "image")
    page.locator(".tile a[href]").first.wait_for()


def test_an_unreadable_upload_is_reported(page: Page, address: str) -> None:
    page.goto(address)
    choose_file(page, "cat.jpg", "image/jpeg", b"this is no image at all")
    page.get_by_text("Cannot read this image").wait_for()


def test_filter_by_date_and_remove_the_filter(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=a+flower")
    wait_for_first(page, "flower.jpg")
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("From", exact=True).wait_for()
    page.get_by_text("Loading …").wait_for(state="hidden")
    screenshot(page, "filters")
    page.keyboard.press("Escape")
    search(page, "a flower after:2011 before:2012-01")
    wait_for_only(page, "flower.jpg")
    page.get_by_role("button", name="Until 31 December 2011").wait_for()
    page.get_by_role("button", name="From 2011").click()
    page.get_by_role("button", name="From 2011").wait_for(state="detached")
    wait_for_line(page, "a flower before:2012-01")


def test_select_and_export(
    page: Page, address: str, place: Path, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=in:animals")
    page.locator(".tile").nth(1).wait_for()
    settle(page)
    page.locator(".tile .select").nth(0).check()
    page.locator(".tile .select").nth(1).check()
    page.get_by_text("2 photos selected").wait_for()
    screenshot(page, "selected")
    paths = download(page, "Paths")
    lines = paths.read_text().split()
    assert sorted(Path(line).name for line in lines) == ["chelsea.png", "horse.png"]
    records = download(page, "JSON")
    assert len(json.loads(records.read_text())) == 2
    archive = download(page, "Zip of copies")
    with zipfile.ZipFile(archive) as copies:
        content = {name: copies.read(name) for name in copies.namelist()}
        assert sorted(content) == ["chelsea.png", "horse.png"], content.get(LIST_NAME)
        original = place / "photos" / "animals" / "chelsea.png"
        assert content["chelsea.png"] == original.read_bytes()


def test_a_zip_file_says_what_it_lacks(
    page: Page, address: str, place: Path, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=in:animals")
    page.locator(".tile").nth(1).wait_for()
    settle(page)
    page.locator(".tile .select").nth(0).check()
    page.locator(".tile .select").nth(1).check()
    page.get_by_text("2 photos selected").wait_for()
    animals, away = place / "photos" / "animals", place / "away"
    downloads: list[object] = []
    page.on("download", lambda each: downloads.append(each))
    try:
        animals.joinpath("horse.png").rename(away)
        archive = download(page, "Zip of copies")
        page.get_by_text(
            "Not in the zip file, which lists what it lacks: 1 photo (horse.png)."
        ).wait_for()
        screenshot(page, "zip")
        with zipfile.ZipFile(archive) as copies:
            assert copies.namelist() == ["chelsea.png", LIST_NAME]
            listed = copies.read("photos that are not in this zip.txt").decode()
            assert str(animals / "horse.png") in listed and "chelsea.png" not in listed
        assert len(downloads) == 1
        away.rename(animals / "horse.png")
        animals.rename(away)
        page.get_by_role("button", name="Zip of copies").click()
        page.get_by_text("No copy can be made of").wait_for()
        page.get_by_text("Connect its drive, or run: imgsearch index").wait_for()
        settle(page)
        assert len(downloads) == 1
    finally:
        if not animals.exists():
            away.rename(animals)
        elif away.exists():
            away.rename(animals / "horse.png")
    assert sorted(path.name for path in animals.iterdir()) >= ["chelsea.png", "horse.png"]


def test_a_zip_file_is_made_of_photos_of_the_library_only(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=in:animals")
    page.locator(".tile").nth(1).wait_for()
    for route in ("check", "photos.zip"):
        for ids, status in (
            ("", 422),
            ("x", 422),
            ("1,", 422),
            ("99999", 200),
            (",".join(["1"] * 501), 422),
        ):
            answer = page.request.get(f"{address}/copies/{route}?ids={ids}")
            refused = status == 200 and route == "photos.zip"
            assert answer.status == (404 if refused else status), (route, ids[:20])
    answer = page.request.get(f"{address}/copies/check?ids=99999").json()
    assert answer["photos"] == 0 and "not in the library any more" in answer["problem"]
    stranger = HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=60)
    stranger.request("GET", "/copies/photos.zip?ids=1")
    assert stranger.getresponse().status in (401, 403)


def test_a_hostile_file_name_is_shown_as_text(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=name:onerror")
    page.locator(".tile img").wait_for()
    assert r"\u202egpj.\n*bold*.jpg" in page.locator(".caption .first").inner_text()
    page.locator(".tile a[href]").click()
    page.locator(".frame img").wait_for()
    page.get_by_text("<img src=x onerror=hacked=1>").first.wait_for()
    assert page.evaluate("window.hacked === undefined")


def test_no_results_and_an_error_in_the_query(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=a+cat+after:2099")
    page.get_by_text("No photo matches the filters").wait_for()
    search(page, "a cat camra:canon")
    page.get_by_text("Did you mean camera:?").wait_for()
    screenshot(page, "error")
    page.get_by_role("button", name="Did you mean a cat camera:canon?").click()
    wait_for_line(page, "a cat camera:canon")
    page.get_by_text("No photo matches the filters").wait_for()


def test_a_click_accepts_the_suggestion_for_a_misspelt_query(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=a+cup+of+cofee")
    page.get_by_role("button", name="Did you mean a cup of coffee?").click()
    wait_for_line(page, "a cup of coffee")
    wait_for_first(page, "coffee.png")
    page.get_by_role("button", name="Did you mean").wait_for(state="detached")


def test_a_query_in_another_language_names_a_model_that_reads_it(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=ein+Hund+im+Schnee")
    page.get_by_text("openclip:ViT-B-16-SigLIP2-256/webli").wait_for()
    page.get_by_text("The model cannot read this query.").wait_for()
    assert page.get_by_text("no better than chance").count() == 0


def test_a_button_shows_weak_matches_where_there_is_nothing_better(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=a+guitar")
    page.get_by_text("match no better than chance").wait_for()
    screenshot(page, "nothing")
    page.get_by_role("button", name="Show weaker matches").click()
    page.locator(".tile.weak").nth(9).wait_for()


def test_an_unsure_answer_shows_possible_photos(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    page.goto(f"{address}/?q=a+submarine")
    page.get_by_text("unsure, the").wait_for()
    page.get_by_role("region", name="Possible").wait_for(state="attached")
    page.locator(".tile a[aria-label]").nth(2).wait_for()
    screenshot(page, "unsure")
    assert page.locator(".tile").count() <= 10
    assert page.locator(".tile.weak").count() == 0
    page.set_viewport_size({"width": 390, "height": 844})
    screenshot(page, "unsure-narrow")
    page.get_by_role("button", name="Show weaker matches").click()
    page.get_by_role("heading", name="Weaker matches").wait_for()
    scroll_to(page, 1)
    page.locator(".tile.weak").nth(5).wait_for()


# ---------------------------------------------------------------------------- the other views


def test_near_duplicates(page: Page, address: str, screenshot: Callable[..., None]) -> None:
    page.goto(f"{address}/similar")
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Similarity").first.wait_for()
    for name in ("chelsea.png", "cat_small.jpg"):
        page.locator(f".tile a[aria-label^='{name}']").wait_for()
    screenshot(page, "similar")
    script = download(page, "Script")
    assert script.read_text().count("cat_small.jpg' ") == 1
    table = download(page, "CSV")
    rows = list(csv.DictReader(StringIO(table.read_text())))
    kept = {Path(row["path"]).name: row["keep"] for row in rows}
    assert (kept["chelsea.png"], kept["cat_small.jpg"]) == ("1", "0")
    page.get_by_role("checkbox", name=re.compile(r"Keep 1: \W*chelsea.png\W")).uncheck()
    page.get_by_text("Keep at least one").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    screenshot(page, "similar-narrow")


def test_labels(page: Page, address: str, screenshot: Callable[..., None]) -> None:
    page.goto(f"{address}/labels")
    page.get_by_role("button", name="cat, dog, horse, bird").click()
    page.locator(".tile a[aria-label^='chelsea.png']").wait_for()
    page.get_by_label("Save these labels as").fill("animals")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved: animals").click()
    screenshot(page, "labels")
    page.get_by_test_id("stExpander").get_by_role("button", name="cat (").click()
    page.wait_for_url("**/?q=label*")
    page.locator(".tile a[aria-label^='chelsea.png']").wait_for()


def test_the_library_and_a_new_folder(
    page: Page, address: str, tmp_path: Path, screenshot: Callable[..., None]
) -> None:
    Image.new("RGB", (64, 64), (10, 200, 30)).save(tmp_path / "green.png")
    page.goto(f"{address}/library")
    page.get_by_text("Unreadable").first.wait_for()
    page.get_by_text("Photos by date").wait_for()
    screenshot(page, "library")
    page.get_by_label("Add a folder on this machine").fill(str(tmp_path))
    page.get_by_role("button", name="Index", exact=True).click()
    page.get_by_text(re.compile("Done in .* 1 new")).wait_for()


def test_an_empty_library_leads_to_adding_a_folder(
    open_tab: OpenTab, tmp_path: Path, screenshot: Callable[..., None]
) -> None:
    with serving(tmp_path / "nothing") as empty:
        tab = open_tab(empty, 390, 780, "dark")
        tab.goto(empty)
        tab.get_by_text("No photos yet").wait_for()
        screenshot(tab, "empty-dark-narrow")
        tab.get_by_role("button", name="Add a folder").click()
        tab.get_by_text("No library yet").wait_for()


def test_dark_and_narrow(open_tab: OpenTab, address: str, screenshot: Callable[..., None]) -> None:
    tab = open_tab(address, 390, 780, "dark")
    tab.goto(f"{address}/?q=in:photos")
    tab.locator(".tile img").nth(3).wait_for()
    first, second = (tab.locator(".tile").nth(place).bounding_box() for place in (0, 1))
    assert first is not None and second is not None
    assert max(first["width"], second["width"]) <= 390
    tab.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    screenshot(tab, "dark-narrow")


def test_the_page_can_be_used_with_the_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=sort:date")
    page.locator(".tile a[href]").nth(2).wait_for()
    settle(page)
    page.locator(".tile a[href]").first.focus()
    page.keyboard.press("ArrowRight")
    focused = page.evaluate(
        "(() => { let e = document.activeElement; "
        "while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e.href })()"
    )
    assert focused == page.locator(".tile a[href]").nth(1).evaluate("link => link.href")
    page.keyboard.press("Enter")
    page.locator(".frame img").wait_for()
    first = page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: url != first)


# ---------------------------------------------------------------------------- the server


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: Message


WEBSOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OUFCQ0RFRg==",
}


@pytest.fixture
def cookie(address: str) -> str:
    """The cookie of a browser that has opened the address with the token."""
    return cookie_of(address)


def cookie_of(address: str) -> str:
    return fetch(address, f"/?token={TOKEN}").headers["Set-Cookie"].partition(";")[0]


def fetch(address: str, path: str = "/", form: str = "", **headers: str) -> Reply:
    """A GET request, or a POST of `form`. Redirects are not followed."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
    try:
        connection.request("POST" if form else "GET", path, form or None, headers)
        response = connection.getresponse()
        return Reply(response.status, response.read(), response.headers)
    finally:
        connection.close()


def test_only_photos_of_the_library_are_served(address: str, cookie: str) -> None:
    reply = fetch(address, "/thumbnail/small/1", Cookie=cookie)
    assert reply.status == 200 and reply.body[8:12] == b"WEBP"
    for path in ("small/999", "huge/1", "small/../1", "small/1/../../etc/passwd", "small/-1"):
        assert fetch(address, f"/thumbnail/{path}", Cookie=cookie).body[8:12] != b"WEBP", path
    for digits in (30, 5000):
        path = f"/thumbnail/small/{'9' * digits}"
        assert fetch(address, path, Cookie=cookie).status == 404


def test_only_names_of_this_machine_are_served(address: str, cookie: str) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]:8501"):
        assert fetch(address, Host=host, Cookie=cookie).status == 200, host
    for host in ("evil.example", "evil.example:8501", "localhost.evil.example", "[::2]", "["):
        assert fetch(address, f"/?token={TOKEN}", Host=host).status == 400, host
        websocket = {**WEBSOCKET, "Host": host, "Cookie": cookie}
        assert fetch(address, "/_stcore/stream", **websocket).status == 400, host


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/operations/past-queries"),
        ("PUT", "/operations/tray"),
        ("PUT", "/operations/people/name"),
        ("POST", "/_stcore/upload_file/x/y"),
    ],
)
def test_a_page_of_another_web_site_changes_nothing(
    address: str, cookie: str, method: str, path: str
) -> None:
    """A server at another port of this machine is the same site, so its page has the cookie."""

    def status(origin: str | None) -> int:
        connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
        try:
            headers = {"Cookie": cookie} if origin is None else {"Cookie": cookie, "Origin": origin}
            connection.request(method, path, b"no JSON", headers)
            return connection.getresponse().status
        finally:
            connection.close()

    for origin in ("http://127.0.0.1:1", "http://evil.example", "null", address + "1"):
        assert status(origin) == 403, origin
    if method != "DELETE":
        assert status(address) not in (403, 404), "the page itself is refused for its content"


def test_without_the_token_another_user_of_this_machine_gets_nothing(address: str) -> None:
    paths = ["/", "/thumbnail/small/1", "/thumbnail/large/1", "/library", "/_stcore/health", "/x"]
    for path in [*paths, "/media/x", "/?token=", "/?token=wrong", f"/?token={TOKEN[:-1]}"]:
        for wrong in ("", "imgsearch_page=x", f"imgsearch_page={TOKEN}", "imgsearch_page=\xe9"):
            reply = fetch(address, path, Cookie=wrong.replace("=", f"_{port_of(address)}="))
            assert reply.status == 403 and b"imgsearch ui printed" in reply.body, path
            assert "Set-Cookie" not in reply.headers
    assert fetch(address, "/_stcore/stream", **WEBSOCKET).status == 403
    assert fetch(address, "/_stcore/upload_file/x/y", form="x").status == 403


def port_of(address: str) -> str:
    return address.rpartition(":")[2]


def test_the_address_with_the_token_opens_the_page_and_its_pictures(
    page: Page, address: str
) -> None:
    page.context.clear_cookies()
    page.goto(f"{address}/?q=name:chelsea")
    page.get_by_role("heading", name="This browser is not logged in").wait_for()
    page.goto(f"{address}/?q=name:chelsea&token={TOKEN}")
    wait_for_only(page, "chelsea.png")
    wait_until_shown(page.locator(".tile:first-child img"))
    assert page.url.endswith(("/?q=name:chelsea", "/?q=name%3Achelsea")), "without the token"
    page.locator(".tile:first-child a").click()
    wait_until_shown(page.locator(".frame img"))
    (cookie,) = [each for each in page.context.cookies() if each["name"].startswith("imgsearch")]
    assert cookie["name"].endswith(port_of(address)), "a page at another port has its own"
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert b"0;url=/evil.example" in fetch(address, f"//evil.example?token={TOKEN}").body


def test_log_out_ends_the_login_of_this_browser(
    open_tab: OpenTab, page: Page, address: str, place: Path
) -> None:
    page.goto(f"{address}/?q=name:chelsea")
    wait_for_only(page, "chelsea.png")
    page.get_by_role("button", name="Dark").wait_for()
    assert not page.get_by_role("button", name="Log out").count(), "a token asks for no login"
    with serving(place / "library", IMGSEARCH_UI_PASSWORD="a word") as guarded:
        tab = open_tab(guarded)
        tab.goto(f"{guarded}/?q=name:chelsea")
        tab.get_by_label("Password for this library").fill("a word")
        tab.get_by_role("button", name="Log in").click()
        wait_for_only(tab, "chelsea.png")
        tab.get_by_role("button", name="Log out").click()
        tab.get_by_label("Password for this library").wait_for()
        cookies = [each["name"] for each in tab.context.cookies(guarded)]
        assert not [each for each in cookies if each.endswith(port_of(guarded))]
        tab.goto(f"{guarded}/?q=name:chelsea")
        tab.get_by_label("Password for this library").wait_for()


def test_only_a_post_of_somebody_who_is_logged_in_logs_out(address: str, cookie: str) -> None:
    reply = fetch(address, "/logout", Cookie=cookie)
    assert reply.status == 405 and "Set-Cookie" not in reply.headers
    assert fetch(address, "/logout", form="x=1").status == 403
    reply = fetch(address, "/logout", form="x=1", Cookie=cookie)
    assert reply.status == 200 and "Max-Age=0" in reply.headers["Set-Cookie"]


def test_a_browser_is_opened_by_a_file_that_holds_the_token(place: Path, tmp_path: Path) -> None:
    """Other users see the arguments of every process, so the token is in none."""
    opened = tmp_path / "opened"
    opener = tmp_path / "xdg-open"
    record = 'ls -l "$1"; echo "$1"; cat "$1"'
    opener.write_text(f"#!/bin/sh\n{{ {record}; }} >{opened}.new\nmv {opened}.new {opened}\n")
    opener.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    with serving(place / "library", open_browser=True, **environment) as address:
        wait_until(opened.exists)
        listing, name, *content = opened.read_text().splitlines()
        assert f"url={address}/?token={TOKEN}" in "".join(content)
        assert listing.startswith("-rw------- ") and Path(name).parent == tmp_path
        assert TOKEN not in name
    assert not Path(name).exists()


def test_other_sites_cannot_embed_the_page(address: str, cookie: str) -> None:
    for path in ("/", "/thumbnail/small/1", "/thumbnail/small/999"):
        headers = fetch(address, path, Cookie=cookie).headers
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"


def test_other_machines_need_the_password(place: Path) -> None:
    photo = "/thumbnail/small/1"
    with serving(place / "library", "--host", "0.0.0.0", IMGSEARCH_UI_PASSWORD=PASSWORD) as address:
        assert fetch(address, photo).status == 403
        assert fetch(address, f"{photo}?token={TOKEN}").status == 403
        assert fetch(address, Accept="text/html").status == 303
        assert fetch(address, "/_stcore/stream", **WEBSOCKET).status in (401, 403)
        wrong = fetch(address, "/login", form="password=guess")
        assert wrong.status == 401 and b"Wrong password" in wrong.body
        assert "Set-Cookie" not in wrong.headers
        login = fetch(address, "/login", form=urllib.parse.urlencode({"password": PASSWORD}))
        cookie = login.headers["Set-Cookie"]
        assert login.status == 303 and "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert fetch(address, photo, Cookie=cookie.partition(";")[0]).status == 200
        ended = fetch(address, "/logout", form="x=1", Cookie=cookie.partition(";")[0])
        assert ended.status == 200 and "Max-Age=0" in ended.headers["Set-Cookie"]
        for value in ("x", "\xe9"):
            wrong_cookie = f"imgsearch_page_{port_of(address)}={value}"
            assert fetch(address, photo, Cookie=wrong_cookie).status == 403


def test_without_a_password_other_machines_are_refused(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imgsearch", "ui", "--host", "0.0.0.0", "--data", str(place)],
        env={**os.environ, "IMGSEARCH_UI_PASSWORD": "short"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and "IMGSEARCH_UI_PASSWORD" in done.stderr
