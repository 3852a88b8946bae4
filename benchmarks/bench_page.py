"""Measures, in a real browser, the time from Enter until the page shows 60 results.

    python -m benchmarks.bench_page --photos 100000

Makes a library of synthetic photos (small JPEGs; random vectors, some of which match each query),
opens the page, and searches. The time ends when there are 60 tiles and every picture in sight is
drawn: "first" without any thumbnails made before, "again" with all of them. Needs Chromium and the
`dev` packages.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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
from tests.browsing import BROWSER, FLAGS, PATIENCE_MS, serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUERIES = ("a dog in the snow", "sunset over water", "children playing football in a park")
WARM_UP = "a boat on a lake"  # loads the model
MATCHES = 200  # photos that match each query
SHOWN = 60
BATCH = 2_000
IN_SIGHT = (
    "[...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? "
    "[...e.shadowRoot.querySelectorAll('.tile img')] : [])"
)
DRAWN = f"""() => {{
    const images = {IN_SIGHT};
    return images.length === {SHOWN}
        && images.every(i => i.complete || i.getBoundingClientRect().top > innerHeight);
}}"""


def vectors(photos: int, texts: np.ndarray) -> Iterator[np.ndarray]:
    """One vector per photo, in blocks; those of the first block are close to the texts."""
    noise = np.random.default_rng(5)
    near = np.repeat(texts, MATCHES, axis=0)
    near = 0.5 * near + noise.standard_normal(near.shape, np.float32) / np.sqrt(near.shape[1])
    yield near / np.linalg.norm(near, axis=1, keepdims=True)
    yield from SyntheticSpace(texts.shape[1]).photos(photos - len(near), seed=1)


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
        for rows in vectors(photos, texts):
            for start in range(0, len(rows), BATCH):
                results = []
                for vector in rows[start : start + BATCH].astype(np.float32):
                    path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
                    path.parent.mkdir(exist_ok=True)
                    os.link(place / f"{number % 50}.jpg", path)
                    about = path.stat()
                    stat = FileStat(str(path), about.st_size, about.st_mtime_ns, about.st_ino)
                    facts = Facts("JPEG", 1024, 768)
                    results.append(IngestResult(stat, os.urandom(32), facts, vector[None]))
                    number += 1
                store.record(root_id, row.key, results)
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.index().run()  # builds the index and the score baseline


def time_of(tab: Page, query: str) -> float:
    """Seconds from Enter to the last picture in sight."""
    box = tab.get_by_role("textbox", name="Search")
    box.fill(query)
    tab.wait_for_timeout(300)
    started = time.perf_counter()
    box.press("Enter")
    tab.wait_for_url(f"**/?q={query.replace(' ', '+')}")
    tab.wait_for_function(DRAWN, polling=20)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, default=100_000)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        place = Path(folder)
        fill(place, options.photos)
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        with serving(place / "library") as address:
            tab = browser.new_page(viewport={"width": 1280, "height": 860})
            tab.set_default_timeout(PATIENCE_MS)
            tab.goto(address)
            tab.locator(".tile").first.wait_for()
            time_of(tab, WARM_UP)
            for round_name in ("first", "again"):
                times = [time_of(tab, query) for query in QUERIES]
                listed = ", ".join(f"{seconds:.2f}" for seconds in times)
                print(f"{options.photos} photos, {round_name}: {listed} s", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
