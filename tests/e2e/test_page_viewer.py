"""The view of one photo: full screen, zoom, neighbours, slideshow, players, and its originals."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    TOKEN,
    axe_violations,
    clear_tray,
    focused_name,
    serving,
    settle,
    small_targets,
    wait_for_first,
    wait_in_browser,
    wait_until_shown,
)
from tests.e2e.test_page import PASSWORD, cookie_of, fetch
from tests.factories import heic, scene
from tests.page_traffic import Traffic

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER
FRAME = """[...document.querySelectorAll("*")].map((host) => host.shadowRoot)
    .find((root) => root?.querySelector(".frame")).querySelector(".frame")"""


@pytest.fixture(scope="module")
def place(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some demo photos, one with all facts of a camera, a video, a motion photo, and a HEIC."""
    pytest.importorskip("av")
    from tests.clips import video

    folder = tmp_path_factory.mktemp("viewer")
    (folder / "photos").mkdir()
    names = ("brick.png", "chelsea.png", "coffee.png", "rocket.jpg")
    for name in names:
        shutil.copyfile(demo_photos / name, folder / "photos" / name)
    images = [Image.open(demo_photos / name).convert("RGB").resize((320, 240)) for name in names]
    (folder / "photos" / "clip.mp4").write_bytes(video(images[:3], 4.0))
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5"
    tags = {
        0x829A: IFDRational(1, 250),
        0x829D: IFDRational(28, 10),
        0x8827: 400,
        0x920A: IFDRational(50),
        0xA434: "RF50mm F1.8",
    }
    exif.get_ifd(0x8769).update(tags)
    large = Image.open(demo_photos / "coffee.png").convert("RGB").resize((3000, 2000))
    large.save(folder / "photos" / "large.jpg", exif=exif, quality=90)
    images[3].save(folder / "motion.jpg")
    moving = (folder / "motion.jpg").read_bytes() + video(images[:2], 1.0)
    (folder / "photos" / "motion.jpg").write_bytes(moving)
    (folder / "photos" / "phone.heic").write_bytes(heic(scene(2400, 1800)))
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return folder


def width_of(tab: Page, selector: str) -> float:
    box = tab.locator(selector).bounding_box()
    assert box is not None
    return box["width"]


@pytest.fixture(autouse=True)
def empty_tray(place: Path) -> None:
    clear_tray(place / "library")


def open_photo(tab: Page, address: str, name: str, query: str = "sort:path") -> None:
    tab.goto(f"{address}/?q={query}")
    tab.locator(f".tile a[aria-label^='{name}']").click()
    tab.locator(f".frame [alt^='{name}'], .frame video").first.wait_for()
    settle(tab)


def shown_px(tab: Page) -> float:
    """How wide the photo is in the view that fills the window."""
    box = tab.locator(".full-view-pane[aria-hidden=false] img").last.bounding_box()
    return box["width"] if box else 0.0


def wait_until_wider_than(tab: Page, width: float) -> None:
    selector = ".full-view-pane[aria-hidden=false] img"
    tab.wait_for_function(
        "([selector, width]) => [...document.querySelectorAll(selector)].some("
        "(image) => image.getBoundingClientRect().width > width)",
        arg=[selector, width],
    )


def test_an_arrow_key_shows_a_neighbour_that_was_loaded_ahead(page: Page, address: str) -> None:
    open_photo(page, address, "brick.png")
    page.get_by_text("1 of").wait_for()
    requested: list[str] = []
    settle(page)
    page.evaluate("document.fonts.ready")
    page.on("request", lambda request: requested.append(request.url))
    is_there = page.evaluate(
        f"""() => {{
            const key = new KeyboardEvent("keydown", {{key: "ArrowRight", bubbles: true}});
            document.body.dispatchEvent(key);
            const image = {FRAME}.querySelector("img");
            return image.alt.startsWith("chelsea") && image.complete && image.naturalWidth > 0;
        }}"""
    )
    assert is_there, "at once, in the same turn of the browser's event loop"
    page.get_by_text("2 of").wait_for()
    page.get_by_text("chelsea.png").first.wait_for()  # Python follows with the facts
    assert not [url for url in requested if "/large/2?" in url]


