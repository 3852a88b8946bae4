"""For tests of the page in a real browser: starts the page, and waits for what it shows."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from imgsearch import Library, Settings
from imgsearch.testing import free_port, running_page
from tests.programs import find_program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Playwright

BROWSER = find_program("chromium")
NEEDS_BROWSER = [
    pytest.mark.needs("chromium"),
    # Streamlit and the browser leave sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 120_000  # for a busy machine
TOKEN = "the-token-of-the-tests"  # of every page that `serving` starts
TARGET_PX = 44  # WCAG 2.2, 2.5.5
# What can be touched now: the box of each element, and what it is.
TARGETS = """() => {
    const all = (root) => [...root.querySelectorAll("*")].flatMap(
        (node) => [node, ...(node.shadowRoot ? all(node.shadowRoot) : [])]);
    return all(document)
        .filter((node) => node.matches("a[href], button, input:not([type=file]), [role=button]"))
        .filter((node) => !node.matches("[aria-label=Dismiss][tabindex='-1']"))  // unseen
        .filter((node) => node.checkVisibility({visibilityProperty: true}) && !node.disabled)
        .map((node) => [node, (node.matches("input[type=text]")
            ? node.closest("[data-testid=stTextInputRootElement]") ?? node : node)
            .getBoundingClientRect()])
        .filter(([node, box]) => box.width > 0 && box.bottom > 0 && box.top < innerHeight)
        .map(([node, box]) => [node.outerHTML.slice(0, 120), box.width, box.height]);
}"""
# Adds up how much of the window has moved without a click, as Web Vitals do.
WATCH_SHIFTS = """
    window.shift = 0;
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) if (!each.hadRecentInput) window.shift += each.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


def launch_chromium(driver: Playwright, *flags: str) -> Browser:
    """The Chromium of this machine, without a window."""
    return driver.chromium.launch(
        executable_path=BROWSER, args=[*FLAGS, *flags], timeout=PATIENCE_MS
    )


def launch_firefox(driver: Playwright, color_scheme: str) -> Browser:
    """The Firefox of this machine, driven by WebDriver BiDi, in a "light" or "dark" scheme.

    Firefox does not take the scheme of a tab from Playwright.
    """
    scheme = "layout.css.prefers-color-scheme.content-override"
    return driver.firefox.launch(
        channel="moz-firefox",
        executable_path=find_program("firefox"),
        timeout=PATIENCE_MS,
        firefox_user_prefs={scheme: int(color_scheme == "light")},
    )


@contextmanager
def serving(
    data_dir: Path, *options: str, open_browser: bool = False, **environment: str
) -> Iterator[str]:
    """`imgsearch ui` as a user starts it; yields the address of the page, without the token."""
    served = page_server(data_dir, *options, open_browser=open_browser, environment=environment)
    with served as (address, _):
        yield address


