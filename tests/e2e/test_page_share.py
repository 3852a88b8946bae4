"""Photos are shared with other people, by the share sheet or as a download, without places.

No browser without a screen has a share sheet: a stand-in for `navigator.share` takes the files that
the page gives it, as a browser of a phone does.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imgsearch import Library, Settings
from imgsearch.decode.reader import decode_bytes
from tests.browsing import NEEDS_BROWSER, axe_violations, settle
from tests.clips import video
from tests.e2e.test_page_tray import id_of
from tests.factories import index_demo_photos, scene

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER

SHARE_SHEET = """
window.shared = [];
navigator.canShare = ({ files }) => files.every(({ type }) => type.startsWith("image/"));
navigator.share = async ({ files }) => {
  if (!navigator.userActivation.isActive) throw new DOMException("too late", "NotAllowedError");
  for (const file of files) {
    const bytes = [...new Uint8Array(await file.arrayBuffer())];
    window.shared.push({ name: file.name, type: file.type, bytes });
  }
};
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, demo_photos: Path) -> Path:
    """A library of the demo photos, one of them taken in Paris, and of a video."""
    folder = tmp_path_factory.mktemp("share")
    (folder / "videos").mkdir()
    (folder / "videos" / "clip.mp4").write_bytes(video([scene()]))
    index_demo_photos(demo_photos, folder)
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "videos"]).run()
    return folder


@pytest.fixture
def kept(place: Path) -> Iterator[Library]:
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.tray.clear()
        yield library


def position_in(content: bytes) -> tuple[float | None, float | None]:
    facts = decode_bytes(content, 64).facts
    return facts.lat, facts.lon


def ask_to_share(page: Page, heading: str) -> Locator:
    settle(page)
    share = page.get_by_role("button", name="Share", exact=True)
    share.click()
    dialog = page.get_by_role("dialog", name=heading)
    dialog.wait_for()
    return dialog


def shared(page: Page, count: int) -> list[dict[str, Any]]:
    page.wait_for_function("count => window.shared.length >= count", arg=count)
    found: list[dict[str, Any]] = page.evaluate("window.shared")
    return found


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_an_opened_photo_is_shared_without_its_place_and_with_it_if_asked(
    open_tab: OpenTab,
    address: str,
    kept: Library,
    width: int,
    scheme: Any,
    screenshot: Callable[..., None],
) -> None:
    page = open_tab(address, width, 844, scheme)
    page.add_init_script(SHARE_SHEET)
    page.goto(f"{address}/photo?id={id_of(kept, 'paris')}")
    dialog = ask_to_share(page, "Share this photo")
    assert dialog.get_by_role("checkbox", name="Leave out where it was taken").is_checked()
    dialog.get_by_role("button", name="Share …").click()
    (without,) = shared(page, 1)
    assert (without["name"], without["type"]) == ("paris.jpg", "image/jpeg")
    assert position_in(bytes(without["bytes"])) == (None, None)
    dialog.wait_for(state="hidden")
    dialog = ask_to_share(page, "Share this photo")
    screenshot(page, f"share-{width}")
    assert not axe_violations(page)
    touched = dialog.locator("button, label").evaluate_all(
        "nodes => nodes.map((node) => node.getBoundingClientRect().height)"
    )
    assert len(touched) == 4 and min(touched) >= 44
    dialog.get_by_role("checkbox").uncheck()
    dialog.get_by_role("button", name="Share …").click()
    _, original = shared(page, 2)
    lat, lon = position_in(bytes(original["bytes"]))
    assert lat == pytest.approx(48.858, abs=0.01) and lon == pytest.approx(2.294, abs=0.01)
    dialog.wait_for(state="hidden")
    page.reload()
    dialog = ask_to_share(page, "Share this photo")
    assert not dialog.get_by_role("checkbox").is_checked(), "the choice is remembered"


def test_selected_photos_are_shared_together_and_a_video_is_named(
    page: Page, address: str, kept: Library
) -> None:
    kept.tray.add([id_of(kept, "paris"), id_of(kept, "rocket"), id_of(kept, "clip")])
    page.add_init_script(SHARE_SHEET)
    page.goto(f"{address}/map")
    dialog = ask_to_share(page, "Share 3 photos")
    dialog.get_by_text("Not shared: 1 photo. Location cannot be left out of a video").wait_for()
    dialog.get_by_role("button", name="Share …").click()
    files = shared(page, 2)
    assert [each["name"] for each in files] == ["paris.jpg", "rocket.jpg"]
    assert position_in(bytes(files[0]["bytes"])) == (None, None)


def test_without_a_share_sheet_copies_are_downloaded(
    page: Page, address: str, kept: Library
) -> None:
    kept.tray.add([id_of(kept, "paris"), id_of(kept, "rocket")])
    page.goto(f"{address}/map")
    dialog = ask_to_share(page, "Share 2 photos")
    assert dialog.get_by_role("button", name="Share …").count() == 0
    with page.expect_download() as downloaded:
        dialog.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(BytesIO(Path(downloaded.value.path()).read_bytes())) as archive:
        assert sorted(archive.namelist()) == ["paris.jpg", "rocket.jpg"]
        assert position_in(archive.read("paris.jpg")) == (None, None)


def test_a_photo_whose_file_is_gone_is_not_shared_and_the_reason_is_said(
    page: Page, address: str, kept: Library, place: Path
) -> None:
    file = kept.find("name:rocket").hits[0].path
    away = file.rename(place / "away.jpg")
    try:
        page.add_init_script(SHARE_SHEET)
        page.goto(f"{address}/photo?id={id_of(kept, 'rocket')}")
        dialog = ask_to_share(page, "Share this photo")
        dialog.get_by_text("The file cannot be read now").wait_for()
        assert dialog.get_by_role("button", name="Share …").is_disabled()
    finally:
        away.rename(file)
