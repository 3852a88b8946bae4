"""What one finds is kept: the tray over views and restarts, albums, marks, and undo."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.testing import free_port
from tests.browsing import (
    NEEDS_BROWSER,
    PATIENCE_MS,
    axe_violations,
    choose_in_menu,
    download,
    page_server,
    search,
    settle,
    small_targets,
    wait_for_count,
    wait_for_first,
    wait_for_only,
)
from tests.factories import index_demo_photos, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, demo_photos: Path) -> Path:
    """A library of the demo photos."""
    folder = tmp_path_factory.mktemp("tray")
    index_demo_photos(demo_photos, folder)
    return folder


@pytest.fixture
def kept(place: Path) -> Iterator[Library]:
    """The library of the page, with nothing in its tray and albums, and without marks."""
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.tray.clear()
        for album in library.albums.all():
            library.albums.remove(album.name)
        ids = list(range(1, 40))
        library.marks.set(ids, favourite=False, hidden=False)
        library.marks.forget_rating(ids)
        yield library


def box_of(tab: Page, name: str) -> Any:
    return tab.get_by_role("checkbox", name=f"Select {name}")


def wait_for_selected(tab: Page, count: int) -> None:
    text = f"{count} photo{'' if count == 1 else 's'} selected"
    tab.locator(".selection-bar").get_by_text(text).wait_for()


def id_of(library: Library, name: str) -> int:
    return library.find(f"name:{name}").hits[0].photo.id


def names_in_tray(library: Library) -> list[str]:
    return [hit.path.name for hit in library.photos(library.tray.photos().photo_ids)]


def focus_tile(tab: Page, name: str) -> None:
    tab.locator(f".tile a[aria-label^='{name}']").focus()


def test_photos_of_several_searches_and_views_become_an_album(
    page: Page, address: str, kept: Library, screenshot: Callable[..., None]
) -> None:
    page.goto(address)
    search(page, "name:coffee")
    wait_for_only(page, "coffee.png")
    box_of(page, "coffee.png").check()
    wait_for_selected(page, 1)
    search(page, "name:chelsea")
    wait_for_only(page, "chelsea.png")
    wait_for_selected(page, 1)
    box_of(page, "chelsea.png").check()
    wait_for_selected(page, 2)
    page.goto(f"{address}/timeline")
    wait_for_selected(page, 2)
    box_of(page, "rocket.jpg").check()
    wait_for_selected(page, 3)
    wait_until(lambda: len(kept.tray.photos().photo_ids) == 3)
    page.reload()
    wait_for_selected(page, 3)
    page.get_by_role("button", name="Add to album").click()
    dialog = page.get_by_role("dialog", name="Add 3 photos to an album")
    dialog.get_by_role("textbox").fill("For the book")
    dialog.get_by_role("button", name="Make").click()
    page.get_by_text("Made the album For the book with 3 photos").wait_for()
    dialog.wait_for(state="detached")
    assert names_in_tray(kept) == ["coffee.png", "chelsea.png", "rocket.jpg"]
    assert kept.albums.photos("For the book").photo_ids == kept.tray.photos().photo_ids
    page.get_by_role("button", name="Clear", exact=True).click()
    page.locator(".selection-bar").wait_for(state="hidden")
    wait_until(lambda: not kept.tray.photos().photo_ids)
    page.get_by_role("button", name="Undo").click()
    wait_for_selected(page, 3)
    assert names_in_tray(kept) == ["coffee.png", "chelsea.png", "rocket.jpg"]
    page.goto(address)
    shelf = page.get_by_role("navigation", name="Albums")
    cover = shelf.locator(".cover").first.bounding_box()
    assert cover is not None and (cover["width"], cover["height"]) == (200, 200)
    shelf.get_by_role("link", name="For the book").click()
    page.wait_for_url("**q=album*")
    page.locator(".tile").nth(2).wait_for()
    settle(page)
    screenshot(page, "album")
    box_of(page, "coffee.png").uncheck()
    wait_for_selected(page, 2)
    page.get_by_role("button", name="Take out of For the book").click()
    wait_for_only(page, "coffee.png")
    page.get_by_role("button", name="Undo").click()
    page.locator(".tile").nth(2).wait_for()


def test_all_results_are_added_at_once_and_a_taken_name_is_said(
    page: Page, address: str, kept: Library
) -> None:
    kept.albums.make("Book", [id_of(kept, "coffee")])
    page.goto(f"{address}/?q=type:png")
    page.locator(".tile").nth(2).wait_for()
    choose_in_menu(page, "Add all to an album")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("book")
    dialog.get_by_role("button", name="Make").click()
    page.get_by_text("There is an album 'book' already").wait_for()
    assert page.get_by_text("There is an album 'book' already").count() == 1, "said once"
    dialog.get_by_role("button", name="Book 1 photo").click()
    page.get_by_text("to Book").wait_for()
    dialog.wait_for(state="detached")
    expected = set(kept.find_all("type:png").ids.tolist())
    assert set(kept.albums.photos("Book").photo_ids) == expected
    assert kept.tray.photos().photo_ids == (), "the selection is another thing"
    name = 'Christmas 2019/20: "us" | a=b'
    choose_in_menu(page, "Add all to an album")
    dialog.get_by_role("textbox").fill(name)
    dialog.get_by_role("button", name="Make").click()
    dialog.wait_for(state="detached")
    page.goto(address)
    shelf = page.get_by_role("navigation", name="Albums")
    shelf.get_by_role("link", name=name).click()
    page.wait_for_url("**q=album*")
    page.locator(".tile").nth(2).wait_for()
    settle(page)
    box_of(page, "coffee.png").check()
    page.get_by_role("button", name=f"Take out of {name}").click()
    wait_until(lambda: len(kept.albums.photos(name).photo_ids) == len(expected) - 1)


def test_marks_by_one_key_in_grid_and_viewer(
    page: Page, address: str, kept: Library, screenshot: Callable[..., None]
) -> None:
    coffee, rocket = id_of(kept, "coffee"), id_of(kept, "rocket")
    page.goto(f"{address}/?q=sort:path")
    page.locator(".tile").nth(5).wait_for()
    focus_tile(page, "coffee.png")
    for key in ("f", "4"):
        page.keyboard.press(key)
    page.locator(".marks", has_text="♥ 4★").wait_for()
    wait_until(lambda: (marks := kept.marks.of([coffee]).get(coffee)) and marks.rating == 4)
    assert kept.marks.of([coffee])[coffee].favourite
    page.keyboard.press("4")
    wait_until(lambda: kept.marks.of([coffee])[coffee].rating is None)
    page.keyboard.press("Control+z")
    wait_until(lambda: kept.marks.of([coffee])[coffee].rating == 4)
    page.locator(".marks", has_text="♥ 4★").wait_for()
    page.keyboard.press("Enter")
    page.locator(".frame img").wait_for()
    favourite = page.get_by_role("button", name="Favourite")
    assert favourite.get_attribute("aria-pressed") == "true"
    screenshot(page, "viewer-marks")
    page.keyboard.press("f")
    wait_until(lambda: not kept.marks.of([coffee])[coffee].favourite)
    page.keyboard.press("x")
    wait_for_selected(page, 1)
    page.goto(f"{address}/photo?id={rocket}")
    page.locator(".frame img").wait_for()
    page.get_by_role("button", name="5 stars").click()
    wait_until(lambda: (marks := kept.marks.of([rocket]).get(rocket)) and marks.rating == 5)
    search_line = f"{address}/?q=rating:4%2B+sort:path"
    page.goto(search_line)
    page.locator(".tile").nth(1).wait_for()
    assert page.locator(".tile").count() == 2


def test_a_hidden_photo_leaves_the_answer_and_comes_back(
    page: Page, address: str, kept: Library
) -> None:
    page.goto(f"{address}/?q=name:coffee|chelsea+sort:path")
    wait_for_first(page, "chelsea.png")
    focus_tile(page, "chelsea.png")
    page.keyboard.press("h")
    wait_for_only(page, "coffee.png")
    assert kept.find("is:hidden").hits[0].path.name == "chelsea.png"
    page.get_by_role("button", name="Undo").click()
    wait_for_first(page, "chelsea.png")
    assert not kept.find("is:hidden").hits


def test_a_storm_of_clicks_ends_in_the_right_state(page: Page, address: str, kept: Library) -> None:
    page.goto(f"{address}/?q=type:png+sort:path")
    page.locator(".tile").nth(4).wait_for()
    page.locator(".tile .select").nth(4).wait_for(state="attached")
    clicks = random.Random(8).choices(range(5), k=99)
    wanted = page.evaluate(
        """(clicks) => {
            const all = (root) => [...root.querySelectorAll("*")].flatMap(
                (node) => [node, ...(node.shadowRoot ? all(node.shadowRoot) : [])]);
            const boxes = all(document).filter((node) => node.matches(".tile .select"));
            for (const click of clicks) boxes[click].click();
            return boxes.filter((box) => box.checked).map((box) => box.ariaLabel);
        }""",
        clicks,
    )
    assert len(wanted) == sum(clicks.count(box) % 2 for box in range(5))
    assert 0 < len(wanted) <= 5
    wait_for_selected(page, len(wanted))
    names = sorted(label.removeprefix("Select ").split(",")[0] for label in wanted)
    wait_until(lambda: sorted(names_in_tray(kept)) == names)
    page.reload()
    wait_for_selected(page, len(wanted))


def test_two_tabs_show_one_tray(open_tab: OpenTab, address: str, kept: Library) -> None:
    first = open_tab(address)
    second = first.context.new_page()
    for tab in (first, second):
        tab.goto(f"{address}/?q=type:png+sort:path")
        tab.locator(".tile").nth(4).wait_for()
    box_of(first, "coffee.png").check()
    wait_for_selected(second, 1)
    box_of(second, "chelsea.png").check()
    wait_for_selected(first, 2)
    assert box_of(first, "chelsea.png").is_checked()
    assert names_in_tray(kept) == ["coffee.png", "chelsea.png"]


def test_a_selected_photo_whose_file_goes_is_said_to_have_gone(
    page: Page, address: str, kept: Library, place: Path
) -> None:
    coffee, chelsea = id_of(kept, "coffee"), id_of(kept, "chelsea")
    kept.tray.add([coffee, chelsea])
    page.goto(f"{address}/?q=type:png")
    wait_for_selected(page, 2)
    (hit,) = kept.photos([coffee])
    file, away = hit.path, place / "coffee.png"
    file.rename(away)
    try:
        kept.index().run()
        assert kept.tray.photos().missing_ids == (coffee,)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # somebody is back
        page.get_by_text("1 photo of the selection has no file any more").wait_for()
        page.get_by_text("1 photo selected (1 more without a file)").wait_for()
    finally:
        away.rename(file)
        kept.index().run()
    page.reload()
    wait_for_selected(page, 2)
    assert page.get_by_text("without a file").count() == 0


def test_marks_reach_the_other_tabs(open_tab: OpenTab, address: str, kept: Library) -> None:
    first = open_tab(address)
    second = first.context.new_page()
    for tab in (first, second):
        tab.goto(f"{address}/?q=type:png+sort:path")
        tab.locator(".tile").nth(4).wait_for()
    before = second.locator(".tile").count()
    focus_tile(first, "coffee.png")
    first.keyboard.press("f")
    second.get_by_role("img", name="favourite", exact=True).wait_for()
    first.keyboard.press("4")
    second.get_by_role("img", name="favourite, 4 stars").wait_for()
    first.keyboard.press("h")
    wait_for_count(second, before - 1)
    first.keyboard.press("Control+z")
    wait_for_count(second, before)
    second.get_by_role("img", name="favourite, 4 stars").wait_for()
    first.keyboard.press("Control+z")
    second.get_by_role("img", name="favourite", exact=True).wait_for()


def test_a_restart_in_the_middle_loses_nothing(
    open_tab: OpenTab, place: Path, kept: Library
) -> None:
    port = free_port()
    with page_server(place / "library", port=port) as (address, _):
        tab = open_tab(address)
        tab.goto(f"{address}/?q=type:png+sort:path")
        tab.locator(".tile").nth(4).wait_for()
        box_of(tab, "coffee.png").check()
        wait_until(lambda: names_in_tray(kept) == ["coffee.png"])
    box_of(tab, "chelsea.png").check()
    wait_for_selected(tab, 2)
    with page_server(place / "library", port=port):
        wait_until(lambda: names_in_tray(kept) == ["coffee.png", "chelsea.png"])
        tab.locator("[data-testid=stApp][data-test-connection-state=CONNECTED]").wait_for()
        wait_for_selected(tab, 2)


def test_selected_photos_are_exported(page: Page, address: str, kept: Library) -> None:
    kept.tray.add([id_of(kept, "rocket"), id_of(kept, "coffee")])
    page.goto(f"{address}/map")
    wait_for_selected(page, 2)
    paths = download(page, "Paths").read_text().splitlines()
    assert [Path(line).name for line in paths] == ["rocket.jpg", "coffee.png"]
    records = json.loads(download(page, "JSON").read_text())
    assert [record["photo_id"] for record in records] == list(kept.tray.photos().photo_ids)
    with zipfile.ZipFile(download(page, "Zip of copies")) as archive:
        assert archive.namelist() == ["rocket.jpg", "coffee.png"]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_contact_sheet_of_the_selected_photos(
    open_tab: OpenTab,
    address: str,
    kept: Library,
    width: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    kept.tray.add([id_of(kept, "rocket"), id_of(kept, "coffee")])
    tab = open_tab(address, width, 844, scheme)
    tab.goto(address)
    wait_for_selected(tab, 2)

    def ask() -> None:
        if width == 390:
            tab.get_by_role("button", name="Further actions").click()
        tab.get_by_role("button", name="Contact sheet").click()

    ask()
    dialog = tab.get_by_role("dialog", name="Contact sheet of 2 photos")
    dialog.wait_for()
    screenshot(tab, f"contact-sheet-{width}-{scheme}")
    assert not axe_violations(tab)
    with tab.expect_download() as downloaded:
        dialog.get_by_role("button", name="PDF").click()
    assert Path(downloaded.value.path()).read_bytes().startswith(b"%PDF")
    assert downloaded.value.suggested_filename == "contact-sheet.pdf"
    dialog.wait_for(state="detached")
    ask()
    with tab.expect_download() as downloaded:
        dialog.get_by_role("button", name="JPEG").click()
    with Image.open(downloaded.value.path()) as sheet:
        assert sheet.format == "JPEG"
    tab.route("**/exports/**", lambda route: route.abort())
    ask()
    dialog.get_by_role("button", name="JPEG").click()
    dialog.get_by_text("The page's server does not answer").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark"), (390, "light")])
def test_everybody_can_use_it(
    open_tab: OpenTab,
    address: str,
    kept: Library,
    width: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    kept.albums.make("Book", query="type:png")
    kept.tray.add([id_of(kept, "coffee"), id_of(kept, "rocket")])
    kept.marks.set([id_of(kept, "coffee")], favourite=True, rating=5)
    tab = open_tab(address, width, 860, scheme)
    tab.goto(address)
    wait_for_selected(tab, 2)
    settle(tab)
    screenshot(tab, f"tray-{width}-{scheme}")
    assert not axe_violations(tab)
    assert width > 390 or not small_targets(tab)
    bar = tab.locator(".selection-bar")
    if width == 390:
        assert bar.evaluate("bar => bar.scrollWidth <= bar.clientWidth")
        tab.get_by_role("button", name="Dark" if scheme == "light" else "Light").click(trial=True)
        bar.get_by_role("button", name="Further actions").click()
        tab.get_by_role("group", name="Further actions").get_by_text("Contact sheet").wait_for()
        screenshot(tab, f"tray-actions-{width}-{scheme}")
        assert not axe_violations(tab) and not small_targets(tab)
        tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Add to album").click()
    tab.get_by_role("dialog").get_by_role("button", name="Book").wait_for()
    screenshot(tab, f"tray-album-{width}-{scheme}")
    assert not axe_violations(tab)
    tab.keyboard.press("Escape")
    tab.get_by_role("dialog").wait_for(state="detached")
    tab.get_by_role("button", name="Clear", exact=True).focus()
    tab.keyboard.press("Enter")
    undo = tab.get_by_role("button", name="Undo")
    undo.wait_for()
    screenshot(tab, f"tray-cleared-{width}-{scheme}")
    assert not axe_violations(tab)
    tab.goto(f"{address}/photo?id={id_of(kept, 'coffee')}")
    tab.locator(".frame img").wait_for(timeout=PATIENCE_MS)
    settle(tab)
    screenshot(tab, f"viewer-marks-{width}-{scheme}")
    assert not axe_violations(tab)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/operations/tray/add", "{}", 200),
        ("PUT", "/operations/tray/add", '{"photo_ids": "1"}', 422),
        ("PUT", "/operations/tray/add", "{", 422),
        ("PUT", "/operations/search", '{"query": "cat"}', 200),
        ("PUT", "/operations/search", '{"query": {"terms": [{"path": "/a"}]}}', 422),
        ("PUT", "/operations/nothing", "{}", 422),
        ("GET", "/operations/thumbnail/1", "", 422),
        ("HEAD", "/operations/tray", "", 200),
        ("DELETE", "/operations/tray", "", 422),
        ("PUT", "/operations/albums/nothing", "{}", 422),
        ("PUT", "/operations/albums/add", '{"name": "none", "photo_ids": [1]}', 422),
        ("PUT", "/operations/albums", '{"name": "x", "query": {"terms": [{"path": "/a"}]}}', 422),
        ("POST", "/operations/tray/clear", "{}", 405),
        ("PUT", "/exports/paths", '{"ids": ["x"]}', 422),
        ("PUT", "/exports/paths", '{"ids": ["999"]}', 200),
        ("PUT", "/exports/pdf", '{"ids": ["999"]}', 422),
    ],
)
def test_the_doors_refuse_what_they_do_not_know(
    page: Page, address: str, kept: Library, method: str, path: str, body: str, status: int
) -> None:
    page.goto(address)
    answer = page.request.fetch(f"{address}{path}", method=method, data=body)
    assert answer.status == status, answer.text()


def test_texts_are_compressed_and_photos_are_not(page: Page, address: str, kept: Library) -> None:
    page.goto(address)
    page.locator(".tile img").first.wait_for()
    sizes = page.evaluate(
        """() => performance.getEntriesByType("resource").map(
            (each) => [new URL(each.name).pathname, each.encodedBodySize, each.decodedBodySize])"""
    )
    scripts = [each for each in sizes if each[0].endswith(".js") and each[2] > 2000]
    assert scripts and all(encoded < 0.6 * decoded for _, encoded, decoded in scripts)
    pictures = [each for each in sizes if each[0].startswith("/thumbnail/")]
    assert pictures and all(encoded == decoded for _, encoded, decoded in pictures)
    assert sum(encoded for path, encoded, _ in sizes if path.endswith(".js")) < 800_000


def test_a_phone_can_install_the_page(page: Page, address: str, kept: Library) -> None:
    page.goto(address)
    page.locator('link[rel="manifest"]').wait_for(state="attached")
    manifest = page.evaluate("fetch('/manifest.webmanifest').then(answer => answer.json())")
    assert (manifest["display"], manifest["start_url"]) == ("standalone", "/")
    icon = page.request.get(f"{address}{manifest['icons'][0]['src']}")
    assert Image.open(BytesIO(icon.body())).size == (512, 512)
