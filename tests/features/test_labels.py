"""Labels: probabilities, the right class for real photos, saved facets, evaluation."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imgsearch import Library
from imgsearch.errors import FolderError, UsageError
from imgsearch.features.labels.records import NONE_OF_THESE, Classes, Label
from imgsearch.features.labels.zero_shot import BLOCK_ROWS, ZeroShotClassifier, softmax
from tests.factories import random_vectors

THINGS = Classes(("cat", "motorcycle", "horse", "cup of coffee"))
RIGHT = {
    "chelsea.png": "cat",
    "motorcycle_left.png": "motorcycle",
    "horse.png": "horse",
    "coffee.png": "cup of coffee",
    "gravel.png": NONE_OF_THESE,
    "text.png": NONE_OF_THESE,
    "china.jpg": NONE_OF_THESE,
}


def by_name(library: Library, labels: list[Label]) -> dict[str, Label]:
    hits = {hit.photo.id: hit.path.name for hit in library.photos([a.photo_id for a in labels])}
    return {hits[label.photo_id]: label for label in labels}


# ------------------------------------------------------------------------- real photos


def test_photos_get_the_class_that_they_show(demo: Library) -> None:
    labels = by_name(demo, demo.label(THINGS))
    assert len(labels) == 21
    assert {name: labels[name].name for name in RIGHT} == RIGHT
    assert labels["chelsea.png"].probability > 0.9


def test_a_query_selects_the_photos_to_label(demo: Library, demo_photos: Path) -> None:
    assert set(by_name(demo, demo.label(THINGS, "name:horse"))) == {"horse.png"}
    cats = by_name(demo, demo.label(THINGS, "a cat"))
    assert "chelsea.png" in cats
    assert len(cats) < 5  # only the photos that the query finds
    assert len(demo.label(THINGS, f'in:"{demo_photos}"')) == 21
    assert demo.label(THINGS, "name:nothing") == []


def test_without_none_of_these_every_photo_gets_a_class(demo: Library) -> None:
    labels = demo.label(Classes(("cat", "motorcycle"), none_of_these=False))
    assert {label.name for label in labels} == {"cat", "motorcycle"}
    assert min(label.probability for label in labels) >= 0.5


def test_the_template_is_used(demo: Library) -> None:
    plain = by_name(demo, demo.label(THINGS))["chelsea.png"].probability
    drawn = by_name(demo, demo.label(Classes(THINGS.names, "a drawing of a {}")))["chelsea.png"]
    assert drawn.name == "cat"
    assert drawn.probability != plain


def test_saved_labels_are_a_filter_and_include_new_photos(
    library: Library, demo_photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(demo_photos / "coffee.png", folder)
    library.index([folder]).run()
    assert library.labels.save("things", THINGS) == {"cup of coffee": 1}
    shutil.copy(demo_photos / "chelsea.png", folder)
    library.index().run()
    (cat,) = library.search("label:cat")
    assert cat.path.name == "chelsea.png"
    assert [hit.path.name for hit in library.search("label:Things/CAT")] == ["chelsea.png"]
    assert library.search("label:other/cat") == []
    assert [hit.path.name for hit in library.search("-label:cat")] == ["coffee.png"]
    ((facet, counts),) = library.labels.facets().items()
    assert (facet.name, facet.classes) == ("things", THINGS)
    assert counts == {"cat": 1, "cup of coffee": 1}
    library.labels.save("things", Classes(("dog", "cat")))  # replaces the old one
    assert library.search('label:"cup of coffee"') == []
    assert library.labels.forget("things")
    assert not library.labels.forget("things")
    assert library.search("label:cat") == []


def test_photos_in_folders_named_by_class_evaluate_the_labels(
    demo: Library, demo_photos: Path, tmp_path: Path
) -> None:
    for name, folder in (("chelsea", "cat"), ("coffee", "cup_of_coffee"), ("grass", "cat")):
        (tmp_path / folder).mkdir(exist_ok=True)
        shutil.copy(demo_photos / f"{name}.png", tmp_path / folder)
    (tmp_path / "cat" / "broken.jpg").write_bytes(b"no image")
    confusion = demo.labels.evaluate(tmp_path, Classes(("lawn",), none_of_these=False)).run()
    assert confusion.classes == ("cat", "cup of coffee")
    assert confusion.labels == ("cat", "cup of coffee", "lawn")
    assert confusion.counts == ((1, 0, 1), (0, 1, 0))
    assert (confusion.accuracy_of(0), confusion.accuracy_of(1)) == (0.5, 1.0)
    assert confusion.accuracy == pytest.approx(2 / 3)
    assert confusion.unread == 1
    with pytest.raises(FolderError, match="folder"):
        demo.labels.evaluate(tmp_path / "cat").run()


def test_dogs_horses_and_bicycles_of_flickr8k(lite, shared_data: Path) -> None:  # type: ignore[no-untyped-def]
    """Photos are told apart whose captions all name the same subject."""
    import csv

    from PIL import Image

    from imgsearch.features.labels.labelling import class_vectors, make_classifier
    from imgsearch.records.index import EncoderRow

    captions: dict[str, list[str]] = {}
    with (shared_data / "flickr8k" / "captions.csv").open() as lines:
        for line in csv.DictReader(lines):
            if line["split"] == "test":
                captions.setdefault(line["image"], []).append(line["caption"].lower())
    groups = {"dog": " dog", "horse": " horse", "bicycle": " bi"}
    classes = Classes(tuple(groups), none_of_these=False)
    photos = [
        (name, number)
        for number, word in enumerate(groups.values())
        for name in [n for n, texts in captions.items() if all(word in t for t in texts)][:12]
    ]
    folder = shared_data / "flickr8k" / "images"
    pixels = [lite.prepare(Image.open(folder / name)) for name, _ in photos]
    row = EncoderRow(1, lite.id, "lite", lite.dim)
    vectors = class_vectors(classes, row, lite)
    classifier = make_classifier(classes, vectors, lite.logit_scale)
    found, _ = classifier.classify(lite.encode_pixels(np.stack(pixels)))
    assert np.mean(found == [number for _, number in photos]) > 0.9


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (Classes(("dog",), none_of_these=False), "at least two"),
        (Classes(("dog", " ")), "name is empty"),
        (Classes(("dog", "Dog")), "named twice"),
        (Classes(("dog", "cat"), "a photo"), "template"),
        (Classes(tuple(map(str, range(200_000)))), "Name at most 1,000"),
        (Classes(("dog", "a cat " * 700_000)), "4,200,000 characters"),
        (Classes(("dog", "cat"), "{}" + " photo" * 700_000), "The template has 4,200,002"),
    ],
)
def test_invalid_classes(demo: Library, classes: Classes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        demo.label(classes)


def test_the_command(demo: Library, demo_photos: Path) -> None:
    data = ("--data", str(demo.settings.data_dir))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "imgsearch", "label", *words, *data]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    done = run("cat,motorcycle", "name:chelsea", "--json")
    (label,) = json.loads(done.stdout)
    assert (label["name"], Path(label["path"]).name) == ("cat", "chelsea.png")
    assert run("cat,motorcycle", "name:nothing").returncode == 1
    assert run("cat,cat").returncode == 2
    assert run("--only-these").returncode == 2
    assert run().returncode == 1  # nothing saved yet


# ------------------------------------------------------------------------- arithmetic


logits = arrays(np.float32, (4, 5), elements=st.floats(-500, 500, width=32))


@given(logits)
def test_a_softmax_is_a_probability_in_the_order_of_its_logits(values: np.ndarray) -> None:
    chances = softmax(values)
    assert np.all((chances >= 0) & (chances <= 1))
    assert np.allclose(chances.sum(axis=1), 1, atol=1e-5)
    for row, chance in zip(values, chances, strict=True):
        order = np.argsort(row)
        assert np.all(np.diff(chance[order]) >= 0)


@given(logits, st.floats(-100, 100, width=32))
def test_a_softmax_is_invariant_to_a_shift(values: np.ndarray, by: float) -> None:
    assert np.allclose(softmax(values), softmax(values + np.float32(by)), atol=1e-3)


def test_blocks_make_no_difference() -> None:
    classifier = ZeroShotClassifier(random_vectors(7, 16, 1), random_vectors(20, 16, 2), 30.0)
    photos = random_vectors(2 * BLOCK_ROWS + 5, 16, 3)
    numbers, chances = classifier.classify(photos)
    whole = classifier.probabilities(photos)
    assert np.array_equal(numbers, whole.argmax(axis=1))
    assert np.allclose(chances, whole.max(axis=1), atol=1e-6)
    assert set(np.unique(numbers)) <= set(range(8))
