"""`imgsearch browse`: with Textual's pilot, which presses keys, and once in a real terminal."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest

from imgsearch import Library
from imgsearch.errors import MissingPackage
from imgsearch.features.terminal.photo_browser import PAGE, PhotoBrowser
from tests.factories import PATIENCE_S, cli_environment, run_cli, wait_until, write_photos
from tests.programs import need_programs
from tests.stand_in import StandIn

# textual-image 0.12 uses it; Pillow will have it until October 2027.
pytestmark = pytest.mark.filterwarnings("ignore:Image.Image.getdata is deprecated")

SIZE = (120, 40)  # columns and lines


class BrowserUser:
    """A browser that runs without a terminal, and what a person does with it."""

    def __init__(self, library: Library, query: str = "") -> None:
        self.opened: list[Path] = []
        self.app = PhotoBrowser(library, query, [], self.opened.append)

    def run(self, steps: Callable[[], Coroutine[None, None, None]]) -> None:
        async def session() -> None:
            async with self.app.run_test(size=SIZE) as pilot:
                self.press = pilot.press
                self.pause = pilot.pause
                await steps()

        asyncio.run(session())

    async def until(self, condition: Callable[[], object]) -> None:
        for _ in range(round(PATIENCE_S / 0.05)):
            if condition():
                return
            await self.pause(0.05)
        raise AssertionError("the condition never held")

    @property
    def names(self) -> list[str]:
        return [tile.hit.path.name for tile in self.app.tiles]

    @property
    def state(self) -> str:
        return str(self.app.query_one("#state").render())

    @property
    def focused(self) -> str | None:
        return None if self.app.focused_tile is None else self.app.focused_tile.hit.path.name

    @property
    def query(self) -> str:
        return str(getattr(self.app.query_one("#query"), "value", ""))


def test_a_query_from_the_command_line_and_one_that_is_typed(demo: Library) -> None:
    session = BrowserUser(demo, "a cat")

    async def steps() -> None:
        await session.until(lambda: session.state == "1 photo: 1 likely, nothing else")
        assert session.names == ["chelsea.png"]
        assert session.query == "a cat" and session.focused == "chelsea.png"
        await session.until(lambda: all(tile.has_picture for tile in session.app.tiles))
        await session.press("slash", "ctrl+u", *"name:coffee", "enter")
        await session.until(lambda: session.state == "1 photo")
        assert session.names == ["coffee.png"]
        await session.press("slash", "ctrl+u", *"colour:red", "enter")
        await session.until(lambda: "Unknown filter colour:" in session.state)

    session.run(steps)


def test_keys_lead_from_photo_to_photo(demo: Library) -> None:
    session = BrowserUser(demo, "sort:path")

    async def steps() -> None:
        await session.until(lambda: session.state == "21 photos")
        names = session.names
        assert names == sorted(names) and session.focused == names[0]
        columns = len({tile.region.x for tile in session.app.tiles})
        assert columns > 2
        await session.press("right", "down")
        await session.until(lambda: session.focused == names[columns + 1])
        await session.press("left", "up")
        await session.until(lambda: session.focused == names[0])
        await session.press("up")
        await session.until(lambda: session.focused is None)
        await session.press("down")
        await session.until(lambda: session.focused == names[0])

    session.run(steps)


def test_a_photo_is_opened_and_its_path_copied(demo: Library) -> None:
    session = BrowserUser(demo, "a cat")

    async def steps() -> None:
        await session.until(lambda: session.state.startswith("1 photo: "))
        (tile,) = session.app.tiles
        await session.press("enter")
        await session.until(lambda: session.opened == [tile.hit.path])
        await session.press("c")
        await session.until(lambda: session.app.clipboard == str(tile.hit.path))

    session.run(steps)


def test_the_next_photos_and_those_before(
    tmp_path: Path, library: Library, stand_in: StandIn
) -> None:
    library.index([write_photos(tmp_path / "photos", PAGE + 5)]).run()
    session = BrowserUser(library, "sort:path")

    async def steps() -> None:
        await session.until(lambda: session.state == f"{PAGE} photos, more with n")
        first = session.names
        await session.press("n")
        await session.until(lambda: session.state == "5 photos")
        assert len(first) == PAGE and len(session.names) == 5
        assert not set(session.names) & set(first)
        await session.press("n", "p")
        await session.until(lambda: session.names == first)

    session.run(steps)


def test_without_a_query_the_newest_come_first(demo: Library) -> None:
    newest = [hit.path.name for hit in demo.find("sort:date", PAGE).hits]
    session = BrowserUser(demo)

    async def steps() -> None:
        await session.until(lambda: session.names == newest)

    session.run(steps)


def test_what_cannot_be_opened_is_said(demo: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from imgsearch.features.terminal.photo_browser import open_on_desktop

    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingPackage, match=r"Copy the path with c"):
        open_on_desktop(demo.search("a cat", k=1)[0].path)


def test_it_needs_a_terminal_and_a_library(demo: Library, tmp_path: Path) -> None:
    done = run_cli("browse", data=demo.settings.data_dir)
    assert done.returncode == 2 and "needs a terminal" in done.stderr


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs commands of tmux in a server of its own."""
    need_programs("tmux")

    def run(*arguments: str | Path) -> str:
        command = ["tmux", "-f", os.devnull, "-S", str(tmp_path / "tmux"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S).stdout

    yield run
    run("kill-server")


@pytest.mark.slow
def test_in_a_real_terminal(demo: Library, tmux: Callable[..., str], tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    environment = cli_environment(demo.settings.data_dir)
    names = ("IMGSEARCH_DATA", "IMGSEARCH_ENCODER", "PYTHONPATH", "HF_HUB_OFFLINE")
    settings = [part for name in names for part in ("-e", f"{name}={environment[name]}")]
    command = f"{sys.executable} -m imgsearch browse 'a cat'; echo $? > {ended}"
    tmux("new-session", "-d", "-x", "100", "-y", "32", *settings, command)
    wait_until(lambda: " chelsea.png" in tmux("capture-pane", "-p"))
    wait_until(lambda: "1 photo: 1 likely, nothing else" in tmux("capture-pane", "-p"))
    tmux("send-keys", "/", "C-u")
    tmux("send-keys", "-l", "name:rocket")
    tmux("send-keys", "Enter")
    wait_until(lambda: " rocket.jpg" in tmux("capture-pane", "-p"))
    tmux("send-keys", "q")
    wait_until(ended.exists)
    wait_until(lambda: ended.read_text() == "0\n")
