"""A wall in a browser that knows its address and nothing else, and what its key reaches."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    axe_violations,
    page_server,
    serving,
    wait_until_noticed,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("wall")]
COLOURS = {
    "red": (200, 20, 20),
    "green": (20, 160, 20),
    "blue": (20, 20, 200),
    "white": (240, 240, 240),
}
MINUTE_MS = 61_000
SHOWN_S = 900  # each photo: longer than a test takes, as the clock of a tab goes on by itself


def write_colour(path: Path, colour: tuple[int, int, int]) -> None:
    """Write a photo of one colour that says where it was taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 0.0), 3: "E", 4: (2.0, 21.0, 0.0)})
    Image.new("RGB", (640, 480), colour).save(path, exif=exif)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library: two photos to show, red and green, and a blue one that is secret."""
    folder = tmp_path_factory.mktemp("wall")
    write_colour(folder / "photos" / "shown" / "red.jpg", COLOURS["red"])
    write_colour(folder / "photos" / "shown" / "green.jpg", COLOURS["green"])
    write_colour(folder / "photos" / "secret" / "blue.jpg", COLOURS["blue"])
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as opened:
        opened.index([folder / "photos"]).run()
    return folder


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    """Its library, as another process changes it. Afterwards there is no wall."""
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as opened:
        yield opened
        for wall in opened.walls.all():
            opened.walls.remove(wall.number)


@contextmanager
def frame(browser: Browser, width: int = 1440, height: int = 900) -> Iterator[Page]:
    """A tab of a browser that has never logged in, with a clock that the test moves."""
    errors: list[str] = []
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        context.set_default_timeout(PATIENCE_MS)
        tab = context.new_page()
        tab.clock.install()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        yield tab
    assert errors == []


def asked(address: str, method: str = "GET", **headers: str) -> tuple[int, str, bytes]:
    """The status, the media type and the content of an answer, without a cookie."""
    request = urllib.request.Request(address, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_MS / 1000) as answer:
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read()


def colour_of(content: bytes) -> str:
    """Which of the photos a picture shows."""
    with Image.open(BytesIO(content)) as picture:
        pixel = picture.convert("RGB").getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(pixel, tuple)
    return min(
        COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(pixel, COLOURS[name], strict=True))
    )


def shown_colour(tab: Page) -> str:
    """Which of the photos is on the screen, when the cross-fade is over."""
    tab.locator(".photo.shown").wait_for()
    tab.wait_for_function(
        "() => getComputedStyle(document.querySelector('.photo.shown')).opacity === '1'"
    )
    return colour_of(tab.screenshot())


def ids_of(library: Library) -> dict[str, int]:
    return {hit.path.stem: hit.photo.id for hit in library.search("in:photos")}


@pytest.mark.parametrize("secured_by", ["token", "password"])
def test_a_key_reaches_the_photos_of_its_wall_and_nothing_else(
    place: Path, library: Library, secured_by: str
) -> None:
    environment = {"IMGSEARCH_UI_PASSWORD": "correct horse"} if secured_by == "password" else {}
    wall, ids = library.walls.add("in:shown"), ids_of(library)
    with serving(place / "library", open_browser=False, **environment) as page:
        start = f"{page}{wall.path}"
        status, _, document = asked(start)
        assert status == 200 and b"<main>" in document
        status, _, listed = asked(f"{start}/photos")
        assert status == 200 and str(ids["red"]).encode() in listed
        for said in (document, listed):
            assert b"shown" not in said.replace(b"photo shown", b"") and b"secret" not in said
            assert b".jpg" not in said
        status, media_type, picture = asked(f"{start}/photo/{ids['red']}", Accept="image/webp")
        assert (status, media_type) == (200, "image/webp") and colour_of(picture) == "red"
        status, media_type, picture = asked(f"{start}/photo/{ids['green']}")
        assert (status, media_type) == (200, "image/jpeg") and colour_of(picture) == "green"
        with Image.open(BytesIO(picture)) as opened:
            assert not opened.getexif(), "where a photo was taken is nobody's business here"
        assert asked(f"{start}/photo/{ids['blue']}")[0] == 404, "a photo of the library"
        for size in ("9", "16383", "x"):
            expected = 200 if size == "x" else 404
            assert asked(f"{start}/photo/{ids['red']}?side={size}")[0] == expected
        key = wall.path.rpartition("/")[2]
        for other in (
            "/",
            "/wall",
            f"/?token={key}",
            f"/thumbnail/large/{ids['red']}",
            f"/original/{ids['red']}",
            "/answer/list?q=in:photos",
            f"{wall.path}/../../original/{ids['red']}",
            f"{wall.path}/%2e%2e/%2e%2e/original/{ids['red']}",
            f"{wall.path}/original/{ids['red']}",
            f"{wall.path}/photo/{ids['red']}/original",
        ):
            status, _, content = asked(f"{page}{other}")
            is_login = secured_by == "password" and b"Password for this library" in content
            assert status in (403, 404) or is_login, other
        assert asked(start, "POST")[0] == 403
        for wrong in (
            f"{key[:-1]}{'0' if key[-1] != '0' else '1'}",
            "x",
            "%00",
            "é".encode().hex(),
        ):
            assert asked(f"{page}/wall/{wrong}")[0] == 404
            assert asked(f"{page}/wall/{wrong}/photos")[0] == 404
            assert asked(f"{page}/wall/{wrong}/photo/{ids['red']}")[0] == 404
        if secured_by == "token":  # another name for this machine, as web sites can make up
            assert asked(start, Host="wall.example")[0] == 400
        library.walls.remove(wall.number)
        for rest in ("", "/photos", f"/photo/{ids['red']}", "/wall.js"):
            assert asked(f"{start}{rest}")[0] == 404, "it was taken back"


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_photos_follow_each_other_and_new_ones_come_first(
    place: Path, library: Library, browser: Browser, address: str, width: int, height: int
) -> None:
    wall = library.walls.add("in:shown", SHOWN_S)
    new = place / "photos" / "shown" / "new.jpg"
    with frame(browser, width, height) as tab:
        tab.goto(f"{address}{wall.path}")
        first = shown_colour(tab)
        box = tab.locator(".photo.shown").bounding_box()
        assert box is not None and (box["width"], box["height"]) == (width, height)
        assert axe_violations(tab) == []
        for _ in range(3):
            before = tab.locator(".photo.shown").get_attribute("src")
            tab.clock.fast_forward(SHOWN_S * 1000)
            expect(tab.locator(".photo.shown")).not_to_have_attribute("src", before or "")
            first, before_it = shown_colour(tab), first
            assert {first, before_it} == {"red", "green"}
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        try:
            write_colour(new, COLOURS["white"])
            library.index().run()
            wait_until_noticed()
            with tab.expect_response("**/photos?*"):
                tab.clock.fast_forward(MINUTE_MS)
            tab.clock.fast_forward(SHOWN_S * 1000)
            picture = f".photo.shown[src*='photo/{ids_of(library)['new']}?']"
            expect(tab.locator(picture)).to_have_count(1)
            assert shown_colour(tab) == "white"
        finally:
            new.unlink()
            library.index(accept_removals=True).run()


def test_a_wall_that_was_taken_back_goes_dark(
    library: Library, browser: Browser, address: str
) -> None:
    wall = library.walls.add("in:shown")
    with frame(browser) as tab:
        tab.goto(f"{address}{wall.path}")
        shown_colour(tab)
        library.walls.remove(wall.number)
        tab.clock.fast_forward(MINUTE_MS)
        expect(tab.locator("#said")).to_have_text("These photos are no longer shown here.")
        expect(tab.locator(".photo[src]")).to_have_count(0)
        tab.reload()
        expect(tab.locator("h1")).to_have_text("There are no photos at this address")


def test_a_wall_is_dark_in_its_pause(library: Library, browser: Browser, address: str) -> None:
    now = datetime.now()
    hours = [f"{now + timedelta(hours=each):%H:%M}" for each in (-1, 1)]
    dark = library.walls.add("in:shown", SHOWN_S, "-".join(hours))
    light = library.walls.add("in:shown", SHOWN_S, "-".join(reversed(hours)))
    with frame(browser) as tab:
        tab.goto(f"{address}{light.path}")
        shown_colour(tab)
        with tab.expect_response("**/photos?*"):
            tab.goto(f"{address}{dark.path}")
        tab.clock.fast_forward(30_000)
        expect(tab.locator(".photo[src]")).to_have_count(0)
        expect(tab.locator("#said")).to_be_empty()


def test_an_empty_wall_says_that_photos_will_come(
    library: Library, browser: Browser, address: str
) -> None:
    wall = library.walls.add("in:shown rating:5")
    with frame(browser) as tab:
        tab.goto(f"{address}{wall.path}")
        expect(tab.locator("#said")).to_contain_text("New ones come by themselves")
        library.marks.set([ids_of(library)["red"]], rating=5)
        wait_until_noticed()
        tab.clock.fast_forward(MINUTE_MS)
        assert shown_colour(tab) == "red"
        library.changes.undo()


def test_a_wall_goes_on_when_its_machine_was_away(
    place: Path, library: Library, browser: Browser, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(place / "library", tmp_path / "library"))
    with Library.open(Settings.load(data_dir=data)) as copied:
        wall = copied.walls.add("in:shown", SHOWN_S)
    with frame(browser) as tab:
        with serving(data) as page:
            tab.goto(f"{page}{wall.path}")
            first = shown_colour(tab)
        tab.clock.fast_forward(3 * MINUTE_MS)
        assert shown_colour(tab) == first, "what was shown stays"
        with page_server(data, port=int(page.rpartition(":")[2])):
            tab.clock.fast_forward(MINUTE_MS)
            expect(tab.locator("#said")).to_be_empty()
            tab.clock.fast_forward(SHOWN_S * 1000)
            assert shown_colour(tab) in COLOURS
