"""The result of a trial of another model, as the page shows it, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from imgsearch import EncoderTrial, Library
from tests.browsing import (
    NEEDS_BROWSER,
    axe_violations,
    bring_into_view,
    open_control,
    serving,
    settle,
)
from tests.factories import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import OpenTab

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def tried(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EncoderTrial]:
    """The data folder of a library of `lite`, and what a trial of `lite+views` found out."""
    data = Path(shutil.copytree(demo_data, tmp_path_factory.mktemp("trial") / "library"))
    with Library.open(data) as library:
        return data, library.encoders.try_out("lite+views", queries=["a motorcycle"]).run()


@pytest.fixture(scope="module")
def address(tried: tuple[Path, EncoderTrial]) -> Iterator[str]:
    """Where the page of that library is served."""
    with serving(tried[0], IMGSEARCH_ENCODER="auto") as address:
        yield address


@pytest.mark.parametrize(
    ("width_px", "height_px", "theme"), [(1440, 900, "light"), (390, 844, "dark")]
)
def test_both_answers_are_shown_side_by_side(
    tried: tuple[Path, EncoderTrial],
    address: str,
    open_tab: OpenTab,
    screenshot: Callable[..., None],
    width_px: int,
    height_px: int,
    theme: Literal["light", "dark"],
) -> None:
    data, trial = tried
    with Library.open(data) as library:
        names = {hit.photo.id: hit.path.name for hit in library.find("type:png|jpeg", k=50).hits}
    tab = open_tab(address, width_px, height_px, theme)
    tab.goto(f"{address}/library")
    heading = tab.get_by_role("heading", name="Trial of lite+views")
    heading.wait_for()
    bring_into_view(heading)
    tab.get_by_text("21 photos").first.wait_for()
    for number in (0, 1):
        query = trial.queries[number]
        if number:
            open_control(tab, tab.get_by_role("combobox", name="Query"))
            tab.get_by_role("option", name=query.text).click()
        shared = f"{query.shared} of 10 photos are in both answers."
        tab.get_by_text(shared).first.wait_for()
        wait_for_tiles(tab, [*query.before, *query.after], names)
    bring_into_view(tab.get_by_role("button", name="Change to lite+views"))
    screenshot(tab, f"trial-{width_px}-{theme}")


def wait_for_tiles(tab: Page, ids: list[int], names: dict[int, str]) -> None:
    """Wait until the tiles of both grids are these photos, in this order."""
    wanted = [names[photo_id] for photo_id in ids]

    def are_shown() -> bool:
        labels = tab.locator(".tile a").evaluate_all("links => links.map(link => link.ariaLabel)")
        return len(labels) == len(wanted) and all(map(str.startswith, labels, wanted))

    wait_until(are_shown)


def test_a_model_is_tried_used_and_deleted_from_the_page(
    demo_data: Path, open_tab: OpenTab, tmp_path: Path, screenshot: Callable[..., None]
) -> None:
    data = Path(shutil.copytree(demo_data, tmp_path / "library"))
    with Library.open(data) as library, serving(data, IMGSEARCH_ENCODER="auto") as address:

        def states() -> dict[str, str]:
            return {each.name: each.state for each in library.encoders.stored()}

        tab = open_tab(address)
        tab.goto(f"{address}/library")
        open_control(tab, tab.get_by_role("button", name="Change the model"))
        open_control(tab, tab.get_by_role("combobox", name="Model"))
        tab.get_by_role("option", name="lite+views").click()
        photos = tab.get_by_role("spinbutton", name="Photos to try it on")
        photos.fill("20")
        photos.press("Enter")
        settle(tab)
        screenshot(tab, "trial-form")
        tab.get_by_role("button", name="Try it").click()
        tab.get_by_text("lite+views was tried on 20 photos. See below.").wait_for()
        tab.get_by_role("heading", name="Trial of lite+views").wait_for()
        trial = library.encoders.last_trial()
        assert trial is not None and (trial.photos, trial.left) == (20, 1)
        assert states() == {"lite": "current", "lite+views": "kept"}
        tab.get_by_text("lite+views is kept: 20 photos").wait_for()

        open_control(tab, tab.get_by_role("button", name="Change to lite+views"))
        tab.get_by_text("Embed 1 further photo").wait_for()
        screenshot(tab, "trial-question")
        tab.get_by_role("button", name="Change the model to this one").click()
        tab.get_by_text("lite is kept: 21 photos").wait_for()
        assert states() == {"lite": "kept", "lite+views": "current"}

        open_control(tab, tab.get_by_role("button", name="Use", exact=True))
        tab.get_by_text("Let lite answer searches from now on?").wait_for()
        tab.get_by_role("button", name="Use this model").click()
        tab.get_by_text("lite+views is kept: 21 photos").wait_for()
        assert states() == {"lite": "current", "lite+views": "kept"}

        open_control(tab, tab.get_by_role("button", name="Delete", exact=True))
        tab.get_by_text("must be embedded again. No photo is touched.").wait_for()
        assert axe_violations(tab) == []
        tab.get_by_role("button", name="Delete the vectors").click()
        tab.get_by_text("is kept:").wait_for(state="detached")
        wait_until(lambda: states() == {"lite": "current"})
