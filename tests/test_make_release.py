"""Archives of a release have the same bytes, whenever and by whomever they are written."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import click
import pytest

from tests.make_release import (
    SUMS,
    export,
    git,
    make_release,
    normalise_sdist,
    pack_site,
    write_sums,
)

TIME_S = 1_796_000_000


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "kept.txt").write_text("kept")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    git(folder, *who, "commit", "--quiet", "--message", "First")
    return folder


def packed(folder: Path, name: str, files: dict[str, str], mtime: int) -> Path:
    """A tar file as setuptools writes it: in any order, with the times of the files."""
    target = folder / name
    source = folder / f"{name}-files"
    with tarfile.open(target, "w:gz") as archive:
        for path, text in files.items():
            file = source / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            os.utime(file, (mtime, mtime))
            archive.add(file, arcname=f"imgsearch-1/{path}")
    return target


def test_an_sdist_has_the_same_bytes_in_any_order_and_on_any_day(tmp_path: Path) -> None:
    files = {"b.py": "b", "a/c.py": "c"}
    first = packed(tmp_path, "first.tar.gz", files, 1_000_000_000)
    second = packed(tmp_path, "second.tar.gz", dict(reversed(files.items())), 1_700_000_000)
    assert first.read_bytes() != second.read_bytes()
    targets = [tmp_path / "1" / "x.tar.gz", tmp_path / "2" / "x.tar.gz"]
    for source, target in zip((first, second), targets, strict=True):
        target.parent.mkdir()
        normalise_sdist(source, target, TIME_S)
    assert targets[0].read_bytes() == targets[1].read_bytes()
    with tarfile.open(targets[0]) as archive:
        assert archive.getnames() == ["imgsearch-1/a/c.py", "imgsearch-1/b.py"]
        assert {(each.mtime, each.uid, each.uname) for each in archive} == {(TIME_S, 0, "")}
        content = archive.extractfile("imgsearch-1/a/c.py")
        assert content is not None and content.read() == b"c"


def test_a_site_is_packed_with_the_time_of_the_commit(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "docs").mkdir(parents=True)
    (site / "docs" / "index.html").write_text("<p>")
    pack_site(site, tmp_path / "a.zip", TIME_S)
    os.utime(site / "docs" / "index.html", (5, 5))
    pack_site(site, tmp_path / "b.zip", TIME_S)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["docs/index.html"]
        assert archive.read("docs/index.html") == b"<p>"


def test_only_committed_files_are_exported(checkout: Path, tmp_path: Path) -> None:
    (checkout / "draft.txt").write_text("not committed")
    export(checkout, tmp_path / "source")
    assert [file.name for file in (tmp_path / "source").iterdir()] == ["kept.txt"]


def test_changes_that_are_not_committed_are_refused(checkout: Path, tmp_path: Path) -> None:
    (checkout / "kept.txt").write_text("changed")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "earlier.whl").write_text("earlier")
    with pytest.raises(click.ClickException, match=r"kept\.txt"):
        make_release(tmp_path / "dist", checkout)
    assert (tmp_path / "dist" / "earlier.whl").read_text() == "earlier"


def test_the_checksums_are_those_that_sha256sum_checks(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"wheel")
    write_sums(tmp_path)
    expected = f"{hashlib.sha256(b'wheel').hexdigest()}  a.whl\n"
    assert (tmp_path / SUMS).read_text() == expected
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=tmp_path, check=True)