@contextmanager
def page_server(
    data_dir: Path,
    *options: str,
    port: int | None = None,
    open_files: int | None = None,
    soft_open_files: int | None = None,
    open_browser: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
    program: Sequence[str] = (),
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """As `serving`; yields the process as well, which may have no more than `open_files` open.

    It may raise `soft_open_files` itself. `program` are arguments of Python for another page than
    `imgsearch ui`.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "imgsearch", "ui", "--port", str(port)]
    command += ["--data", str(data_dir), *options, *([] if open_browser else ["--no-browser"])]
    if program:
        command = [sys.executable, *program, "--port", str(port)]
    for limit, flags in ((open_files, "-n"), (soft_open_files, "-Sn")):
        if limit is not None:
            command = ["sh", "-c", f'ulimit {flags} "$0" && exec "$@"', str(limit), *command]
    own = {
        "IMGSEARCH_DATA": str(data_dir),
        "IMGSEARCH_ENCODER": "lite",
        "IMGSEARCH_UI_TOKEN": TOKEN,
    }
    with running_page(command, port, {**own, **environment}) as served:
        yield served


def clear_tray(data_dir: Path) -> None:
    """Take all photos out of the tray, which outlives tabs."""
    with Library.open(Settings.load(data_dir=data_dir)) as library:
        if library.exists():
            library.tray.clear()


def undo_all(library: Library) -> None:
    """Undo all changes of a library whose page is served, and wait until the page notices."""
    from tests.people import undo_changes

    if undo_changes(library):
        wait_until_noticed()


def wait_until_noticed() -> None:
    """Wait until a page looks again whether another process has changed its library."""
    from ui.session import CONTENTS_S

    time.sleep(CONTENTS_S + 0.2)


def wait_in_browser(tab: Page, condition: Callable[[], bool]) -> None:
    """As `wait_until`, while the messages of the tab pass through this process."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        assert time.monotonic() < until, "the condition never held"
        tab.wait_for_timeout(20)


def settle(tab: Page) -> None:
    """Until Streamlit's script has ended and every picture in sight is loaded."""
    tab.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    tab.locator("[data-testid=stSkeleton]").first.wait_for(state="detached")
    tab.wait_for_function(
        "[...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? "
        "[...e.shadowRoot.querySelectorAll('img')] : [])"
        ".every(i => i.complete || i.getBoundingClientRect().top > innerHeight)"
    )


def open_whole(tab: Page, address: str) -> None:
    """Open an address and wait until nothing more is loaded."""
    tab.goto(address)
    tab.locator(".header-buttons button").first.wait_for(state="attached")
    settle(tab)
    tab.wait_for_load_state("networkidle")


def open_view(tab: Page, address: str, view: str) -> None:
    """Open a view that has the search field, by its own address, and wait until it is drawn."""
    tab.goto(f"{address}/{view}")
    tab.get_by_role("combobox", name="Search").wait_for()
    settle(tab)


def place_link(tab: Page, name: str) -> Locator:
    """The link to a place of the page, in the header or the bar of a phone."""
    return tab.get_by_role("navigation", name="Places").get_by_role("link", name=name)


def view_link(tab: Page, name: str) -> Locator:
    """The link to a view of the place that is shown."""
    row = tab.get_by_role("navigation", name="Views")
    return row.get_by_role("link", name=name, exact=True)


def tool_link(tab: Page, title: str) -> Locator:
    """The card of a tool."""
    named = tab.locator(".title").get_by_text(title, exact=True)
    return tab.locator(".cards a").filter(has=named)


def bring_into_view(element: Locator) -> None:
    """Scroll to it, also if the page replaces the element meanwhile."""
    element.click(trial=True)  # `scroll_into_view_if_needed` fails then


def open_control(tab: Page, control: Locator) -> None:
    """Click what opens a list or a question, once nothing scrolls or moves any more.

    Lists close when the page scrolls, and an open question stays where it is when what is above
    it grows. Events of scrolling come before the frame that follows.
    """
    bring_into_view(control)
    settle(tab)
    tab.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
    )
    control.click()


def download(tab: Page, button: str) -> Path:
    """What a button downloads, once its content is that of the view: a rerun replaces it."""
    settle(tab)
    with tab.expect_download() as downloaded:
        tab.get_by_role("button", name=button).click()
    return Path(downloaded.value.path())


def wait_until_images_are_taken(tab: Page) -> None:
    """Wait until the page takes images that are dropped or pasted: the frame of the views does."""
    tab.locator(".header-buttons button").first.wait_for(state="attached")


def choose_file(tab: Page, name: str, kind: str, content: bytes) -> None:
    """Choose a file of this media type with the button beside the search field."""
    with tab.expect_file_chooser(timeout=PATIENCE_MS) as chooser:
        tab.get_by_role("button", name="Search by image").click()
    chooser.value.set_files({"name": name, "mimeType": kind, "buffer": content})


def give_file(tab: Page, name: str, kind: str, content: bytes, way: str = "drop") -> None:
    """Drop a file of this media type on the page, or paste it (`way` "paste")."""
    wait_until_images_are_taken(tab)
    tab.evaluate(
        """([name, type, way, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name, {type}));
            const options = {bubbles: true, cancelable: true};
            document.body.dispatchEvent(way === "drop"
                ? new DragEvent("drop", {dataTransfer: data, ...options})
                : new ClipboardEvent("paste", {clipboardData: data, ...options}));
        }""",
        [name, kind, way, list(content)],
    )