def test_the_details_come_with_the_picture(page: Page, address: str) -> None:
    traffic = Traffic(page)
    with page.expect_response(re.compile(r"/operations/photo/2$")):  # of the next photo
        open_photo(page, address, "brick.png")
    page.locator(".drawer code", has_text="brick.png").wait_for()
    page.wait_for_load_state("networkidle")
    with traffic.replies_held():  # Streamlit says nothing
        shown = page.evaluate(
            f"""() => {{
                const key = new KeyboardEvent("keydown", {{key: "ArrowRight", bubbles: true}});
                document.body.dispatchEvent(key);
                return {FRAME}.parentElement.querySelector(".drawer").innerText;
            }}"""
        )
        assert "chelsea.png" in shown and "451 × 300 px" in shown and "brick" not in shown
        for name in ("clip.mp4", "coffee.png", "large.jpg"):
            page.keyboard.press("ArrowRight")
            page.locator(".drawer code", has_text=name).wait_for()
        page.get_by_text("RF50mm F1.8").wait_for()
    page.get_by_text("5 of").wait_for()


@pytest.mark.features("corrections")
def test_the_detailed_map_is_asked_for_only_when_it_is_switched_on(
    browser: Browser, address: str, place: Path
) -> None:
    context = browser.new_context()  # other tabs may request nothing from elsewhere
    context.set_default_timeout(PATIENCE_MS)
    context.request.get(f"{address}/?token={TOKEN}")
    page = context.new_page()
    page.add_init_script("localStorage['imgsearch.details'] = '1'")
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        (hit,) = library.search("name:coffee.png")
        change = library.corrections.set_place([hit.photo.id], place="48.8566,2.3522")
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=204)

    page.route("**/basemaps.cartocdn.com/**", answer)
    page.goto(f"{address}/photo?id={hit.photo.id}")
    switch = page.get_by_role("switch", name="Show a map")
    switch.wait_for()
    page.wait_for_load_state("networkidle")
    assert asked == []
    switch.check()
    page.get_by_role("application", name="Map of the place").wait_for()
    page.get_by_text("© OpenStreetMap contributors").wait_for()
    wait_in_browser(page, lambda: len(asked) > 0)
    switch.uncheck()
    page.get_by_role("application", name="Map of the place").wait_for(state="hidden")
    page.get_by_role("link", name="Around it on the map").click()
    page.wait_for_url("**/map?at=48.8*")
    context.close()
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.changes.undo(change.id)


@pytest.mark.parametrize("query", ["?q=sort:path", "timeline"])
@pytest.mark.parametrize("way", ["a click", "Enter"])
def test_escape_leads_back_before_the_photo_has_come(
    page: Page, address: str, query: str, way: str
) -> None:
    traffic = Traffic(page)
    page.goto(f"{address}/{query}")
    tile = page.locator(".tile a[aria-label^='coffee.png']")
    tile.wait_for()
    settle(page)
    before = page.evaluate("[location.pathname, history.length]")
    with traffic.replies_held():
        if way == "Enter":
            tile.focus()
            page.keyboard.press("Enter")
        else:
            tile.click()
        page.wait_for_url("**/photo?*")
        page.keyboard.press("Escape")
        page.wait_for_url(lambda url: "/photo?" not in url)
    settle(page)
    page.locator(".frame").wait_for(state="detached")  # the replies come one after the other
    assert page.evaluate("[location.pathname, history.length]") == [before[0], before[1] + 1]
    assert focused_name(page) == "coffee.png"
    tile.click()  # a photo opens as ever, and Esc is that of its view
    page.locator(".frame img[alt^='coffee.png']").wait_for()
    settle(page)
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "/photo?" not in url)
    assert focused_name(page) == "coffee.png"


def test_escape_before_the_photo_has_come_keeps_the_selection(page: Page, address: str) -> None:
    traffic = Traffic(page)
    page.goto(f"{address}/?q=sort:path")
    wait_for_first(page, "brick.png")
    settle(page)
    page.get_by_role("checkbox", name="Select brick.png").check()
    page.get_by_text("1 photo selected").wait_for()
    settle(page)
    with traffic.replies_held():
        page.locator(".tile a[aria-label^='coffee.png']").click()
        page.wait_for_url("**/photo?*")
        page.keyboard.press("Escape")
        page.wait_for_url("**/?q=*")
    settle(page)
    assert focused_name(page) == "coffee.png"
    assert page.get_by_role("checkbox", name="Select brick.png").is_checked()


