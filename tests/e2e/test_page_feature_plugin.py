"""The card that a feature of another package adds to the viewer: that of docs/plugins.md."""

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
