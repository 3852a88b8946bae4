"""The page of an installation that lacks a feature: it works, and has no word of the feature."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Library, Settings
from imgsearch.features.installed import features
from tests.absent import environment_of, fill, without_feature, words_of
from tests.browsing import (
    PATIENCE_MS,
    choose_in_menu,
    page_server,
)

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenTab


@pytest.fixture(scope="module", params=[name for name, each in features().items() if each.page])
def hidden(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def address(
    hidden: str, demo_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where the page of an installation without the feature is served."""
    data = Path(shutil.copytree(demo_data, tmp_path_factory.mktemp("absent") / "library"))
    with Library.open(Settings.load(data_dir=data)) as library:
        fill(library, hidden)
    checkout = without_feature(hidden, tmp_path_factory.mktemp("checkout") / "imgsearch")
    with page_server(data, environment=environment_of(checkout)) as (address, _):
        yield address


@pytest.mark.needs("chromium")
def test_no_word_of_a_hidden_feature_is_on_the_page(
    open_tab: OpenTab, address: str, hidden: str
) -> None:
    tab = open_tab(address)
    words = words_of(hidden)
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    by_date = "timeline" if hidden == "events" else "events"
    for path in ("", "?q=a+cat", by_date, "library"):
        tab.goto(f"{address}/{path}")
        tab.locator("h1.unseen").first.wait_for(state="attached", timeout=PATIENCE_MS)
        if path == "?q=a+cat":
            choose_in_menu(tab, "Select all")
            tab.get_by_role("button", name="Contact sheet").wait_for()
        text = tab.content() + tab.locator("body").inner_text()
        found = words.search(text)
        assert found is None, text[max(0, found.start() - 80) : found.end() + 80]
    assert problems == []