@pytest.mark.parametrize("way", ["Escape", "Results", "Back"])
@pytest.mark.parametrize("query", ["?q=sort:path", "timeline"])
def test_the_way_back_leads_to_the_photo_seen_last(
    page: Page, address: str, query: str, way: str
) -> None:
    page.set_viewport_size({"width": 660, "height": 500})  # not all photos are in sight
    page.goto(f"{address}/{query}")
    first = page.locator(".tile a[aria-label]").first
    first.click()
    page.locator(".frame img").wait_for()
    page.get_by_text("1 of").wait_for()
    settle(page)
    while page.get_by_role("link", name="Next").is_visible():
        page.keyboard.press("ArrowRight")
    last = str(page.locator(".frame [alt]").get_attribute("alt")).split(",")[0]
    if way == "Escape":
        page.keyboard.press("Escape")
    elif way == "Results":
        page.get_by_role("link", name="Results").click()
    else:
        page.go_back()
    page.wait_for_url(lambda url: "/photo?" not in url)
    assert focused_name(page) == last
    tile = page.locator(".tile", has=page.locator("a:focus")).bounding_box()
    scroller = page.locator(".scroller").bounding_box()
    assert tile is not None and scroller is not None
    assert tile["y"] >= scroller["y"] - 1
    assert tile["y"] + tile["height"] <= scroller["y"] + scroller["height"] + 1
    settle(page)
    page.keyboard.press("Enter")
    page.locator(f".frame [alt^='{last}']").wait_for()


def test_the_way_back_to_a_row_of_tiles_leads_to_the_photo_seen_last(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/labels?c=coffee,rocket")
    page.locator(".tile a[aria-label]").nth(1).wait_for()
    settle(page)
    names = page.locator(".tile a").evaluate_all("all => all.map(a => a.ariaLabel.split(',')[0])")
    page.locator(".tile a").first.click()
    page.get_by_text("1 of").wait_for()
    settle(page)
    page.keyboard.press("ArrowRight")
    page.get_by_text("2 of").wait_for()
    settle(page)
    page.keyboard.press("Escape")
    page.wait_for_url("**/labels*")
    assert focused_name(page) == names[1]


@pytest.mark.parametrize("way", ["a click", "Enter", "its address"])
def test_the_focus_is_on_a_photo_that_was_opened(page: Page, address: str, way: str) -> None:
    page.goto(f"{address}/?q=sort:path")
    tile = page.locator(".tile a[aria-label^='coffee.png']")
    tile.wait_for()
    settle(page)
    if way == "a click":
        tile.click()
    elif way == "Enter":
        tile.focus()
        page.keyboard.press("Enter")
    else:
        page.goto(f"{address}{tile.get_attribute('href')}")
    page.locator(".frame img[alt^='coffee.png']").wait_for()
    settle(page)
    page.locator(".frame:focus[role=group][aria-label^='coffee.png']").wait_for()
    page.keyboard.press("ArrowRight")
    page.locator(".frame:focus[aria-label^='large.jpg']").wait_for()
    page.keyboard.press("Enter")
    page.locator(".full-view").wait_for()
    page.wait_for_function("document.fullscreenElement !== null")
    page.keyboard.press("Escape")
    page.locator(".full-view").wait_for(state="detached")
    page.locator(".frame:focus").wait_for()


def test_full_screen_zoom_and_escape(
    page: Page, address: str, screenshot: Callable[..., None]
) -> None:
    open_photo(page, address, "large.jpg")
    opened = page.url
    page.keyboard.press("Enter")
    page.wait_for_function("document.fullscreenElement !== null")
    image = page.locator(".full-view-pane[aria-hidden=false] img").last
    wait_until_shown(image)
    screenshot(page, "full-screen")
    fit = shown_px(page)
    assert 0 < fit <= 1280
    page.mouse.move(640, 430)
    page.mouse.wheel(0, -500)
    wait_until_wider_than(page, fit + 50)
    page.get_by_role("button", name="Original pixels").click()
    wait_until_wider_than(page, 2999)
    page.wait_for_function(
        "[...document.querySelectorAll('.full-view img')].some((i) => i.naturalWidth === 3000)"
    )
    before = image.bounding_box()
    page.mouse.move(640, 430)
    page.mouse.down()
    page.mouse.move(500, 430, steps=4)
    page.mouse.up()
    assert before is not None
    page.wait_for_function(  # it is drawn where it was dragged to
        "(x) => [...document.querySelectorAll('.full-view-pane[aria-hidden=false] img')]"
        ".at(-1).getBoundingClientRect().x < x - 50",
        arg=before["x"],
    )
    page.mouse.dblclick(640, 430)
    page.wait_for_function(
        "(fit) => [...document.querySelectorAll('.full-view-pane[aria-hidden=false] img')]"
        ".some((image) => Math.abs(image.getBoundingClientRect().width - fit) < 2)",
        arg=fit,
    )
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: url != opened)
    page.keyboard.press("Escape")
    page.locator(".full-view").wait_for(state="detached")
    page.locator(".frame img[alt^='motion.jpg']").wait_for()
    assert page.evaluate("document.fullscreenElement === null")
    page.keyboard.press("Escape")
    page.wait_for_url("**/?q=sort*")


