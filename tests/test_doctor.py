"""`imgsearch doctor` finds what is wrong with a library, and repairs what is safe to repair."""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from imgsearch import Library, Settings
from imgsearch.encoders.onnx import ExportFacts, write_export
from imgsearch.encoders.openclip import hub
from imgsearch.encoders.registry import register, unregister, verify
from imgsearch.errors import EncoderError, StoreError
from imgsearch.records.status import Finding
from imgsearch.store.lock import writing
from tests.factories import run_cli, write_photo, write_photos
from tests.stand_in import KIND, StandIn


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A healthy library of 20 photos with an index file."""
    photos = write_photos(tmp_path / "photos", 20)
    settings = Settings.load(data_dir=tmp_path / "library", cache_dir=tmp_path / "cache")
    with Library.open(settings, encoder=StandIn()) as opened:
        opened.index([photos]).run()
        opened.rebuild().run()
        yield opened


def problems(library: Library) -> list[Finding]:
    return [each for each in library.upkeep.doctor() if each.level in ("warning", "error")]


def change(library: Library, statement: str, *parameters: object) -> None:
    file = library.settings.data_dir / "library.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement, parameters)


def index_file(library: Library) -> Path:
    (file,) = (library.settings.data_dir / "snapshots").iterdir()
    return file


def test_a_healthy_library_has_no_problem(library: Library) -> None:
    findings = library.upkeep.doctor()
    assert problems(library) == []
    assert {"versions", "database", "vectors", "index", "folders"} <= {f.area for f in findings}
    assert library.upkeep.repair() == []


@pytest.mark.parametrize("content", [np.full(32, np.nan), np.zeros(32), np.ones(32)])
def test_vectors_that_cannot_be_right(library: Library, content: np.ndarray) -> None:
    change(
        library,
        "UPDATE vectors SET vector = ? WHERE photo_id = 3",
        content.astype("<f2").tobytes(),
    )
    (finding,) = problems(library)
    assert (finding.area, finding.level, finding.exit_code) == ("vectors", "error", 8)
    assert "photo 3" in finding.message
    assert library.upkeep.repair()[0] == "Deleted the invalid vectors of 1 photo."
    library.index().run()
    assert problems(library) == []
    assert library.status().vectors == 20


def test_a_vector_of_another_length(library: Library) -> None:
    change(library, "UPDATE vectors SET vector = x'0000' WHERE photo_id = 3")
    (finding,) = problems(library)
    assert "2 bytes instead of 64" in finding.message


def test_a_vector_of_another_length_is_repaired_as_the_message_says(library: Library) -> None:
    change(library, "UPDATE vectors SET vector = x'0000' WHERE photo_id = 3")
    with (
        pytest.raises(StoreError, match=r"wrong length\).*imgsearch doctor --repair") as error,
        Library.open(library.settings, encoder=StandIn()) as reopened,
    ):
        reopened.status()
        raise IndexError("far from the cause")
    assert error.value.exit_code == 8 and "backup" not in str(error.value)
    assert library.upkeep.repair()[0] == "Deleted the invalid vectors of 1 photo."
    library.index().run()
    assert problems(library) == [] and library.status().vectors == 20


def test_invalid_vectors_of_an_encoder_that_is_kept_are_repaired_too(library: Library) -> None:
    change(
        library,
        "INSERT INTO encoders (encoder_id, name, dim, state) "
        "VALUES ('other@1', 'other', 8, 'kept')",
    )
    change(
        library,
        "INSERT INTO vectors (encoder_key, photo_id, part, vector) "
        "SELECT key, 3, 0, x'0000' FROM encoders WHERE state = 'kept'",
    )
    (finding,) = problems(library)
    assert finding.area == "vectors" and "other@1" in finding.message
    (done,) = library.upkeep.repair()
    assert done.startswith("Deleted the invalid vectors of 1 photo") and "other@1" in done
    assert problems(library) == []
    assert library.status().vectors == 20


def test_a_damaged_index_is_found_though_size_and_time_stayed(library: Library) -> None:
    file = index_file(library)
    about, content = file.stat(), bytearray(file.read_bytes())
    content[-9] ^= 0x40
    file.write_bytes(content)

    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    (finding,) = problems(library)
    assert (finding.area, finding.exit_code, finding.repairable) == ("index", 7, True)
    assert library.upkeep.repair() == ["Rebuilt the index from the stored vectors."]
    assert problems(library) == []


def test_impossible_scores_lead_to_a_new_index(library: Library) -> None:
    """A bit of an exponent was flipped, and size and time of the file stayed."""
    before = [(hit.path, hit.score or 0.0) for hit in library.search("a photo", k=5)]
    file = index_file(library)
    about, content = file.stat(), bytearray(file.read_bytes())
    for place in range(len(content) - 4 * 32 * 20 + 3, len(content), 4):  # in all vectors
        content[place] |= 0x40
    file.write_bytes(content)
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    with Library.open(library.settings, encoder=StandIn()) as reopened:
        assert reopened.explain(before[0][0], "a photo").rank == 1
        after = [(hit.path, hit.score or 0.0) for hit in reopened.search("a photo", k=5)]
    assert [path for path, _ in after] == [path for path, _ in before]
    assert np.allclose([score for _, score in after], [score for _, score in before])
    assert problems(library) == []


def test_leftovers_are_deleted(library: Library) -> None:
    left = library.settings.data_dir / "snapshots" / "1-9.partial"
    left.touch(0o600)
    (finding,) = problems(library)
    assert "1-9.partial" in finding.message
    assert library.upkeep.repair() == ["Deleted 1 leftover index file."]
    assert not left.exists() and problems(library) == []


def test_what_is_wrong_in_the_cache_is_deleted(library: Library) -> None:
    cache_dir = library.settings.cache_dir

    def build(folder: Path) -> ExportFacts:
        (folder / "tower.onnx").write_bytes(b"a graph")
        return {}

    for name in ("sound", "damaged"):
        write_export(cache_dir / name, "this", build)
    about = (cache_dir / "damaged" / "tower.onnx").stat()
    (cache_dir / "damaged" / "tower.onnx").write_bytes(b"a_graph")
    os.utime(cache_dir / "damaged" / "tower.onnx", ns=(about.st_atime_ns, about.st_mtime_ns))
    (cache_dir / ".sound-killed").mkdir()
    (cache_dir / "thumbnails" / "ab").mkdir(parents=True)
    for name, age_s in (("old", 7_200), ("new", 0)):
        part = cache_dir / "thumbnails" / "ab" / f"{name}.1-2.part"
        part.touch()
        os.utime(part, (time.time() - age_s,) * 2)
    for path in cache_dir.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)

    found = [each for each in library.upkeep.doctor() if each.area == "cache"]
    assert [each.repairable for each in found] == [True, True]
    assert str(cache_dir / "damaged") in found[0].message
    assert "2 leftovers of processes that were killed" in found[1].message
    assert len(library.upkeep.repair()) == 2
    assert [each for each in library.upkeep.doctor() if each.area == "cache"] == []
    assert (cache_dir / "sound" / "tower.onnx").read_bytes() == b"a graph"
    assert (cache_dir / "thumbnails" / "ab" / "new.1-2.part").exists()
    assert not (cache_dir / "damaged").exists()


def test_files_that_were_not_indexed_since_they_changed(library: Library) -> None:
    photos = library.settings.data_dir.parent / "photos"
    write_photos(photos, 2, first=100)
    write_photo(photos / "0003.png", 200)
    (photos / "0004.png").unlink()
    (finding,) = [each for each in library.upkeep.doctor() if "last indexed" in each.message]
    assert "files are: 2 new, 1 changed, 1 gone." in finding.message
    assert (finding.level, finding.cure) == ("note", "imgsearch index")
    library.index().run()
    assert not [each for each in library.upkeep.doctor() if "last indexed" in each.message]


def test_rows_that_refer_to_nothing(library: Library) -> None:
    change(library, "DELETE FROM photos WHERE id = 3")  # without SQLite's check of references
    (finding,) = [each for each in problems(library) if each.area == "database"]
    assert "refer to something that does not exist" in finding.message
    assert finding.exit_code == 8


def test_a_process_that_writes_is_named(library: Library) -> None:
    with writing(library.settings.data_dir):
        messages = [each.message for each in library.upkeep.doctor()]
    assert "A process writes to the library now." in messages
    assert "Nothing writes to the library now." in [
        each.message for each in library.upkeep.doctor()
    ]


def test_weights_that_are_damaged(tmp_path: Path) -> None:
    def verify(name: str) -> None:
        raise EncoderError("The weights are damaged.")

    kind = replace(KIND, prefix="worn", verify=verify)
    register(kind)
    try:
        settings = Settings.load(
            data_dir=tmp_path / "library", cache_dir=tmp_path / "cache", encoder="worn"
        )
        encoder = StandIn()
        encoder.id = "worn@1"
        with Library.open(settings, encoder=encoder) as library:
            library.index([write_photos(tmp_path / "photos", 2)]).run()
            (finding,) = [each for each in library.upkeep.doctor() if each.area == "encoder"]
        assert (finding.level, finding.message) == ("error", "The weights are damaged.")
        assert finding.exit_code == EncoderError.exit_code
    finally:
        unregister("worn")


def test_the_weights_of_lite_are_read(tmp_path: Path) -> None:
    verify("lite")
    blob = tmp_path / "blobs" / ("0" * 64)
    blob.parent.mkdir()
    blob.write_bytes(b"weights")
    with pytest.raises(EncoderError, match="checksum"):
        hub.verify(blob)


def test_a_damaged_database(library: Library) -> None:
    library.close()
    file = library.settings.data_dir / "library.db"
    content = bytearray(file.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    file.write_bytes(content)
    findings = problems(library)
    assert [(each.area, each.exit_code) for each in findings] == [("database", 8)]


def test_what_other_users_may_read(library: Library) -> None:
    data_dir = library.settings.data_dir
    (data_dir / "library.db").chmod(0o644)
    assert problems(library) == []  # nobody else may enter the folder
    data_dir.chmod(0o755)
    (finding,) = problems(library)
    assert "Other users" in finding.message and finding.cure is not None
    assert "and 1 more" in finding.message


def test_the_command(library: Library, tmp_path: Path) -> None:
    data = library.settings.data_dir
    done = run_cli("doctor", "--json", data=data)
    findings = json.loads(done.stdout)
    assert done.returncode == max(each["exit_code"] for each in findings)
    assert "Traceback" not in done.stderr
    index_file(library).write_bytes(b"")
    assert run_cli("doctor", data=data).returncode == 7
    empty = run_cli("doctor", data=tmp_path / "nowhere")
    assert empty.returncode in (0, 1) and "There is no library yet" in empty.stdout


def test_it_tells_where_faiss_cpu_hides_faiss_gpu(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"faiss-gpu": "1.15.1"}  # its files were replaced by those of faiss-cpu
    monkeypatch.setattr(
        "imgsearch.analysis.doctor.version", lambda name: both.get(name) or version(name)
    )
    (problem,) = problems(library)
    assert "faiss-cpu hides faiss-gpu" in problem.message
    assert problem.cure is not None and problem.cure.endswith("--no-deps faiss-gpu")


@pytest.mark.features("backup")
def test_a_library_whose_database_is_gone_is_made_again_from_its_copy(
    tmp_path: Path,
) -> None:
    photos, data = write_photos(tmp_path / "photos", 3), tmp_path / "library"
    empty = run_cli("doctor", data=data)
    assert "There is no library yet" in empty.stdout and "backups" not in empty.stdout
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([photos]).run()
        library.marks.set([1], rating=4)
    assert run_cli("index", data=data).returncode == 0  # makes the copy of the day
    for file in data.glob("library.db*"):
        file.unlink()
    told = run_cli("doctor", "--json", data=data)
    (finding,) = (each for each in json.loads(told.stdout) if each["area"] == "backups")
    commands = re.findall(r"imgsearch ([^;]+)", finding["cure"])
    assert [command.split()[0] for command in commands] == ["index", "restore"]
    for command in commands:
        assert run_cli(*shlex.split(command), data=data).returncode == 0, command
    with Library.open(Settings.load(data_dir=data)) as library:
        assert len(library.search("rating:4")) == 1
