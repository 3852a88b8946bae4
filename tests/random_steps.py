"""Takes quick steps at random on the page, and checks that a reload shows the same.

    python -m tests.random_steps --sequences 60 --steps 12 [--seed N]

A person who clicks faster than the page answers must end where the address says: the view, the
query in the field and the photos are those that the address names. So after each sequence of steps,
of which none waits for the one before, the page is reloaded and must show what it showed. `make
random-steps` runs sixty sequences, the test suite two. The seed is printed; with it the steps are
the same again.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from imgsearch import Library, Settings
from imgsearch.cli.demo import copy_photos
from tests.browsing import TOKEN, launch_chromium, serving, settle

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

PAUSES_MS = (100, 500)  # between two steps: the quickest hands, and quick ones
STEP_MS = 1_500  # that a step waits for what it clicks, which may not be there
QUERIES = ("a cat", "flowers", "type:jpeg", "buildings at night", "after:2015")
# Places and views of the page, by what the navigation calls them.
VIEWS = (
    *("Photos", "By date", "Albums", "Map", "By meaning"),
    *("Tools", "Near-duplicates", "Labels", "Library", "Last changes"),
)
# What a person sees in the middle of the page, without what differs by itself: the time that a
# search took, and the places of a map that its animation has not reached.
_SHOWN = """() => {
    const all = (root) => [...root.querySelectorAll("*")].flatMap(
        (node) => [node, ...(node.shadowRoot ? all(node.shadowRoot) : [])]);
    const main = document.querySelector("[data-testid=stMain]") ?? document.body;
    const seen = all(main).filter((node) => node.checkVisibility({visibilityProperty: true}));
    return {
        field: seen.filter((node) => node.matches("[role=combobox][aria-label=Search]"))
            .map((node) => node.value).join(),
        headings: seen.filter((node) => node.matches("h1, h2, [role=dialog]"))
            .map((node) => node.textContent.trim()).sort(),
        photos: seen.filter((node) => node.matches("a[href*='/photo?']"))
            .map((node) => new URL(node.href).searchParams.get("id")).sort().slice(0, 30),
    };
}"""


class Shown(NamedTuple):
    """What the page shows, and its address without what only says where it is scrolled to."""

    view: str
    parameters: Mapping[str, str]
    content: Mapping[str, object]


class Difference(NamedTuple):
    """A sequence of steps after which a reload shows something else."""

    number: int
    steps: Sequence[str]
    before: Shown
    after: Shown

    def __str__(self) -> str:
        return f"sequence {self.number}: {', '.join(self.steps)}\n  {self.before}\n  {self.after}"


def run(
    profile: BrowserContext, address: str, chosen: random.Random, sequences: int, steps: int
) -> list[Difference]:
    """Take the steps of all sequences; return those after which a reload shows something else."""
    differences = []
    for number in range(1, sequences + 1):
        tab = profile.new_page()
        tab.goto(f"{address}/")
        settle(tab)
        taken = [_take_step(tab, chosen) for _ in range(steps)]
        before = _shown_at_rest(tab)
        tab.reload()
        after = _shown_at_rest(tab)
        if before != after:
            differences.append(Difference(number, taken, before, after))
        tab.close()
    return differences


def _take_step(tab: Page, chosen: random.Random) -> str:
    """Take one step, if what it needs is there; return its name."""
    view, query, place = chosen.choice(VIEWS), chosen.choice(QUERIES), chosen.random()
    steps: Mapping[str, Callable[[], object]] = {
        # On the card of a tool, more follows its name.
        f"open {view}": lambda: tab.get_by_role("link", name=re.compile(rf"^{view}\b")).first.click(
            timeout=STEP_MS
        ),
        f"search {query}": lambda: _search(tab, query),
        "open a photo": lambda: _click_one(tab, "a[href*='/photo?']", place),
        "remove a filter": lambda: _click_one(tab, ".chip button.remove", place),
        "next photo": lambda: tab.keyboard.press("ArrowRight"),
        "close": lambda: tab.keyboard.press("Escape"),
        "back": lambda: tab.evaluate("navigation.canGoBack && history.back()"),
        "forward": lambda: tab.evaluate("navigation.canGoForward && history.forward()"),
    }
    name = chosen.choice(sorted(steps))
    tab.wait_for_timeout(chosen.randint(*PAUSES_MS))
    from playwright.sync_api import Error

    with suppress(Error):  # there is no photo to open, or the page has just gone elsewhere
        steps[name]()
    return name


def _search(tab: Page, line: str) -> None:
    box = tab.get_by_role("combobox", name="Search")
    box.fill(line, timeout=STEP_MS)
    box.press("Enter", timeout=STEP_MS)


def _click_one(tab: Page, selector: str, place: float) -> None:
    found = tab.locator(selector)
    if count := found.count():
        found.nth(int(place * count)).click(timeout=STEP_MS)


def _shown_at_rest(tab: Page) -> Shown:
    """What the page shows once it has been the same for three seconds."""
    last = None
    while True:
        settle(tab)
        shown = _shown(tab)
        if shown == last:
            return shown
        last = shown
        tab.wait_for_timeout(3_000)


def _shown(tab: Page) -> Shown:
    address = urlsplit(tab.url)
    parameters = {name: value for name, value in parse_qsl(address.query) if name != "at"}
    return Shown(address.path, parameters, tab.evaluate(_SHOWN))


def make_library(folder: Path) -> Path:
    """Index the photos of the demo; return the data folder."""
    copy_photos(folder / "photos")
    data = folder / "library"
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([folder / "photos"]).run()
    return data


def main() -> None:
    """Run the sequences on a library of demo photos; exit with 1 if one ended elsewhere."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sequences", type=int, default=60)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    sys.stderr.write(f"seed {arguments.seed}\n")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        data = make_library(Path(folder))
        browser = launch_chromium(driver)
        with serving(data) as address:
            profile = browser.new_context()
            profile.request.get(f"{address}/?token={TOKEN}")
            found = run(
                profile,
                address,
                random.Random(arguments.seed),
                arguments.sequences,
                arguments.steps,
            )
        browser.close()
    for difference in found:
        sys.stdout.write(f"{difference}\n")
    sys.stdout.write(
        f"{arguments.sequences - len(found)} of {arguments.sequences} sequences ended at their "
        f"address (seed {arguments.seed}).\n"
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