def test_a_heic_is_shown_with_all_its_pixels(page: Page, address: str) -> None:
    open_photo(page, address, "phone.heic")
    page.locator(".frame img").click()
    page.get_by_role("button", name="Original pixels").click()
    page.wait_for_function(
        "[...document.querySelectorAll('.full-view img')].some((i) => i.naturalWidth === 2400)"
    )


def test_a_slideshow_goes_on_by_itself_and_stops(page: Page, address: str) -> None:
    open_photo(page, address, "brick.png")
    first = page.url
    page.get_by_role("button", name="Slideshow").click()
    button = page.locator(".full-view button[aria-label=Slideshow][aria-pressed=true]")
    button.wait_for()
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press(" ")
    page.locator(".full-view button[aria-label=Slideshow][aria-pressed=false]").wait_for()


def test_a_swipe_shows_the_next_photo_and_a_tap_fills_the_window(
    open_tab: OpenTab, address: str, screenshot: Callable[..., None]
) -> None:
    tab = open_tab(address, 390, 844)
    open_photo(tab, address, "brick.png")
    screenshot(tab, "photo-narrow")
    tab.evaluate(
        f"""() => {{
            const at = (kind, x) => {FRAME}.dispatchEvent(new PointerEvent(kind,
                {{clientX: x, clientY: 200, pointerType: "touch", bubbles: true}}));
            at("pointerdown", 300);
            at("pointerup", 120);
        }}"""
    )
    tab.locator(".frame img[alt^='chelsea.png']").wait_for()
    tab.locator(".frame img").click()
    tab.locator(".full-view").wait_for()


def test_a_video_is_played_from_the_moment_found(page: Page, address: str, place: Path) -> None:
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        (hit,) = (hit for hit in library.find("a cat", 20).hits if hit.path.name == "clip.mp4")
    assert hit.at_s is not None and 4 <= hit.at_s < 8
    open_photo(page, address, "clip.mp4", "a+cat")
    player = page.locator(".frame video")
    page.wait_for_function(f"{FRAME}.querySelector('video').readyState >= 2")
    assert abs(player.evaluate("player => player.currentTime") - hit.at_s) < 0.3
    player.evaluate("player => { player.muted = true; return player.play(); }")
    page.wait_for_function(f"{FRAME}.querySelector('video').currentTime > {hit.at_s + 0.3}")


def test_the_moving_part_of_a_motion_photo_is_played(page: Page, address: str) -> None:
    open_photo(page, address, "motion.jpg")
    page.get_by_role("button", name="Moving part").click()
    page.wait_for_function(f"{FRAME}.querySelector('video')?.currentTime > 0.2")
    assert abs(page.locator(".frame video").evaluate("player => player.duration") - 2) < 0.3


