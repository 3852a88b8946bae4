"""An archive whose first run was killed before it had a photo says so, and goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imgsearch.records.index import EncoderRow
from tests.factories import PATIENCE_S, cli_environment, run_cli, write_photos

pytest.importorskip("lance", reason="needs the extra scale")

# The process ends itself where a table would be made: nothing of it is there yet.
KILLED = """
import os, signal, sys
from imgsearch.archive.lance import tables
table, make = sys.argv.pop(), tables.lance.write_dataset
def write_dataset(rows, uri, **options):
    if uri.endswith(f"/{table}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return make(rows, uri, **options)
tables.lance.write_dataset = write_dataset
from imgsearch import cli
cli.main()
"""


@pytest.mark.parametrize("table", ["kept.lance", "texts.lance", "photos.lance"])
def test_a_first_run_that_was_killed_is_named_and_can_be_run_again(
    tmp_path: Path, table: str
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no SIGKILL")
    data, archive = tmp_path / "data", tmp_path / "my archive"
    photos = write_photos(tmp_path / "photos", 3)
    run = ("index", photos, "--library", archive, "--encoder", "lite")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, run), table],
        env=cli_environment(data),
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    for command in (("search", "a photo"), ("status",), ("doctor",)):
        done = run_cli(*command, "--library", archive, data=data)
        said = done.stdout + done.stderr
        assert done.returncode == 8, said
        assert "was begun and has no photos yet" in said and "Check the address" not in said
        assert f"--library '{archive}'" in said
    again = run_cli(*run, data=data)
    assert again.returncode == 0, again.stderr
    found = run_cli("search", "in:photos", "--library", archive, "--paths", data=data)
    assert len(found.stdout.splitlines()) == 3


def test_an_archive_that_has_lost_its_photos_was_not_only_begun(tmp_path: Path) -> None:
    data, archive = tmp_path / "data", tmp_path / "archive"
    run = ("index", write_photos(tmp_path / "photos", 3), "--library", archive, "--encoder", "lite")
    assert run_cli(*run, data=data).returncode == 0
    (archive / "photos.lance").rename(tmp_path / "lost")
    done = run_cli("search", "a photo", "--library", archive, data=data)
    assert done.returncode == 8 and "its table photos is missing" in done.stderr


def test_an_address_without_anything_is_checked(tmp_path: Path) -> None:
    done = run_cli("search", "a photo", "--library", tmp_path / "none", data=tmp_path / "data")
    assert done.returncode == 8 and "Check the address" in done.stderr


def test_an_archive_may_lie_in_a_folder_that_is_called_a_bucket(tmp_path: Path) -> None:
    from imgsearch.archive.lance import tables

    address = str(tmp_path / "my-bucket" / "archive")
    assert not tables.exists(address)
    tables.create(address, EncoderRow(1, "test/1", "test", 4))
    assert tables.exists(address)
