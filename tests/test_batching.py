"""Texts that wait for the model are embedded in one batch, and each asker gets its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from imgsearch import Library, Settings
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.batching import MAX_BATCH_TEXTS, BatchingEncoder
from imgsearch.errors import EncoderError
from tests.stand_in import StandIn

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors

pytestmark = pytest.mark.alone  # measures time, or waits for it

ASKERS = 16


class Counting:
    """An encoder that counts its batches, takes its time, and cannot embed one text."""

    def __init__(self, encoder: Encoder, seconds: float = 0.0) -> None:
        self._encoder = encoder
        self._seconds = seconds
        self.batches: list[int] = []

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(len(texts))
        time.sleep(self._seconds)
        if "unspeakable" in texts:
            raise EncoderError("That cannot be embedded.")
        return self._encoder.encode_texts(texts)

    def __getattr__(self, name: str) -> object:
        return getattr(self._encoder, name)


def at_once(ask: Callable[[int], object]) -> list[object]:
    """What each of the askers gets, who all begin together."""
    begin = threading.Barrier(ASKERS)

    def one(number: int) -> object:
        begin.wait()
        return ask(number)

    with ThreadPoolExecutor(ASKERS) as pool:
        return list(pool.map(one, range(ASKERS)))


def test_sixteen_askers_share_a_few_batches_of_the_real_model(lite: Encoder) -> None:
    texts = [f"a photo of {number} dogs beside a lake" for number in range(ASKERS)]
    alone = [lite.encode_texts([text])[0] for text in texts]
    counting = Counting(lite, 0.02)
    together = BatchingEncoder(counting)  # type: ignore[arg-type]
    found = at_once(lambda number: together.encode_texts([texts[number]]))
    assert sum(counting.batches) == ASKERS
    assert len(counting.batches) < ASKERS / 2, "they waited for each other and shared nothing"
    for mine, expected in zip(found, alone, strict=True):
        assert isinstance(mine, np.ndarray) and mine.shape == (1, lite.dim)
        assert mine[0] @ expected > 0.99999


def test_one_alone_waits_for_nobody(stand_in: StandIn) -> None:
    counting = Counting(stand_in)
    started = time.perf_counter()
    for _ in range(100):
        BatchingEncoder(counting).encode_texts(["a", "b"])  # type: ignore[arg-type]
    assert counting.batches == [2] * 100 and time.perf_counter() - started < 2


def test_a_text_that_fails_fails_for_its_asker_only(stand_in: StandIn) -> None:
    together = BatchingEncoder(Counting(stand_in, 0.02))  # type: ignore[arg-type]

    def ask(number: int) -> object:
        try:
            return together.encode_texts(["unspeakable" if number % 4 == 0 else f"text {number}"])
        except EncoderError as error:
            return error

    for number, found in enumerate(at_once(ask)):
        if number % 4 == 0:
            assert isinstance(found, EncoderError)
        else:
            assert np.array_equal(found, stand_in.encode_texts([f"text {number}"]))  # type: ignore[arg-type]


def test_no_batch_is_larger_than_it_may_be_but_for_one_asker(stand_in: StandIn) -> None:
    counting = Counting(stand_in, 0.01)
    together = BatchingEncoder(counting)  # type: ignore[arg-type]
    count = MAX_BATCH_TEXTS // 4 + 1
    at_once(lambda number: together.encode_texts([f"{number}"] * count))
    assert max(counting.batches) <= MAX_BATCH_TEXTS and sum(counting.batches) == ASKERS * count
    assert len(together.encode_texts(["many"] * (MAX_BATCH_TEXTS + 1))) == MAX_BATCH_TEXTS + 1


def test_a_library_answers_sixteen_threads_as_it_answers_one(
    tmp_path: Path, make_photo: Callable[..., Path]
) -> None:
    counting = Counting(StandIn(), 0.05)
    (tmp_path / "file").touch()  # below a file, no query vector can be cached
    settings = Settings.load(data_dir=tmp_path / "library", cache_dir=tmp_path / "file")
    queries = [f"what number {number} asks for, in its own words" for number in range(ASKERS)]
    for number in range(40):
        make_photo(f"photos/{number}.png", (number * 6, 255 - number * 6, number * number % 255))
    with Library.open(settings, encoder=cast("Encoder", counting)) as uncached:
        uncached.index([tmp_path / "photos"]).run()
        alone = [uncached.find(query, 5).hits for query in queries]
        assert len({hits[0].photo.id for hits in alone}) > 1, "all answers are alike: shows nothing"
        counting.batches.clear()
        found = at_once(lambda number: uncached.find(queries[number], 5).hits)
    assert len(counting.batches) < ASKERS / 2
    for mine, expected in zip(found, alone, strict=True):
        assert [hit.photo.id for hit in mine] == [hit.photo.id for hit in expected]  # type: ignore[attr-defined]