def test_all_facts_and_what_can_be_done_with_the_file(
    page: Page, address: str, place: Path
) -> None:
    open_photo(page, address, "large.jpg")
    facts = page.locator("dl").first
    for text in ("Exposure", "1/250 s", "f/2.8", "ISO", "400", "50 mm", "RF50mm F1.8", "EOS R5"):
        facts.get_by_text(text, exact=text != "EOS R5").wait_for()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the path").click()
    page.get_by_text("Copied").wait_for()
    path = place / "photos" / "large.jpg"
    assert page.evaluate("navigator.clipboard.readText()") == str(path)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the original").click()
    assert download.value.suggested_filename == "large.jpg"
    assert Path(download.value.path()).read_bytes() == path.read_bytes()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the original").click()
    wait_until_shown(opened.value.locator("img"))


def test_a_minus_is_shown_where_the_query_has_one(page: Page, address: str) -> None:
    open_photo(page, address, "coffee.png", "coffee+-people")
    page.locator("dt", has_text=re.compile("^-people$")).wait_for()


# ---------------------------------------------------------------------------- routes


def ids_in(address: str, place: Path) -> dict[str, int]:
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        return {hit.path.name: hit.photo.id for hit in library.find("sort:path", 50).hits}


@pytest.mark.parametrize(
    ("name", "route"), [("clip.mp4", "/original/"), ("motion.jpg", "/moving-part/")]
)
def test_what_moves_plays_while_the_mouse_is_on_its_tile(
    page: Page, address: str, name: str, route: str
) -> None:
    page.goto(f"{address}/?q=sort:path")
    tile = page.locator(f".tile:has(a[aria-label^='{name}'])")
    wait_until_shown(tile.locator("img"))
    assert page.locator(".tile video").count() == 0
    tile.hover()
    page.locator(f".tile video.playing[src*='{route}']").wait_for()
    assert page.locator(".tile video").evaluate("video => video.muted")
    page.get_by_role("combobox", name="Search").hover()
    page.locator(".tile video").wait_for(state="detached")


def test_originals_are_served_whole_and_in_parts(address: str, place: Path) -> None:
    cookie = cookie_of(address)
    photo_id = ids_in(address, place)["clip.mp4"]
    content = (place / "photos" / "clip.mp4").read_bytes()
    whole = fetch(address, f"/original/{photo_id}", Cookie=cookie)
    assert whole.status == 200 and whole.body == content
    assert whole.headers["Content-Type"] == "video/mp4"
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    part = fetch(address, f"/original/{photo_id}", Cookie=cookie, Range="bytes=100-299")
    assert part.status == 206 and part.body == content[100:300]
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(content)}"
    beyond = fetch(address, f"/original/{photo_id}", Cookie=cookie, Range="bytes=99999999-")
    assert beyond.status == 416
    saved = fetch(address, f"/original/{photo_id}?download", Cookie=cookie)
    assert saved.headers["Content-Disposition"] == "attachment; filename*=utf-8''clip.mp4"
    motion_id = ids_in(address, place)["motion.jpg"]
    moving = fetch(address, f"/moving-part/{motion_id}", Cookie=cookie)
    assert moving.status == 200 and moving.body[4:8] == b"ftyp"


def test_originals_are_those_of_the_library_only(address: str, place: Path) -> None:
    cookie = cookie_of(address)
    for path in ("999", "-1", "x", "../library.db", "1/../../etc/passwd", "9" * 40, ""):
        for route in ("original", "moving-part"):
            reply = fetch(address, f"/{route}/{path}", Cookie=cookie)
            content_type = reply.headers.get("Content-Type", "")
            is_page = content_type.startswith("text/html")  # Streamlit's, for any other path
            assert reply.status >= 300 or is_page, path
    still = ids_in(address, place)["brick.png"]
    assert fetch(address, f"/moving-part/{still}", Cookie=cookie).status == 404
    assert fetch(address, f"/original/{still}", form="x", Cookie=cookie).status == 405
    for component in ("../server.py", "viewer/../../server.py", "map/LICENCES.md"):
        reply = fetch(address, f"/component/0/{component}", Cookie=cookie)
        assert b"import" not in reply.body or reply.status == 404, component


