"""Screenshots that answers leave out, in a real browser: switched, said, and shown again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from imgsearch import Library, Settings
from tests.browsing import NEEDS_BROWSER, axe_violations, search, serving, settle, wait_for_count
from tests.factories import run_cli, wait_until

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenTab

pytestmark = [*NEEDS_BROWSER, pytest.mark.features("kinds")]
NAMES = ("a.png", "b.png", "c.png", "Screenshot_1.png", "Screenshot_2.png")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library of three photos and two screenshots."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "photos").mkdir()
    for number, name in enumerate(NAMES):
        Image.new("RGB", (320, 240), (20, 90, 40 * number)).save(folder / "photos" / name)
    made = run_cli("index", folder / "photos", "--encoder", "lite", data=folder / "library")
    assert made.returncode == 0, made.stderr
    return folder / "library"


@pytest.fixture(scope="module")
def address(data: Path) -> Iterator[str]:
    """The page of that library."""
    with serving(data) as page:
        yield page


def left_out(data: Path) -> tuple[str, ...]:
    with Library.open(Settings.load(data_dir=data)) as library:
        return library.kinds.all().left_out


def test_a_switch_leaves_screenshots_out_and_an_answer_leads_back_to_it(
    address: str, data: Path, open_tab: OpenTab
) -> None:
    tab = open_tab(address)
    tab.goto(address)
    search(tab, "type:png")
    wait_for_count(tab, 5)
    tab.goto(f"{address}/library")
    switch = tab.get_by_role("switch", name="Leave 2 screenshots out of answers")
    expect(switch).not_to_be_checked()
    tab.get_by_text("Leave 2 screenshots out of answers").click()
    expect(switch).to_be_checked()
    wait_until(lambda: left_out(data) == ("screenshot",))
    settle(tab)
    assert axe_violations(tab) == []
    tab.goto(address)
    search(tab, "type:png")
    wait_for_count(tab, 3)
    expect(tab.get_by_text("Without 2 screenshots")).to_be_visible()
    search(tab, "screenshots")
    wait_for_count(tab, 2)
    search(tab, "type:png")
    tab.get_by_role("button", name="Change", exact=True).click()
    tab.get_by_text("Leave 2 screenshots out of answers").click()
    expect(switch).not_to_be_checked()
    wait_until(lambda: left_out(data) == ())


def test_a_choice_of_a_command_is_that_of_the_page(
    address: str, data: Path, open_tab: OpenTab
) -> None:
    assert run_cli("kinds", "--leave-out", "screenshot", data=data).returncode == 0
    tab = open_tab(address)
    tab.goto(address)
    search(tab, "type:png")
    wait_for_count(tab, 3)
    tab.goto(f"{address}/library")
    expect(tab.get_by_role("switch", name="Leave 2 screenshots")).to_be_checked()
    assert run_cli("kinds", "--show", "screenshot", data=data).returncode == 0
