"""Makes the animation of README: a search in the photos of the demo, up to an opened photo.

    python -m tests.animation

A browser does what a visitor does, on a page of its own, and each step is a picture. A picture
stays as long as a reader needs, not as long as the machine took. Look at it before it is committed.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from imgsearch import Library, Settings
from imgsearch.cli.demo import copy_photos
from tests.browsing import TOKEN, launch_chromium, open_whole, serving, settle, wait_for_first
from tests.screenshots import IMAGES

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

FILE = IMAGES / "a-search.webp"
MOST_BYTES, MOST_MS = 1_000_000, 12_000
QUERY, FOUND = "a rocket launch", "rocket.jpg"
WINDOW_PX = (1200, 750)
SHOWN_PX = (960, 600)
QUALITY = 70
LOOK_MS, READ_MS, KEY_MS, GLIDE_MS = 1600, 2400, 100, 40
GLIDE_STEPS = 12
# The arrow of a mouse, which a screenshot lacks: from its tip, in pixels of the window.
_ARROW = ((0, 0), (0, 21), (5, 16), (9, 25), (13, 23), (9, 15), (16, 15))


class ScreenRecording:
    """The pictures of a tab, each with how long it stays."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab
        self.pictures: list[Image.Image] = []
        self.stays_ms: list[int] = []
        self.mouse: tuple[float, float] | None = None

    def take(self, stays_ms: int) -> None:
        """Add what the tab shows now."""
        taken = self.tab.screenshot(animations="disabled", caret="initial")
        picture = Image.open(io.BytesIO(taken)).convert("RGB")
        if self.mouse is not None:
            left, top = self.mouse
            arrow = [(left + x, top + y) for x, y in _ARROW]
            ImageDraw.Draw(picture).polygon(arrow, fill="black", outline="white", width=2)
        self.pictures.append(picture.resize(SHOWN_PX, Image.Resampling.LANCZOS))
        self.stays_ms.append(stays_ms)

    def glide_to(self, element: Locator) -> None:
        """Move the mouse to an element, slower at both ends."""
        box = element.bounding_box()
        assert box is not None, "what is shown has a place"
        end = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        start = self.mouse or (WINDOW_PX[0] / 2, WINDOW_PX[1] * 0.9)
        for step in range(1, GLIDE_STEPS + 1):
            share = step / GLIDE_STEPS
            share = share * share * (3 - 2 * share)
            x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
            self.mouse = (x, y)
            self.tab.mouse.move(x, y)
            self.take(GLIDE_MS)

    def save(self, path: Path) -> None:
        """Write the animation, which is played over and over."""
        first, *others = self.pictures
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self.stays_ms,
            loop=0,
            quality=QUALITY,
            method=6,
        )


def record(tab: Page, address: str) -> ScreenRecording:
    """Search, look at the answer, and open its first photo."""
    open_whole(tab, address)
    recording = ScreenRecording(tab)
    recording.take(LOOK_MS)
    box = tab.get_by_role("combobox", name="Search")
    recording.glide_to(box)
    box.click()
    recording.mouse = None  # it goes out of sight while one types
    for character in QUERY:
        tab.keyboard.type(character)
        settle(tab)
        recording.take(KEY_MS)
    recording.take(4 * KEY_MS)
    tab.keyboard.press("Enter")
    wait_for_first(tab, FOUND)
    settle(tab)
    recording.take(READ_MS)
    photo = tab.locator(".section .tile a[href]").first
    recording.glide_to(photo)
    recording.take(4 * KEY_MS)
    photo.click()
    tab.locator(".frame img").wait_for()
    settle(tab)
    recording.mouse = None
    recording.take(READ_MS)
    return recording


def main() -> int:
    """Record the animation into docs/images; returns 1 where it is too large or too long."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        photos, data = Path(folder, "photos"), Path(folder, "library")
        copy_photos(photos)
        with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
            library.index([photos]).run()
        with serving(data) as address, sync_playwright() as driver:
            browser = launch_chromium(driver)
            width, height = WINDOW_PX
            profile = browser.new_context(viewport={"width": width, "height": height})
            profile.request.get(f"{address}/?token={TOKEN}")
            recording = record(profile.new_page(), address)
            browser.close()
    recording.save(FILE)
    size, lasts_ms = FILE.stat().st_size, sum(recording.stays_ms)
    sys.stdout.write(
        f"{FILE.name}: {len(recording.pictures)} pictures, {lasts_ms / 1000:.1f} s, "
        f"{size / 1000:.0f} kB\n"
    )
    return int(size > MOST_BYTES or lasts_ms > MOST_MS)


if __name__ == "__main__":
    sys.exit(main())
