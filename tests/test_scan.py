"""What a walk sees, and what differs from what was known: the disk itself is the oracle."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsearch.decode.formats import is_photo_name
from imgsearch.indexer.scan import ScanResult, diff, scan
from imgsearch.records.files import FileStat


def touch(path: Path, content: bytes = b"x") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def names(folder: Path) -> set[str]:
    return {os.path.relpath(path, folder) for path in scan(str(folder), is_photo_name).files}


def test_only_photos_are_seen_and_other_programs_folders_left_alone(tmp_path: Path) -> None:
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


def test_stats_are_those_of_the_disk(tmp_path: Path) -> None:
    path = touch(tmp_path / "a.jpg", b"four")
    about = os.stat(path)
    found = scan(str(tmp_path), is_photo_name).files[path]
    assert found == FileStat(path, 4, about.st_mtime_ns, about.st_ino)


def test_symbolic_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "photos" / "a.jpg")
    touch(tmp_path / "elsewhere" / "b.jpg")
    os.symlink(tmp_path / "elsewhere", tmp_path / "photos" / "more")
    os.symlink(tmp_path / "photos", tmp_path / "photos" / "loop")
    os.symlink(tmp_path / "photos" / "self.jpg", tmp_path / "photos" / "self.jpg")
    os.symlink(tmp_path / "nothing.jpg", tmp_path / "photos" / "dangling.jpg")
    os.symlink(tmp_path / "elsewhere" / "b.jpg", tmp_path / "photos" / "link.jpg")
    assert names(tmp_path / "photos") == {"a.jpg", "more/b.jpg", "link.jpg"}


def test_a_pipe_called_jpg_is_no_photo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert names(tmp_path) == set()


def test_a_name_that_is_not_utf8_is_seen(tmp_path: Path) -> None:
    raw = os.path.join(os.fsencode(tmp_path), b"caf\xe9\n.jpg")
    with open(raw, "wb"):
        pass
    (path,) = scan(str(tmp_path), is_photo_name).files
    assert os.fsencode(path) == raw


def test_a_folder_that_cannot_be_read_loses_nothing(tmp_path: Path) -> None:
    open_path = touch(tmp_path / "open" / "a.jpg")
    locked = tmp_path / "locked"
    locked_path = touch(locked / "b.jpg")
    known = dict(scan(str(tmp_path), is_photo_name).files)
    assert set(known) == {open_path, locked_path}
    seen = ScanResult({open_path: known[open_path]}, (str(locked),))
    assert diff(seen, known).gone == ()
    if os.geteuid() == 0:
        pytest.skip("root may read every folder, so the walk itself cannot be refused")
    locked.chmod(0)
    try:
        assert scan(str(tmp_path), is_photo_name).unreadable == (str(locked),)
    finally:
        locked.chmod(stat.S_IRWXU)


def test_a_folder_that_is_gone_is_empty_not_unreadable(tmp_path: Path) -> None:
    known = {"x": FileStat(str(tmp_path / "gone" / "a.jpg"), 1, 1, 1)}
    seen = scan(str(tmp_path / "gone"), is_photo_name)
    assert seen == ScanResult({}, ())
    assert diff(seen, known).gone == ("x",)


stats = st.builds(FileStat, st.just(""), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
trees = st.dictionaries(st.sampled_from([f"/p/{name}.jpg" for name in "abcdefgh"]), stats)


@given(before=trees, now=trees)
def test_diff_accounts_for_every_file_once(
    before: dict[str, FileStat], now: dict[str, FileStat]
) -> None:
    now = {path: FileStat(path, s.size_bytes, s.mtime_ns, s.inode) for path, s in now.items()}
    changes = diff(ScanResult(now, ()), before)
    same = {
        path
        for path in now.keys() & before.keys()
        if (now[path].size_bytes, now[path].mtime_ns)
        == (before[path].size_bytes, before[path].mtime_ns)
    }
    assert changes.unchanged == len(same)
    assert {found.path for found in changes.upserts} == now.keys() - same
    assert set(changes.gone) == before.keys() - now.keys()
    assert diff(ScanResult(now, ()), now) == diff(ScanResult(now, ()), dict(reversed(now.items())))


def test_unfinished_files_are_read_again(tmp_path: Path) -> None:
    path = touch(tmp_path / "a.jpg")
    seen = scan(str(tmp_path), is_photo_name)
    assert diff(seen, seen.files).upserts == ()
    assert [found.path for found in diff(seen, seen.files, {path}).upserts] == [path]
