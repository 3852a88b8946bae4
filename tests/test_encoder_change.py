"""A change of encoder, and the way back: real libraries, `lite` and `lite+views`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from imgsearch import EncoderTrial, Library, Settings, TrialQuery
from imgsearch.encoders.registry import register, unregister
from imgsearch.errors import DiskError, UsageError
from imgsearch.features.installed import features
from imgsearch.records.photo import PhotoVectors
from imgsearch.store.lock import writing
from tests.factories import run_cli, write_noise
from tests.stand_in import KIND

if TYPE_CHECKING:
    from imgsearch.features.labels.records import Classes

QUERIES = ("a cat", "a cup of coffee", "a motorcycle", "a rocket launch")


def classes() -> Classes:
    from imgsearch.features.labels.records import Classes  # absent in some checkouts

    return Classes(("cat", "horse"))


@pytest.fixture(scope="module")
def changed(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library that was moved from `lite` to `lite+views`."""
    data = Path(shutil.copytree(demo_data, tmp_path_factory.mktemp("changed") / "library"))
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        if "labels" in features():
            library.labels.save("animals", classes())
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
    used = library.encoders.use("lite")
    assert (used.state, used.photos, used.missing) == ("current", 21, 0)
    assert answers(library) == lite
    assert library.status().encoder == "lite"
    library.encoders.use("lite+views")
    assert answers(library) == views


def test_the_way_back_loads_no_model(library: Library, demo: Library) -> None:
    if "labels" in features():
        library.labels.forget("animals")  # these would be given anew
    library.encoders.use("lite")
    assert not library.memory.has_encoder
    stored = {each.name: each for each in library.encoders.stored()}
    assert {name: each.state for name, each in stored.items()} == {
        "lite": "current",
        "lite+views": "kept",
    }
    assert stored["lite"].vectors == demo.status().vectors
    assert stored["lite"].size_bytes >= stored["lite"].vectors * 768 * 2


@pytest.mark.features("labels")
def test_labels_follow_the_encoder(library: Library, demo: Library) -> None:
    before = library.labels.facets()
    library.encoders.use("lite")
    probabilities = {
        hit.photo.id: library.labels.of_photo(hit.photo.id) for hit in library.search("cat")
    }
    fresh = {label.photo_id: label for label in library.label(classes())}
    assert [sum(counts.values()) for counts in before.values()] == [21]
    for photo_id, labels in probabilities.items():
        assert labels["animals"].name == fresh[photo_id].name
        assert labels["animals"].probability == pytest.approx(fresh[photo_id].probability, abs=1e-4)


def test_photos_indexed_since_are_counted_and_can_be_embedded(
    library: Library, tmp_path: Path
) -> None:
    write_noise(tmp_path / "new" / "noise.png", 5)
    library.index([tmp_path / "new"]).run()
    assert library.encoders.use("lite").missing == 1
    assert "noise.png" not in {hit.path.name for hit in library.search("noise", k=50)}
    report = library.rebuild("lite").run()
    assert report.missing == 0
    found = {hit.path.name for hit in library.search("grainy", k=50)}
    assert "noise.png" in found and len(found) == 22


def test_dropping_deletes_vectors_and_index(library: Library, data: Path) -> None:
    library.rebuild().run()
    before = {each.name: each.size_bytes for each in library.encoders.stored()}
    with pytest.raises(UsageError, match=r"lite\+views is in use"):
        library.encoders.drop("lite+views")
    dropped = library.encoders.drop("lite")
    assert (dropped.name, dropped.size_bytes) == ("lite", before["lite"])
    assert dropped.freed_bytes > before["lite"], "its score baseline, too"
    assert [each.name for each in library.encoders.stored()] == ["lite+views"]
    with pytest.raises(UsageError, match=r"no vectors of the encoder 'lite'.*lite\+views"):
        library.encoders.use("lite")
    assert library.search("a cat")[0].path.name == "chelsea.png"
    assert not [
        finding for finding in library.upkeep.doctor() if finding.level in ("warning", "error")
    ]


def add_views(data: Path, count: int) -> None:
    """Store so many further vectors of `lite`, each 1,536 bytes."""
    views = np.tile(np.eye(1, 768, dtype=np.float32), (count, 1))
    with writing(data) as store:
        (kept,) = [each.row for each in store.vectors.stored_encoders() if each.state == "kept"]
        store.vectors.add(kept.key, {1: PhotoVectors(views)})


def test_dropping_much_makes_the_database_smaller(library: Library, data: Path) -> None:
    add_views(data, 3000)
    before, answered = (data / "library.db").stat().st_size, answers(library)
    dropped = library.encoders.drop("lite")
    after = (data / "library.db").stat().st_size
    assert before - after == dropped.freed_bytes > 3000 * 1536
    assert dropped.reusable_bytes == 0
    assert (data / "library.db-wal").stat().st_size == 0
    assert answers(library) == answered
    assert not [each for each in library.upkeep.doctor() if each.level in ("warning", "error")]