def wait_for_first(tab: Page, name: str) -> None:
    """Until this photo is the first one shown. For a moment the last answer is there as well."""
    selector = f".section:first-of-type .tile:first-child a[aria-label^='{name}']"
    tab.locator(selector).first.wait_for()


def wait_for_only(tab: Page, name: str) -> None:
    """Until this photo is the only one shown: between two results there may be no tile at all."""
    tab.locator(f".tile:only-child a[aria-label^='{name}']").first.wait_for()


def search(tab: Page, line: str) -> None:
    """Type a query and press Enter."""
    box = tab.get_by_role("combobox", name="Search")
    box.fill(line)
    box.press("Enter")


def wait_for_line(tab: Page, line: str) -> None:
    """Until this text is in the search box."""
    from playwright.sync_api import expect

    box = tab.get_by_role("combobox", name="Search")
    expect(box).to_have_value(line, timeout=PATIENCE_MS)


def choose_in_menu(tab: Page, name: str) -> None:
    """Click an entry of the menu above the photos of an answer."""
    menu = tab.locator(".head .more-list:not([hidden])")
    entry = menu.get_by_role("button", name=name, exact=True)
    _click_in_menu(tab.locator(".toolbar .more"), entry)


def view_as(tab: Page, name: str) -> None:
    """Show the photos of an answer in another view, by the text of its link."""
    tab.locator(".toolbar .more").wait_for()
    views = tab.locator(".toolbar .views")  # on a phone, they are in the menu of all the rest
    entry = tab.locator(".head .more-list:not([hidden])").get_by_role("link", name=name)
    _click_in_menu(views if views.is_visible() else tab.locator(".toolbar .more"), entry)


def _click_in_menu(button: Locator, entry: Locator) -> None:
    """Open a menu and click an entry; an answer that arrives meanwhile brings a menu of its own."""
    from playwright.sync_api import TimeoutError as NotShown

    until = time.monotonic() + PATIENCE_MS / 1000
    while not entry.is_visible() and time.monotonic() < until:
        button.click()
        with suppress(NotShown):
            entry.wait_for(timeout=1500)
    entry.click()


def scroll_to(tab: Page, share: float) -> None:
    """Scroll the grid of photos: 0 is its beginning, 1 its end."""
    tab.locator(".scroller").evaluate(
        "(scroller, share) => { scroller.scrollTop = share * scroller.scrollHeight }", share
    )


def focused_name(tab: Page) -> str:
    """The file name of the photo whose tile has the focus."""
    tab.locator(".tile a:focus[aria-label]").wait_for()
    return str(tab.locator(".tile a:focus").get_attribute("aria-label")).split(",")[0]


def wait_for_count(tab: Page, tiles: int) -> None:
    """Until exactly this many tiles are there."""
    from playwright.sync_api import expect

    expect(tab.locator(".tile")).to_have_count(tiles, timeout=PATIENCE_MS)


def wait_until_shown(picture: Locator) -> None:
    """Until the browser has loaded the picture; the page may replace its element meanwhile."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while not picture.evaluate(
        "image => { image.scrollIntoView({block: 'nearest'});"
        " return image.isConnected && image.complete && image.naturalWidth > 8 }"
    ):
        assert time.monotonic() < until, "the picture was not loaded"
        time.sleep(0.05)


def small_targets(tab: Page) -> list[tuple[str, float, float]]:
    """What can be touched now and is too small for a finger: its HTML, width and height."""
    targets = tab.evaluate(TARGETS)
    assert len(targets) >= 4
    return [tuple(each) for each in targets if min(each[1], each[2]) < TARGET_PX - 0.5]


def axe_violations(tab: Page) -> list[tuple[str, str, str]]:
    """What axe-core objects to in what is shown: the rule, the HTML, and why.

    It measures colours as they are, so whatever fades in is waited for.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab.wait_for_function(
        "() => document.getAnimations().every(each => each.playState !== 'running' ||"
        " each.effect.getComputedTiming().endTime === Infinity)"
    )
    return [
        (rule["id"], node["html"][:200], node.get("failureSummary"))
        for rule in axe.run(tab).response["violations"]
        for node in rule["nodes"]
    ]
