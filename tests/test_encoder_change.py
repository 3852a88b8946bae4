"""A change of encoder, and the way back: real libraries, `lite` and `lite+views`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.errors import UsageError
from imgsearch.records.labels import Classes
from tests.factories import run_cli, write_noise

QUERIES = ("a cat", "a cup of coffee", "a motorcycle", "a rocket launch")


@pytest.fixture(scope="module")
def changed(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library that was moved from `lite` to `lite+views`."""
    data = tmp_path_factory.mktemp("changed")
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([demo_photos]).run()
        library.save_labels("animals", Classes(("cat", "horse")))
    with Library.open(data) as library:
        library.rebuild("lite+views").run()
    return data


@pytest.fixture
def data(changed: Path, tmp_path: Path) -> Path:
    """A copy that the test may change."""
    return Path(shutil.copytree(changed, tmp_path / "library"))


@pytest.fixture
def library(data: Path) -> Iterator[Library]:
    with Library.open(data) as opened:
        yield opened


def answers(library: Library) -> list[list[tuple[str, float | None]]]:
    return [[(hit.path.name, hit.score) for hit in library.search(text)] for text in QUERIES]


def test_the_former_encoder_answers_again_as_before(library: Library, demo: Library) -> None:
    views, lite = answers(library), answers(demo)
    assert views != lite
    used = library.use_encoder("lite")
    assert (used.state, used.photos, used.missing) == ("current", 21, 0)
    assert answers(library) == lite
    assert library.status().encoder == "lite"
    library.use_encoder("lite+views")
    assert answers(library) == views


def test_the_way_back_loads_no_model(library: Library, demo: Library) -> None:
    library.forget_labels("animals")  # these would be given anew
    library.use_encoder("lite")
    assert not library.encoder_is_loaded
    stored = {each.name: each for each in library.stored_encoders()}
    assert {name: each.state for name, each in stored.items()} == {
        "lite": "current",
        "lite+views": "kept",
    }
    assert stored["lite"].vectors == demo.status().vectors
    assert stored["lite"].size_bytes >= stored["lite"].vectors * 768 * 2


def test_labels_follow_the_encoder(library: Library, demo: Library) -> None:
    before = library.saved_labels()
    library.use_encoder("lite")
    probabilities = {hit.photo.id: library.labels_of(hit.photo.id) for hit in library.search("cat")}
    fresh = {label.photo_id: label for label in library.label(Classes(("cat", "horse")))}
    assert [sum(counts.values()) for counts in before.values()] == [21]
    for photo_id, labels in probabilities.items():
        assert labels["animals"].name == fresh[photo_id].name
        assert labels["animals"].probability == pytest.approx(fresh[photo_id].probability, abs=1e-4)


def test_photos_indexed_since_are_counted_and_can_be_embedded(
    library: Library, tmp_path: Path
) -> None:
    write_noise(tmp_path / "new" / "noise.png", 5)
    library.index([tmp_path / "new"]).run()
    assert library.use_encoder("lite").missing == 1
    assert "noise.png" not in {hit.path.name for hit in library.search("noise", k=50)}
    report = library.rebuild("lite").run()
    assert report.missing == 0
    found = {hit.path.name for hit in library.search("grainy", k=50)}
    assert "noise.png" in found and len(found) == 22


def test_dropping_deletes_vectors_and_index(library: Library, data: Path) -> None:
    library.rebuild().run()
    before = {each.name: each.size_bytes for each in library.stored_encoders()}
    with pytest.raises(UsageError, match=r"lite\+views is in use"):
        library.drop_encoder("lite+views")
    assert library.drop_encoder("lite") == before["lite"]
    assert [each.name for each in library.stored_encoders()] == ["lite+views"]
    with pytest.raises(UsageError, match=r"no vectors of the encoder 'lite'.*lite\+views"):
        library.use_encoder("lite")
    assert library.search("a cat")[0].path.name == "chelsea.png"
    assert not [finding for finding in library.doctor() if finding.level in ("warning", "error")]


def test_on_the_command_line(data: Path) -> None:
    listed = run_cli("encoders", data=data, IMGSEARCH_ENCODER="auto")
    assert "lite is kept: 21 photos" in listed.stdout and "--use lite" in listed.stdout
    rows = {
        row["name"]: row
        for row in json.loads(
            run_cli("encoders", "--json", data=data, IMGSEARCH_ENCODER="auto").stdout
        )
    }
    assert rows["lite"]["stored"]["state"] == "kept" and rows["lite+views"]["in_use"]
    used = run_cli("encoders", "--use", "lite", data=data, IMGSEARCH_ENCODER="auto")
    assert (used.returncode, used.stderr) == (0, "")
    assert used.stdout == "lite answers searches now, for 21 photos\n"
    for arguments, sentence in (
        (("--use", "lite", "--drop", "lite"), "Choose one of"),
        (("--use", "nothing"), "no vectors of the encoder 'nothing'"),
        (("--drop", "lite"), "in use"),
    ):
        failed = run_cli("encoders", *arguments, data=data, IMGSEARCH_ENCODER="auto")
        assert failed.returncode == 2 and sentence in failed.stderr
    dropped = run_cli("encoders", "--drop", "lite+views", data=data, IMGSEARCH_ENCODER="auto")
    assert dropped.returncode == 0 and "Deleted the vectors of lite+views" in dropped.stdout
    again = run_cli("rebuild", "--encoder", "lite+views", data=data, IMGSEARCH_ENCODER="auto")
    assert again.returncode == 0 and "lite is kept: 21 photos" in again.stderr
