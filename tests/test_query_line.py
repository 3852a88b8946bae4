"""The query of a visitor when two runs of the page's script meet."""

from __future__ import annotations

import threading

from ui.query_line import QueryLine

LINE = "a cat person:Anna place:Rome"


def shown(line: str) -> QueryLine:
    """A visitor whose page is about this query, as its address says."""
    visitor = QueryLine()
    visitor.start(line)
    visitor.note_address(line)
    return visitor


def without(words: str, line: str) -> str:
    """The line when a chip was clicked."""
    return " ".join(line.replace(words, "").split())


def test_a_click_counts_that_comes_while_an_earlier_one_is_worked_on() -> None:
    """Streamlit begins a run before the one that it ends has come to a place where it can end."""
    visitor = shown(LINE)
    is_working, may_go_on = threading.Event(), threading.Event()

    def first_click(line: str) -> str:
        if not is_working.is_set():  # in the earlier run
            is_working.set()
            assert may_go_on.wait(60)
        return without("person:Anna", line)

    visitor.note_click()
    visitor.change(first_click)
    earlier = threading.Thread(target=visitor.start, args=[LINE])
    earlier.start()
    assert is_working.wait(60)
    visitor.note_click()
    visitor.change(lambda line: without("place:Rome", line))
    may_go_on.set()
    earlier.join()
    assert visitor.start(LINE) is None
    assert visitor.line == "a cat"


def test_an_earlier_run_that_ends_late_takes_no_address_back() -> None:
    """The visitor has gone back from a search, which was not drawn yet, to all photos."""
    visitor = shown("")
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
    assert visitor.line == ""
    visitor.start("")
    assert visitor.line == ""


def test_back_counts_twice_when_the_second_ends_the_run_of_the_first() -> None:
    """The first run has drawn the field, and has not come to the address of its view."""
    visitor = shown("country:Italy")
    visitor.note_click()
    visitor.replace("")
    visitor.start("country:Italy")
    visitor.note_address("")
    visitor.start("country:Italy")
    assert visitor.line == "country:Italy"
    visitor.start("")
    assert visitor.line == ""


def test_a_click_after_back_keeps_the_query_that_back_led_to() -> None:
    visitor = shown("country:Italy")
    visitor.start("")
    visitor.note_click()
    visitor.start("")
    assert visitor.line == ""
