"""Words for the kind of a file, its camera, and what is not known of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Library
from imgsearch.language.file_words import camera_in, kind_of, lacked_in
from tests.factories import run_cli
from tests.travels import AREZZO, write_taken

MODEL = 0x0110  # in EXIF


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("vertical photos of a house", ("orientation", "portrait")),
        ("vertical blinds", None),
        ("square photos", ("orientation", "square")),
        ("square", None),
        ("videos", ("type", "video")),
        ("videos of a dog", ("type", "video")),
        ("raw pictures", ("type", "raw")),
        ("raw meat", None),
        ("blurry", ("is", "blurred")),
        ("blurry lights", None),
    ],
)
def test_kinds_at_the_beginning(line: str, kind: tuple[str, str] | None) -> None:
    assert kind_of(line.split(), 0, 1, "") == kind


@pytest.mark.parametrize(
    ("line", "is_kind"),
    [("all my videos", True), ("dog videos", True), ("a child who watches videos", False)],
)
def test_videos_at_the_end(line: str, is_kind: bool) -> None:
    words = line.split()
    assert (kind_of(words, len(words) - 1, len(words), "") is not None) == is_kind


def test_cameras_and_what_is_lacked() -> None:
    assert camera_in(["taken", "with", "my", "canon", "eos"]) == "canon eos"
    assert camera_in(["shot", "on", "iphone"]) == "iphone"
    assert camera_in(["taken", "in", "italy"]) is camera_in(["taken", "with"]) is None
    assert (lacked_in("GPS"), lacked_in("dogs")) == ("place", None)


@pytest.fixture
def mixed(library: Library, tmp_path: Path) -> Library:
    """A tall, a wide and a square photo: of a Canon, taken in Arezzo, and of a Nikon."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size, model in (("tall", (60, 90), "Canon EOS 40D"), ("even", (64, 64), "NIKON D70")):
        image = Image.new("RGB", size, (200, 40, 40))
        exif = image.getexif()
        exif[MODEL] = model
        image.save(folder / f"{name}.jpg", exif=exif)
    write_taken(folder / "wide.png", "2019-05-07T10:00:00", AREZZO)
    library.index([folder]).run()
    return library


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("vertical photos", {"tall"}),
        ("taken with my canon", {"tall"}),
        ("photos shot on a nikon d70", {"even"}),
        ("photos without location", {"tall", "even"}),
        ("pictures without gps", {"tall", "even"}),
    ],
)
def test_they_are_filters(mixed: Library, line: str, found: set[str]) -> None:
    answer = mixed.find(line)
    assert {hit.path.stem for hit in answer.hits} == found
    assert answer.verdict is None, "nothing is left to rank by"


@pytest.mark.parametrize("line", ["videos of a house", "taken with my leica", "raw photos"])
def test_what_the_library_lacks_stays_in_the_words(mixed: Library, line: str) -> None:
    answer = mixed.find(line)
    assert not answer.understood and len(answer.hits) == 3


def test_the_command_says_how_to_mean_the_words(mixed: Library) -> None:
    searched = run_cli("search", "a photo without location", data=mixed.settings.data_dir)
    assert "Understood -location as no:place." in searched.stderr
    assert 'To undo it, put the words in quotes: -"location"' in searched.stderr
    undone = run_cli("search", "--all", 'a photo -"location"', data=mixed.settings.data_dir)
    assert "Understood" not in undone.stderr
