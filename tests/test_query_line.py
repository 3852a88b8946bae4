"""The query of a visitor when two runs of the page's script meet."""

from __future__ import annotations

import threading

import pytest
import streamlit

from ui.query_line import LINE, QueryLine


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What Streamlit keeps for the visitor."""
    values = {LINE: "a cat person:Anna place:Rome"}
    monkeypatch.setattr(streamlit, "session_state", values)
    return values


def without(words: str, line: str) -> str:
    """The line when a chip was clicked."""
    return " ".join(line.replace(words, "").split())


def test_a_click_counts_that_comes_while_an_earlier_one_is_worked_on(state: dict[str, str]) -> None:
    """Streamlit begins a run before the one that it ends has come to a place where it can end."""
    visitor = QueryLine()
    visitor.start(state[LINE])
    visitor.note_address(state[LINE])
    address = state[LINE]
    is_working, may_go_on = threading.Event(), threading.Event()

    def first_click(line: str) -> str:
        if not is_working.is_set():  # in the earlier run
            is_working.set()
            assert may_go_on.wait(60)
        return without("person:Anna", line)

    visitor.note_click()
    visitor.change(first_click)
    earlier = threading.Thread(target=visitor.start, args=[address])
    earlier.start()
    assert is_working.wait(60)
    visitor.note_click()
    visitor.change(lambda line: without("place:Rome", line))
    may_go_on.set()
    earlier.join()
    assert visitor.start(address) is None
    assert visitor.line == state[LINE] == "a cat"


def test_an_earlier_run_that_ends_late_takes_no_address_back(state: dict[str, str]) -> None:
    """The visitor has gone back from a search, which was not drawn yet, to all photos."""
    state[LINE] = ""
    visitor = QueryLine()
    visitor.start("")
    visitor.note_address("")
    is_working, may_go_on = threading.Event(), threading.Event()

    def slowly(line: str) -> str:
        if not is_working.is_set():
            is_working.set()
            assert may_go_on.wait(60)
        return line

    visitor.change(slowly)
    earlier = threading.Thread(target=visitor.start, args=["near:41.9,12.5,0.05km"])
    earlier.start()
    assert is_working.wait(60)
    visitor.start("")
    may_go_on.set()
    earlier.join()
    assert visitor.line == state[LINE] == ""
    visitor.start("")
    assert visitor.line == ""
