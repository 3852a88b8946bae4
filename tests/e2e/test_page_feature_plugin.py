"""The viewer with features of other packages: a card as in docs/plugins.md, and parts that fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgsearch import Library, Settings
from tests.browsing import page_server
from tests.factories import CHECKOUT
from tests.test_feature_plugin import WHITE_BALANCE, files_of_the_guide, install, run

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenTab


FAILING = {
    "imgsearch_failing/__init__.py": """
from imgsearch.features.declared import Feature

FEATURE = Feature(
    "failing", page="imgsearch_failing.page:page", components="imgsearch_failing.page"
)
""",
    "imgsearch_failing/page.py": """
from ui.features import PageFeature, ViewerSection


def page():
    section = ViewerSection("failing", "failing/section.js", lambda search: None)
    return PageFeature(viewer="failing/parts.js", section=section)
""",
    "imgsearch_failing/components/failing/parts.js": """
export const partsOf = () => { throw new Error("no such field"); };
""",
    "imgsearch_failing/components/failing/section.js": """
export function makeSection() {
  const node = document.createElement("section");
  node.textContent = "Mine";
  return { node, show() { throw new Error("no such state"); } };
}
""",
    "imgsearch_failing-1.dist-info/METADATA": """\
Metadata-Version: 2.1
Name: imgsearch-failing
Version: 1
""",
    "imgsearch_failing-1.dist-info/entry_points.txt": """\
[imgsearch.features]
failing = imgsearch_failing:FEATURE
""",
}
SETTINGS = {"auto": 0, "manual": 1, "none": None}  # by the names of the photos


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library with a photo of each setting, beside the installed package."""
    folder = tmp_path_factory.mktemp("plugin")
    packages = install(folder, files_of_the_guide())
    (folder / "photos").mkdir()
    for (name, setting), colour in zip(SETTINGS.items(), ("red", "blue", "lime"), strict=True):
        tags = Image.Exif()
        if setting is not None:
            tags.get_ifd(0x8769)[WHITE_BALANCE] = setting
        Image.new("RGB", (64, 64), colour).save(folder / "photos" / f"{name}.jpg", exif=tags)
    assert run(packages, folder / "library", "index", folder / "photos").returncode == 0
    return folder / "library"


@pytest.fixture(scope="module")
def address(data: Path) -> Iterator[str]:
    """Where the page of the library is served, with the package installed."""
    path = os.pathsep.join([str(data.with_name("packages")), str(CHECKOUT)])
    with page_server(data, environment={"PYTHONPATH": path}) as (address, _):
        yield address


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("name", SETTINGS)
def test_the_viewer_shows_the_card_of_a_feature(
    open_tab: OpenTab, address: str, data: Path, name: str
) -> None:
    with Library.open(Settings.load(data_dir=data)) as library:
        (photo_id,) = library.find_all(f"name:{name}").ids.tolist()
    tab = open_tab(address)
    tab.goto(f"{address}/photo?id={photo_id}")
    details = tab.get_by_role("complementary", name="Details")
    details.get_by_role("heading", name="Path").wait_for()
    card = details.get_by_role("region", name="Camera settings")
    assert card.count() == (name != "none")
    if name != "none":
        assert card.inner_text().split() == ["Camera", "settings", "White", "balance", name]


@pytest.mark.needs("chromium")
def test_parts_of_a_feature_that_fail_are_sentences_and_the_rest_is_shown(
    open_tab: OpenTab, tmp_path: Path
) -> None:
    packages, data = tmp_path / "packages", tmp_path / "library"
    for name, text in FAILING.items():
        file = packages / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "photos").mkdir()
    for colour in ("red", "lime"):
        Image.new("RGB", (64, 64), colour).save(tmp_path / "photos" / f"{colour}.jpg")
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([tmp_path / "photos"]).run()
        photos = {hit.path.stem: hit.photo.id for hit in library.find("type:jpeg").hits}
    path = os.pathsep.join([str(packages), str(CHECKOUT)])
    with page_server(data, environment={"PYTHONPATH": path}) as (address, _):
        tab = open_tab(address)
        said: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.goto(f"{address}/photo?id={photos['red']}&q=type:jpeg")
        details = tab.get_by_role("complementary", name="Details")
        details.get_by_role("heading", name="Path").wait_for()
        failed = details.get_by_text("A plug-in could not show its part of this photo.")
        failed.nth(1).wait_for()
        assert failed.count() == 2, "the part, and the section"
        details.get_by_text("64 × 64 px").wait_for()
        assert any("no such field" in each for each in said)
        assert any("no such state" in each for each in said)
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("ArrowLeft")
        details.get_by_text("red.jpg").wait_for()
