"""No answer of a service waits for a full collection of garbage."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Library, Settings
from imgsearch.service.client import Client
from imgsearch.service.quiet_collections import QuietCollections
from tests.factories import cli_environment, wait_until

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

# Makes so many objects that Python starts full collections, and prints how many it started.
_MAKES_OBJECTS = """
import gc
from imgsearch import garbage
{first}
full = []
gc.callbacks.append(lambda phase, info: full.append(phase) if info["generation"] == 2 else None)
kept = [[] for _ in range(400_000)]
print(full.count("start"), gc.get_freeze_count() > 0)
{last}
"""
# Notes in a file when a full collection begins, in a service as users run it.
_SERVES = """
import gc, sys
from pathlib import Path
from imgsearch.cli import main
def note(phase, info):
    if phase == "start" and info["generation"] == 2:
        with notes.open("a") as file:
            file.write(f"{gc.get_freeze_count()}\\n")
gc.callbacks.append(note)
notes = Path(sys.argv[1])
sys.argv[1:] = ["serve"]
main()
"""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="collects in small steps by itself")
def test_python_starts_no_full_collection_after_a_start() -> None:
    def started(first: str) -> list[str]:
        script = _MAKES_OBJECTS.format(first=first, last="")
        return subprocess.check_output([sys.executable, "-c", script], text=True).split()

    usual, frozen = started("")
    assert (int(usual) > 0, frozen) == (True, "False")
    assert started("garbage.set_aside()") == ["0", "True"]


def test_a_model_that_was_set_aside_can_be_released() -> None:
    script = """
import gc, weakref
from imgsearch import garbage
class Model: pass
model = Model()
model.own, seen = model, weakref.ref(model)
garbage.set_aside()
del model
garbage.collect()
before = seen() is None
garbage.collect_all()
print(before, seen() is None, gc.get_freeze_count() > 0)
"""
    printed = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert printed.split() == ["False", "True", "True"]


class _Collections:
    """Counts what the middleware collects, in place of the collector of the tests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        for name in ("set_aside", "collect"):
            monkeypatch.setattr(
                f"imgsearch.garbage.{name}", lambda name=name: self.calls.append(name)
            )


def test_garbage_is_collected_between_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    collections = _Collections(monkeypatch)

    async def run() -> None:
        is_held = asyncio.Event()

        async def answering(scope: Scope, receive: Receive, send: Send) -> None:
            await is_held.wait()

        async def nothing() -> Message:
            raise AssertionError("nothing is received")

        async def unsent(message: Message) -> None:
            raise AssertionError("nothing is sent")

        middleware = QuietCollections(answering, quiet_s=0.01)
        is_held.set()
        await middleware({"type": "http"}, nothing, unsent)
        is_held.clear()
        held = asyncio.create_task(middleware({"type": "http"}, nothing, unsent))
        await asyncio.sleep(0.1)
        assert collections.calls == [], "collected in an answer"
        is_held.set()
        await held
        for expected in (["set_aside"], ["set_aside", "collect"]):
            while len(collections.calls) < len(expected):
                await asyncio.sleep(0.01)
            assert collections.calls == expected
            await middleware({"type": "http"}, nothing, unsent)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_message_of_a_websocket_is_an_answer_and_an_open_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collections = _Collections(monkeypatch)

    async def run() -> None:
        messages: asyncio.Queue[Message] = asyncio.Queue()

        async def echoing(scope: Scope, receive: Receive, send: Send) -> None:
            while True:
                await send(await receive())

        async def unsent(message: Message) -> None:
            pass

        middleware = QuietCollections(echoing, quiet_s=0.01)
        opened = asyncio.create_task(middleware({"type": "websocket"}, messages.get, unsent))
        await messages.put({"type": "websocket.receive"})
        while not collections.calls:
            await asyncio.sleep(0.01)
        opened.cancel()

    asyncio.run(asyncio.wait_for(run(), 60))
    assert collections.calls == ["set_aside"]


@pytest.fixture
def settings(tmp_path: Path, demo_photos: Path) -> Iterator[Settings]:
    """The settings of a library of the demo photos."""
    opened = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(opened) as library:
        library.index([demo_photos]).run()
    yield opened


def test_a_service_collects_at_its_start_and_when_it_is_quiet(
    settings: Settings, tmp_path: Path
) -> None:
    notes = tmp_path / "full collections"
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVES, notes],
        env=cli_environment(settings.data_dir),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        assert process.stderr.readline().startswith("Listening at ")
        at_start = notes.read_text().split()
        client = Client(settings)
        for number in range(30):
            client.call(Library.find, f"a cat {number}")
        wait_until(lambda: len(notes.read_text().split()) > len(at_start))
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    frozen = [int(count) for count in notes.read_text().split()][len(at_start) :]
    assert at_start, "what is there at the start was never collected"
    assert min(frozen) > 10_000, "a collection looked at what the start has loaded"
