"""A scan finds the photos of a folder; changes are the differences from the known files."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from imgsearch import Library, Settings
from imgsearch.decode.formats import is_photo_name
from imgsearch.indexer.scan import ScanResult, find_changes, scan
from imgsearch.records.files import FileStat
from tests.factories import IS_ROOT, write_photo
from tests.stand_in import StandIn


def touch(path: Path, content: bytes = b"x") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def names(folder: Path) -> set[str]:
    return {os.path.relpath(path, folder) for path in scan(str(folder), is_photo_name).files}


def test_hidden_files_and_folders_of_other_programs_are_left_out(tmp_path: Path) -> None:
    for name in (
        "a.jpg",
        "deep/er/B.JPEG",
        "c.heic",
        "notes.txt",
        "no-suffix",
        "._a.jpg",  # AppleDouble
        ".hidden.jpg",
        ".hidden/a.jpg",
        "@eaDir/a.jpg/thumb.jpg",
        ".Trash-1000/files/a.jpg",
        "$RECYCLE.BIN/a.jpg",
        "#recycle/a.jpg",
    ):
        touch(tmp_path / name)
    assert names(tmp_path) == {"a.jpg", "deep/er/B.JPEG", "c.heic"}


def test_sizes_times_and_inodes_are_those_of_the_disk(tmp_path: Path) -> None:
    path = touch(tmp_path / "a.jpg", b"four")
    status = os.stat(path)
    stat = scan(str(tmp_path), is_photo_name).files[path]
    assert stat == FileStat(path, 4, status.st_mtime_ns, status.st_ino)


def test_symbolic_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "photos" / "a.jpg")
    touch(tmp_path / "elsewhere" / "b.jpg")
    os.symlink(tmp_path / "elsewhere", tmp_path / "photos" / "more")
    os.symlink(tmp_path / "photos", tmp_path / "photos" / "loop")
    os.symlink(tmp_path / "photos" / "self.jpg", tmp_path / "photos" / "self.jpg")
    os.symlink(tmp_path / "nothing.jpg", tmp_path / "photos" / "dangling.jpg")
    os.symlink(tmp_path / "elsewhere" / "b.jpg", tmp_path / "photos" / "link.jpg")
    assert names(tmp_path / "photos") == {"a.jpg", "more/b.jpg", "link.jpg"}


def test_a_pipe_with_the_name_of_a_photo_is_left_out(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert names(tmp_path) == set()


def test_a_name_that_is_not_utf8_is_found(tmp_path: Path) -> None:
    raw = os.path.join(os.fsencode(tmp_path), b"caf\xe9\n.jpg")
    with open(raw, "wb"):
        pass
    (path,) = scan(str(tmp_path), is_photo_name).files
    assert os.fsencode(path) == raw


def test_files_in_an_unreadable_folder_are_not_gone(tmp_path: Path) -> None:
    readable_path = touch(tmp_path / "open" / "a.jpg")
    locked = tmp_path / "locked"
    locked_path = touch(locked / "b.jpg")
    known = dict(scan(str(tmp_path), is_photo_name).files)
    assert set(known) == {readable_path, locked_path}
    result = ScanResult({readable_path: known[readable_path]}, (str(locked),))
    assert find_changes(result, known).gone == ()
    if IS_ROOT:
        pytest.skip("root may read every folder, so no folder is unreadable")
    locked.chmod(0)
    try:
        assert scan(str(tmp_path), is_photo_name).unreadable == (str(locked),)
    finally:
        locked.chmod(stat.S_IRWXU)


def test_a_folder_that_was_removed_is_empty_and_not_unreadable(tmp_path: Path) -> None:
    known = {"x": FileStat(str(tmp_path / "gone" / "a.jpg"), 1, 1, 1)}
    result = scan(str(tmp_path / "gone"), is_photo_name)
    assert result == ScanResult({}, ())
    assert find_changes(result, known).gone == ("x",)


stats = st.builds(FileStat, st.just(""), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
trees = st.dictionaries(st.sampled_from([f"/p/{name}.jpg" for name in "abcdefgh"]), stats)


@given(before=trees, now=trees)
def test_every_file_is_new_changed_unchanged_or_gone(
    before: dict[str, FileStat], now: dict[str, FileStat]
) -> None:
    now = {path: replace(stat, path=path) for path, stat in now.items()}
    changes = find_changes(ScanResult(now, ()), before)
    same = {
        path
        for path in now.keys() & before.keys()
        if (now[path].size_bytes, now[path].mtime_ns)
        == (before[path].size_bytes, before[path].mtime_ns)
    }
    assert changes.unchanged == len(same)
    assert {file.path for file in changes.upserts} == now.keys() - same
    assert set(changes.gone) == before.keys() - now.keys()
    reversed_order = dict(reversed(now.items()))
    assert find_changes(ScanResult(reversed_order, ()), dict(reversed(before.items()))) == changes


def test_outdated_files_count_as_changed(tmp_path: Path) -> None:
    path = touch(tmp_path / "a.jpg")
    result = scan(str(tmp_path), is_photo_name)
    assert find_changes(result, result.files).upserts == ()
    assert [file.path for file in find_changes(result, result.files, {path}).upserts] == [path]


def test_numbers_that_sqlite_cannot_store_are_brought_into_range() -> None:
    stats = [
        FileStat.from_status(
            "/photos/a.jpg",
            SimpleNamespace(st_size=7, st_mtime_ns=mtime_ns, st_ino=inode),  # type: ignore[arg-type]
        )
        for mtime_ns, inode in ((-(10**30), (1 << 63) + 5), (10**30, (1 << 64) - 1))
    ]
    for seen in stats:
        assert -(1 << 63) <= seen.inode < 1 << 63
        assert -(1 << 63) <= seen.mtime_ns < 1 << 63
    assert stats[0].inode != stats[1].inode


def test_a_photo_dated_1601_is_indexed() -> None:
    """Windows' zero time, which tmpfs keeps and whose nanoseconds are beyond 64 bits."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name)
        photo = write_photo(folder / "photos" / "a.png")
        os.utime(photo, ns=(0, -11_644_473_600 * 10**9))
        if photo.stat().st_mtime_ns > -(1 << 63):
            pytest.skip("this file system keeps no such time")
        config = Settings.load(data_dir=folder / "library", cache_dir=folder / "cache")
        with Library.open(config, encoder=StandIn()) as library:
            assert library.index([folder / "photos"]).run().new == 1
            assert library.index().run().unchanged == 1
