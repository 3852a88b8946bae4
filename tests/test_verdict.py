"""Verdicts on photos of another origin than those that `lite` was trained on.

They hold what `benchmarks/bench_confidence.py` measures, as far as 169 photos can.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench_confidence import Things, things, worded
from imgsearch import Library, Settings

QUERIES = 100


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, str]]:
    with (shared_data / "coco-dev" / "captions.csv").open() as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def coco(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    settings = Settings.load(data_dir=tmp_path_factory.mktemp("coco"), encoder="lite")
    with Library.open(settings) as library:
        library.index([shared_data / "coco-dev" / "images"]).run()
        yield library


@pytest.fixture(scope="module")
def known(rows: list[dict[str, str]]) -> Things:
    names = sorted({row["image"] for row in rows})
    return things([row["caption"] for row in rows], [names.index(row["image"]) for row in rows])


def states(library: Library, texts: list[str]) -> list[str]:
    verdicts = [library.find(f'"{text}"', k=1).verdict for text in texts]
    return [verdict.state for verdict in verdicts if verdict is not None]


def some(texts: list[str]) -> list[str]:
    return [texts[at] for at in np.linspace(0, len(texts) - 1, QUERIES).astype(int)]


@pytest.mark.parametrize("wording", ["{noun}", "{a noun}", "a photo of {a noun}"])
def test_things_are_not_denied_and_absent_things_not_found(
    coco: Library, known: Things, wording: str
) -> None:
    present = states(coco, [worded(wording, noun) for noun in some(list(known.present))])
    assert present.count("nothing") <= 5
    assert present.count("found") >= 60
    absent = states(coco, [worded(wording, noun) for noun in some(known.absent)])
    assert absent.count("found") <= 10
    assert absent.count("nothing") >= 25


def test_a_way_to_photograph_everyday_things_is_not_denied(coco: Library) -> None:
    lines = [
        "close-up of a face",
        "a close-up of a face",
        "closeup of a woman",
        "portrait of a man",
    ]
    assert "nothing" not in states(coco, lines)


def test_everyday_words_are_not_denied(coco: Library) -> None:
    words = ["people", "person", "men", "woman", "women", "boy", "birds", "trees", "food", "car"]
    assert "nothing" not in states(coco, words)


def test_the_photo_of_a_caption_is_not_hidden(coco: Library, rows: list[dict[str, str]]) -> None:
    kept = 0
    sample = rows[:: len(rows) // QUERIES][:QUERIES]
    for row in sample:
        hits = coco.find('"' + row["caption"].replace('"', "") + '"', k=169).hits
        (own,) = [hit for hit in hits if hit.path.name == row["image"]]
        kept += own.level != "weak"
    assert kept >= 0.85 * len(sample)


def test_six_in_ten_of_the_likely_and_nine_in_ten_of_the_sure_photos_are_right(
    coco: Library, known: Things, rows: list[dict[str, str]]
) -> None:
    names = sorted({row["image"] for row in rows})
    right = {"sure": [0, 0], "likely": [0, 0]}
    for noun, photos in known.present.items():
        shows_it = {names[photo] for photo in photos}
        for hit in coco.find(f'"{noun}"', k=50).hits:
            if hit.level in ("sure", "likely"):
                right[hit.level][0] += 1
                right[hit.level][1] += hit.path.name in shows_it
    assert right["likely"][0] > 100 and right["likely"][1] >= 0.6 * right["likely"][0]
    assert right["sure"][0] > 10 and right["sure"][1] >= 0.9 * right["sure"][0]
