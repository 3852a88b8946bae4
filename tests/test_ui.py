"""The views of the page, in Streamlit's AppTest on a real library, and its parts."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from PIL import Image, ImageDraw, ImageFont
from starlette.requests import Request
from starlette.responses import Response
from streamlit.testing.v1 import AppTest

from imgsearch import Hit, Library, Settings, format_duration, parse, text
from imgsearch.errors import (
    DiskError,
    LibraryLocked,
    PhotoError,
    Reason,
    StorageUnreachable,
    UsageError,
)
from imgsearch.progress import Progress
from tests.factories import SimulatedClock, wait_until
from tests.page_requests import json_of, put
from tests.services import serving
from ui import answer_data, exports, filters, formatting
from ui.cards import buttons_for
from ui.responses import no_picture
from ui.session import Session, session
from ui.tasks import BackgroundTasks, Task

PATIENCE_S = 240  # for a busy machine
HOSTILE = "<img src=x onerror=alert(1)> ![x](http-example)\u202egpj.\n*bold*.jpg"


@pytest.fixture(scope="module")
def demo_library(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library: the demo photos, a hostile file name, and a broken file."""
    place = tmp_path_factory.mktemp("ui")
    photos = place / "photos"
    photos.mkdir()
    for photo in demo_photos.iterdir():
        (photos / photo.name).symlink_to(photo)
    Image.new("RGB", (90, 60), (200, 30, 30)).save(photos / HOSTILE)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.index([photos]).run()
    return place / "library"


