"""An archive goes back to a library on one machine in a pack: nothing is embedded again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from imgsearch import Library, Settings
from imgsearch.errors import FolderError, UsageError
from imgsearch.store.reads import Reads
from imgsearch.store.thumbnails import ThumbnailStore
from tests.factories import run_cli
from tests.object_storage import s3_server
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")


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
        with pytest.raises(FolderError, match="No photo of the archive"):
            opened.packs.make(tmp_path, tmp_path / "none.imgsearch").run()
        with pytest.raises(UsageError, match="photo folder"):
            opened.packs.make(photos, photos / "x.imgsearch").run()
    done = run_cli("unpack", pack, "--at", photos, data=tmp_path / "back")
    assert done.returncode == 0 and "21 new" in done.stdout, done.stderr
    assert contents(tmp_path / "back") == contents(data)
    again = run_cli("index", photos, data=tmp_path / "back")
    assert again.stdout.startswith("0 new"), again.stdout


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


def test_mistakes_are_said_in_a_sentence(tmp_path: Path) -> None:
    archive = ("--library", tmp_path / "none")
    inside = run_cli("pack", tmp_path, "--inside", *archive, data=tmp_path / "data")
    assert inside.returncode == 2 and "name the file instead" in inside.stderr
    missing = run_cli("pack", tmp_path, tmp_path / "p.imgsearch", *archive, data=tmp_path / "data")
    assert missing.returncode == 8 and "There is no catalogue" in missing.stderr
