"""What features bring is loaded when first used, and refused where it cannot be used."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from types import ModuleType

import pytest

from imgsearch.features.declared import load
from tests.factories import PATIENCE_S
from ui.features import PageFeature, ShownView, checked
from ui.page_view import PageView

NAME = "feature_module_that_is_held"


def test_a_module_that_another_thread_is_loading_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{NAME}.py").write_text(
        "import the_test\nthe_test.begun.set()\nthe_test.may_end.wait()\nMADE = 7\n"
    )
    moments = ModuleType("the_test")
    begun, may_end = Event(), Event()
    vars(moments).update(begun=begun, may_end=may_end)
    monkeypatch.setitem(sys.modules, "the_test", moments)
    monkeypatch.syspath_prepend(tmp_path)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(load, f"{NAME}:MADE")
        try:
            assert begun.wait(PATIENCE_S)
            second = threads.submit(load, f"{NAME}:MADE")
            wait([second], timeout=0.5)  # a module that is half loaded would be taken at once
        finally:
            may_end.set()
        assert (first.result(PATIENCE_S), second.result(PATIENCE_S)) == (7, 7)
    del sys.modules[NAME]


def test_a_view_with_a_name_that_another_has_is_left_out_with_a_sentence() -> None:
    shown = ShownView(PageView("Mine", "map", "none"), lambda: None)
    mine, other = PageFeature(views={"mine": shown}), PageFeature(views={"mine": shown})
    shares, sentences = checked([mine, PageFeature(views={"timeline": shown}), other, 7])
    assert shares == (mine,)
    assert [each.partition(",")[0] for each in sentences[:2]] == [
        "A plug-in has a view 'timeline'",
        "A plug-in has a view 'mine'",
    ]
    assert sentences[2].startswith("7 is not the share of a plug-in in the page")
