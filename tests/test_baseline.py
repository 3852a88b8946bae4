"""The score baseline: made once a library is large enough, and kept up to date."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from imgsearch import Library
from imgsearch.search import baseline
from imgsearch.search.confidence import MIN_PHOTOS
from imgsearch.store.lock import writing
from imgsearch.store.reads import Reads
from tests.factories import ingested, unit, wait_until, write_noise
from tests.held_process import held
from tests.stand_in import StandIn

DIM = 8


def test_it_follows_the_library_and_embeds_its_texts_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    embedded: list[int] = []

    def embed_texts(texts: Sequence[str]) -> np.ndarray:
        embedded.append(len(texts))
        return unit(rng.normal(size=(len(texts), DIM)))

    # The reader is as a page or a service has it.
    with writing(tmp_path) as store, closing(Reads.open(tmp_path)) as reader:
        root_id = store.files.add_root("/photos")
        row = store.vectors.add_encoder("stand-in/1", "stand-in", DIM)

        def add(first: int, count: int) -> None:
            photos = [
                ingested(f"/photos/{number}.jpg", unit(rng.normal(size=(1, DIM)) + 1))
                for number in range(first, first + count)
            ]
            store.record(root_id, row.key, photos)

        add(0, MIN_PHOTOS - 1)
        assert not baseline.refresh(store, row, embed_texts)
        assert store.reads.encoders.baseline(row.key) is None
        add(100, 400)
        assert baseline.refresh(store, row, embed_texts)
        assert not baseline.refresh(store, row, embed_texts)
        assert len(embedded) == 3, "captions, nouns and what photos usually show"
        made = store.reads.encoders.baseline(row.key)
        assert made is not None
        of_reader = reader.encoders.baseline(row.key)
        assert of_reader is not None and np.array_equal(of_reader.photos, made.photos)
        assert reader.encoders.baseline(row.key) is of_reader, "it is read once"
        vectors = np.concatenate([chunk for _, _, chunk in store.reads.vectors.chunks(row.key)])
        assert np.allclose(made.mean, vectors.mean(axis=0), atol=1e-3)
        assert made.photos.shape == (baseline.SAMPLE_PHOTOS, DIM)
        assert made.usual is not None
        assert (len(made.prompts), len(made.nouns), len(made.usual)) == tuple(embedded)
        assert made.vectors == len(vectors)

        add(1000, 5)  # too few to matter
        assert not baseline.refresh(store, row, embed_texts)
        assert reader.encoders.baseline(row.key) is of_reader
        add(2000, 50)
        assert baseline.refresh(store, row, embed_texts)
        assert len(embedded) == 3
        assert reader.encoders.baseline(row.key) is not of_reader, "it has changed"
        renewed = store.reads.encoders.baseline(row.key)
        assert renewed is not None and renewed.vectors == len(vectors) + 55
        assert np.array_equal(renewed.prompts, made.prompts)


def test_most_photos_of_its_sample_stay_when_a_library_grows(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    with writing(tmp_path) as store:
        root_id = store.files.add_root("/photos")
        row = store.vectors.add_encoder("stand-in/1", "stand-in", DIM)

        def drawn_after(first: int, count: int) -> set[bytes]:
            photos = [
                replace(
                    ingested(f"/photos/{number}.jpg", unit(rng.normal(size=(1, DIM)) + 1)),
                    content_hash=blake2b(str(number).encode(), digest_size=32).digest(),
                )
                for number in range(first, first + count)
            ]
            store.record(root_id, row.key, photos)
            assert baseline.refresh(store, row, lambda texts: unit(np.ones((len(texts), DIM))))
            made = store.reads.encoders.baseline(row.key)
            assert made is not None and len(made.photos) == baseline.SAMPLE_PHOTOS
            return {each.tobytes() for each in made.photos}

        before = drawn_after(0, 1000)
        after = drawn_after(1000, 100)
        assert 200 < len(before & after) < 256


def test_it_is_renewed_while_a_library_grows() -> None:
    photos = [0]
    renewed: list[int] = []
    growing = baseline.GrowingBaseline(0, 0, lambda: renewed.append(photos[0]))
    for _ in range(1000):
        photos[0] += 16
        growing.add(16)
    assert renewed == [112, 400, 1600, 6400]
    renewed.clear()
    again = baseline.GrowingBaseline(400, 0, lambda: renewed.append(1))
    again.add(8)
    assert renewed == [1], "the run before was killed before it made one"
    later = baseline.GrowingBaseline(2000, 1900, lambda: renewed.append(2))
    later.add(2000)
    assert renewed == [1], "one from 1,900 photos is good for 4,000"
    later.add(2500)
    assert renewed == [1, 2]


def test_answers_have_a_verdict_before_the_first_index_is_complete(
    library: Library, tmp_path: Path, stand_in: StandIn
) -> None:
    for number in range(700):
        write_noise(tmp_path / "photos" / f"{number:03}.png", number, 8)
    data = library.settings.data_dir
    arguments = ("index", tmp_path / "photos")
    with held(*arguments, data=data, at_batch=30, stand_in=True) as process:
        process.wait_until_held()
        # The batch before the one that is held may still be on its way into the database.
        wait_until(lambda: library.photo_count() == 29 * StandIn.batch_size)
        answer = library.find("asdkjhqwe")
        assert answer.verdict is not None
        assert library.find("asdkjhqwe").verdict == answer.verdict
        process.release()
        assert process.finish()[0] == 0
    assert library.photo_count() == 700
    final = library.find("asdkjhqwe").verdict
    assert final is not None and final.strength != answer.verdict.strength, "it was kept"
