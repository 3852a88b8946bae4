"""The fleet without Ray: listing, embedding, recording, and going on after whatever happens."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from imgsearch import Library, Settings
from imgsearch.archive.fleet.embedding import FleetRun, embed_photos
from imgsearch.archive.fleet.manifest import MANIFEST_FILE, Manifest
from imgsearch.archive.fleet.sources import source_of
from imgsearch.archive.fleet.worker import WorkPlan
from imgsearch.decode.reader import decode
from imgsearch.encoders.base import Encoder
from imgsearch.errors import (
    EncoderMismatch,
    FolderError,
    LibraryLocked,
    ObjectStorageError,
    StorageUnreachable,
)
from imgsearch.indexer.reading import PhotoDecoder
from imgsearch.progress import Job, SyncReport
from imgsearch.records.files import Decoded, IngestResult
from imgsearch.store.store import Store
from tests.factories import IS_ROOT, write_noise, write_photo, write_photos, write_xmp
from tests.fleets import open_lite, plan_for, run_in, workers_here
from tests.small_catalogue import SmallCatalogue
from tests.stand_in import StandIn


class CountingDecoder:
    """Decodes as usual, and knows which files it was given; `before` is called with each."""

    def __init__(self, before: Callable[[Path], object] = lambda path: None) -> None:
        self.names: list[str] = []
        self._before = before

    def __call__(
        self, path: Path, min_side_px: int, max_megapixels: float, *, all_frames: bool
    ) -> Decoded:
        self.names.append(path.name)
        self._before(path)
        return decode(path, min_side_px, max_megapixels, all_frames=all_frames)


def embed(run: FleetRun, *addresses: Path | str, accept_removals: bool = False) -> SyncReport:
    return Job(
        embed_photos(run, [str(each) for each in addresses], workers_here, accept_removals)
    ).run()


def counts(report: SyncReport) -> dict[str, int]:
    names = ("new", "moved", "unchanged", "gone", "missing", "failed", "reread")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def small(run: FleetRun) -> SmallCatalogue:
    assert isinstance(run.writer, SmallCatalogue)
    return run.writer


def ratings(run: FleetRun) -> dict[str, int]:
    """The rating of each photo that has one, by its name."""
    photos = small(run).photos
    found = {Path(path).name: photos[each].facts.rating for path, each in small(run).paths.items()}
    return {name: rating for name, rating in found.items() if rating is not None}


def test_photos_get_the_vectors_and_facts_of_the_local_indexer(
    tmp_path: Path, demo_photos: Path, lite: Encoder
) -> None:
    catalogue = tmp_path / "catalogue.db"
    plan = replace(
        plan_for(catalogue, tmp_path / "cache"), encoder_id=lite.id, open_encoder=open_lite
    )
    run = FleetRun(
        SmallCatalogue(catalogue), plan, tmp_path / "work", lambda sentence: None, str(catalogue)
    )
    report = embed(run, demo_photos)
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings) as library:
        library.index([demo_photos]).run()
    with Store.open(settings.data_dir) as store:
        photos = store.packs.photos(store.reads.photos.live_ids().tolist(), str(demo_photos))
    assert counts(report) == {"new": len(photos)}
    found = small(run).photos
    assert set(found) == {photo.content_hash for photo in photos}
    for photo in photos:
        own = found[photo.content_hash]
        assert own.facts == photo.facts
        (vectors,) = photo.vectors
        assert own.vectors.astype("<f2").tobytes() == b"".join(vectors.vectors)
        assert own.times_s == vectors.times_s


def test_a_second_run_reads_nothing_and_an_edited_photo_alone_is_read(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 30)
    decoder = CountingDecoder()
    run = run_in(tmp_path, PhotoDecoder(decoder))
    assert counts(embed(run, photos)) == {"new": 30}
    assert small(run).settled == 1
    decoder.names.clear()
    assert counts(embed(run, photos)) == {"unchanged": 30}
    assert not decoder.names
    assert small(run).settled == 1  # nothing to settle
    write_noise(photos / "0003.png", 3)
    write_photo(photos / "new.png", 99)
    assert counts(embed(run, photos)) == {"new": 2, "unchanged": 29}
    assert sorted(decoder.names) == ["0003.png", "new.png"]


def test_a_changed_file_beside_a_photo_brings_new_facts_and_no_embedding(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos" / "2020", 5)
    write_xmp(photos / "0001.xmp", rating=2)
    decoder = CountingDecoder()
    run = run_in(tmp_path, PhotoDecoder(decoder))
    assert counts(embed(run, photos.parent)) == {"new": 5}
    assert ratings(run) == {"0001.png": 2}
    decoder.names.clear()
    assert counts(embed(run, photos.parent)) == {"unchanged": 5}
    write_xmp(photos / "0001.xmp", rating=4)
    write_xmp(photos / "0003.png.xmp", rating=5)
    write_xmp(photos / "other.xmp", rating=1)  # of no photo
    assert counts(embed(run, photos.parent)) == {"reread": 2, "unchanged": 3}
    assert ratings(run) == {"0001.png": 4, "0003.png": 5}
    (photos / "0001.xmp").unlink()
    write_noise(photos / "0003.png", 77)  # the photo itself, which is read with what is beside it
    write_xmp(photos / "0003.png.xmp", rating=3)
    assert counts(embed(run, photos.parent)) == {"new": 1, "reread": 1, "unchanged": 3}
    assert ratings(run) == {"0003.png": 3}
    assert decoder.names == ["0003.png"]
    assert counts(embed(run, photos.parent)) == {"unchanged": 5}


def test_facts_that_could_not_be_read_again_are_read_by_the_next_run(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    run = run_in(tmp_path)
    embed(run, photos)
    for name in ("0000", "0001"):
        write_xmp(photos / f"{name}.xmp", rating=4)
    with Manifest.open(run.folder) as manifest:  # a run that is stopped once it has listed
        (source,) = (source_of(str(photos)),)
        manifest.resume(source.address, anew=True)
        for page in source.pages(""):
            manifest.add(source.address, page)
        manifest.end_listing(source.address)
        assert manifest.count_facts_due(source.address) == 2
    moved = photos / "0001.png"
    moved.rename(tmp_path / "away.png")
    assert counts(embed(run, photos)) == {"gone": 1, "reread": 1, "unchanged": 1}
    (tmp_path / "away.png").rename(moved)
    assert counts(embed(run, photos)) == {"moved": 1, "unchanged": 2}


def test_a_manifest_from_before_reads_no_facts_again(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    write_xmp(photos / "0000.xmp", rating=4)
    run = run_in(tmp_path)
    embed(run, photos)
    with closing(sqlite3.connect(run.folder / MANIFEST_FILE)) as connection:
        connection.execute("ALTER TABLE files DROP COLUMN facts_due")
        connection.execute("UPDATE files SET done_version = NULL WHERE NOT is_photo")
        connection.commit()
    assert counts(embed(run, photos)) == {"unchanged": 3}
    write_xmp(photos / "0000.xmp", rating=5)
    assert counts(embed(run, photos)) == {"reread": 1, "unchanged": 2}


def test_copies_and_moves_are_known_by_their_content(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    shutil.copy(photos / "0000.png", photos / "copy.png")
    decoder = CountingDecoder()
    run = run_in(tmp_path, PhotoDecoder(decoder))
    assert counts(embed(run, photos)) == {"new": 3, "moved": 1}
    assert len(decoder.names) == 3
    (photos / "0001.png").rename(photos / "moved.png")
    assert counts(embed(run, photos)) == {"moved": 1, "gone": 1, "unchanged": 3}
    assert len(decoder.names) == 3
    assert set(small(run).paths) == {
        str(photos / name) for name in ("0000.png", "copy.png", "moved.png", "0002.png")
    }


def test_what_cannot_be_read_is_a_row_with_a_reason_and_its_copies_too(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("no photo")
    shutil.copy(photos / "text.jpg", photos / "text2.jpg")
    run = run_in(tmp_path)
    assert counts(embed(run, photos)) == {"new": 2, "failed": 3}
    assert small(run).failures == {
        str(photos / "empty.jpg"): "empty",
        str(photos / "text.jpg"): "not-an-image",
        str(photos / "text2.jpg"): "not-an-image",
    }
    assert counts(embed(run, photos)) == {"unchanged": 5}
    with_other_decoders = replace(
        run, plan=replace(run.plan, decoder=PhotoDecoder(fingerprint=lambda: "newer"))
    )
    assert counts(embed(with_other_decoders, photos)) == {"unchanged": 2, "failed": 3}


def test_a_file_that_changes_while_it_is_read_is_left_to_the_next_run(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)

    def edit_once(path: Path) -> None:
        if path.name == "0001.png" and decoder.names.count(path.name) == 1:
            write_noise(path, 1)

    decoder = CountingDecoder(edit_once)
    run = run_in(tmp_path, PhotoDecoder(decoder))
    assert counts(embed(run, photos)) == {"new": 2, "failed": 1}
    assert small(run).failures == {str(photos / "0001.png"): "changed"}
    assert counts(embed(run, photos)) == {"new": 1, "unchanged": 2}
    assert not small(run).failures


def test_a_file_that_is_gone_when_it_is_its_turn_costs_nothing(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    shutil.copy(photos / "0001.png", photos / "copy.png")

    def delete(path: Path) -> None:
        if path.name == "0001.png":
            path.unlink()

    run = run_in(tmp_path, PhotoDecoder(CountingDecoder(delete)))
    assert counts(embed(run, photos)) == {"new": 2}
    assert counts(embed(run, photos)) == {"new": 1, "unchanged": 2}  # its copy
    assert set(small(run).paths) == {
        str(photos / name) for name in ("0000.png", "0002.png", "copy.png")
    }


@pytest.mark.parametrize("steps", [1, 2])
def test_a_run_that_is_stopped_keeps_what_it_has_done(tmp_path: Path, steps: int) -> None:
    photos = write_photos(tmp_path / "photos", 50)
    decoder = CountingDecoder()
    run = run_in(tmp_path, PhotoDecoder(decoder))
    job = Job(embed_photos(run, [str(photos)], partial(workers_here, files_per_task=10)))
    embedding = (step for step in job if step.part is None)
    for _ in range(steps):
        next(embedding)
    job.close()
    assert len(small(run).photos) == 10 * steps
    assert counts(embed(run, photos)) == {"new": 50 - 10 * steps, "unchanged": 10 * steps}
    assert len(decoder.names) == 50
    assert len(small(run).photos) == 50


def test_a_folder_is_listed_by_each_run(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 20)
    run = run_in(tmp_path)
    job = Job(embed_photos(run, [str(photos)], partial(workers_here, files_per_task=10)))
    next(step for step in job if step.part is None)
    job.close()
    write_photo(photos / "later.png", 77)
    assert counts(embed(run, photos)) == {"new": 11, "unchanged": 10}


def test_a_lost_manifest_costs_reading_and_no_embedding(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 5)
    decoder = CountingDecoder()
    run = run_in(tmp_path, PhotoDecoder(decoder))
    embed(run, photos)
    decoder.names.clear()
    shutil.rmtree(run.folder)
    assert counts(embed(run, photos)) == {"moved": 5}
    assert not decoder.names


def test_a_catalogue_that_was_made_anew_is_filled_again(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 5)
    embed(run_in(tmp_path), photos)
    (tmp_path / "catalogue.db").unlink()
    sentences: list[str] = []
    run = replace(run_in(tmp_path), notify=sentences.append)
    assert counts(embed(run, photos)) == {"new": 5}
    assert len(sentences) == 1 and "not the one" in sentences[0]


def test_many_photos_that_are_gone_at_once_are_held(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 120)
    sentences: list[str] = []
    run = replace(run_in(tmp_path), notify=sentences.append)
    embed(run, photos)
    for number in range(60):
        (photos / f"{number:04}.png").unlink()
    assert counts(embed(run, photos)) == {"unchanged": 60, "missing": 60}
    assert len(small(run).paths) == 120
    assert "60 of the 120 photos" in sentences[-1]
    assert counts(embed(run, photos, accept_removals=True)) == {"unchanged": 60, "gone": 60}
    assert len(small(run).paths) == 60


@pytest.mark.skipif(IS_ROOT, reason="root may read everything")
def test_what_is_in_a_folder_that_cannot_be_read_stays(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photos(photos / "a", 2)
    write_photos(photos / "b", 2, first=2)
    run = run_in(tmp_path)
    embed(run, photos)
    (photos / "b").chmod(0)
    try:
        assert counts(embed(run, photos)) == {"unchanged": 2}
    finally:
        (photos / "b").chmod(0o755)
    assert len(small(run).paths) == 4


def test_rows_are_written_thousands_at_once(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 90)
    run = replace(run_in(tmp_path), rows_per_commit=40, files_per_round=60)
    embed(run, photos)
    assert small(run).rows_put == [40, 20, 30]  # the first round has 60 files


def test_thumbnails_are_kept_before_their_photos_are_written(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 4)
    kept: dict[bytes, bytes] = {}
    run = replace(run_in(tmp_path), keep_thumbnails=kept.update)
    embed(run, photos)
    assert set(kept) == set(small(run).photos)
    assert all(image[8:12] == b"WEBP" for image in kept.values())


def test_sources_that_overlap_are_read_once(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photos(photos / "a", 3)
    write_photos(photos / "b", 3, first=3)
    decoder = CountingDecoder()
    run = run_in(tmp_path, PhotoDecoder(decoder))
    assert counts(embed(run, photos, photos / "a")) == {"new": 6}
    assert len(decoder.names) == 6


def test_a_name_that_is_not_utf8_is_a_name_like_any_other(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photo(photos / "plain.png")
    name = os.fsdecode(b"caf\xe9.png")
    (photos / "plain.png").rename(photos / name)
    run = run_in(tmp_path)
    assert counts(embed(run, photos)) == {"new": 1}
    assert counts(embed(run, photos)) == {"unchanged": 1}
    assert list(small(run).paths) == [str(photos / name)]


def test_mistakes_are_said_in_a_sentence(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    with pytest.raises(FolderError, match=r"is not a folder.*Check"):
        embed(run, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FolderError, match=r"No photos were found in .*empty"):
        embed(run, tmp_path / "empty")
    photos = write_photos(tmp_path / "photos", 1)
    other = replace(run, plan=replace(run.plan, encoder_id="lite/other"))
    with pytest.raises(EncoderMismatch, match="Install the same version"):
        embed(other, photos)
    with (
        Manifest.open(run.folder),
        pytest.raises(LibraryLocked, match="Another run works on this library"),
    ):
        embed(run, photos)


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    from imgsearch.errors import DiskError

    run = run_in(tmp_path)
    run.folder.mkdir()
    (run.folder / MANIFEST_FILE).write_bytes(b"nothing that SQLite knows" * 100)
    with pytest.raises(DiskError, match=r"fleet.db cannot be used.*delete this file"):
        embed(run, write_photos(tmp_path / "photos", 1))


def test_no_worker_is_started_for_nothing(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    run = run_in(tmp_path)
    embed(run, photos)

    def start(plan: WorkPlan) -> None:
        raise AssertionError("started")

    job: Job[SyncReport] = Job(embed_photos(run, [str(photos)], start))  # type: ignore[arg-type]
    assert counts(job.run()) == {"unchanged": 2}


def test_what_is_embedded_does_not_depend_on_the_task(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 40)
    vectors: list[dict[bytes, np.ndarray]] = []
    for size in (3, 40):
        (tmp_path / str(size)).mkdir()
        run = run_in(tmp_path / str(size))
        job = embed_photos(run, [str(photos)], partial(workers_here, files_per_task=size))
        Job(job).run()
        vectors.append({key: photo.vectors for key, photo in small(run).photos.items()})
    assert vectors[0].keys() == vectors[1].keys()
    for key, rows in vectors[0].items():  # the stand-in rounds by the size of a batch
        assert np.abs(rows - vectors[1][key]).max() < 1e-6
    assert StandIn.batch_size < 40


def test_a_catalogue_that_is_away_for_a_while_is_asked_again(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    run = run_in(tmp_path)
    failures = [StorageUnreachable("away"), StorageUnreachable("away")]

    class Away(SmallCatalogue):
        """Fails twice."""

        def put(self, results: Sequence[IngestResult]) -> None:
            if failures:
                raise failures.pop()
            super().put(results)

    run = replace(run, writer=Away(tmp_path / "catalogue.db"))
    assert counts(embed(run, photos)) == {"new": 3}
    assert not failures


def test_a_catalogue_that_refuses_is_not_asked_again(tmp_path: Path) -> None:
    photos, refused = write_photos(tmp_path / "photos", 3), []

    class Refusing(SmallCatalogue):
        def put(self, results: Sequence[IngestResult]) -> None:
            refused.append(results)
            raise ObjectStorageError("These credentials may not write.")

    run = replace(run_in(tmp_path), writer=Refusing(tmp_path / "catalogue.db"))
    with pytest.raises(ObjectStorageError, match="may not write"):
        embed(run, photos)
    assert len(refused) == 1


def test_all_photos_of_a_source_are_forgotten_on_request(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    run = run_in(tmp_path)
    embed(run, photos)
    for path in photos.iterdir():
        path.unlink()
    with pytest.raises(FolderError, match=r"The 3 that the library has.*--accept-removals"):
        embed(run, photos)
    assert len(small(run).paths) == 3
    assert counts(embed(run, photos, accept_removals=True)) == {"gone": 3}
    assert not small(run).paths


def test_a_catalogue_that_went_back_is_filled_again(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 5)
    run = run_in(tmp_path)
    embed(run, photos)
    small(run).of_lineage = "another"
    small(run).forget([str(photos / "0002.png")])
    assert counts(embed(run, photos)) == {"moved": 5}
    assert len(small(run).paths) == 5
    assert counts(embed(run, photos)) == {"unchanged": 5}


def test_a_long_run_settles_now_and_then(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 60)
    run = replace(run_in(tmp_path), rows_per_commit=5, settle_every=20)
    assert counts(embed(run, photos)) == {"new": 60}
    assert small(run).settled >= 3
    settled = small(run).settled
    write_photos(photos, 5, first=100)
    assert counts(embed(run, photos)) == {"new": 5, "unchanged": 60}
    assert small(run).settled == settled + 1  # at its end
