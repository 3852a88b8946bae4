"""The page's logic, view by view, with Streamlit's own AppTest on a real library."""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from imgsearch import Hit, Library, Settings, parse, text
from ui import exports, filters, formatting
from ui.session import door

PATIENCE_S = 240  # a busy machine is no failure
HOSTILE = "<img src=x onerror=alert(1)> ![x](http-example)\u202egpj.\n*bold*.jpg"


@pytest.fixture(scope="module")
def demo_library(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library of the demo photos, one with a hostile name and one broken."""
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
    """Runs a view of the page on the library in a data folder."""

    def run(name: str, data_dir: Path, **address: str) -> AppTest:
        monkeypatch.setenv("IMGSEARCH_DATA", str(data_dir))
        page = AppTest.from_function(_script, kwargs={"name": name}, default_timeout=PATIENCE_S)
        for key, value in address.items():
            page.query_params[key] = value
        return page.run()

    return run


def _script(name: str) -> None:
    import streamlit as st

    from ui import app

    st.session_state["pages"] = app.pages()
    app.VIEWS[name][0]()


def data_of(page: AppTest, component: str) -> list[Any]:
    """What was handed to every component of a kind."""
    return [
        json.loads(element.proto.json)
        for element in page.get("bidi_component")
        if element.proto.component_name == f"imgsearch_{component}"
    ]


def names_in(page: AppTest) -> list[str]:
    return [str(tile["alt"]) for data in data_of(page, "grid") for tile in data["tiles"]]


def said(page: AppTest) -> str:
    parts = [*page.markdown, *page.subheader, *page.caption, *page.info, *page.success, *page.code]
    return " ".join(str(part.value) for part in parts)


# ---------------------------------------------------------------------------- search


def test_the_right_photo_comes_first(run_view: Callable[..., AppTest], demo_library: Path) -> None:
    page = run_view("search", demo_library, q="a cat")
    assert not page.exception
    assert names_in(page)[0].startswith("chelsea.png")
    page.text_input(key="line").set_value("a motorcycle").run()
    assert names_in(page)[0].startswith("motorcycle_left.png")
    assert page.query_params["q"] == "a motorcycle"


def test_without_a_question_the_newest_are_shown(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library)
    assert len(names_in(page)) == 22 and "Newest" in said(page)
    page.button(key="example a cat").click().run()
    assert page.text_input(key="line").value == "a cat"
    assert names_in(page)[0].startswith("chelsea.png")


def test_a_filter_narrows_and_its_chip_takes_it_out(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="a cat camera:pentax")
    assert [name.split(",")[0] for name in names_in(page)] == ["chelsea.png"]
    page.button(key="chip 0").click().run()
    assert page.text_input(key="line").value == "a cat"
    next(button for button in page.button if "weaker" in button.label).click().run()
    assert len(names_in(page)) == 22


def test_no_photo_passes(run_view: Callable[..., AppTest], demo_library: Path) -> None:
    page = run_view("search", demo_library, q="a cat after:2099")
    assert not names_in(page) and "No photo passes the filters" in said(page)


def test_a_question_that_makes_no_sense_is_pointed_at(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="a cat camra:canon")
    assert not page.exception and "Did you mean camera" in said(page).replace("\\", "")
    assert page.code[0].value == "a cat camra:canon\n      ^"


def test_no_library_leads_to_the_library(run_view: Callable[..., AppTest], tmp_path: Path) -> None:
    page = run_view("search", tmp_path)
    assert "No photos yet" in said(page) and page.button[0].label == "Add a folder"
    assert not (tmp_path / "library.db").exists()


def test_another_model_is_a_state_with_a_next_step(
    run_view: Callable[..., AppTest], demo_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGSEARCH_ENCODER", "openclip:ViT-B-32/laion2b_s34b_b79k")
    page = run_view("search", demo_library, q="a cat")
    assert not page.exception and "The model does not answer" in said(page)
    assert "Choose a model" in [button.label for button in page.button]


def test_hostile_names_are_only_ever_text(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("search", demo_library, q="name:onerror")
    (tile,) = data_of(page, "grid")[0]["tiles"]
    assert tile["title"] == r"<img src=x onerror=alert(1)> ![x](http-example)\u202egpj.\n*bold*.jpg"
    page = run_view("photo", demo_library, id=str(tile["id"]))
    assert not page.exception and page.code[0].value.endswith(tile["title"])
    assert "<img" not in " ".join(str(part.value) for part in page.markdown)


# ---------------------------------------------------------------------------- photo


def test_a_photo_is_told_of_closely(run_view: Callable[..., AppTest], demo_library: Path) -> None:
    with Library.open(Settings.load(data_dir=demo_library)) as library:
        (hit,) = library.find("a cat", 1).hits
    page = run_view("photo", demo_library, id=str(hit.photo.id))
    facts = dict(data_of(page, "facts")[0])
    assert facts["Size"] == "451 × 300 px, 0.1 megapixels" and "PENTAX" in facts["Camera"]
    assert page.code[0].value == str(hit.path)
    assert data_of(page, "preview")[0]["src"] == (
        f"/thumbnail/large/{hit.photo.id}?v={hit.photo.content_hash[:12]}"
    )


@pytest.mark.parametrize("photo_id", ["999", "x", "-1", "9" * 40, ""])
def test_no_such_photo(run_view: Callable[..., AppTest], demo_library: Path, photo_id: str) -> None:
    page = run_view("photo", demo_library, id=photo_id)
    assert not page.exception and "There is no such photo" in said(page)


# ---------------------------------------------------------------------------- labels


def test_the_library_is_sorted_into_classes(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("labels", demo_library)
    assert "Sort the library by words" in said(page)
    page.text_input(key="classes").set_value("cat, motorcycle").run()
    assert not page.exception and names_in(page)[0].startswith("chelsea.png")
    page.text_input[-1].set_value("things")
    next(button for button in page.button if button.label == "Keep").click().run()
    assert any("Kept: things" in expander.label for expander in page.expander)
    found = run_view("search", demo_library, q="label:things/motorcycle")
    assert "motorcycle_left.png" in [name.split(",")[0] for name in names_in(found)]
    next(button for button in page.button if button.label == "Forget").click().run()
    assert not any("Kept" in expander.label for expander in page.expander)


def test_classes_that_make_no_sense_are_told(
    run_view: Callable[..., AppTest], demo_library: Path
) -> None:
    page = run_view("labels", demo_library, c="cat, cat")
    assert not page.exception and "That cannot be asked this way" in said(page)


# ---------------------------------------------------------------------------- the rest


def wait_for(task: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while door().tasks[task].running:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_near_duplicates_side_by_side(
    run_view: Callable[..., AppTest], demo_photos: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB")
    cat.save(photos / "cat.png")
    cat.save(photos / "cat.jpg", quality=88)
    Image.open(demo_photos / "coffee.png").save(photos / "coffee.png")
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        library.index([photos]).run()
    page = run_view("similar", tmp_path / "library")
    assert "Find photos that are nearly the same" in said(page)
    page.button[0].click().run()
    wait_for("near-duplicates")
    page.run()
    (group,) = data_of(page, "grid")
    assert {str(tile["alt"]).split(",")[0] for tile in group["tiles"]} == {"cat.png", "cat.jpg"}
    assert "**1 group**, 2 photos" in said(page)
    page.slider(key="alike").set_value(1.0).run()
    assert not data_of(page, "grid") and "None as alike as that" in said(page)


def test_the_library_tells_how_it_is(run_view: Callable[..., AppTest], demo_library: Path) -> None:
    page = run_view("library", demo_library)
    assert not page.exception
    shown = {metric.label: metric.value for metric in page.metric}
    assert shown["Photos"] == "22" and shown["Not readable"] == "1"
    assert page.dataframe[0].value["file"][0].endswith("broken.jpg")


def test_a_folder_is_indexed_from_the_page(
    run_view: Callable[..., AppTest],
    demo_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMGSEARCH_ENCODER", "lite")
    page = run_view("library", tmp_path / "library")
    assert "No library yet" in said(page)
    page.text_input[0].set_value(str(tmp_path / "missing"))
    page.button[0].click().run()
    wait_for("index")
    page.run()
    assert "That folder cannot be used" in said(page)
    page.text_input[0].set_value(str(demo_photos))
    page.button[0].click().run()
    wait_for("index")
    page.run()
    assert "21 new" in said(page)
    assert next(m.value for m in page.metric if m.label == "Photos") == "21"


def test_files_that_failed_are_tried_again_from_the_page(
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
    assert "1 failed" in said(page)


# ---------------------------------------------------------------------------- parts


@pytest.fixture
def hits(demo_library: Path) -> Iterator[list[Hit]]:
    with Library.open(Settings.load(data_dir=demo_library)) as library:
        yield list(library.find("sort:path", 100).hits)


def test_exports_carry_what_was_picked(hits: list[Hit], tmp_path: Path) -> None:
    assert exports.as_paths(hits[:2]) == b"".join(os.fsencode(h.path) + b"\n" for h in hits[:2])
    assert [each["photo_id"] for each in json.loads(exports.as_json(hits))] == [
        hit.photo.id for hit in hits
    ]
    archive = zipfile.ZipFile(BytesIO(exports.as_zip([*hits[:2], hits[0]])))
    stem, suffix = hits[0].path.stem, hits[0].path.suffix
    assert archive.namelist() == [hits[0].path.name, hits[1].path.name, f"{stem}-2{suffix}"]
    assert archive.read(hits[1].path.name) == hits[1].path.read_bytes()


def test_a_folder_of_links_never_lies_among_photos(hits: list[Hit], tmp_path: Path) -> None:
    assert exports.link_folder(hits, tmp_path / "links", [tmp_path / "other"]) == len(hits)
    assert (tmp_path / "links" / hits[0].path.name).resolve() == hits[0].path.resolve()
    for folder, complaint in (
        (tmp_path / "photos" / "links", "nothing is ever written"),
        (tmp_path / "links", "not empty"),
        (Path("relative"), "whole path"),
    ):
        with pytest.raises(ValueError, match=complaint):
            exports.link_folder(hits, folder, [tmp_path / "photos"])


def test_controls_rewrite_the_line_and_leave_the_rest() -> None:
    chosen = {"camera": "canon|eos 5", "after": "2023-06", "rating": ""}
    line = filters.with_filters("a dog -people rating:>=4 -camera:nikon", chosen, "date")
    query = parse(line)
    assert filters.values_of(query) == {"camera": "canon|eos 5", "after": "2023-06"}
    assert query.sort == "date" and len(query.terms) == 2
    assert any(each.negated and each.field == "camera" for each in query.filters)
    assert filters.with_filters("", {}, "relevance") == ""


def test_words_are_safe_and_readable() -> None:
    assert text.printable("a\u202eb\nc\x1b[0m") == r"a\u202eb\nc\x1b[0m"
    assert formatting.unmarked("![x](y) <b>") == r"\!\[x\]\(y\) \<b\>"
    assert formatting.size_words(999) == "999 B" and formatting.size_words(3_210_000) == "3.2 MB"
    assert formatting.count_words(1, "photo") == "1 photo" and formatting.time_left_words(600) == (
        "about 10 min"
    )
