"""Screenshots and documents that answers leave out, and the queries that have them in any case."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Library, Settings, UsageError
from imgsearch.features.kinds.operations import Kinds
from imgsearch.service.client import Client
from tests.factories import run_cli
from tests.services import serving
from tests.stand_in import StandIn


@pytest.fixture
def library(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """Four photos, two screenshots and a document."""
    folder = tmp_path / "photos"
    folder.mkdir()
    names = ("a.png", "b.png", "c.png", "d.png", "Screenshot_1.png", "Screenshot_2.png")
    for number, name in enumerate((*names, "CamScanner 1.png")):
        Image.new("RGB", (60, 40), (10, 90, 20 * number)).save(folder / name)
    library.index([folder]).run()
    return library


def names(library: Library, line: str) -> list[str]:
    return sorted(hit.path.stem for hit in library.find(line, 50).hits)


PHOTOS, SCREENS, PAPER = ["a", "b", "c", "d"], ["Screenshot_1", "Screenshot_2"], ["CamScanner 1"]


def test_kinds_are_left_out_of_answers_until_they_are_shown_again(library: Library) -> None:
    everything = sorted([*PHOTOS, *SCREENS, *PAPER])
    assert library.kinds.all().left_out == ()
    assert names(library, "type:png") == names(library, "a red wall") == everything
    kinds = library.kinds.leave_out(["screenshot"])
    assert (kinds.screenshots, kinds.documents, kinds.left_out) == (2, 1, ("screenshot",))
    with Library.open(library.settings, encoder=StandIn()) as again:  # as after a restart
        for line in ("type:png", "a red wall", "a red wall type:png", "type:png sort:best"):
            assert names(again, line) == sorted([*PHOTOS, *PAPER])
        assert len(again.find_all("a red wall").ids) == 5
    library.kinds.leave_out(["document", "screenshot"])
    assert names(library, "type:png") == PHOTOS
    library.kinds.leave_out([])
    assert names(library, "type:png") == everything


def test_a_query_that_names_a_kind_has_it(library: Library) -> None:
    library.kinds.leave_out(["screenshot", "document"])
    assert names(library, "is:screenshot") == names(library, "screenshots") == SCREENS
    assert names(library, "is:screenshot|document") == sorted([*SCREENS, *PAPER])
    assert names(library, "(is:screenshot | name:a)") == sorted([*SCREENS, "a"])
    assert names(library, "-is:document") == PHOTOS  # of screenshots it says nothing
    assert library.find("is:screenshot", 9).remarks == ()


def test_a_search_by_a_screenshot_finds_others(library: Library) -> None:
    library.kinds.leave_out(["screenshot"])
    (one,) = library.find("is:screenshot name:_1", 9).hits
    assert "Screenshot_2" in names(library, f"photo:{one.photo.id}")
    (photo,) = library.find("name:a.png", 9).hits
    assert names(library, f"photo:{photo.photo.id}") == sorted([*PHOTOS[1:], *PAPER])


def test_what_was_put_together_by_hand_is_whole(library: Library, tmp_path: Path) -> None:
    ids = library.find_all("type:png").ids.tolist()
    library.albums.make("Trip", photo_ids=ids)
    library.marks.set(ids, favourite=True)
    library.kinds.leave_out(["screenshot", "document"])
    for line in ("album:Trip", "album:Trip type:png", "is:favourite"):
        assert len(names(library, line)) == 7
    assert sum(len(each.photo_ids) for each in library.browse.days()) == 7  # a view of all photos
    assert sum(len(each.photo_ids) for each in library.browse.days("type:png")) == 4


def test_an_answer_says_how_many_it_leaves_out(library: Library) -> None:
    assert library.find("type:png", 9).remarks == ()
    library.kinds.leave_out(["screenshot", "document"])
    (remark,) = library.find("type:png", 9).remarks
    assert remark.startswith("Without 2 screenshots and 1 document, which is:screenshot|document ")
    assert "imgsearch kinds" in remark
    *_, remark = library.find("name:Screenshot_1", 9).remarks
    assert remark.startswith("Without 1 screenshot, which is:screenshot finds.")
    assert library.find("name:a.png", 9).remarks == ()  # it leaves nothing out


def test_explain_says_why_a_screenshot_is_missing(library: Library) -> None:
    library.kinds.leave_out(["screenshot"])
    (hit, _) = library.find("is:screenshot", 9).hits
    explanation = library.explain(hit.path, "type:png")
    assert explanation.reason is not None and "is:screenshot" in explanation.reason


def test_an_unknown_kind_is_refused(library: Library) -> None:
    with pytest.raises(UsageError, match="screenshot and document"):
        library.kinds.leave_out(["meme"])  # type: ignore[list-item]
    assert library.kinds.all().left_out == ()


def test_the_command_counts_and_leaves_out(library: Library) -> None:
    data = library.settings.data_dir
    shown = run_cli("kinds", data=data)
    assert shown.stdout.splitlines() == ["2 screenshots", "1 document"]
    shown = run_cli("kinds", "--leave-out", "screenshot", data=data)
    assert shown.stdout.splitlines() == ["2 screenshots, left out of answers", "1 document"]
    assert "imgsearch kinds --show screenshot" in shown.stderr
    shown = run_cli("kinds", "--leave-out", "document", "--show", "screenshot", "--json", data=data)
    assert json.loads(shown.stdout)["left_out"] == ["document"]
    both = run_cli("kinds", "--leave-out", "document", "--show", "document", data=data)
    assert both.returncode == 2


def test_a_service_leaves_out_what_another_process_has_chosen(
    demo_data: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(demo_data, tmp_path / "library"))
    settings = Settings.load(data_dir=data, encoder="lite")
    with Library.open(settings) as library, serving(data):
        client = Client(settings)
        everything = client.call(Library.find, "type:png", 50)
        kinds = client.call(Kinds.leave_out, ["document"])
        assert kinds.documents and kinds == library.kinds.all()
        assert len(client.call(Library.find, "type:png", 50).hits) < len(everything.hits)
        library.kinds.leave_out([])
        assert client.call(Library.find, "type:png", 50) == everything