def test_without_room_to_write_it_anew_the_database_keeps_its_size(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_views(data, 3000)
    told: list[str] = []
    full = shutil.disk_usage(data)._replace(free=1000)
    with Library.open(data, notify=told.append) as library, monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: full)
        dropped = library.encoders.drop("lite")
        assert dropped.reusable_bytes > 3000 * 1536 and dropped.freed_bytes == 0
        (sentence,) = told
        assert "MB smaller" in sentence and "doctor --repair" in sentence
        with pytest.raises(DiskError, match="Free some space"):
            library.upkeep.repair()
    with Library.open(data) as library:
        assert [
            each.repairable for each in library.upkeep.doctor() if "are free" in each.message
        ] == [True]
        (done,) = library.upkeep.repair()
        assert done.startswith("Gave ") and done.endswith(" back to the disk.")
        assert library.upkeep.repair() == []


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


# ---------------------------------------------------------------------------- a trial


CAPTIONS = {
    "coffee.png": "A cup of coffee with a spoon",
    "chelsea.png": "A ginger cat looks at the camera",
    "rocket.jpg": "A rocket stands on its launch pad",
}
ANIMALS = ("chelsea.png", "horse.png", "coffee.png")
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<r:Description xmlns:d="http://purl.org/dc/elements/1.1/"><d:description><r:Alt>
<r:li xml:lang="x-default">{}</r:li></r:Alt></d:description><d:subject><r:Bag>{}</r:Bag></d:subject>
<p:City xmlns:p="http://ns.adobe.com/photoshop/1.0/">{}</p:City></r:Description></r:RDF></x:xmpmeta>"""


@pytest.fixture(scope="module")
def untried(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library of `lite` with three captions, a keyword, a saved search."""
    place = tmp_path_factory.mktemp("untried")
    photos = Path(shutil.copytree(demo_photos, place / "photos"))
    for name in {*CAPTIONS, *ANIMALS}:
        subject = "<r:li>favourite</r:li>" if name in ANIMALS else ""
        town = "Genoa" if name in ANIMALS else "Turin"
        sidecar = XMP.format(CAPTIONS.get(name, ""), subject, town)
        (photos / name).with_suffix(".xmp").write_text(sidecar)
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.index([photos]).run()
        library.saved.save("machines", "an old machine")
        library.saved.save("pngs", "an old machine type:png")
        library.lines.remember("a bright flower")
        library.lines.remember("a bright flower type:png")
    return place / "library"


@pytest.fixture(scope="module")
def tried(untried: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EncoderTrial]:
    """A copy of it in which `lite+views` was tried on all photos, and the report of that."""
    data = Path(shutil.copytree(untried, tmp_path_factory.mktemp("tried") / "library"))
    with Library.open(data) as library:
        queries = ["a motorcycle", "an animal in Genoa"]
        return data, library.encoders.try_out("lite+views", queries=queries).run()


def best_ten(library: Library, query: TrialQuery) -> tuple[int, ...]:
    """By what the photos show alone; the sample of the trial is the whole library."""
    hits = library.find(f'"{query.text}" {query.filters}', k=50).hits
    assert len(hits) == 21 or query.filters
    return tuple(hit.photo.id for hit in sorted(hits, key=lambda hit: -(hit.score or 0))[:10])


def test_a_trial_changes_nothing_for_searches(
    tried: tuple[Path, EncoderTrial], untried: Path
) -> None:
    with Library.open(tried[0]) as after, Library.open(untried) as before:
        assert answers(after) == answers(before)
        assert after.status().encoder == "lite"
        assert after.encoders.last_trial() == tried[1]


def test_the_queries_are_ones_own_and_those_with_known_answers(
    tried: tuple[Path, EncoderTrial], untried: Path
) -> None:
    queries = tried[1].queries
    assert len(queries) == 10
    assert [(each.line, each.source) for each in queries[:5]] == [
        ("a motorcycle", "own"),
        ("an animal place:Genoa", "own"),
        ("a bright flower type:png", "recent"),
        ("a bright flower", "recent"),
        ("an old machine", "saved"),
    ]
    assert {each.text for each in queries if each.source == "caption"} == set(CAPTIONS.values())
    (keyword,) = [each for each in queries if each.source == "keyword"]
    assert keyword.text == "favourite" and len(keyword.right) == 3
    assert sum(each.source == "usual" for each in queries) == 1
    with Library.open(untried) as library:
        for each in queries:
            names = {hit.path.name for hit in library.photos(each.right)}
            if each.source == "caption":
                assert [CAPTIONS[name] for name in names] == [each.text]
            elif each.source == "keyword":
                assert names == set(ANIMALS)


def test_both_answers_are_those_of_a_whole_library(
    tried: tuple[Path, EncoderTrial], tmp_path: Path
) -> None:
    data = Path(shutil.copytree(tried[0], tmp_path / "library"))
    trial = tried[1]
    with Library.open(data) as library:
        for each in trial.queries:
            assert each.before == best_ten(library, each), each.line
        job = library.rebuild("lite+views")
        assert list(job) == [], "the sample is not embedded again"
        assert library.encoders.last_trial() is None, "it is in use now"
        for each in trial.queries:
            assert each.after == best_ten(library, each), each.line
    found = [each.right[0] in each.after for each in trial.queries if each.source == "caption"]
    (captions, keywords) = trial.known_items
    assert (captions.source, captions.queries) == ("caption", 3)
    assert captions.after == pytest.approx(sum(found) / 3, abs=1e-3) and captions.before > 0.6
    assert (keywords.source, keywords.queries) == ("keyword", 1)


