"""A stored library of the first release opens, answers, grows and rebuilds: see tests/data."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Example, Library, Query, Settings, Term

STORED = Path(__file__).parent / "data" / "library-0.1"
ANSWERS = json.loads((STORED / "answers.json").read_text())
# Words are read in int8 since decision 54, so photos that score nearly the same may change places.
OF_WORDS, OF_EXAMPLES = 1e-2, 2e-3  # up to .004 with words, and .007 with a minus
ENCODER_ID = "lite/2:efficientnet-lite2-int8-260-squash+all-minilm-l6-v2-128+heads-f64882a715e1"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return shutil.copytree(STORED / "photos", tmp_path / "photos", copy_function=shutil.copy2)


@pytest.fixture
def library(tmp_path: Path, photos: Path, model_cache: Path) -> Iterator[Library]:
    """The stored library, with its root at `photos`."""
    data_dir = shutil.copytree(STORED / "library", tmp_path / "library")
    with closing(sqlite3.connect(data_dir / "library.db")) as connection, connection:
        connection.execute("UPDATE roots SET path = ?", (str(photos).encode(),))
    settings = Settings.load(data_dir=data_dir, cache_dir=model_cache, service="off")
    with Library.open(settings) as library:
        yield library


@pytest.mark.parametrize("query", ANSWERS)
def test_it_answers_with_the_same_scores(library: Library, photos: Path, query: str) -> None:
    expected = ANSWERS[query]
    if query.startswith("image:"):
        example = Example(photos / query.removeprefix("image:"))
        answer = library.find(Query((Term(example),)), k=20)
    else:
        answer = library.find(query, k=20)
    hits = answer.hits
    found = {str(hit.path.relative_to(photos)): hit.score for hit in hits}
    # Levels are judged anew by each version.
    scores = {name: score for name, score, _ in expected["hits"]}
    assert set(found) == set(scores)
    has_words = not query.startswith("image:")
    for name, score in scores.items():
        nearly = OF_WORDS if has_words else OF_EXAMPLES
        assert found[name] == (None if score is None else pytest.approx(score, abs=nearly)), name
    if not has_words or None in scores.values():
        assert list(found) == list(scores)


def test_it_keeps_its_encoder_and_its_snapshot(library: Library) -> None:
    status = library.status()
    assert status.encoder == "lite"
    assert status.snapshot is not None
    assert status.snapshot.encoder_id == ENCODER_ID
    assert (status.photos, status.vectors, status.tail) == (16, 16, 0)
    assert [failure.path.name for failure in status.failures] == ["broken.jpg"]


def test_it_is_indexed_further_and_rebuilt(library: Library, photos: Path) -> None:
    Image.new("RGB", (64, 48), (10, 200, 90)).save(photos / "new.png")
    report = library.index([photos]).run()
    assert (report.new, report.photos) == (1, 17)
    assert {hit.path.name for hit in library.find("keyword:water").hits} == {"lake.jpg"}
    rebuilt = library.rebuild().run()
    assert (rebuilt.vectors, rebuilt.missing) == (17, 0)
    before = ANSWERS["a red sunset"]["hits"][0][1]
    assert library.search("a red sunset", k=1)[0].score == pytest.approx(before, abs=2e-3)
