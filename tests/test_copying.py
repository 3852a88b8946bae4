"""A library that is carried over to an archive keeps everything, and embeds nothing."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from imgsearch import Library
from imgsearch.archive.copying import copy_library
from imgsearch.errors import EncoderMismatch, UsageError
from imgsearch.progress import CopyReport, Job
from imgsearch.records.index import EncoderRow
from imgsearch.records.picture_text import PhotoText, TextLine
from imgsearch.store.lock import writing
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore
from tests.factories import noise, write_photo, write_photos, write_xmp
from tests.small_catalogue import SmallCatalogue
from tests.stand_in import StandIn


def encoder_of(store: Store) -> EncoderRow:
    encoder = store.reads.encoders.current()
    assert encoder is not None
    return encoder


@pytest.fixture
def indexed(tmp_path: Path, library: Library, stand_in: StandIn) -> Path:
    """The data folder of a library with copies, a panorama, a failure and kept thumbnails."""
    photos = write_photos(tmp_path / "photos", 30)
    shutil.copy(photos / "0000.png", photos / "copy.png")
    noise(400).resize((1600, 300)).save(photos / "panorama.jpg")
    (photos / "text.jpg").write_text("no photo")
    write_photo(tmp_path / "more" / "own.png", 99)
    library.index([photos, tmp_path / "more"]).run()
    return tmp_path / "library"


def test_everything_is_carried_over_and_nothing_embedded(
    tmp_path: Path, indexed: Path, stand_in: StandIn
) -> None:
    embedded = stand_in.embedded
    catalogue = SmallCatalogue(tmp_path / "catalogue.db")
    texts: dict[bytes, PhotoText] = {}
    kept: dict[bytes, bytes] = {}
    line = TextLine("Platform 9", 0.1, 0.2, 0.3, 0.1, 0.9)
    with Store.open(indexed, writable=True) as store, ThumbnailStore(indexed) as thumbnails:
        own = store.reads.photos.at(tmp_path / "more" / "own.png")
        assert own is not None
        store.picture_text.record(own, "reader 1", [line])
        steps = copy_library(
            store, catalogue, encoder_of(store), texts.update, thumbnails, kept.update, 10
        )
        report = Job(steps).run()
        photos = store.packs.photos(store.reads.photos.live_ids().tolist(), "/")
    assert stand_in.embedded == embedded
    assert replace(report, seconds=0) == CopyReport(32, 32, 33, 1, 1)
    assert catalogue.settled == 1
    found = catalogue.photos
    assert len(found) == 32
    for photo in photos:
        (vectors,) = photo.vectors
        copied = found[photo.content_hash]
        assert copied.facts == photo.facts
        assert copied.vectors.astype("<f2").tobytes() == b"".join(vectors.vectors)
        assert copied.times_s == vectors.times_s
    assert max(len(photo.vectors) for photo in found.values()) > 1  # of the panorama
    assert catalogue.paths == {
        f"/{file.path}": photo.content_hash for photo in photos for file in photo.files
    }
    assert catalogue.failures == {str(tmp_path / "photos" / "text.jpg"): "not-an-image"}
    assert set(kept) == set(found)
    (text,) = texts.values()
    assert text.lines == (line,) and text.read_at <= datetime.now(UTC)


def test_a_copy_that_was_stopped_goes_on(tmp_path: Path, indexed: Path) -> None:
    catalogue = SmallCatalogue(tmp_path / "catalogue.db")
    with Store.open(indexed) as store:
        encoder = encoder_of(store)
        job = Job(copy_library(store, catalogue, encoder, photos_at_once=10))
        next(job)
        job.close()
        assert len(catalogue.photos) == 10
        report = Job(copy_library(store, catalogue, encoder, photos_at_once=10)).run()
        assert report.new == 22
        again = Job(copy_library(store, catalogue, encoder, photos_at_once=10)).run()
    assert (again.new, again.reread) == (0, 0)
    assert len(catalogue.photos) == 32
    assert len(catalogue.paths) == 33


def test_a_second_copy_brings_facts_that_have_changed(
    tmp_path: Path, indexed: Path, library: Library
) -> None:
    catalogue = SmallCatalogue(tmp_path / "catalogue.db")
    with Store.open(indexed) as store:
        Job(copy_library(store, catalogue, encoder_of(store))).run()
    write_xmp(tmp_path / "photos" / "0003.xmp", rating=4)
    library.index().run()
    with Store.open(indexed) as store:
        report = Job(copy_library(store, catalogue, encoder_of(store))).run()
        photo_id = store.reads.photos.at(tmp_path / "photos" / "0003.png")
        assert photo_id is not None
        content_hash = store.reads.photos.records([photo_id])[photo_id].content_hash
    assert (report.new, report.reread) == (0, 1)
    assert catalogue.photos[bytes.fromhex(content_hash)].facts.rating == 4


def test_vectors_of_a_video_keep_their_times(tmp_path: Path, indexed: Path) -> None:
    from imgsearch.records.photo import PhotoVectors
    from tests.factories import random_vectors

    catalogue = SmallCatalogue(tmp_path / "catalogue.db")
    with Store.open(indexed, writable=True) as store:
        photo_id = store.reads.photos.at(tmp_path / "more" / "own.png")
        assert photo_id is not None
        other = store.vectors.add_encoder("stand-in@2", "stand-in", 16)
        rows = random_vectors(3, 16)
        store.vectors.add(other.key, {photo_id: PhotoVectors(rows, (0.0, 1.5, 3.0))})
        report = Job(copy_library(store, catalogue, other)).run()
    assert (report.new, report.lacking) == (1, 31)
    (photo,) = catalogue.photos.values()
    assert photo.times_s == (0.0, 1.5, 3.0)
    assert np.array_equal(photo.vectors, rows.astype(np.float16).astype(np.float32))


def test_another_encoder_is_refused_with_the_cure(tmp_path: Path, indexed: Path) -> None:
    catalogue = SmallCatalogue(tmp_path / "catalogue.db")
    other = EncoderRow(9, "openclip:other@1", "openclip:other", 512)
    with (
        Store.open(indexed) as store,
        pytest.raises(EncoderMismatch, match="imgsearch rebuild --encoder openclip:other"),
    ):
        Job(copy_library(store, catalogue, other)).run()


def test_an_empty_library_is_named(tmp_path: Path) -> None:
    other = EncoderRow(9, "lite@1", "lite", 512)
    with (
        writing(tmp_path / "empty") as store,
        pytest.raises(UsageError, match="The library is empty"),
    ):
        Job(copy_library(store, SmallCatalogue(tmp_path / "catalogue.db"), other)).run()
