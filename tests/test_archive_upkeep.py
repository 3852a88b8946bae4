"""Upkeep of an archive: what could not be read, forgetting, pruning, and finding damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("lance", reason="needs the extra scale")

import lance
import pyarrow as pa

from imgsearch import Library, Settings
from imgsearch.archive.lance.tables import Table
from imgsearch.errors import FolderError, UsageError
from tests.factories import run_cli, write_photos
from tests.stand_in import StandIn

ALL = "sort:path width:>0"


def open_archive(folder: Path, encoder: StandIn | None = None) -> Library:
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / "cache")
    return Library.open_archive(folder / "archive", settings, encoder=encoder or StandIn())


def names(archive: Library) -> list[str]:
    return [hit.path.name for hit in archive.search(ALL, k=100)]


def test_files_that_could_not_be_read_are_listed(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    (photos / "broken.jpg").write_bytes(b"no photo")
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        (failure,) = archive.folders.failures()
        assert failure.path == photos / "broken.jpg"
        assert failure.failed_at is not None
        assert archive.folders.failures([failure.reason.value]) == (failure,)
        assert not archive.folders.failures(["too-large"])
        with pytest.raises(UsageError, match="Unknown failure reason"):
            archive.folders.failures(["odd"])
        with pytest.raises(UsageError, match="only a library on one machine has"):
            archive.folders.all()
        address = archive.address
    done = run_cli("failures", "--json", "--library", address, data=tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert [each["path"] for each in json.loads(done.stdout)] == [str(photos / "broken.jpg")]


def test_a_folder_is_forgotten_and_comes_back_until_it_is_pruned(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos" / "2020", 3).parent
    write_photos(photos / "2020b", 2, first=10)
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        with pytest.raises(FolderError, match="No photo of the archive is in"):
            archive.folders.forget(photos / "2021")
        assert archive.folders.photos_in(photos / "2020") == (str(photos / "2020"), 3)
        assert archive.folders.forget(photos / "2020") == 3
        assert names(archive) == ["0010.png", "0011.png"]
        assert archive.folders.prune() == 0
    encoder = StandIn()
    with open_archive(tmp_path, encoder) as archive:
        report = archive.index([photos]).run()
        assert (report.new, report.moved, report.unchanged) == (0, 3, 2)
        assert encoder.embedded == 0
        assert len(names(archive)) == 5
        assert archive.folders.prune(0) == 0  # they have files again
        assert archive.folders.forget(str(photos / "2020") + "/") == 3
        assert archive.folders.prune(1) == 0
        assert archive.folders.prune(0) == 3
        report = archive.index([photos]).run()
        assert (report.new, report.moved) == (3, 0)
        assert encoder.embedded == 3
        assert len(names(archive)) == 5


def test_the_command_forgets_after_a_question(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        address = archive.address
    asked = run_cli("forget", str(photos), "--library", address, data=tmp_path / "data")
    assert asked.returncode == UsageError.exit_code
    assert f"imgsearch forget --library {address} --yes {photos}" in asked.stderr
    done = run_cli("forget", "--yes", str(photos), "--library", address, data=tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Removed {photos}; 3 photos left the library\n"
    pruned = run_cli("prune", "--days", "0", "--library", address, data=tmp_path / "data")
    assert pruned.returncode == 0, pruned.stderr
    assert pruned.stdout.startswith("Deleted the data of 3 photos")


def test_a_damaged_vector_is_found(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 40)
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        findings = archive.upkeep.doctor()
        assert {each.level for each in findings} <= {"ok", "note"}
        assert "40 vectors have their checksums." in [each.message for each in findings]
        assert f"Settled the archive {archive.address}." in archive.upkeep.repair()
        table = lance.dataset(f"{archive.address}/photos.lance")
        (file,) = (tmp_path / "archive" / "photos.lance" / "data").iterdir()
        numbers = table.to_table(columns=["vector"])["vector"].combine_chunks().flatten()
        content = bytearray(file.read_bytes())
        at = content.find(numbers[:8].to_numpy().tobytes())
        assert at > 0
        content[at + 3] ^= 0x40
        file.write_bytes(content)
    with open_archive(tmp_path) as archive:
        (damage,) = [each for each in archive.upkeep.doctor() if each.level == "error"]
        assert damage.area == "vectors" and damage.exit_code == 8
        assert "1 of 40 vectors" in damage.message
        done = run_cli("doctor", "--library", archive.address, data=tmp_path / "data")
        assert done.returncode == 8
        assert "1 of 40 vectors" in done.stdout


def test_an_interrupted_change_is_completed_by_the_command_that_doctor_names(
    tmp_path: Path,
) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        address = archive.address
    pending = Table(address, "pending", writable=True)
    row = {"change": "of a process that was killed", "hashes": [], "begun_at": "2026-01-01T00:00"}
    pending.merge(pa.Table.from_pylist([row], pending.schema))
    with open_archive(tmp_path) as archive:
        (finding,) = [each for each in archive.upkeep.doctor() if each.area == "changes"]
    assert (finding.level, finding.repairable) == ("note", True)
    assert finding.cure == f"Settle it: imgsearch settle --library {address}"
    done = run_cli("settle", "--library", address, data=tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 photos, 0 of 3 vectors in the index, settled in ")
    assert "a search compares every vector" in done.stderr
    with open_archive(tmp_path) as archive:
        (finding,) = [each for each in archive.upkeep.doctor() if each.area == "changes"]
    assert finding.level == "ok"
    reported = run_cli("settle", "--json", "--library", address, data=tmp_path / "data")
    assert json.loads(reported.stdout)["photos"] == 3
    missing = run_cli("settle", "--library", tmp_path / "none", data=tmp_path / "data")
    assert missing.returncode == 8 and "There is no archive at" in missing.stderr
    assert run_cli("settle", data=tmp_path / "data").returncode == 2


def test_messages_show_commands_with_the_address(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos and more", 3)
    with open_archive(tmp_path) as archive:
        archive.index([photos]).run()
        for photo in photos.iterdir():
            photo.unlink()
        with pytest.raises(FolderError) as refused:
            archive.index([photos]).run()
        command = f"imgsearch index '{photos}' --accept-removals --library {archive.address}"
        assert str(refused.value).endswith(f"if you removed them on purpose: {command}")


def test_damage_of_a_table_is_a_finding(tmp_path: Path) -> None:
    with open_archive(tmp_path) as archive:
        archive.index([write_photos(tmp_path / "photos", 2)]).run()
    for manifest in (tmp_path / "archive" / "files.lance" / "_versions").iterdir():
        manifest.write_bytes(b"damaged")
    with open_archive(tmp_path) as archive:
        assert [each.exit_code for each in archive.upkeep.doctor() if each.level == "error"] == [8]


@pytest.mark.features("assistant", "albums", "concepts", "people", "places", "saved")
def test_an_assistant_searches_an_archive(tmp_path: Path) -> None:
    pytest.importorskip("mcp", reason="needs the extra mcp")
    from imgsearch.features.assistant.tools import PhotoTools

    with open_archive(tmp_path) as archive:
        archive.index([write_photos(tmp_path / "photos", 3)]).run()
        tools = PhotoTools(archive)
        offered = {tool.name for tool in tools.tools}
        assert {"search", "similar", "photo", "explain", "places", "timeline"} <= offered
        assert {"saved", "albums", "concepts", "people"} <= offered
        photos = tools.call("search", {"query": ALL}).content["hits"]
        assert [Path(each["path"]).name for each in photos] == ["0000.png", "0001.png", "0002.png"]
        assert tools.picture(photos[0]["photo_id"])[:4] == b"RIFF"