def test_names_in_a_query_are_filters(tried: tuple[Path, EncoderTrial]) -> None:
    data, trial = tried
    with Library.open(data) as library:
        for ids in (trial.queries[1].before, trial.queries[1].after):
            assert {hit.path.name for hit in library.photos(ids)} == set(ANIMALS)


def test_it_says_what_the_change_would_cost(
    tried: tuple[Path, EncoderTrial], untried: Path, tmp_path: Path
) -> None:
    trial = tried[1]
    assert (trial.photos, trial.left, trial.left_s) == (21, 0, 0.0)
    assert trial.photos_per_s is not None and trial.photos_per_s > 0
    assert 50e6 < trial.memory_bytes < 20e9
    data = Path(shutil.copytree(untried, tmp_path / "library"))
    with Library.open(data) as library:
        part = library.encoders.try_out("lite+views", photos=20).run()
        assert (part.photos, part.left) == (20, 1)
        assert part.left_s == pytest.approx(1 / (part.photos_per_s or 0), rel=0.01)
        library.rebuild("lite+views").run()
        stored = {each.name: each for each in library.encoders.stored()}["lite+views"]
    assert 0.6 < part.size_bytes / stored.size_bytes < 3


@pytest.fixture
def third_kind() -> Iterator[str]:
    """The name of an encoder besides `lite` and `lite+views`."""
    register(KIND)
    yield KIND.prefix
    unregister(KIND.prefix)


def test_a_trial_leaves_a_rebuild_that_was_stopped_as_it_is(
    untried: Path, tmp_path: Path, third_kind: str
) -> None:
    data = Path(shutil.copytree(untried, tmp_path / "library"))
    with Library.open(data) as library:
        job = library.rebuild(third_kind)
        next(step for step in job if step.done == step.total)
        job.close()
        before = {each.name: each for each in library.encoders.stored()}[third_kind]
        assert before.state == "building"
        library.encoders.try_out("lite+views", photos=20).run()
        after = {each.name: each for each in library.encoders.stored()}[third_kind]
        assert after == before
        assert library.encoders.last_trial() is not None
        library.lines.forget()
        assert library.encoders.last_trial() is None, "it had some of them"
        library.encoders.try_out("lite+views", photos=20).run()
        library.encoders.drop("lite+views")
        assert library.encoders.last_trial() is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rebuild", "--trial", "20"), "name it with --encoder"),
        (("rebuild", "--encoder", "lite+views", "--trial", "0"), "--trial"),
        (("rebuild", "--encoder", "lite+views", "--query", "x"), "--query needs --trial"),
        (("rebuild", "--encoder", "lite", "--trial", "20"), "uses lite already"),
        (("rebuild", "--encoder", "light", "--trial", "20"), "Unknown encoder 'light'"),
        (("rebuild", "--encoder", "lite+views", "--trial", "5", "--query", " "), "query is empty"),
        (("rebuild", "--encoder", "lite+views", "--trial", "5"), "needs 20"),
        (
            ("rebuild", "--encoder", "lite+views", "--trial", "20", "--query", "in:Genoa"),
            "compares answers to one text each, and 'in:Genoa'",
        ),
    ],
)
def test_what_cannot_be_tried_is_refused(
    untried: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run_cli(*arguments, data=untried, IMGSEARCH_ENCODER="auto")
    assert done.returncode == 2 and sentence in done.stderr, done.stderr
    with Library.open(untried) as library:
        assert library.encoders.last_trial() is None


def test_the_table_of_a_trial(untried: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(untried, tmp_path / "library"))
    options = ("--encoder", "lite+views", "--trial", "2000", "--query", "a motorcycle")
    done = run_cli("rebuild", *options, data=data, IMGSEARCH_ENCODER="auto")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "lite+views and lite, on 21 photos"
    assert [line.split()[0] for line in lines[1:4]] == ["Time", "Disk", "Memory"]
    assert lines[1].endswith("none: all photos were embedded in the trial")
    assert lines[4].split() == ["lite", "lite+views", "in", "both"]
    assert lines[5].startswith("3 captions: right among the first ten")
    (coffee,) = [line for line in lines if "cup of coffee" in line]
    assert "rank 1  " in coffee
    (motorcycle,) = [line for line in lines if line.startswith("a motorcycle (own)")]
    assert motorcycle.endswith("of 10") and "rank" not in motorcycle
    assert "imgsearch rebuild --encoder lite+views" in done.stderr
    again = run_cli("rebuild", *options, "--json", data=data, IMGSEARCH_ENCODER="auto")
    report = json.loads(again.stdout)
    assert report["photos_per_s"] is None and report["left_s"] is None, "nothing was embedded"
    assert len(report["queries"]) == 10
