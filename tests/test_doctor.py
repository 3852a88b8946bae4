"""`imgsearch doctor` finds what is wrong with a library, and repairs what is safe to repair."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from imgsearch import Library, Settings
from imgsearch.records.status import Finding
from tests.factories import run_cli, write_photos
from tests.stand_in import StandIn


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A healthy library of 20 photos with an index file, in folders that only its owner reads."""
    photos = write_photos(tmp_path / "photos", 20)
    settings = Settings.load(data_dir=tmp_path / "library", cache_dir=tmp_path / "cache")
    with Library.open(settings, encoder=StandIn()) as opened:
        opened.index([photos]).run()
        opened.rebuild().run()
        for folder in (settings.data_dir, settings.cache_dir):
            folder.mkdir(exist_ok=True)
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o700 if path.is_dir() else 0o600)
        yield opened


def problems(library: Library) -> list[Finding]:
    return [each for each in library.doctor() if each.level in ("warning", "error")]


def change(library: Library, statement: str, *parameters: object) -> None:
    file = library.settings.data_dir / "library.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement, parameters)


def index_file(library: Library) -> Path:
    (file,) = (library.settings.data_dir / "snapshots").iterdir()
    return file


def test_a_healthy_library_has_no_problem(library: Library) -> None:
    findings = library.doctor()
    assert problems(library) == []
    assert {"versions", "database", "vectors", "index", "folders"} <= {f.area for f in findings}
    assert library.repair() == []


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
    assert library.repair()[0] == "Deleted the invalid vectors of 1 photos."
    library.index().run()
    assert problems(library) == []
    assert library.status().vectors == 20


def test_a_vector_of_another_length(library: Library) -> None:
    change(library, "UPDATE vectors SET vector = x'0000' WHERE photo_id = 3")
    (finding,) = problems(library)
    assert "2 bytes instead of 64" in finding.message


def test_a_damaged_index_is_found_though_size_and_time_stayed(library: Library) -> None:
    file = index_file(library)
    about, content = file.stat(), bytearray(file.read_bytes())
    content[-9] ^= 0x40
    file.write_bytes(content)

    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    (finding,) = problems(library)
    assert (finding.area, finding.exit_code, finding.repairable) == ("index", 7, True)
    assert library.repair() == ["Rebuilt the index from the stored vectors."]
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
        after = [(hit.path, hit.score or 0.0) for hit in reopened.search("a photo", k=5)]
    assert [path for path, _ in after] == [path for path, _ in before]
    assert np.allclose([score for _, score in after], [score for _, score in before])
    assert problems(library) == []


def test_leftovers_are_deleted(library: Library) -> None:
    left = library.settings.data_dir / "snapshots" / "1-9.partial"
    left.touch(0o600)
    (finding,) = problems(library)
    assert "1-9.partial" in finding.message
    assert library.repair() == ["Deleted 1 leftover index files."]
    assert not left.exists() and problems(library) == []


def test_a_damaged_database(library: Library) -> None:
    library.close()
    file = library.settings.data_dir / "library.db"
    content = bytearray(file.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    file.write_bytes(content)
    findings = problems(library)
    assert [(each.area, each.exit_code) for each in findings] == [("database", 8)]


def test_what_other_users_may_read(library: Library) -> None:
    (library.settings.data_dir / "library.db").chmod(0o644)
    (finding,) = problems(library)
    assert "Other users" in finding.message and finding.cure is not None


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
