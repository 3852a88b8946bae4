"""Colours, black and white, blurred, dark and bright pictures: measured, filtered, and typed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from imgsearch import Library, Settings
from imgsearch.decode.laplacian import fine_detail
from imgsearch.decode.looks import with_look
from imgsearch.records.photo import LOOKS, MEASURED_FACTS, Facts
from tests.stand_in import StandIn

FACTS = Facts("JPEG", 256, 256)


def look_of(image: Image.Image) -> Facts:
    return with_look(FACTS, image)


def states_of(image: Image.Image) -> set[str]:
    facts = look_of(image)
    return {
        state
        for state, look in LOOKS.items()
        if (number := getattr(facts, look.fact)) is not None and number in look.values
    }


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((128, 128, 128), "grey"),
        ((255, 255, 255), "white"),
        ((200, 20, 30), "red"),
        ((255, 140, 0), "orange"),
        ((101, 67, 33), "brown"),
        ((255, 225, 0), "yellow"),
        ((30, 140, 40), "green"),
        ((135, 190, 235), "blue"),  # a sky
        ((20, 40, 160), "blue"),
        ((110, 30, 140), "purple"),
        ((255, 180, 200), "pink"),
    ],
)
def test_an_even_picture_has_the_name_of_its_colour(rgb: tuple[int, int, int], name: str) -> None:
    assert look_of(Image.new("RGB", (200, 100), rgb)).colors == f"{name} 100 %"


def test_colours_come_by_their_share_and_small_ones_are_left_out() -> None:
    image = Image.new("RGB", (128, 128), (20, 40, 160))
    image.paste((30, 140, 40), (0, 0, 128, 32))
    image.paste((200, 20, 30), (0, 122, 128, 128))
    assert look_of(image).colors == "blue 70 %, green 25 %"


@pytest.fixture(scope="module")
def cat(demo_photos: Path) -> Image.Image:
    return Image.open(demo_photos / "chelsea.png").convert("RGB")


def test_what_is_done_to_a_photo_is_seen(cat: Image.Image) -> None:
    assert states_of(cat) == set()
    assert states_of(ImageOps.grayscale(cat)) == {"bw"}
    assert states_of(cat.filter(ImageFilter.GaussianBlur(cat.width / 50))) == {"blurred"}
    assert "dark" in states_of(ImageEnhance.Brightness(cat).enhance(0.15))
    assert "bright" in states_of(Image.blend(cat, Image.new("RGB", cat.size, "white"), 0.8))


def test_a_sharp_subject_before_a_blurred_background_is_not_blurred(cat: Image.Image) -> None:
    image = cat.filter(ImageFilter.GaussianBlur(cat.width / 30))
    width, height = cat.size
    box = (width // 4, height // 4, 3 * width // 4, 3 * height // 4)
    image.paste(cat.crop(box), box)
    assert "blurred" not in states_of(image)


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (40, 40)])
def test_odd_pictures_are_measured(size: tuple[int, int]) -> None:
    facts = look_of(Image.new("L", size, 128))
    assert facts.detail is None and facts.colors == "grey 100 %"
    assert states_of(Image.new("L", size, 128)) == {"bw"}


# ---------------------------------------------------------------------------- in a library


@pytest.fixture
def photos(tmp_path: Path, cat: Image.Image) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    made = {
        "cat": cat,
        "old": ImageOps.grayscale(cat),
        "shaken": cat.filter(ImageFilter.GaussianBlur(cat.width / 50)),
        "night": ImageEnhance.Brightness(cat).enhance(0.1),
        "noise": Image.fromarray(noise),
        "sea": Image.new("RGB", (300, 200), (20, 80, 170)),
    }
    for name, image in made.items():
        image.convert("RGB").save(folder / f"{name}.jpg", quality=95)
    return folder


@pytest.fixture
def library(tmp_path: Path, photos: Path, stand_in: StandIn) -> Iterator[Library]:
    settings = Settings.load(data_dir=tmp_path / "library")
    with Library.open(settings, encoder=stand_in) as library:
        library.index([photos]).run()
        yield library


def found(library: Library, line: str) -> set[str]:
    return {hit.path.stem for hit in library.search(line)}


def test_photos_are_found_by_how_they_look(library: Library) -> None:
    assert found(library, "is:bw") == {"old"}
    assert found(library, "is:blurred") == {"shaken"}
    assert found(library, "is:dark") == {"night"}
    assert "sea" in found(library, "color:blue") and "old" not in found(library, "color:blue")
    assert found(library, "color:blue -is:bw name:sea") == {"sea"}


@pytest.mark.parametrize(
    ("typed", "filters", "rest"),
    [
        ("black and white photos", "is:bw", ""),
        ("black and white", "is:bw", ""),
        ("black and white photo of a cat", "is:bw", "photo of a cat"),
        ("a cat in black and white", "is:bw", "a cat"),
        ("blurry pictures", "is:blurred", ""),
        ("Dark photos of a cat", "is:dark", "photos of a cat"),
        ("a black and white cat", "", "a black and white cat"),
        ("a dark room", "", "a dark room"),
        ("bright photos", "", "bright photos"),  # there are none
    ],
)
def test_words_for_looks_are_understood(
    library: Library, typed: str, filters: str, rest: str
) -> None:
    understanding = library.lines.understand(typed)
    assert " ".join(part.filters for part in understanding.parts) == filters
    assert " ".join(str(term.what) for term in understanding.query.terms) == rest


@pytest.mark.parametrize("unknown_facts", [MEASURED_FACTS, ("sharpness",)])
def test_what_an_older_version_did_not_measure_is_measured_again(
    library: Library, unknown_facts: Sequence[str]
) -> None:
    database = library.settings.data_dir / "library.db"
    before = {hit.photo.id: hit.photo.facts for hit in library.find("type:jpeg", 9).hits}
    unknown = ", ".join(f"{name} = NULL" for name in unknown_facts)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"UPDATE photos SET {unknown}")
    if "colorfulness" in unknown_facts:
        assert found(library, "is:bw") == set()
    # An even picture has no sharpness.
    lacking = [
        facts
        for facts in before.values()
        if any(getattr(facts, name) is not None for name in unknown_facts)
    ]
    assert len(lacking) == (6 if "colorfulness" in unknown_facts else 5)
    assert library.upkeep.read_metadata().run().changed == len(lacking)
    assert {hit.photo.id: hit.photo.facts for hit in library.find("type:jpeg", 9).hits} == before
    assert found(library, "is:bw") == {"old"} and found(library, "is:blurred") == {"shaken"}
    assert library.upkeep.read_metadata().run().changed == 0, "what was measured stays"
    assert found(library, "is:bw") == {"old"}


@pytest.mark.parametrize("height", [3, 31, 32, 33, 34, 65, 100])
def test_the_fine_detail_of_all_strips_is_that_of_the_whole(height: int) -> None:
    grey = np.random.default_rng(height).integers(0, 256, (height, 70), np.uint8)
    whole = grey.astype(np.float64)
    edges = 4 * whole[1:-1, 1:-1] - whole[:-2, 1:-1] - whole[2:, 1:-1]
    edges -= whole[1:-1, :-2] + whole[1:-1, 2:]
    assert fine_detail(grey) == pytest.approx(edges.var() / whole.var(), rel=1e-12)
    assert fine_detail(np.full((height, 70), 9, np.uint8)) is None