def test_strangers_get_no_originals(address: str, place: Path) -> None:
    paths = [f"/{route}/{number}" for route in ("original", "moving-part") for number in (1, 7)]
    for path in paths:
        for wrong in ("", "imgsearch_page=x"):
            reply = fetch(address, path, Cookie=wrong)
            assert reply.status == 403 and b"imgsearch ui printed" in reply.body
        reply = fetch(address, path, Cookie=cookie_of(address), Host="evil.example")
        assert reply.status == 400
        reply = fetch(address, path, Cookie=cookie_of(address))
        assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    with serving(place / "library", "--host", "0.0.0.0", IMGSEARCH_UI_PASSWORD=PASSWORD) as other:
        for path in paths:
            assert fetch(other, path).status == 403
            assert fetch(other, path, Range="bytes=0-9").status == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_details_are_a_drawer_and_the_photo_has_the_width_of_the_screen(
    open_tab: OpenTab, address: str, scheme: Any, screenshot: Callable[..., None]
) -> None:
    tab = open_tab(address, 1440, 900, scheme)
    tab.goto(address)
    tab.evaluate("localStorage['imgsearch.details'] = ''")  # as at first
    tab.goto(f"{address}/?q=name:large")
    wait_for_first(tab, "large.jpg")
    tab.locator(".tile a").first.click()
    tab.locator(".frame img").wait_for()
    settle(tab)
    details = tab.get_by_role("heading", name="Details")
    button = tab.get_by_role("button", name="Details")
    details.wait_for(state="hidden")
    assert width_of(tab, ".frame") >= 0.95 * 1440
    assert width_of(tab, ".frame img") > 800, "3,000 by 2,000 pixels in the height of the window"
    frame = tab.locator(".frame").bounding_box()
    assert frame is not None and 880 < frame["y"] + frame["height"] <= 900
    screenshot(tab, f"viewer-{scheme}")
    assert not axe_violations(tab)
    tab.keyboard.press("i")
    details.wait_for()
    expect(button).to_have_attribute("aria-expanded", "true")
    assert width_of(tab, ".frame") < 1000
    screenshot(tab, f"viewer-details-{scheme}")
    assert not axe_violations(tab)
    tab.keyboard.press("ArrowRight")
    details.wait_for()
    tab.reload()
    details.wait_for()
    tab.get_by_role("button", name="Teach a concept").focus()
    button.click()
    details.wait_for(state="hidden")
    tab.reload()
    tab.locator(".frame img").wait_for()
    settle(tab)
    assert not details.is_visible()


def test_on_a_phone_the_details_are_a_sheet_from_below(
    open_tab: OpenTab, address: str, screenshot: Callable[..., None]
) -> None:
    tab = open_tab(address, 390, 844)
    tab.goto(address)
    tab.evaluate("localStorage['imgsearch.details'] = ''")
    tab.goto(f"{address}/?q=name:large")
    wait_for_first(tab, "large.jpg")
    tab.locator(".tile a").first.click()
    tab.locator(".frame img").wait_for()
    details = tab.get_by_role("heading", name="Details")
    assert not details.is_visible(), "the photo has the screen"
    tab.get_by_role("button", name="Details", exact=True).click()
    details.wait_for()
    tab.get_by_text("JPEG").first.wait_for()
    settle(tab)
    screenshot(tab, "details-phone")
    assert not axe_violations(tab)
    assert not small_targets(tab)
    sheet, photo, places = (
        tab.locator(each).bounding_box() for each in (".drawer", ".frame img", "nav.places")
    )
    assert sheet and photo and places
    assert sheet["y"] >= photo["y"] + photo["height"], "the photo is in sight above it"
    assert abs(sheet["y"] + sheet["height"] - places["y"]) <= 1
    tab.keyboard.press("Escape")
    details.wait_for(state="hidden")
    assert "/photo?" in tab.url
    tab.get_by_role("button", name="Details", exact=True).click()
    tab.get_by_role("button", name="Close the details").click()
    details.wait_for(state="hidden")
    assert width_of(tab, ".frame") == 390
    above, frame, under = (
        tab.locator(each).bounding_box() for each in (".bar:not(.under)", ".frame", ".under")
    )
    assert above and frame and under
    assert above["y"] < frame["y"] < under["y"], "what can be done with it is below the photo"
    assert above["height"] <= 44
    under_photo = tab.get_by_role("navigation", name="Actions for the photo")
    under_photo.get_by_role("button", name="Favourite").wait_for()
    tab.set_viewport_size({"width": 1280, "height": 844})
    under_photo.wait_for(state="hidden")
    bar = tab.get_by_role("navigation", name="Photo", exact=True)
    bar.get_by_role("button", name="Favourite").wait_for()
