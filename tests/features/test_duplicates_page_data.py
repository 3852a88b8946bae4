"""Near-duplicates on the page: its groups, tiles of their photos, and exports."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.features.duplicates import page_data
from imgsearch.features.duplicates.page_data import Grouping, group_hits, groups_of
from tests.factories import wait_until
from tests.page_requests import json_of, put
from ui.search_state import SearchInput
from ui.session import session

PAIRS = ("chelsea.png", "coffee.png", "rocket.jpg")  # each twice: as it is, and half as large


@pytest.fixture(scope="module")
def data_dir(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("similar")
    (place / "photos").mkdir()
    for name in PAIRS:
        with Image.open(demo_photos / name) as opened:
            picture = opened.convert("RGB")
        stem = Path(name).stem
        picture.save(place / "photos" / f"{stem}.png")
        small = picture.resize((picture.width // 2, picture.height // 2))
        small.save(place / "photos" / f"{stem} small.png")
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.index([place / "photos"]).run()
    return place / "library"


@pytest.fixture(autouse=True)
def compared(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of the library, after a comparison and without choices."""
    monkeypatch.setenv("IMGSEARCH_DATA", str(data_dir))
    monkeypatch.setenv("IMGSEARCH_ENCODER", "lite")
    page_data.start_comparing()
    wait_until(lambda: page_data.comparison() is not None)
    session().library.duplicates.forget_choices()


def tiles(address: dict[str, str], ids: list[int]) -> Any:
    return json_of(put(page_data.tiles, {"address": address, "ids": ids}))


def ids_by_name() -> dict[str, int]:
    return {hit.path.name: hit.photo.id for hit in session().library.find("type:png").hits}


def exported(kind: str) -> str:
    answer = put(page_data.export, {"address": {}}, kind=kind)
    assert answer.status_code == 200
    return bytes(answer.body).decode()


def test_tiles_describe_photos_of_groups() -> None:
    ids = ids_by_name()
    small, large = ids["chelsea small.png"], ids["chelsea.png"]
    asked = [small, 999, large]
    first, gone, second = tiles({"score": "0.92"}, asked)
    assert gone is None
    assert (first["id"], second["id"]) == (str(small), str(large))
    assert first["name"] == "chelsea small.png" and "px, PNG" in first["about"]
    assert first["paths"][0].endswith("/chelsea small.png")
    assert "from=similar&score=0.92" in first["link"]


@pytest.mark.parametrize(
    "content",
    [
        {"address": {}, "ids": [1] * (page_data.MOST_TILES + 1)},
        {"address": {}, "ids": [], "folder": "/"},
        {"ids": [1]},
        {"address": {}, "ids": ["/"]},
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(content: Any) -> None:
    answer = put(page_data.tiles, content)
    assert answer.status_code == 422 and len(bytes(answer.body)) > 20


def test_exports_follow_the_choices(data_dir: Path) -> None:
    ids, duplicates = ids_by_name(), session().library.duplicates
    duplicates.choose(ids["coffee.png"], False)  # nothing of this group is kept
    duplicates.choose(ids["rocket small.png"], True)
    paths = exported("paths")
    assert paths == f"{data_dir.parent / 'photos' / 'chelsea small.png'}\n"
    script = exported("script")
    assert script.count("chelsea small.png' ") == 1 and "coffee" not in script
    rows = csv.DictReader(StringIO(exported("csv")))
    kept = {Path(row["path"]).name: row["keep"] for row in rows}
    assert (kept["coffee.png"], kept["rocket small.png"], kept["rocket.png"]) == ("0", "1", "1")
    assert put(page_data.export, {"address": {}}, kind="zip").status_code == 404


def test_the_address_of_a_photo_leads_to_its_group() -> None:
    ids = ids_by_name()
    hits = group_hits(Grouping.from_address({"score": "0.92"}), ids["coffee small.png"])
    assert [hit.path.name for hit in hits] == ["coffee.png", "coffee small.png"]
    assert group_hits(Grouping.from_address({"score": "0.92"}), 999) == []
    searched = Grouping.from_address({"q": "name:small"})
    assert group_hits(searched, ids["coffee small.png"]) == [], "its pair is not found"


def test_an_address_from_before_a_coarser_comparison_still_has_groups() -> None:
    library = session().library
    pairs = library.duplicates.find(0.97).run()
    library.duplicates.remember(pairs)
    assert groups_of(Grouping(SearchInput(), 0.92)) == groups_of(Grouping(SearchInput(), 0.97))


@pytest.mark.parametrize(
    ("address", "score", "prefer"),
    [
        ({}, 0.95, ()),
        ({"score": "0.955"}, 0.955, ()),
        ({"score": "nan"}, 0.95, ()),
        ({"score": "7"}, 0.95, ()),
        ({"prefer": '["/a", "/b"]'}, 0.95, ("/a", "/b")),
        ({"prefer": '["/\\udcff"]'}, 0.95, ("/\udcff",)),
        ({"prefer": "[1]"}, 0.95, ()),
        ({"prefer": "{"}, 0.95, ()),
    ],
)
def test_an_address_has_the_settings(
    address: dict[str, str], score: float, prefer: tuple[str, ...]
) -> None:
    grouping = Grouping.from_address(address)
    assert grouping == Grouping(SearchInput(), score, prefer)
    assert Grouping.from_address(grouping.parameters) == grouping
