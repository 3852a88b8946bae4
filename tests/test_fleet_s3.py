"""The fleet on object storage, with an S3 server on the loopback interface."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from pathlib import Path

import pytest

from imgsearch.archive.fleet.embedding import FleetRun, embed_photos
from imgsearch.archive.fleet.objects import ObjectStorage, S3Address
from imgsearch.decode.reader import decode
from imgsearch.errors import FolderError, ObjectStorageError, UsageError
from imgsearch.indexer.reading import PhotoDecoder
from imgsearch.progress import Job, SyncReport
from imgsearch.records.files import Decoded
from tests.factories import scene, write_noise, write_photo, write_photos, write_xmp
from tests.fleets import run_in, workers_here
from tests.object_storage import S3Server
from tests.small_catalogue import SmallCatalogue

pytest.importorskip("moto")


def embed(run: FleetRun, *addresses: str | Path) -> SyncReport:
    return Job(embed_photos(run, [str(each) for each in addresses], workers_here)).run()


def small(run: FleetRun) -> SmallCatalogue:
    assert isinstance(run.writer, SmallCatalogue)
    return run.writer


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_objects_give_what_their_files_give(tmp_path: Path, s3: S3Server) -> None:
    photos = tmp_path / "photos"
    write_photos(photos / "2019", 12)
    scene(64, 48).save(photos / "dated.jpg")
    write_xmp(photos / "dated.xmp", rating=4)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (photos / "notes.txt").write_text("no photo")
    write_photo(photos / ".hidden" / "0.png", 40)
    write_photo(photos / "@eaDir" / "1.png", 41)
    s3.put({f"archive/{name}": content for name, content in contents(photos).items()})
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here, there = run_in(tmp_path / "here"), run_in(tmp_path / "there")
    of_files = embed(here, photos)
    of_objects = embed(there, "s3://photos/archive")
    assert (of_objects.new, of_objects.failed) == (of_files.new, of_files.failed) == (13, 1)
    assert small(there).paths == {
        path.replace(str(photos), "s3://photos/archive"): content
        for path, content in small(here).paths.items()
    }
    assert list(small(there).failures) == ["s3://photos/archive/broken.jpg"]
    found, expected = small(there).photos, small(here).photos
    assert found.keys() == expected.keys()
    for content_hash, photo in found.items():
        assert photo.facts == expected[content_hash].facts
        assert photo.vectors.tobytes() == expected[content_hash].vectors.tobytes()
    assert {photo.facts.rating for photo in found.values()} == {None, 4}
    again = embed(there, "s3://photos/archive/")
    assert (again.new, again.unchanged) == (0, 14)
    s3.put({"archive/dated.xmp": write_xmp(tmp_path / "new.xmp", rating=5).read_bytes()})
    again = embed(there, "s3://photos/archive/")
    assert (again.new, again.reread, again.unchanged) == (0, 1, 13)
    assert {photo.facts.rating for photo in small(there).photos.values()} == {None, 5}


def test_an_object_that_changes_after_it_was_listed_is_left_to_the_next_run(
    tmp_path: Path, s3: S3Server
) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    s3.put(contents(photos))
    write_noise(tmp_path / "other.png", 1)
    run = run_in(tmp_path)
    job = Job(embed_photos(run, ["s3://photos"], workers_here))
    assert next(job).part == "Listing"
    s3.put({"0001.png": (tmp_path / "other.png").read_bytes()})
    s3.delete("0002.png")
    assert (job.run().new, job.report.failed) == (1, 1)
    assert small(run).failures == {"s3://photos/0001.png": "changed"}
    assert embed(run, "s3://photos").new == 1
    assert set(small(run).paths) == {"s3://photos/0000.png", "s3://photos/0001.png"}
    assert not small(run).failures


def test_an_object_is_fetched_again_where_a_second_reading_finds_it_changed(
    tmp_path: Path, s3: S3Server
) -> None:
    s3.put(contents(write_photos(tmp_path / "photos", 2)))
    names: list[str] = []

    def count(path: Path, min_side_px: int, max_megapixels: float, *, all_frames: bool) -> Decoded:
        names.append(path.name)
        assert path.parent.parent.name.startswith("imgsearch-")
        return decode(path, min_side_px, max_megapixels, all_frames=all_frames)

    run = run_in(tmp_path, PhotoDecoder(count))
    embed(run, "s3://photos")
    assert sorted(names) == ["0000.png", "0001.png"]
    shutil.rmtree(run.folder)  # the list of what is done
    assert embed(run, "s3://photos").moved == 2
    assert len(names) == 2  # known by their content


def test_a_listing_goes_on_after_its_last_page(tmp_path: Path, s3: S3Server) -> None:
    s3.put(contents(write_photos(tmp_path / "photos", 5)))
    storage, address = ObjectStorage(), S3Address.parse("s3://photos")
    (page,) = storage.pages(address, "")
    assert [file.path for file in page] == [f"s3://photos/{number:04}.png" for number in range(5)]
    (rest,) = storage.pages(address, page[2].path)
    assert rest == page[3:]


def test_objects_are_listed_again_once_the_work_on_them_is_done(
    tmp_path: Path, s3: S3Server
) -> None:
    s3.put(contents(write_photos(tmp_path / "photos", 20)))
    run = run_in(tmp_path)
    job = Job(embed_photos(run, ["s3://photos"], partial(workers_here, files_per_task=10)))
    next(step for step in job if step.part is None)
    job.close()
    s3.put({"later.png": write_photo(tmp_path / "later.png", 77).read_bytes()})
    again = Job(embed_photos(run, ["s3://photos"], workers_here))
    assert all(step.part is None for step in again)  # nothing was listed
    assert (again.report.new, again.report.unchanged) == (10, 10)
    assert (embed(run, "s3://photos").new, len(small(run).photos)) == (1, 21)


def test_a_server_that_is_away_for_a_while_costs_no_photo(tmp_path: Path, s3: S3Server) -> None:
    s3.put(contents(write_photos(tmp_path / "photos", 30)))
    stopped = threading.Event()

    def stop_once(
        path: Path, min_side_px: int, max_megapixels: float, *, all_frames: bool
    ) -> Decoded:
        if not stopped.is_set():
            stopped.set()
            s3.stop()
            threading.Timer(2.0, s3.start).start()
        return decode(path, min_side_px, max_megapixels, all_frames=all_frames)

    run = run_in(tmp_path, PhotoDecoder(stop_once))
    report = embed(run, "s3://photos")
    assert stopped.is_set()
    assert (report.new, report.failed) == (30, 0)


def test_mistakes_about_object_storage_are_said_in_a_sentence(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_in(tmp_path)
    s3.put({"notes.txt": b"no photo"})
    with pytest.raises(FolderError, match="No photos were found in s3://photos/"):
        embed(run, "s3://photos")
    with pytest.raises(UsageError, match="names no bucket"):
        embed(run, "s3://")
    with pytest.raises(ObjectStorageError, match=r"bucket of s3://nowhere/ does not exist"):
        embed(run, "s3://nowhere")
    with monkeypatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(ObjectStorageError, match=r"no credentials.*AWS_ACCESS_KEY_ID"):
            embed(run, "s3://photos/other")
    with monkeypatch.context() as patch:
        patch.setattr("imgsearch.archive.fleet.objects.ATTEMPTS", 1)
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(ObjectStorageError, match="cannot be reached") as error:
            embed(run, "s3://photos/third")
    assert error.value.exit_code == 13