@pytest.fixture
def run_view(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Runs a view on the library in a data folder; `address` are the query parameters."""

    def run(name: str, data_dir: Path, **address: str) -> AppTest:
        monkeypatch.setenv("IMGSEARCH_DATA", str(data_dir))
        page = AppTest.from_function(_script, kwargs={"name": name}, default_timeout=PATIENCE_S)
        for key, value in address.items():
            page.query_params[key] = value
        return page.run()

    return run


def _script(name: str) -> None:
    from ui import app

    app.begin(name)
    app.show_search_row(name)
    app.show_view(name)


def chips_in(page: AppTest) -> list[tuple[str, str]]:
    """Kinds and names of the filters that can be removed by a click."""
    chips = data_of(page, "modules_chips")
    return [(chip["kind"], chip["name"]) for chip in chips[0]["chips"]] if chips else []


def data_of(page: AppTest, component: str) -> list[Any]:
    """The data of every component of a kind."""
    return [
        json.loads(element.proto.json)
        for element in page.get("bidi_component")
        if element.proto.component_name == f"imgsearch_{component}"
    ]


def tiles_in(page: AppTest) -> list[dict[str, Any]]:
    """What the tiles of all grids show; those of an answer are fetched as the browser does it."""
    found: list[dict[str, Any]] = []
    for data in data_of(page, "modules_answer"):
        version = reply(answer_data.photo_list, data["parameters"])["version"]
        wanted = urlencode({"version": version, "first": 0, "count": 100})
        found += reply(answer_data.tiles, f"{data['parameters']}&{wanted}")
    return found + [tile for data in data_of(page, "modules_tiles") for tile in data["tiles"]]


def reply(route: Callable[[Request], Response], parameters: str) -> Any:
    """The JSON that the page's server answers with."""
    request = Request({"type": "http", "query_string": parameters.encode(), "headers": []})
    return json.loads(bytes(route(request).body))


def shown_slide(page: AppTest) -> dict[str, Any]:
    """The data of the photo that the viewer shows."""
    viewer = data_of(page, "modules_viewer")[0]
    slide: dict[str, Any] = viewer["slides"][viewer["index"] - viewer["first"]]
    return slide


def type_line(page: AppTest, line: str) -> None:
    """Search for this, as somebody who types it."""
    page.session_state["query_line"].type(line)
    page.run()


def names_in(page: AppTest) -> list[str]:
    return [str(tile["alt"]) for tile in tiles_in(page)]


def facts_in(page: AppTest) -> list[list[str]]:
    """The rows of every table of names and values."""
    return [row for table in data_of(page, "facts") for row in table]


def text_of(page: AppTest) -> str:
    elements = [
        *page.markdown,
        *page.header,
        *page.caption,
        *page.info,
        *page.success,
        *page.code,
    ]
    headings = (" ".join(data.get("heading", ())) for data in data_of(page, "modules_answer"))
    return " ".join([*(str(element.value) for element in elements), *headings])


# ---------------------------------------------------------------------------- search


def test_the_right_photo_comes_first(run_view: Callable[..., AppTest], demo_library: Path) -> None:
    page = run_view("search", demo_library, q="a cat")
    assert not page.exception
    assert names_in(page)[0].startswith("chelsea.png")
    type_line(page, "a motorcycle")
    assert names_in(page)[0].startswith("motorcycle_left.png")
    assert page.query_params["q"] == "a motorcycle"


def test_without_a_query_the_newest_photos_are_shown(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library)
    assert len(names_in(page)) == 22 and "Newest" in text_of(page)
    page.button(key="example a cat").click().run()
    assert page.session_state["query_line"].line == "a cat"
    assert names_in(page)[0].startswith("chelsea.png")


def test_a_filter_leaves_its_photos_and_has_a_chip(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="a cat camera:pentax")
    assert [name.split(",")[0] for name in names_in(page)] == ["chelsea.png"]
    assert chips_in(page) == [("filter", "camera:pentax")]


def test_an_input_of_the_form_stays_the_same_one_while_it_is_used(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    """Its list of choices would close, and several of them are often chosen one after the other."""
    page = run_view("search", demo_library, q="a cat")
    formats = page.multiselect(key="filter type 0").options
    assert len(formats) > 1
    for name in formats:
        page.multiselect(key="filter type 0").select(name).run()
    camera = page.multiselect(key="filter camera 0")
    camera.select(camera.options[0]).run()
    page.selectbox(key="filter rating 0").select(">=2").run()
    page.selectbox(key="filter orientation 0").select("landscape").run()
    page.selectbox(key="filter sort 0").select("date").run()
    page.text_input(key="filter near 0").set_value("48.85,2.35,5km").run()
    line = page.session_state["query_line"].line
    assert line is not None
    assert f"type:{'|'.join(formats)} camera:" in line
    assert line.endswith("rating:>=2 orientation:landscape near:48.85,2.35,5km sort:date")
    type_line(page, "a cat")
    assert page.multiselect(key="filter type 1").value == []


def test_weaker_matches_are_a_click_away(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="a cat")
    assert chips_in(page) == []
    assert len(names_in(page)) < 22
    (grid,) = data_of(page, "modules_answer")
    assert grid["weaker"], "a button in the grid shows weaker matches"
    assert len(reply(answer_data.photo_list, f"{grid['parameters']}&weak=1")["ids"]) == 22


def test_what_was_understood_has_a_chip(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="a cat since 1990")
    assert chips_in(page) == [("words", "since 1990")]
    (chips,) = data_of(page, "modules_chips")
    assert chips["chips"][0]["label"] == "after:1990"
    assert chips_in(run_view("search", demo_library, q='a cat "since 1990"')) == []


def test_a_photo_found_by_name_says_so(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="chelsea")
    assert ["name", "file name"] in tiles_in(page)[0]["badges"]
    assert "1 by name" in text_of(page)


def test_an_empty_answer_names_what_emptied_it(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="camera:pentax after:2099")
    assert "without after:2099 there is 1" in text_of(page).replace("\\", "")


def test_no_photo_matches_the_filters(run_view: Callable[..., AppTest], demo_library: Path) -> None:
    page = run_view("search", demo_library, q="a cat after:2099")
    assert not names_in(page) and "No photo matches the filters" in text_of(page)


def test_an_error_in_a_query_is_marked(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="a cat camra:canon")
    assert not page.exception and "Did you mean camera" in text_of(page).replace("\\", "")
    assert page.code[0].value == "a cat camra:canon\n      ^"


def test_without_a_library_a_button_leads_to_adding_a_folder(
    run_view: Callable[..., AppTest], tmp_path: Path
) -> None:
    page = run_view("search", tmp_path)
    assert "No photos yet" in text_of(page) and page.button[0].label == "Add a folder"
    assert not (tmp_path / "library.db").exists()


def test_with_another_model_a_button_leads_to_choosing_one(
    run_view: Callable[..., AppTest], demo_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGSEARCH_ENCODER", "openclip:ViT-B-32/laion2b_s34b_b79k")
    page = run_view("search", demo_library, q="a cat")
    assert not page.exception and "The model is not available" in text_of(page)
    assert "Choose a model" in [button.label for button in page.button]


def test_hostile_file_names_are_shown_as_text(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="name:onerror")
    (tile,) = tiles_in(page)
    assert tile["title"] == r"<img src=x onerror=alert(1)> ![x](http-example)\u202egpj.\n*bold*.jpg"
    page = run_view("photo", demo_library, id=str(tile["id"]))
    assert not page.exception
    assert shown_slide(page)["path"].endswith(tile["title"])
    assert "<img" not in " ".join(str(part.value) for part in page.markdown)


# ---------------------------------------------------------------------------- photo


def test_a_photo(run_view: Callable[..., AppTest], demo_library: Path) -> None:
    with Library.open(Settings.load(data_dir=demo_library)) as library:
        (hit,) = library.find("a cat", 1).hits
    page = run_view("photo", demo_library, id=str(hit.photo.id))
    assert shown_slide(page)["path"] == str(hit.path)
    assert shown_slide(page)["large"] == (
        f"/thumbnail/large/{hit.photo.id}?v={hit.photo.content_hash[:12]}"
    )


@pytest.mark.parametrize("photo_id", ["999", "x", "-1", "9" * 40, ""])
def test_an_unknown_photo(
    run_view: Callable[..., AppTest], demo_library: Path, photo_id: str
) -> None:
    page = run_view("photo", demo_library, id=photo_id)
    assert not page.exception and "Photo not found" in text_of(page)


def test_words_that_the_service_has_searched_for_need_no_model_here(
    demo_library: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(demo_library, tmp_path / "library"))
    settings = Settings.load(data_dir=data, encoder="lite")  # as the service has them
    with serving(data):
        here = Session(settings)
        query = parse("an animal that sits and looks")
        with here.library_for(query) as library:
            counted = library.browse.day_counts(query)
        assert counted.days and not here.library.memory.has_encoder
        here.library.close()
    alone = Session(settings)
    other = parse("another animal that stands")
    with alone.library_for(other) as library:
        assert library.browse.day_counts(other).days
    assert alone.library.memory.has_encoder, "without a service it is loaded here"
    alone.library.close()


# ---------------------------------------------------------------------------- labels


def test_photos_are_sorted_into_classes(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("labels", demo_library)
    assert "Sort your photos into classes" in text_of(page)
    page.text_input(key="classes").set_value("cat, motorcycle").run()
    assert not page.exception and names_in(page)[0].startswith("chelsea.png")
    page.text_input[-1].set_value("things")
    next(button for button in page.button if button.label == "Save").click().run()
    assert any("Saved: things" in expander.label for expander in page.expander)
    found = run_view("search", demo_library, q="label:things/motorcycle")
    assert "motorcycle_left.png" in [name.split(",")[0] for name in names_in(found)]
    next(button for button in page.button if button.label == "Delete").click().run()
    assert not any("Saved" in expander.label for expander in page.expander)


def test_a_remark_that_names_a_command_has_a_button_to_the_view_that_does_it(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="猫と犬")
    assert any("imgsearch rebuild" in info.value for info in page.info)
    labels = [button.label for button in page.button]
    assert labels.count("Change the model") == 1 and "Rebuild the index" not in labels


def test_an_error_in_the_classes_is_shown(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("labels", demo_library, c="cat, cat")
    assert not page.exception and "Check your input" in text_of(page)


# ---------------------------------------------------------------------------- background tasks


def wait_for(name: str) -> None:
    """Until the background task has ended."""
    task = session().tasks.get(name)
    assert task is not None
    wait_until(lambda: not task.running)


def test_each_part_of_a_job_has_its_own_rate() -> None:
    clock = SimulatedClock()
    task = Task(clock)
    for done in (1, 2, 3, 4):
        task.advance(Progress(done, 24, part="Comparing int8"))
        clock.sleep(1)
    assert task.part == "Comparing int8" and task.rate > 0 and task.left_s is not None
    task.advance(Progress(8, 600))
    assert task.part is None and task.rate == 0 and task.left_s is None
    for done in (16, 24):
        clock.sleep(2)
        task.advance(Progress(done, 600))
    clock.sleep(2)
    assert task.rate == 4 and task.left_s == 144


class HeldJob:
    """A job that goes on when it is let."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name, self.order, self.may_end = name, order, threading.Event()

    def __iter__(self) -> Iterator[Progress]:
        self.order.append(self.name)
        while not self.may_end.wait(0.01):
            yield Progress(0, 1)

    @property
    def report(self) -> str:
        return self.name

    def close(self) -> None:
        self.order.append(f"{self.name} stopped")


def test_jobs_with_a_title_wait_for_each_other_in_their_order() -> None:
    order: list[str] = []
    tasks = BackgroundTasks(on_end=lambda: None)
    jobs = {name: HeldJob(name, order) for name in ("a", "b", "c", "d")}

    def start(name: str, title: str) -> Task:
        return tasks.start("index", nullcontext, lambda _: jobs[name], title)

    first = start("a", "/a")
    wait_until(lambda: order == ["a"])
    assert start("b", "/b") is first and start("c", "/c") is first
    start("b", "/b")  # once for each title
    start("d", "")  # without a title, it is not wanted while another runs
    assert tasks.waiting("index") == ["/b", "/c"] and tasks.running() == ["index"]
    tasks.take_back("index", "/c")
    first.stop()
    wait_until(lambda: order == ["a", "a stopped", "b"])
    assert tasks.waiting("index") == []
    second = tasks.get("index")
    assert second is not None and second is not first and second.running
    jobs["b"].may_end.set()
    wait_until(lambda: not second.running)
    assert second.report == "b" and tasks.running() == []
    assert order == ["a", "a stopped", "b"]


@pytest.mark.features("duplicates")
def test_near_duplicates_side_by_side(
    run_view: Callable[..., AppTest], demo_photos: Path, tmp_path: Path
) -> None:
    from imgsearch.features.duplicates import page_data

    photos = tmp_path / "photos"
    photos.mkdir()
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB")
    cat.save(photos / "cat.png")
    cat.save(photos / "cat.jpg", quality=88)
    Image.open(demo_photos / "coffee.png").save(photos / "coffee.png")
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        library.index([photos]).run()
    page = run_view("similar", tmp_path / "library")
    assert "Find near-duplicates" in text_of(page)
    page.button[0].click().run()
    wait_for("near-duplicates")
    page.run()
    (shown,) = data_of(page, "modules_similar")
    library = session().library
    listed = library.duplicates.chosen_groups(min_score=shown["min_score"])
    assert (listed.total, listed.photos, listed.version) == (1, 2, shown["version"])
    ids = [photo.photo_id for photo in listed.groups[0].photos]
    described = json_of(put(page_data.tiles, {"address": shown["parameters"], "ids": ids}))
    assert sorted(tile["name"] for tile in described) == ["cat.jpg", "cat.png"]
    page.slider(key="similarity").set_value(1.0).run()
    assert not data_of(page, "modules_similar") and "No photos are this similar" in text_of(page)


def test_the_state_of_the_library(run_view: Callable[..., AppTest], demo_library: Path) -> None:
    page = run_view("library", demo_library)
    assert not page.exception
    shown = {metric.label: metric.value for metric in page.metric}
    assert shown["Photos"] == "22" and shown["Unreadable"] == "1"
    assert page.dataframe[0].value["file"][0].endswith("broken.jpg")


def test_the_page_says_in_words_why_a_file_cannot_be_read(
    run_view: Callable[..., AppTest], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (64, 64), (200, 0, 0)).save(photos / "red.png")
    (photos / "text.jpg").write_text("no image")
    (photos / "empty.jpg").touch()
    data = tmp_path / "library"
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([photos]).run()
    page = run_view("library", data)
    (shown,) = (each.label for each in page.expander if each.label.startswith("Unreadable"))
    assert {*shown.removeprefix("Unreadable: ").split(", ")} == {"1 not an image", "1 empty"}
    (reasons,) = page.button_group
    reasons.set_value([Reason.NOT_AN_IMAGE]).run()
    assert list(page.dataframe[0].value["reason"]) == ["not an image"]


def test_a_folder_is_indexed_from_the_page(
    run_view: Callable[..., AppTest],
    demo_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMGSEARCH_ENCODER", "lite")
    page = run_view("library", tmp_path / "library")
    assert "No library yet" in text_of(page)
    page.text_input[0].set_value(str(tmp_path / "missing"))
    button(page, "Index").click().run()
    wait_for("index")
    page.run()
    assert "Cannot use this folder" in text_of(page)
    page.text_input[0].set_value(str(demo_photos))
    button(page, "Index").click().run()
    wait_for("index")
    page.run()
    assert "21 new" in text_of(page)
    assert next(m.value for m in page.metric if m.label == "Photos") == "21"


def button(page: AppTest, label: str) -> Any:
    return next(button for button in page.button if button.label == label)


def test_the_outcome_of_a_job_tells_copies_from_moves_and_can_be_dismissed(
    run_view: Callable[..., AppTest], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, colour in (("a", (200, 0, 0)), ("b", (0, 200, 0))):
        Image.new("RGB", (64, 64), colour).save(photos / f"{name}.png")
    data = tmp_path / "library"
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([photos]).run()
    (photos / "a.png").rename(photos / "moved.png")
    shutil.copyfile(photos / "b.png", photos / "copy.png")
    page = run_view("library", data)
    button(page, "Update").click().run()
    wait_for("index")
    page.run()
    assert "1 moved, 1 copied, 1 unchanged." in text_of(page)
    button(page, "Dismiss").click().run()
    assert "moved" not in text_of(page) and session().tasks.get("index") is None


def test_a_folder_is_paused_resumed_and_removed_on_the_page(
    run_view: Callable[..., AppTest], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (64, 64), (200, 0, 0)).save(photos / "a.png")
    data = tmp_path / "library"
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([photos]).run()
        page = run_view("library", data)
        button(page, "Pause").click().run()
        assert [root.paused for root in library.folders.all()] == [True]
        assert "paused" in text_of(page)
        assert "Update" not in {each.label for each in page.button}
        Image.new("RGB", (64, 64), (0, 200, 0)).save(photos / "b.png")
        button(page, "Resume").click().run()
        wait_for("index")
        page.run()
        assert "1 new" in text_of(page)
        assert [root.paused for root in library.folders.all()] == [False]
        button(page, "Remove from the library").click().run()
        assert library.folders.all() == () and library.photo_count() == 0
        assert {path.name for path in photos.iterdir()} == {"a.png", "b.png"}
        assert next(m.value for m in page.metric if m.label == "Photos") == "0"


def test_failed_files_are_tried_again_from_the_page(
    run_view: Callable[..., AppTest], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    data = tmp_path / "library"
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([photos]).run()
    page = run_view("library", data)
    next(button for button in page.button if button.label == "Try again").click().run()
    wait_for("index")
    page.run()
    assert "1 failed" in text_of(page)


@pytest.mark.slow
@pytest.mark.features("text")
@pytest.mark.skipif(find_spec("rapidocr") is None, reason="needs the extra ocr")
def test_text_is_read_from_the_page_and_shown_with_its_photo(
    run_view: Callable[..., AppTest], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    sign = Image.new("RGB", (400, 300), (240, 236, 220))
    ImageDraw.Draw(sign).text((40, 90), "Table 12", (20, 20, 40), ImageFont.load_default(60))
    sign.save(photos / "sign.png")
    data = tmp_path / "library"
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([photos]).run()
    page = run_view("library", data)
    next(button for button in page.button if button.label == "Read all photos").click().run()
    wait_for("read text")
    page.run()
    assert "1 with text" in text_of(page)
    assert ["With text", "1 photo"] in facts_in(page)
    with Library.open(Settings.load(data_dir=data)) as library:
        (hit,) = library.search('text:"table 12"')
        text = library.photo(hit.photo.id).text
    assert text is not None and [line.text for line in text.lines] == ["Table 12"]


# ---------------------------------------------------------------------------- parts


@pytest.fixture
def hits(demo_library: Path) -> Iterator[list[Hit]]:
    with Library.open(Settings.load(data_dir=demo_library)) as library:
        yield list(library.find("sort:path", 100).hits)


def test_exports_of_selected_photos(hits: list[Hit]) -> None:
    assert exports.paths_text(hit.path for hit in hits[:2]) == (
        b"".join(os.fsencode(hit.path) + b"\n" for hit in hits[:2])
    )
    assert [record["photo_id"] for record in json.loads(exports.hits_json(hits))] == [
        hit.photo.id for hit in hits
    ]


def test_a_folder_of_links_is_never_made_in_a_photo_folder(hits: list[Hit], tmp_path: Path) -> None:
    assert exports.link_folder(hits, tmp_path / "links", [tmp_path / "other"]) == len(hits)
    assert (tmp_path / "links" / hits[0].path.name).resolve() == hits[0].path.resolve()
    for folder, message in (
        (tmp_path / "photos" / "links", "photo folders are never changed"),
        (tmp_path / "links", "not empty"),
        (Path("relative"), "absolute path"),
    ):
        with pytest.raises(ValueError, match=message):
            exports.link_folder(hits, folder, [tmp_path / "photos"])


def test_the_filter_form_replaces_filters_and_keeps_the_rest_of_the_line() -> None:
    values = {"camera": "canon|eos 5", "after": "2023-06", "rating": ""}
    line = filters.with_filters("a dog -people rating:>=4 -camera:nikon", values, "date")
    query = parse(line)
    assert filters.values_of(query) == {"camera": "canon|eos 5", "after": "2023-06"}
    assert query.sort == "date" and len(query.terms) == 2
    assert any(each.negated and each.field == "camera" for each in query.filters)
    assert filters.with_filters("", {}, "relevance") == ""


def test_a_choice_is_added_and_taken_out_again() -> None:
    line = filters.toggled("a dog", "in", "/photos/Genève 2019")
    assert line == 'a dog in:"/photos/Genève 2019"'
    both = filters.toggled(line, "in", '/photos/a "b" \\c|d')
    (folders,) = parse(both).filters
    assert folders.values == ("/photos/Genève 2019", '/photos/a "b" \\c|d'), "one or the other"
    assert filters.toggled(both, "in", "/photos/Genève 2019") == filters.toggled(
        "a dog", "in", '/photos/a "b" \\c|d'
    )
    assert filters.toggled(line, "in", "/photos/Genève 2019") == "a dog"
    people = filters.toggled(filters.toggled("-person:Ben", "person", "Anna"), "person", "Ben")
    assert parse(people) == parse("-person:Ben person:Anna person:Ben"), "both are wanted"


def test_each_value_of_a_filter_has_a_chip_that_says_what_it_means() -> None:
    query = parse(
        'in:"/photos/Genève"|Rome after:2023-06-01 before:2023-07 person:Anna -type:png rating:>=4'
    )
    chips = list(filters.chips_of(query))
    assert [chip.label for chip in chips] == [
        *("Folder Genève", "Folder Rome", "From 1 June 2023", "Until 30 June 2023"),
        *("Person Anna", "-type:png", "rating:>=4"),
    ]
    assert parse(chips[0].rest).filters[0].values == ("Rome",)
    assert [each.field for each in parse(chips[4].rest).filters] == [
        "in", "after", "before", "type", "rating"
    ]  # fmt: skip


def test_text_is_safe_and_readable() -> None:
    assert text.printable("a\u202eb\nc\x1b[0m") == r"a\u202eb\nc\x1b[0m"
    assert formatting.escape_markdown("![x](y) <b>") == r"\!\[x\]\(y\) \<b\>"
    assert formatting.format_size(999) == "999 B"
    assert formatting.format_size(3_210_000) == "3.2 MB"
    assert format_duration(600) == "about 10 min"


def test_only_a_picture_that_cannot_be_had_is_refused_with_404() -> None:
    """The browser asks again for the others."""
    known = PhotoError(Reason.DAMAGED, "It is damaged.")
    assert no_picture(known).status_code == 404
    assert no_picture(UsageError("There is no such photo.")).status_code == 404
    for passing in (LibraryLocked("Busy."), StorageUnreachable("Away."), DiskError("Full.")):
        assert no_picture(passing).status_code == 503


def test_a_command_in_a_message_has_the_button_of_its_longest_beginning() -> None:
    lines = ["imgsearch rebuild --encoder lite", "imgsearch people", "imgsearch index FOLDER"]
    labels = [each.label for each in buttons_for([*lines, *lines])]
    assert labels == ["Change the model", "Update the folders"]
    assert [each.label for each in buttons_for(["imgsearch rebuild"])] == ["Rebuild the index"]
    assert buttons_for(["imgsearch indexes", "imgsearch rebuilds"]) == []


def test_threads_that_ask_at_once_have_one_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the start: the jobs that one thread begins are known to the views."""
    monkeypatch.setenv("IMGSEARCH_DATA", str(tmp_path / "a-library-of-its-own"))
    make, made, others = Session.__init__, list[Session](), list[threading.Thread]()

    def make_while_another_asks(self: Session, *arguments: Any) -> None:
        if not others:
            others.append(threading.Thread(target=lambda: made.append(session())))
            others[0].start()
            others[0].join(0.3)  # it ends in that time, unless it waits for this thread
        make(self, *arguments)

    monkeypatch.setattr(Session, "__init__", make_while_another_asks)
    made.append(session())
    others[0].join()
    assert len(made) == 2 and made[0] is made[1]
