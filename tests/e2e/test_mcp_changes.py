"""`imgsearch mcp --allow-write`: an assistant proposes changes, and a person agrees or does not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters

from imgsearch import Library, Settings
from tests.factories import cli_environment, run_cli, write_photos
from tests.stand_in import StandIn

pytest.importorskip("imgsearch.features.assistant.tools")
pytestmark = pytest.mark.features()  # the tools are those of all features
MODERN, LEGACY = "2026-07-28", "legacy"
BOTH = pytest.mark.parametrize("mode", [MODERN, LEGACY])
WRITING = {
    *("albums_make", "albums_add", "albums_take_out", "albums_rename", "albums_remove"),
    *("marks_set", "marks_forget_rating", "tray_add", "tray_take_out", "tray_clear"),
    *("corrections_set_dates", "corrections_set_place", "corrections_forget", "events_set_title"),
    *("changes_undo", "changes_redo"),
}


class Answerer:
    """Answers the questions of the assistant's program, and keeps them."""

    def __init__(self, action: str, before: Callable[[], None] = lambda: None) -> None:
        self.questions: list[str] = []
        self._action, self._before = action, before

    async def answer(
        self, context: object, params: types.ElicitRequestParams
    ) -> types.ElicitResult:
        self.questions.append(params.message)
        self._before()
        return types.ElicitResult.model_validate(
            {"action": self._action, "content": {} if self._action == "accept" else None}
        )


@contextmanager
def connected(
    data: Path, person: Answerer | None, mode: str, *options: str
) -> Iterator[tuple[BlockingPortal, Client]]:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "imgsearch", "mcp", *options],
        env=cli_environment(data),
    )
    with start_blocking_portal() as portal:
        callback = None if person is None else person.answer
        client = Client(parameters, mode=mode, elicitation_callback=callback)
        with portal.wrap_async_context_manager(client) as opened:
            yield portal, opened


def change(
    data: Path, person: Answerer | None, mode: str, tool: str, **arguments: object
) -> types.CallToolResult:
    with connected(data, person, mode, "--allow-write") as (portal, client):
        result: types.CallToolResult = portal.call(client.call_tool, tool, arguments)
    return result


def text_of(result: types.CallToolResult) -> str:
    (first,) = result.content
    assert isinstance(first, types.TextContent)
    return first.text


def writes(tool: types.Tool) -> bool:
    assert tool.annotations is not None
    return not tool.annotations.read_only_hint


def albums(data: Path) -> dict[str, int]:
    with Library.open(Settings.load(data_dir=data), encoder=StandIn()) as library:
        return {each.name: each.photos for each in library.albums.all()}


@pytest.fixture
def data(tmp_path: Path, library: Library) -> Path:
    """The folder of a library of four photos, one of them with a name that moves the cursor."""
    folder = write_photos(tmp_path / "photos", 4)
    (folder / "0000.png").rename(folder / "odd\x1b[2J.png")
    library.index([folder]).run()
    library.close()
    return library.settings.data_dir


@BOTH
def test_a_change_is_made_once_a_person_agrees_and_can_be_undone(data: Path, mode: str) -> None:
    person = Answerer("accept")
    result = change(data, person, mode, "albums_make", name="Book", query="type:png")
    assert not result.is_error, result.content
    content: dict[str, Any] = result.structured_content
    assert json.loads(text_of(result)) == content and "Book" in content["title"]
    (question,) = person.questions
    assert question.startswith("The assistant wants to change your library: Make an album")
    assert "name: Book" in question and "photos: 4 photos (" in question
    assert "\x1b" not in question and question.endswith("imgsearch undo takes it back.")
    assert albums(data) == {"Book": 4}
    undone = run_cli("undo", data=data)
    assert undone.returncode == 0 and albums(data) == {}


@BOTH
@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_nothing_is_changed_where_a_person_does_not_agree(
    data: Path, mode: str, action: str
) -> None:
    person = Answerer(action)
    result = change(data, person, mode, "albums_make", name="Book")
    assert result.is_error and "did not agree, so nothing was changed" in text_of(result)
    assert len(person.questions) == 1 and albums(data) == {}


@BOTH
def test_nothing_is_changed_where_nobody_can_be_asked(data: Path, mode: str) -> None:
    result = change(data, None, mode, "albums_make", name="Book")
    assert result.is_error and "nothing was changed" in text_of(result) and albums(data) == {}


def test_nothing_is_changed_where_other_photos_would_be(data: Path, tmp_path: Path) -> None:
    """A query that finds more by the time of the answer: the consent was for the photos named."""

    def index_one_more() -> None:
        write_photos(tmp_path / "more", 1, first=90)
        done = run_cli("index", tmp_path / "more", data=data)
        assert done.returncode == 0, done.stderr

    person = Answerer("accept", index_one_more)
    result = change(data, person, MODERN, "albums_make", name="Book", query="type:png")
    assert result.is_error and "has changed since the user was asked" in text_of(result)
    assert albums(data) == {}


def test_without_the_switch_no_tool_writes(data: Path) -> None:
    with connected(data, Answerer("accept"), MODERN) as (portal, client):
        listed = portal.call(client.list_tools).tools
        assert not any(map(writes, listed))
        assert not {tool.name for tool in listed} & WRITING
        made = portal.call(client.call_tool, "albums_add", {"name": "Book"})
        assert made.is_error and "Unknown tool" in text_of(made)
    assert albums(data) == {}


def test_all_changes_that_can_be_undone_are_tools(data: Path) -> None:
    with connected(data, Answerer("accept"), MODERN, "--allow-write") as (portal, client):
        listed = portal.call(client.list_tools).tools
    names = [tool.name for tool in listed]
    assert len(names) == len(set(names)), "each tool has a name of its own"
    assert {tool.name for tool in listed if writes(tool)} == WRITING


@pytest.mark.parametrize(
    ("options", "said"),
    [((), "no tool changes a photo or the library"), (("--allow-write",), "ask the user first")],
)
def test_the_instructions_say_whether_tools_write(
    data: Path, options: tuple[str, ...], said: str
) -> None:
    with connected(data, None, LEGACY, *options) as (_, client):
        assert said in (client.instructions or "")


@BOTH
def test_wrong_arguments_are_told_before_a_person_is_asked(data: Path, mode: str) -> None:
    person = Answerer("accept")
    for tool, arguments, said in (
        ("albums_make", {"name": 7}, "name"),
        ("marks_set", {"query": "colour:red"}, "Unknown filter"),
        ("albums_make", {"name": "Book", "query": "image:/etc/passwd"}, "cannot search by a file"),
    ):
        result = change(data, person, mode, tool, **arguments)
        assert result.is_error and said in text_of(result), result.content
    refused = change(data, person, mode, "albums_add", name="Nowhere", query="type:png")
    assert refused.is_error and "Nowhere" in text_of(refused)
    assert albums(data) == {}
