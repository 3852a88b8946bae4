"""Measures, in a real browser, how long the page takes to show photos of a large library.

    python -m benchmarks.bench_page --photos 100000

Makes a library of synthetic photos (small JPEGs of 16 years; random vectors, some of which match
each query), opens the page, and measures

- the time from Enter until the results are there and every picture in sight is drawn;
- the same for an answer of all photos, jumps in it as in the timeline, and how long it takes to
  select them all;
- the same for an album of 10,000 photos, opened by its query, and for the tray with as many photos,
  opened by the link of the bar; and until a new tab shows its selection;
- the time from opening the timeline until its first tiles are there, and from a jump to a random
  place of it until every tile in sight is there ("tiles"), and every picture drawn ("pictures");
- the time from opening the map until its first clusters are there, and from a zoom to the next;
- how long laying out the map of meaning takes, how long it takes to open it, and how many frames a
  second it is drawn in while it is zoomed and moved, with all photos in sight at first;
- how much of the window moves while a view is loaded (the sum of its layout shifts without a click)
  at 1,440 and 390 px; the requests and bytes on the wire of the start page and of the library view
  in a new browser; and the time from a click on a photo until the frame that shows it large, seen
  by a MutationObserver and two animation frames, the second of which follows the paint.

"first" is without any thumbnails made before, "again" with those that are in sight. `--library DIR`
keeps the library in a folder and uses it again. Needs Chromium and the `dev` packages.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import numpy as np
from PIL import Image

from benchmarks.synthetic import SyntheticSpace
from imgsearch import Library, Settings
from imgsearch.config import default_cache_dir
from imgsearch.encoders.prompts import embed_texts
from imgsearch.encoders.registry import open_encoder
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.store.lock import writing
from tests.browsing import (
    PATIENCE_MS,
    TOKEN,
    WATCH_SHIFTS,
    launch_chromium,
    open_whole,
    serving,
)
from tests.counted_connections import counted

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

QUERIES = ("a dog in the snow", "sunset over water", "children playing football in a park")
WARM_UP = "a boat on a lake"  # loads the model
MATCHES = 200  # photos that match each query
BATCH = 2_000
DRAWN = """() => {
    const all = [...document.querySelectorAll("*")].flatMap((node) => node.shadowRoot
        ? [...node.shadowRoot.querySelectorAll(".tile img")] : []);
    const inSight = all.filter((image) => image.getBoundingClientRect().top < innerHeight);
    return inSight.length > 6 && inSight.every((image) => image.complete);
}"""


def vectors(photos: int, texts: np.ndarray) -> Iterator[np.ndarray]:
    """One vector per photo, in blocks; those of the first block are close to the texts."""
    noise = np.random.default_rng(5)
    near = np.repeat(texts, MATCHES, axis=0)
    near = 0.5 * near + noise.standard_normal(near.shape, np.float32) / np.sqrt(near.shape[1])
    yield near / np.linalg.norm(near, axis=1, keepdims=True)
    yield from SyntheticSpace(texts.shape[1]).photos(photos - len(near), seed=1)


@dataclass(frozen=True, slots=True)
class MadePlace:
    """A town that photos are taken in."""

    town: str
    country: str
    lat: float
    lon: float


HOME = MadePlace("Vienna", "Austria", 48.2, 16.37)
FIRST_DAY = datetime(2009, 1, 1)
DAYS = 16 * 365
TRIP_DAYS = 6  # of every 60


def taken(photos: int) -> Iterator[tuple[datetime, MadePlace]]:
    """When and where each photo was taken: 16 years of days at home, and trips all over the world.

    Half of the days have photos; on a trip every day has, and three times as many.
    """
    noise = np.random.default_rng(11)
    trips = [
        MadePlace(f"Town {number}", f"Country {number % 40}", lat, lon)
        for number, (lat, lon) in enumerate(
            zip(
                noise.uniform(-50, 65, DAYS // 60 + 1),
                noise.uniform(-120, 150, DAYS // 60 + 1),
                strict=True,
            )
        )
    ]
    on_trip = np.arange(DAYS) % 60 < TRIP_DAYS
    weights = np.where(on_trip, 3.0, noise.random(DAYS) < 0.5) * noise.gamma(1.5, 1.0, DAYS)
    for day in np.sort(noise.choice(DAYS, photos, p=weights / weights.sum())).tolist():
        place = trips[day // 60] if on_trip[day] else HOME
        lat, lon = (degrees + noise.normal(0, 0.02) for degrees in (place.lat, place.lon))
        at = FIRST_DAY + timedelta(days=day, seconds=float(noise.uniform(9, 20)) * 3600)
        yield at.replace(microsecond=0), MadePlace(place.town, place.country, lat, lon)


def library_in(place: Path, photos: int) -> Path:
    """The library in this folder, which is made if it is not there."""
    if not (place / "library").exists():
        place.mkdir(parents=True, exist_ok=True)
        fill(place, photos)
    return place / "library"


def fill(place: Path, photos: int) -> None:
    """Make a library of hard links to 50 small JPEGs, each with its own content hash and vector."""
    encoder = open_encoder("lite", default_cache_dir())
    texts = embed_texts(encoder, "lite", [*QUERIES, WARM_UP])
    folder, noise = place / "photos", np.random.default_rng(9)
    folder.mkdir()
    for number in range(50):
        small = noise.integers(0, 255, (12, 16, 3), np.uint8)
        image = Image.fromarray(small).resize((1024, 768), Image.Resampling.BICUBIC)
        image.save(place / f"{number}.jpg", quality=85)
    with writing(place / "library") as store:
        root_id = store.files.add_root(str(folder))
        row = store.vectors.add_encoder(encoder.id, "lite", encoder.dim)
        number = 0
        moments = taken(photos)
        for rows in vectors(photos, texts):
            for start in range(0, len(rows), BATCH):
                results = []
                for vector in rows[start : start + BATCH].astype(np.float32):
                    path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
                    path.parent.mkdir(exist_ok=True)
                    os.link(place / f"{number % 50}.jpg", path)
                    about = path.stat()
                    stat = FileStat(str(path), about.st_size, about.st_mtime_ns, about.st_ino)
                    at, near = next(moments)
                    facts = Facts(
                        "JPEG",
                        1024,
                        768,
                        taken_at=at,
                        dated_by="exif",
                        lat=near.lat,
                        lon=near.lon,
                        town=near.town,
                        country=near.country,
                    )
                    results.append(IngestResult(stat, os.urandom(32), facts, vector[None]))
                    number += 1
                store.record(root_id, row.key, results)
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.index().run()  # builds the index and the score baseline


def time_of(tab: Page, query: str) -> float:
    """Seconds from Enter to the last picture in sight."""
    box = tab.get_by_role("combobox", name="Search")
    box.fill(query)
    tab.wait_for_timeout(300)
    started = time.perf_counter()
    with tab.expect_response(lambda reply: f"/answer/tiles?q={quote_plus(query)}&" in reply.url):
        box.press("Enter")
    tab.wait_for_function(DRAWN, polling=20)
    return time.perf_counter() - started


JUMPS = 12
JUMP = """async (share) => {
    const root = [...document.querySelectorAll("*")]
        .find((node) => node.shadowRoot?.querySelector(".scroller")).shadowRoot;
    const scroller = root.querySelector(".scroller"), started = performance.now();
    const until = async (holds) => {
        while (!holds()) await new Promise(requestAnimationFrame);
        return performance.now() - started;
    };
    const inSight = () => [...root.querySelectorAll(".section .tile")].filter((tile) => {
        const box = tile.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight;
    });
    scroller.scrollTop = share * scroller.scrollHeight;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    const areThere = () => inSight().length > 6 && inSight().every((tile) => tile.link.href);
    const tiles = await until(areThere);
    const images = () => inSight().map((tile) => tile.querySelector("img"));
    const pictures = await until(() => images().every((image) => image?.complete));
    return [tiles, pictures];
}"""


def time_timeline(tab: Page, address: str, photos: int) -> None:
    """Print how long the first tiles take, and jumps to places all over the timeline."""
    _time_grid(tab, f"{address}/timeline", f"{photos} photos, timeline")


def time_answer(tab: Page, address: str, photos: int) -> None:
    """Print the same for an answer of all photos, and how long it takes to select them all."""
    name = f"{photos} photos, answer"
    _time_grid(tab, f"{address}/?q=type:jpeg+sort:path", name)
    started = time.perf_counter()
    tab.get_by_role("button", name="Select all").click()
    tab.get_by_text(f"{photos:,} photos selected").wait_for()
    print(f"{name}: all selected after {time.perf_counter() - started:.2f} s", flush=True)


ALBUM = "bench"
ALBUM_PHOTOS = 10_000
OPERATE = """async ([path, asked]) => {
    const sent = { method: "PUT", body: JSON.stringify(asked) };
    const answer = await fetch(`/operations/${path}`, sent);
    if (!answer.ok) throw new Error(await answer.text());
}"""
OPENINGS = 5


def time_albums(tab: Page, address: str, photos: int) -> None:
    """Print how long an album and a tray of 10,000 photos take to open, in a page that is there.

    A query before each opens another answer, so none is there already.
    """
    tab.goto(address)
    tab.locator(".tile").first.wait_for()
    chosen = "type:jpeg sort:path"
    made: tuple[tuple[str, dict[str, object]], ...] = (
        ("albums", {"name": ALBUM, "query": chosen, "k": ALBUM_PHOTOS}),
        ("tray/clear", {}),
        ("tray/add", {"query": chosen, "k": ALBUM_PHOTOS}),
    )
    for path, asked in made:
        tab.evaluate(OPERATE, [path, asked])
    tab.goto(address)
    selected = tab.get_by_role("link", name=f"{ALBUM_PHOTOS:,} photos selected")
    started = time.perf_counter()
    tab.reload()
    selected.wait_for()
    print(f"{photos} photos, tray: selection shown after {time.perf_counter() - started:.2f} s")
    box = tab.get_by_role("combobox", name="Search")

    def search_album() -> None:
        box.fill(f"album:{ALBUM}")
        box.press("Enter")

    for name, act in (("album", search_album), ("tray", selected.click)):
        times = []
        for number in range(OPENINGS):
            time_of(tab, f"in:photos sort:path name:{number}")
            started = time.perf_counter()
            with tab.expect_response(lambda reply: "/answer/tiles?" in reply.url):
                act()
            tab.get_by_text(f"{ALBUM_PHOTOS:,} of {photos:,} photos").first.wait_for()
            tab.wait_for_function(DRAWN, polling=20)
            times.append(time.perf_counter() - started)
        listed = ", ".join(f"{seconds:.2f}" for seconds in times)
        print(f"{photos} photos, {name} of {ALBUM_PHOTOS}: opened in {listed} s", flush=True)
    tab.evaluate(OPERATE, ["albums/remove", {"name": ALBUM}])
    tab.evaluate(OPERATE, ["tray/clear", {}])


def _time_grid(tab: Page, url: str, name: str) -> None:
    started = time.perf_counter()
    tab.goto(url)
    tab.locator(".section .tile img").first.wait_for()
    print(f"{name}: first tiles {time.perf_counter() - started:.2f} s")
    shares = np.random.default_rng(3).random(JUMPS).tolist()
    for round_name in ("first", "again"):
        times = np.array([tab.evaluate(JUMP, share) for share in shares]) / 1000
        tiles, pictures = (
            f"{np.median(column):.2f} s (at most {column.max():.2f} s)" for column in times.T
        )
        print(f"{name}, jump, {round_name}: tiles {tiles}, pictures {pictures}", flush=True)


def time_map(tab: Page, address: str, photos: int) -> None:
    """Print how long the first clusters take, and those after a zoom."""
    started = time.perf_counter()
    tab.goto(f"{address}/map")
    tab.locator(".cluster").first.wait_for()
    print(f"{photos} photos, map: first clusters {time.perf_counter() - started:.2f} s")
    times = []
    for _ in range(4):
        started = time.perf_counter()
        with tab.expect_response("**/map/clusters*") as reply:
            tab.get_by_role("button", name="Zoom in").click()
        reply.value.finished()
        times.append(time.perf_counter() - started)
    listed = ", ".join(f"{seconds:.2f}" for seconds in times)
    print(f"{photos} photos, map: clusters after a zoom {listed} s", flush=True)


# Zooms the map of meaning in and out and moves it for some seconds; returns the frames drawn a
# second, and the longest time between two of them, in milliseconds.
_MOVE = """async (seconds) => {
    const find = (root) => [...root.querySelectorAll("*")].flatMap((node) => [
        ...(node.map?.plane ? [node.map] : []),
        ...(node.shadowRoot ? find(node.shadowRoot) : []),
    ]);
    const [map] = find(document), times = [];
    map.plane.showAll();
    const begun = performance.now();
    for (let now = begun; now - begun < seconds * 1000; times.push(now)) {
        map.plane.zoom = 2.5 * Math.sin((now - begun) / 1500) ** 2;
        map.plane.pan(Math.sin((now - begun) / 300), 1);
        map.moved();
        now = await new Promise(requestAnimationFrame);
    }
    const gaps = times.slice(1).map((time, i) => time - times[i]);
    return [1000 * gaps.length / (times.at(-1) - times[0]), Math.max(...gaps)];
}"""


def time_meaning(tab: Page, address: str, photos: int) -> None:
    """Print how long laying out takes, as the page does it, and how fast the map is drawn."""
    tab.goto(f"{address}/meaning")
    started = time.perf_counter()
    tab.get_by_role("button", name="Lay out").click()
    tab.get_by_role("button", name="Stop").wait_for()
    tab.locator(".plane[data-drawn]").wait_for(timeout=600_000)
    tab.get_by_role("button", name="Stop").wait_for(state="detached", timeout=600_000)
    print(f"{photos} photos, meaning: laid out in {time.perf_counter() - started:.0f} s")
    started = time.perf_counter()
    tab.goto(f"{address}/meaning")
    tab.locator(".plane[data-drawn]").wait_for()
    opened_s = time.perf_counter() - started
    rate, longest_ms = tab.evaluate(_MOVE, 10)
    print(
        f"{photos} photos, meaning: there after {opened_s:.2f} s, {rate:.0f} frames a second, "
        f"the longest in {longest_ms:.0f} ms",
        flush=True,
    )


def time_searches(tab: Page, address: str, photos: int) -> None:
    """Print how long searches take, the second time with thumbnails that are there already."""
    tab.goto(address)
    tab.locator(".tile").first.wait_for()
    time_of(tab, WARM_UP)
    for round_name in ("first", "again"):
        times = [time_of(tab, query) for query in QUERIES]
        listed = ", ".join(f"{seconds:.2f}" for seconds in times)
        print(f"{photos} photos, search, {round_name}: {listed} s", flush=True)


# Notes when a cover with a picture has been painted, in milliseconds after the last click.
_WATCH_COVER = """() => {
    let clicked = 0;
    window.coverMs = new Promise((tell) => {
        addEventListener("click", (event) => { clicked = event.timeStamp; }, { capture: true });
        new MutationObserver((_, observer) => {
            if (!document.querySelector(".opening img")) return;
            observer.disconnect();
            requestAnimationFrame(() => requestAnimationFrame(
                () => tell(performance.now() - clicked)));
        }).observe(document.body, { childList: true, subtree: true });
    });
}"""
_SHIFT_VIEWS = ("/", "/?q=a+cat", "/timeline", "/albums", "/map", "/similar", "/library")
_WEIGHED_VIEWS = ("/", "/library")
_CLICKS = 7


def measure_calm(tab: Page, address: str, photos: int) -> None:
    """Print what moves while a view is loaded, what it weighs, and how soon a photo is large."""
    browser = tab.context.browser
    if browser is None:
        raise RuntimeError("a tab of a persistent context has no browser to open others in")
    for width in (1440, 390):
        for view in _SHIFT_VIEWS:
            with _new_visitor(browser, address, width) as other:
                other.add_init_script(WATCH_SHIFTS)
                open_whole(other, f"{address}{view}")
                shift = other.evaluate("window.shift")
            print(f"{photos} photos, {view} at {width} px: layout shift {shift:.3f}", flush=True)
    for view in _WEIGHED_VIEWS:
        with (
            counted(address) as (through, counter),
            _new_visitor(browser, through, 1440) as other,
        ):
            asked: list[Request] = []
            other.on("request", asked.append)
            counter.reset()
            open_whole(other, f"{through}{view}")
            sent_kb = counter.sent_bytes / 1000
        print(f"{photos} photos, {view}: {len(asked)} requests, {sent_kb:.0f} kB", flush=True)
    times = []
    for _ in range(_CLICKS):
        open_whole(tab, f"{address}/?q=a+cat")
        tab.evaluate(_WATCH_COVER)
        tab.locator(".tile a").first.click()
        times.append(tab.evaluate("window.coverMs"))
    print(
        f"{photos} photos, a click: large after {np.median(times):.0f} ms "
        f"(at most {max(times):.0f} ms)",
        flush=True,
    )


@contextmanager
def _new_visitor(browser: Browser, address: str, width: int) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    context.request.get(f"{address}/?token={TOKEN}")  # logs the browser in
    yield context.new_page()
    context.close()


MEASURED = {
    "calm": measure_calm,
    "search": time_searches,
    "answer": time_answer,
    "albums": time_albums,
    "timeline": time_timeline,
    "map": time_map,
    "meaning": time_meaning,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--library", type=Path, help="a folder to keep the library in")
    parser.add_argument("--views", nargs="+", choices=MEASURED, default=list(MEASURED))
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        place = options.library or Path(folder)
        library = library_in(place, options.photos)
        browser = launch_chromium(driver)
        with serving(library) as address:
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            context.set_default_timeout(PATIENCE_MS)
            context.request.get(f"{address}/?token={TOKEN}")  # logs the browser in
            for view in options.views:
                MEASURED[view](context.new_page(), address, options.photos)
        browser.close()


if __name__ == "__main__":
    main()
