"""`imgsearch index --library` and `imgsearch copy`: archives are filled by commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.errors import SchemaTooNew
from tests.factories import run_cli, write_xmp

lance = pytest.importorskip("lance", reason="needs the extra scale")


def found(data: Path, *more: str) -> list[tuple[str, float]]:
    """Names and scores of what a search finds."""
    done = run_cli("search", "a cat", "--json", *more, data=data)
    assert done.returncode == 0, done.stderr
    hits = json.loads(done.stdout)["hits"]
    return [(Path(hit["paths"][0]).name, round(hit["score"], 3)) for hit in hits]


def test_an_archive_that_is_indexed_or_copied_answers_as_the_library(
    tmp_path: Path, demo_photos: Path
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(demo_photos, photos)
    (photos / "text.jpg").write_text("no photo")
    data, archive, copied = tmp_path / "library", tmp_path / "archive", tmp_path / "copied"
    assert run_cli("index", photos, data=data).returncode == 0
    done = run_cli("index", photos, "--library", archive, data=data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("21 new, 1 failed in "), done.stdout
    assert f"imgsearch failures --library {archive}" in done.stderr
    again = run_cli("index", photos, "--library", archive, "--json", data=data)
    assert json.loads(again.stdout)["unchanged"] == 22
    copy = run_cli("copy", "--to", copied, data=data)
    assert copy.stdout.startswith("21 photos (21 new there, 21 files), 0 texts and 1 failure")
    expected = found(data)
    assert found(data, "--library", str(archive)) == expected
    assert found(data, "--library", str(copied)) == expected
    write_xmp(photos / "chelsea.xmp", rating=5)
    assert run_cli("index", data=data).returncode == 0
    changed = "Updated the metadata of 1 photo from sidecar files."
    assert changed in run_cli("index", photos, "--library", archive, data=data).stderr
    assert "The metadata of 1 photo there" in run_cli("copy", "--to", copied, data=data).stderr
    metadata = run_cli("index", photos, "--metadata", "--library", archive, data=data)
    assert "Read the metadata again: it changed for 0 photos." in metadata.stderr
    for address in (archive, copied):
        rated = run_cli("search", "rating:5", "--paths", "--library", address, data=data)
        assert Path(rated.stdout.strip()).name == "chelsea.png"
    # A newer imgsearch may have changed what only it can write.
    lance.dataset(str(archive / "photos.lance")).update_schema_metadata({"imgsearch:writes": "2"})
    assert found(data, "--library", str(archive))
    refused = run_cli("index", photos, "--library", archive, data=data)
    assert refused.returncode == SchemaTooNew.exit_code == 8
    assert "can search it, but not write to it" in refused.stderr


def test_mistakes_about_archives_are_said_in_a_sentence(tmp_path: Path) -> None:
    data, archive = tmp_path / "library", str(tmp_path / "archive")
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, code, message in (
        (("index", "s3://photos"), 2, "--ray and s3:// need an archive"),
        (
            ("index", str(tmp_path), "--library", archive, "--verify"),
            2,
            "cannot be used with --library",
        ),
        (("index", "--library", archive), 2, "Name the folders or buckets"),
        (("index", str(empty), "--library", archive), 4, "No photos were found in"),
        (("copy", "--to", archive + "2"), 2, "imgsearch index"),
    ):
        done = run_cli(*arguments, data=data)
        assert done.returncode == code, (arguments, done.stderr)
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_machine_knows_the_folders_that_it_has_indexed_into_an_archive(
    tmp_path: Path, demo_photos: Path
) -> None:
    photos, archive = tmp_path / "photos", str(tmp_path / "archive")
    photos.mkdir()
    shutil.copy(demo_photos / "coffee.png", photos)
    broken = photos / "rocket.jpg"
    broken.write_bytes((demo_photos / "rocket.jpg").read_bytes()[:200])
    before = broken.stat()

    def run(*arguments: str, machine: str = "here") -> subprocess.CompletedProcess[str]:
        copies = str(tmp_path / f"{machine}-copies")
        return run_cli(
            *arguments,
            *("--library", archive),
            data=tmp_path / machine,
            IMGSEARCH_REPLICA_DIR=copies,
        )

    assert "1 new" in run("index", str(photos), "--encoder", "lite").stdout
    assert str(broken) in run("failures").stdout
    # Nothing that a listing shows has changed, so only a retry reads it again.
    content = (demo_photos / "rocket.jpg").read_bytes()
    broken.write_bytes(content[: before.st_size])
    os.utime(broken, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = run("failures", "--retry", "--reason", "unsupported")
    assert "0 can be read now; 0 cannot" in done.stderr, done.stderr
    done = run("failures", "--retry")
    assert "0 can be read now; 1 cannot" in done.stderr, done.stderr
    broken.write_bytes(content)
    done = run("failures", "--retry")
    assert "1 can be read now; 0 cannot" in done.stderr, done.stderr
    assert "No file failed" in done.stderr
    (photos / "later.jpg").write_bytes((demo_photos / "astronaut.png").read_bytes())
    assert run("index").stdout.startswith("1 new")
    # Another machine is told where it can be done, and how it can do so itself.
    broken.write_bytes(content[:200])
    assert "1 failed" in run("index").stdout
    done = run("failures", "--retry", machine="there")
    assert done.returncode == 2 and str(broken) in done.stderr
    cure = f"imgsearch index {photos} --library {archive}"
    assert cure in done.stderr
    assert "1 failed" in run(*cure.split()[1:3], machine="there").stdout
    broken.write_bytes(content)
    assert "1 can be read now" in run("failures", "--retry", machine="there").stderr
    # A folder that was removed does not come back by itself.
    assert run("forget", str(photos), "--yes").returncode == 0
    done = run("index")
    assert done.returncode == 2 and "has not indexed any folder" in done.stderr


def test_an_archive_is_never_made_among_photos(tmp_path: Path, demo_photos: Path) -> None:
    photos, data = tmp_path / "photos", tmp_path / "library"
    shutil.copytree(demo_photos, photos)
    (tmp_path / "others").mkdir()
    shutil.copy(demo_photos / "coffee.png", tmp_path / "others")
    (tmp_path / "link").symlink_to(photos)
    table = tmp_path / "archive" / "photos.lance"
    table.mkdir(parents=True)
    shutil.copy(demo_photos / "coffee.png", table)
    assert run_cli("index", photos, table, data=data).returncode == 0
    before = sorted(tmp_path.rglob("*.lance")), sorted(photos.rglob("*"))
    others = tmp_path / "others"
    for arguments, sentence in (
        (("copy", "--to", photos), "is in the indexed folder"),
        (("copy", "--to", photos / "new" / "archive"), "is in the indexed folder"),
        (("copy", "--to", tmp_path / "link" / "archive"), "is in the indexed folder"),
        (("copy", "--to", tmp_path / "archive"), "would write its tables there"),
        (("index", others, "--library", photos / "archive"), "is in the indexed folder"),
        (("index", others, "--library", others), "is in the indexed folder"),
        (("index", others, "--library", others / "archive"), "is in the indexed folder"),
        (("index", "s3://a/b", "--library", "s3://a/b/archive"), "is among the photos of s3://a/b"),
    ):
        done = run_cli(*arguments, data=data)
        assert (done.returncode, done.stdout) == (2, ""), (arguments, done.stderr)
        assert sentence in done.stderr, done.stderr
    assert (sorted(tmp_path.rglob("*.lance")), sorted(photos.rglob("*"))) == before
    assert [each.name for each in others.iterdir()] == ["coffee.png"]
    beside = run_cli("index", others, "--library", tmp_path / "photos-archive", data=data)
    assert beside.returncode == 0, beside.stderr


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path, demo_photos: Path) -> None:
    arguments = ("--library", tmp_path / "archive", "--ray", "127.0.0.1:9")
    done = run_cli("index", demo_photos, *arguments, data=tmp_path / "library")
    assert done.returncode == 14
    assert "No Ray cluster answers at 127.0.0.1:9. Start one: ray start --head" in done.stderr


def test_a_copy_in_python_reports_what_it_did(demo: Library, tmp_path: Path) -> None:
    with Library.open_archive(tmp_path / "archive", Settings.load(data_dir=tmp_path)) as archive:
        report = archive.fleet.copy_from(demo.settings.data_dir).run()
        assert (report.photos, report.new) == (21, 21)
        assert {hit.path for hit in archive.search("a cat", k=100)} == {
            hit.path for hit in demo.search("a cat", k=100)
        }
