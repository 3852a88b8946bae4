"""Fixtures of pytest for plug-ins: photos, a library in a temporary folder, its service and page.

    pytest_plugins = ["imgsearch.testing"]

They need pytest, which imgsearch does not install. PYTEST_DONT_REWRITE: a test may import from here
as well, and pytest would warn that it cannot rewrite the assertions of a loaded module.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from imgsearch.config import Settings
from imgsearch.library import Library
from imgsearch.operations.records import encode_json, load_json
from imgsearch.page_access import TOKEN_VARIABLE
from imgsearch.service.answering import requested

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

START_S = 240.0  # for a page to answer, on a busy machine
END_S = 20.0
# Linux gives ports from 32768 on to outgoing connections, and other systems still higher ones: one
# of those could take the port before the server that is to listen there does.
_PORTS = range(20_000, 32_768)
_CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_EXIF = 0x8769  # the directory of EXIF that has the tags of the photo


class StandIn:
    """A small encoder that embeds in microseconds, and counts what it embeds.

    It projects a thumbnail of 8 × 8 pixels: equal pictures get equal vectors of length 1, and
    others differ. By its id, its name is `lite`.
    """

    id = "lite/stand-in"
    dim = 32
    side_px = 8
    batch_size = 16
    logit_scale = 100.0
    batches_at_once = 1
    context_length = 77

    def __init__(self) -> None:
        self.embedded = 0
        noise = np.random.default_rng(7)
        self._matrix = noise.normal(size=(3 * 8 * 8, self.dim)).astype(np.float32)

    def token_count(self, text: str) -> int:
        return len(text.split()) + 2

    def prepare(self, image: Image.Image) -> Pixels:
        return np.asarray(image.convert("RGB").resize((8, 8)), np.uint8).transpose(2, 0, 1).copy()

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        self.embedded += len(batch)
        return self._unit(batch.reshape(len(batch), -1).astype(np.float32) + 1)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        rows = [np.frombuffer(text.encode().ljust(192)[:192], np.uint8) for text in texts]
        return self._unit(np.stack(rows).astype(np.float32))

    def _unit(self, rows: np.ndarray) -> Vectors:
        vectors = rows @ self._matrix
        return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.fixture
def new_photo(tmp_path: Path) -> Callable[..., Path]:
    """Write photos in the folder `photos`: `new_photo("a.jpg", "red", {0xA403: 1})`.

    The third argument has tags of EXIF. Each call returns the path.
    """

    def write(name: str, colour: str = "red", exif: Mapping[int, object] | None = None) -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tags = Image.Exif()
        tags.get_ifd(_EXIF).update(exif or {})
        Image.new("RGB", (64, 64), colour).save(path, exif=tags)
        return path

    return write


@pytest.fixture
def temporary_library(tmp_path: Path) -> Iterator[Library]:
    """Yield an empty library with the encoder `StandIn`, which needs no model."""
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=StandIn()) as library:
        yield library


@pytest.fixture
def ask_service(temporary_library: Library) -> Callable[..., Any]:
    """Ask the library as a client asks its service: `ask_service("POST", "/photos", ids=[1])`.

    The further arguments are the fields of the request. Each call returns the JSON of the answer.
    """

    def ask(method: str, path: str, **fields: object) -> Any:
        in_address = {name: str(value) for name, value in fields.items()}
        request = requested(temporary_library, method, path, encode_json(fields), in_address)
        return load_json(request.answered(temporary_library).json)

    return ask


@pytest.fixture
def served_page(temporary_library: Library) -> Iterator[str]:
    """Serve the page of the library by `imgsearch ui`; the value is an address that logs in."""
    port, token = free_port(), secrets.token_urlsafe()
    command = [sys.executable, "-m", "imgsearch", "ui", "--no-browser", "--port", str(port)]
    settings = temporary_library.settings
    environment = {
        "IMGSEARCH_DATA": str(settings.data_dir),
        "IMGSEARCH_ENCODER": settings.encoder,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # with the plug-in under test
        TOKEN_VARIABLE: token,
    }
    with running_page(command, port, environment) as (address, _):
        yield f"{address}/?token={token}"


@pytest.fixture
def browser_page(served_page: str) -> Iterator[Page]:
    """Open the page of the library in Chromium; `browser_page.goto("/timeline")` opens a view.

    It is driven by Playwright, of the package playwright. Without one of the two, the test is
    skipped.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        own = driver.chromium.executable_path
        found = next(
            filter(None, map(shutil.which, _CHROMIUM)), own if Path(own).exists() else None
        )
        if found is None:
            pytest.skip("Chromium is not here. To install it: playwright install chromium")
        browser = driver.chromium.launch(executable_path=found)
        tab = browser.new_page(base_url=served_page)
        tab.goto(served_page)
        tab.locator("h1").first.wait_for(state="attached", timeout=START_S * 1000)
        yield tab
        browser.close()


@contextmanager
def running_page(
    command: Sequence[str], port: int, environment: Mapping[str, str]
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a program that serves the page at a port of this machine, until the end of the block.

    Yields the address of the page, once it answers, and the process.
    """
    server = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + START_S
        while True:
            assert server.poll() is None and time.monotonic() < until, "the page did not start"
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except urllib.error.HTTPError as error:
                error.close()
                break  # it runs, and requires a login
            except OSError:
                time.sleep(0.2)
        yield address, server
    finally:
        server.terminate()
        try:
            server.wait(END_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def free_port() -> int:
    """Return a port of this machine that nothing uses, and that no connection is given."""
    chance = random.SystemRandom()  # not as other workers of the same run
    while True:
        port = chance.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
