"""An archive goes back to a library on one machine in a pack: nothing is embedded again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.errors import EncoderMismatch, FolderError, PackError, PhotosNotFound, UsageError
from imgsearch.records.picture_text import TextLine
from imgsearch.store.lock import writing
from imgsearch.store.reads import Reads
from imgsearch.store.thumbnails import ThumbnailStore
from tests.factories import run_cli
from tests.object_storage import s3_server
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")
from imgsearch.archive.lance.writer import LanceWriter


def contents(data: Path) -> Mapping[str, tuple[object, list[bytes], bytes | None]]:
    """What a library has of each photo: its facts, vectors and picture, by the name of its file."""
    reads = Reads.open(data)
    row, ids = reads.encoders.in_use(), reads.photos.live_ids().tolist()
    parts, paths = reads.vectors.parts(row.key, ids), reads.photos.paths(ids)
    with ThumbnailStore(data) as thumbnails:
        found = {
            paths[photo.id][0][1].name: (
                photo.facts,
                [each.astype(np.float16).tobytes() for each in parts[photo.id].vectors],
                thumbnails.get(bytes.fromhex(photo.content_hash)),
            )
            for photo in reads.photos.records(ids).values()
        }
    reads.close()
    return found


def test_a_library_comes_back_as_it_went(
    demo: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, archive, pack = demo.settings.data_dir, tmp_path / "archive", tmp_path / "back.imgsearch"
    photos = Path(demo.find("a cat").hits[0].path).parent
    with Library.open_archive(archive, Settings.load(data_dir=tmp_path / "other")) as opened:
        opened.fleet.copy_from(data).run()
        report = opened.packs.make(photos, pack).run()
        assert (report.photos, report.files) == (21, 21)
        monkeypatch.chdir(photos)
        assert opened.packs.make(f"../{photos.name}/", pack).run().photos == 21
        with pytest.raises(FolderError, match="No photo of the library"):
            opened.packs.make(tmp_path, tmp_path / "none.imgsearch").run()
        with pytest.raises(UsageError, match="photo folder"):
            opened.packs.make(photos, photos / "x.imgsearch").run()
    done = run_cli("unpack", pack, "--at", photos, data=tmp_path / "back")
    assert done.returncode == 0 and "21 new" in done.stdout, done.stderr
    assert contents(tmp_path / "back") == contents(data)
    again = run_cli("index", photos, data=tmp_path / "back")
    assert "new" not in again.stdout, again.stdout


def test_objects_become_files_of_a_folder(tmp_path: Path, demo_photos: Path) -> None:
    pytest.importorskip("moto", reason="needs moto")
    nas, names = tmp_path / "nas", ("chelsea.png", "coffee.png")
    settings = Settings.load(data_dir=tmp_path / "data")
    with s3_server() as s3:
        s3.put({f"2020/{name}": (demo_photos / name).read_bytes() for name in names})
        with Library.open_archive(tmp_path / "archive", settings, encoder=StandIn()) as archive:
            archive.index(["s3://photos"]).run()
            archive.packs.make("s3://photos", tmp_path / "a.imgsearch").run()
    (nas / "2020").mkdir(parents=True)
    for name in names:
        shutil.copy(demo_photos / name, nas / "2020" / name)
    with Library.open(Settings.load(data_dir=tmp_path / "back"), encoder=StandIn()) as library:
        assert library.packs.merge(tmp_path / "a.imgsearch", at=nas).run().new == 2
        paths = {hit.path for hit in library.search("sort:path width:>0")}
        assert paths == {nas / "2020" / name for name in names}
        assert library.index([nas]).run().new == 0


# ------------------------------------------------------------------------- into an archive


def facts_of(library: Library) -> dict[str, object]:
    return {hit.path.name: hit.photo.facts for hit in library.find("sort:path width:>0", 50).hits}


@pytest.fixture
def pack(demo: Library, demo_photos: Path, tmp_path: Path) -> Path:
    """A pack of 21 photos, with a text in one of them."""
    with writing(demo.settings.data_dir) as store:
        number = store.reads.photos.at(demo_photos / "coffee.png")
        assert number is not None
        line = TextLine("Platform 9", 0.1, 0.2, 0.3, 0.1, 0.9)
        store.picture_text.record(number, "reader 1", [line])
    file = tmp_path / "a.imgsearch"
    demo.packs.make(demo_photos, file).run()
    return file


@pytest.mark.features("text")
def test_a_pack_becomes_an_archive(
    demo: Library, demo_photos: Path, pack: Path, tmp_path: Path
) -> None:
    address = tmp_path / "archive"
    done = run_cli("unpack", pack, "--at", demo_photos, "--library", address, data=tmp_path / "d")
    assert done.returncode == 0 and "21 photos in the pack: 21 new" in done.stdout, done.stderr
    again = run_cli(
        *("unpack", pack, "--at", demo_photos, "--library", address, "--json"), data=tmp_path / "d"
    )
    report = json.loads(again.stdout)
    assert (report["new"], report["files"], report["texts"], report["missing"]) == (0, 0, 0, 0)
    settings = Settings.load(data_dir=tmp_path / "d")
    with Library.open_archive(address, settings) as archive:
        assert facts_of(archive) == facts_of(demo)
        for line in ("a cat", 'text:"platform 9"', "type:jpeg sort:path"):
            found = [hit.path for hit in archive.find(line, 5).hits]
            assert found and found == [hit.path for hit in demo.find(line, 5).hits], line
        assert archive.pictures.thumbnail(archive.find("a cat").hits[0].photo.id, 128)
        report = archive.packs.make(demo_photos, tmp_path / "back.imgsearch").run()
        assert report.photos == 21
    with Library.open(Settings.load(data_dir=tmp_path / "back")) as library:
        library.packs.merge(tmp_path / "back.imgsearch", at=demo_photos).run()
    assert contents(tmp_path / "back") == contents(demo.settings.data_dir), "vectors to the bit"


@pytest.mark.features("albums", "concepts", "saved")
def test_what_people_made_comes_with_a_pack_and_reaches_others(
    demo: Library, demo_photos: Path, tmp_path: Path
) -> None:
    cats = [hit.photo.id for hit in demo.find("name:chelsea|coffee", 5).hits]
    demo.albums.make("Book", photo_ids=cats)
    demo.albums.make("Ours", photo_ids=cats)
    demo.saved.save("Wheels", "a motorcycle")
    demo.concepts.teach("tabby", [demo_photos / "chelsea.png"], [demo_photos / "rocket.jpg"])
    pack = tmp_path / "a.imgsearch"
    demo.packs.make(demo_photos, pack).run()
    settings = Settings.load(data_dir=tmp_path / "d", encoder="lite")
    with Library.open_archive(tmp_path / "archive", settings) as archive:
        archive.index([demo_photos]).run()
        (rocket,) = (hit.photo.id for hit in archive.find("name:rocket", 5).hits)
        archive.albums.make("ours", photo_ids=[rocket])
        merged = archive.packs.merge(pack, at=demo_photos).run()
        assert merged.of_features == {"albums": 1, "concepts": 1, "saved": 1}
        assert archive.packs.merge(pack, at=demo_photos).run().of_features == dict.fromkeys(
            ("albums", "concepts", "saved"), 0
        )
    other = Settings.load(data_dir=tmp_path / "e", replica_dir=tmp_path / "other")
    with Library.open_archive(tmp_path / "archive", other) as archive:
        found = archive.photos(archive.albums.photos("Book").photo_ids)
        assert {hit.path.name for hit in found} == {"chelsea.png", "coffee.png"}
        kept = archive.photos(archive.albums.photos("Ours").photo_ids)
        assert [hit.path.name for hit in kept] == ["rocket.jpg"], "its name was taken"
        assert [each.name for each in archive.saved.all()] == ["Wheels"]
        assert archive.find("concept:tabby", 1).hits[0].path.name == "chelsea.png"


@pytest.mark.features("text")
def test_what_an_archive_has_stays(demo_photos: Path, pack: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(demo_photos, tmp_path / "own"))
    (own / "chelsea.png").unlink()
    shutil.copy(own / "rocket.jpg", own / "coffee.png")  # another photo, of another size
    with Image.open(own / "page.png") as image:  # of the same size: the pack takes it for its own
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "other.png")
    other = (tmp_path / "other.png").read_bytes()
    (own / "page.png").write_bytes(other.ljust((own / "page.png").stat().st_size, b"\0"))
    settings = Settings.load(data_dir=tmp_path / "d", encoder="lite")
    with Library.open_archive(tmp_path / "archive", settings) as archive:
        archive.index([own]).run()
        changed = {
            bytes.fromhex(hit.photo.content_hash): replace(hit.photo.facts, keywords=("mine",))
            for hit in archive.find("name:astronaut", 1).hits
        }
        archive.fleet.writer().put_facts(changed)
        archive.fleet.update_copy().run()
        before = facts_of(archive)
        merged = archive.packs.merge(pack, at=own).run()
        assert (merged.photos, merged.missing) == (21, 2)  # chelsea.png and coffee.png
        assert merged.new == merged.files == 0, "the archive has a photo at every other path"
        assert facts_of(archive) == before
        assert archive.find("keyword:mine", 5).hits
        assert archive.find('text:"platform 9"', 5).hits == ()
        elsewhere = Path(shutil.copytree(demo_photos, tmp_path / "elsewhere"))
        merged = archive.packs.merge(pack, at=elsewhere).run()
        assert (merged.new, merged.files, merged.texts) == (3, 21, 1)
        assert archive.find("keyword:mine", 5).hits, "facts stay"
        (coffee,) = archive.find('text:"platform 9"', 5).hits
        assert coffee.path == elsewhere / "coffee.png"


def test_a_pack_of_photos_that_are_not_connected(
    demo_photos: Path, pack: Path, tmp_path: Path
) -> None:
    settings = Settings.load(data_dir=tmp_path / "d", cache_dir=tmp_path / "cache")
    with Library.open_archive(tmp_path / "archive", settings) as archive:
        with pytest.raises(PhotosNotFound):
            archive.packs.merge(pack, at=tmp_path / "drive").run()
        merged = archive.packs.merge(pack, at=tmp_path / "drive", offline=True).run()
        assert merged.new == 21 and not archive.find("a cat").hits[0].path.exists()
    assert list((tmp_path / "cache" / "archives" / "unpacking").iterdir()) == []


def test_a_pack_that_does_not_fit_is_refused_before_anything_is_written(
    demo_photos: Path, pack: Path, tmp_path: Path
) -> None:
    settings = Settings.load(data_dir=tmp_path / "d", cache_dir=tmp_path / "cache")
    damaged = tmp_path / "damaged.imgsearch"
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with Library.open_archive(tmp_path / "archive", settings) as archive:
        with pytest.raises(PackError, match="damaged"):
            archive.packs.merge(damaged, at=demo_photos).run()
        with pytest.raises(UsageError, match="Leave --beside out"):
            archive.packs.merge(pack, at=demo_photos, beside=True)
        with pytest.raises(UsageError, match="folders of this machine"):
            archive.packs.merge(pack, at="s3://photos/a")
        assert not (tmp_path / "archive").exists()
    with (
        Library.open_archive(demo_photos / "archive", settings) as archive,
        pytest.raises(UsageError, match="writes nothing there"),
    ):
        archive.packs.merge(pack, at=demo_photos).run()
    with Library.open_archive(tmp_path / "other", settings, encoder=StandIn()) as archive:
        archive.index([demo_photos]).run()
        with pytest.raises(EncoderMismatch, match="the archive has those of"):
            archive.packs.merge(pack, at=demo_photos).run()
    refused = run_cli("unpack", pack, "--faces", data=tmp_path / "d")
    assert refused.returncode == 2 and "--faces belongs to --library" in refused.stderr


def test_a_merge_that_is_killed_goes_on(
    demo_photos: Path, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load(data_dir=tmp_path / "d", cache_dir=tmp_path / "cache")
    left = tmp_path / "cache" / "archives" / "unpacking" / "killed"
    with Library.open_archive(tmp_path / "archive", settings) as archive:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(LanceWriter, "settle", _interrupt)
            archive.packs.merge(pack, at=demo_photos).run()
        left.mkdir(parents=True)
        (left / "library.db").write_bytes(b"half")
        os.utime(left, (0, 0))
        assert archive.packs.merge(pack, at=demo_photos).run().new == 0
        assert archive.photo_count() == 21 and not left.exists()


def _interrupt(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_mistakes_are_said_in_a_sentence(tmp_path: Path) -> None:
    archive = ("--library", tmp_path / "none")
    inside = run_cli("pack", tmp_path, "--inside", *archive, data=tmp_path / "data")
    assert inside.returncode == 2 and "name the file instead" in inside.stderr
    missing = run_cli("pack", tmp_path, tmp_path / "p.imgsearch", *archive, data=tmp_path / "data")
    assert missing.returncode == 8 and "There is no archive" in missing.stderr
