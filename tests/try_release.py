"""Tries a wheel and an sdist as a user would: each in a bare environment, with no hub.

    python -m tests.try_release DIST
    python -m tests.try_release --lowest

DIST is a folder with one of each, as `make release` builds it. With `--lowest`, the checkout is
tried with the lowest versions of all that it requires, which uv installs. Prints what was tried,
and ends with an error at the first thing that does not work. The packages come through `pip` and
`uv` as they are set up.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
import venv
from collections.abc import Sequence
from pathlib import Path

import click
from playwright.sync_api import sync_playwright

from imgsearch.cli.demo import copy_photos
from imgsearch.testing import free_port
from tests.browsing import BROWSER, PATIENCE_MS, launch_chromium, search, settle
from tests.factories import CHECKOUT, wait_until

LARGE = ("torch", "torchvision", "open_clip", "timm", "transformers", "streamlit", "scipy")
INSTALL_S, COMMAND_S = 1800, 300
# A library of 21 photos needs no trained index: this has FAISS build one and search it.
TRAIN_AN_INDEX = """
from imgsearch import Library, Settings
from imgsearch.index.policy import IndexPolicy, IndexSpec
policy = IndexPolicy(specs=((0, IndexSpec("ivf", {"nlist": 2})),))
with Library.open(Settings.load(), index_policy=policy) as library:
    library.rebuild().run()
    assert library.search("a cat", k=1)[0].path.name == "chelsea.png"
"""


class BareEnvironment:
    """A virtual environment of its own, and an empty home folder."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=True)
        self._bin = folder / "venv" / "bin"
        (self.packages,) = (folder / "venv").glob("lib/python*/site-packages")
        (folder / "home").mkdir()
        inherited = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
        mine = {"HOME": str(folder / "home"), "IMGSEARCH_DATA": str(folder / "library")}
        self.environment = {**inherited, **mine, "HF_HUB_OFFLINE": "1"}

    def install(self, *what: str) -> None:
        subprocess.run(
            [self._bin / "python", "-m", "pip", "install", "--quiet", *what],
            check=True,
            timeout=INSTALL_S,
            cwd="/",
            env=self.environment,
        )

    def install_lowest(self, what: str) -> None:
        """Install something with the lowest versions of the packages that it requires itself."""
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python"]
        subprocess.run(
            [*uv, self._bin / "python", "--resolution", "lowest-direct", what],
            check=True,
            timeout=INSTALL_S,
            cwd="/",
            env={**os.environ, "HOME": self.environment["HOME"]},
        )

    def run(self, *arguments: str | Path, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self._bin / "imgsearch", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            cwd="/",
        )
        assert done.returncode == exit_code, (arguments, done.stdout, done.stderr)
        return done

    def run_python(self, code: str) -> None:
        subprocess.run(
            [self._bin / "python", "-c", code],
            check=True,
            timeout=COMMAND_S,
            cwd="/",
            env=self.environment,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self._bin / "imgsearch", *arguments],
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )

    def size_mb(self) -> float:
        files = (path for path in self.packages.rglob("*") if path.is_file())
        return sum(path.lstat().st_size for path in files) / 1e6

    def top_level(self) -> set[str]:
        return {path.name for path in self.packages.iterdir()}


def try_small(artefact: Path, environment: BareEnvironment, photos: Path) -> None:
    """The plain name: installed, indexed, searched; small, without torch, nothing named `ui`."""
    environment.install(str(artefact))
    assert not environment.top_level() & {*LARGE, "ui"}, environment.top_level() & {*LARGE, "ui"}
    assert (environment.packages.parent.parent.parent / "share/man/man1/imgsearch.1").is_file()
    try_commands(environment, photos)
    page = environment.run("ui", exit_code=11).stderr
    assert "[page]" in page, page
    model = environment.run("rebuild", "--encoder", "openclip:ViT-B-32-256/datacomp_s34b_b86k",
                            exit_code=11).stderr  # fmt: skip
    assert "torch" in model and "[models]" in model and "--torch-backend cpu" in model, model


def try_commands(environment: BareEnvironment, photos: Path) -> None:
    """The photos of the demo are indexed and found, also by the vectors of a trained index."""
    environment.run("index", photos, "--encoder", "lite")
    answer = json.loads(environment.run("search", "a cat", "-k", "1", "--json").stdout)
    assert Path(answer["hits"][0]["paths"][0]).name == "chelsea.png", answer
    doctor = environment.run("doctor").stdout
    assert re.search(r"\b21 photos, undamaged", doctor), doctor
    environment.run_python(TRAIN_AN_INDEX)


def try_page(artefact: Path, environment: BareEnvironment) -> None:
    """The page of an installed copy starts, and shows the photo that is searched for."""
    environment.install(f"{artefact}[page]")
    assert "ui" not in environment.top_level()
    try_page_of(environment)


def try_page_of(environment: BareEnvironment) -> None:
    """The page starts, and shows the photo that is searched for."""
    with environment.start("ui", "--no-browser", "--port", str(free_port())) as process:
        try:
            assert process.stderr is not None
            search_on_page(process.stderr.readline().split(": ", 1)[1].strip())
        finally:
            process.send_signal(signal.SIGINT)


def search_on_page(address: str) -> None:
    wait_until(lambda: _answers(address))
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        settle(page)
        search(page, "a cat")
        page.get_by_role("link", name="chelsea.png").first.wait_for()
        browser.close()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def try_lowest() -> None:
    """The checkout works with the lowest versions of all that it requires."""
    with tempfile.TemporaryDirectory() as work:
        photos = Path(work, "photos")
        copy_photos(photos)
        environment = BareEnvironment(Path(work))
        environment.install_lowest(f"{CHECKOUT}[page]")
        try_commands(environment, photos)
        if BROWSER is not None:
            try_page_of(environment)
        click.echo("With the lowest versions of the packages it works.")


def main(arguments: Sequence[str]) -> None:
    if arguments == ["--lowest"]:
        try_lowest()
        return
    (folder,) = map(Path, arguments)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as work:
        photos = Path(work, "photos")
        copy_photos(photos)
        for artefact in (wheel, sdist):
            name = artefact.suffix.strip(".")
            Path(work, name).mkdir()
            environment = BareEnvironment(Path(work, name))
            try_small(artefact.resolve(), environment, photos)
            click.echo(f"{artefact.name}: it works, {environment.size_mb():.0f} MB")
            if artefact is wheel and BROWSER is not None:
                try_page(artefact.resolve(), environment)
                click.echo(f"{artefact.name}: with the page, {environment.size_mb():.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
