"""The script that moves near-duplicates away, run for real on files of hostile names."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imgsearch import DuplicateGroup, GroupedPhoto, Hit, Photo, removal_paths, removal_script
from imgsearch.errors import UsageError
from imgsearch.records.photo import Facts

SHELLS = [shell for shell in ("sh", "dash", "bash", "ksh", "zsh") if shutil.which(shell)]
# What a file can be called on Linux: bytes that are no UTF-8, and all that means something to a
# shell, to its commands, or to a terminal.
HOSTILE = [
    b"plain.jpg", b"it's.jpg", b"'", b'"double".jpg', b"-rf", b"--to", b"two words.jpg",
    b"new\nline.jpg", b"ends in newline\n", b"\n", b"$(touch pwned)", b"`touch pwned`", b"$HOME",
    b"back\\slash\\'.jpg", b"a;touch pwned;", b"a&&b|c>d<e", b"*", b"?[a-z].jpg", b"~", b"#x",
    b"%s%n.jpg", b"\xff\xfe latin \xe9.jpg", bytes(range(0x80, 0x90)), "Genève 猫.jpg".encode(),
    b"tab\there\r", b"\x1b[31mred\x07.jpg", b"{a,b}", b"!history", b"=x", b"a\\",
]  # fmt: skip


def content(number: int) -> bytes:
    return f"content of {number}".encode()


def photo(number: int, *paths: Path, keep: bool) -> GroupedPhoto:
    content_hash = hashlib.blake2b(content(number), digest_size=32).hexdigest()
    found = Photo(number, content_hash, len(content(number)), Facts("JPEG", 8, 8))
    return GroupedPhoto(Hit(found, paths, None), keep, "larger" if keep else "smaller")


def written(path: Path, number: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(number))
    return path


def run(
    script: bytes, folder: Path, *arguments: str | Path, shell: str = "sh", **environment: str
) -> tuple[int, list[str]]:
    """Run the script in that folder; returns its exit code and the lines it printed."""
    file = folder / "move.sh"
    file.write_bytes(script)
    done = subprocess.run(
        [shell, file, *arguments],
        cwd=folder,
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace").splitlines()


def files_in(folder: Path) -> dict[bytes, bytes]:
    """Name and content of every file below a folder."""
    return {
        os.fsencode(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("shell", SHELLS)
def test_any_file_name_is_moved_and_nothing_else_happens(shell: str, tmp_path: Path) -> None:
    photos = tmp_path / "it's\nthe -folder\udcff\n"
    kept = written(photos / "kept" / "-k\n'.jpg", 0)
    bystander = written(photos / "x" / "bystander", 99)
    groups = []
    for number, name in enumerate(HOSTILE, 1):
        path = written(photos / "x" / os.fsdecode(name), number)
        groups.append(DuplicateGroup((photo(0, kept, keep=True), photo(number, path, keep=False))))
    before = files_in(photos)
    script = removal_script(groups)

    code, lines = run(script, tmp_path, shell=shell)
    assert code == 0 and files_in(photos) == before, "without an argument nothing is changed"
    assert f"Would be moved: {len(HOSTILE)}. Would be left: 0. Nothing was changed." in lines
    assert not any(c < " " for line in lines for c in line), "no name may control a terminal"

    code, lines = run(script, tmp_path, "--to", "moved away", shell=shell)
    assert (code, lines[-1]) == (0, f"Moved: {len(HOSTILE)}. Left: 0."), lines
    assert set(files_in(photos).values()) == {content(0), content(99)} and bystander.exists()
    moved = files_in(Path(f"{tmp_path}/moved away{photos}"))
    assert moved == {b"x/" + name: content(n) for n, name in enumerate(HOSTILE, 1)}
    assert not list(tmp_path.rglob("pwned")) and len(list(tmp_path.iterdir())) == 3


def test_a_file_that_changed_is_left_alone(tmp_path: Path) -> None:
    kept, same, changed, gone = (
        written(tmp_path / "photos" / f"{number}.jpg", number) for number in range(4)
    )
    members = [photo(n, path, keep=False) for n, path in enumerate((same, changed, gone), 1)]
    script = removal_script([DuplicateGroup((photo(0, kept, keep=True), *members))])
    changed.write_bytes(b"content of x")  # as long as before
    gone.unlink()
    code, lines = run(script, tmp_path, "--to", tmp_path / "away")
    assert code == 1 and set(files_in(tmp_path / "photos")) == {b"0.jpg", b"2.jpg"}
    assert lines == [
        f"Moved {same}",
        f"Left {changed}: it has changed, or cannot be read",
        f"Left {gone}: it is not there",
        "Moved: 1. Left: 2.",
    ]


def test_nothing_of_a_group_goes_once_all_that_is_kept_of_it_has_changed(tmp_path: Path) -> None:
    first, copy, other = (written(tmp_path / f"{name}.jpg", 0) for name in ("a", "copy", "o"))
    written(other, 1)
    group = DuplicateGroup((photo(0, first, copy, keep=True), photo(1, other, keep=False)))
    first.unlink()
    assert run(removal_script([group]), tmp_path)[0] == 0, "its copy is still there"
    copy.write_bytes(b"another")
    code, lines = run(removal_script([group]), tmp_path, "--to", tmp_path / "away")
    assert code == 1 and other.exists()
    assert lines[0] == f"Left {other}: no photo that is kept in its place is as it was"


def test_a_link_is_left_alone_and_so_is_a_file_that_would_replace_another(tmp_path: Path) -> None:
    kept, file = written(tmp_path / "k.jpg", 0), written(tmp_path / "f.jpg", 1)
    link = tmp_path / "link.jpg"
    link.symlink_to(file)
    taken = written(Path(f"{tmp_path}/away{file}"), 7)
    members = [photo(1, path, keep=False) for path in (link, file)]
    script = removal_script([DuplicateGroup((photo(0, kept, keep=True), *members))])
    code, lines = run(script, tmp_path, "--to", tmp_path / "away")
    assert code == 1 and file.exists() and link.is_symlink() and taken.read_bytes() == content(7)
    assert {f"Left {file}: it could not be moved", "There is one already."} <= set(lines)


def test_files_go_to_the_trash_of_the_desktop(tmp_path: Path) -> None:
    """The program is found by name: what is on the PATH stands for gio, trash-put or trash."""
    trash = tmp_path / "bin" / "gio"
    trash.parent.mkdir()
    trash.write_text(f'#!/bin/sh\n[ "$1" = trash ] && mv "$2" "{tmp_path}/trashed"\n')
    trash.chmod(0o755)
    kept, file = written(tmp_path / "k.jpg", 0), written(tmp_path / "-n'\n.jpg", 1)
    group = DuplicateGroup((photo(0, kept, keep=True), photo(1, file, keep=False)))
    path = f"{trash.parent}:{os.environ['PATH']}"
    code, lines = run(removal_script([group]), tmp_path, "--trash", PATH=path)
    assert (code, lines[-1]) == (0, "Moved: 1. Left: 0.") and not file.exists()
    assert (tmp_path / "trashed").read_bytes() == content(1) and kept.exists()


def test_without_b2sum_python_compares_and_without_both_nothing_is_done(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("mv", "mkdir", "tr"):
        (tools / name).symlink_to(shutil.which(name) or "")
    kept, file = written(tmp_path / "k.jpg", 0), written(tmp_path / "f.jpg", 1)
    group = DuplicateGroup((photo(0, kept, keep=True), photo(1, file, keep=False)))
    shell = shutil.which("sh") or ""
    code, lines = run(
        removal_script([group]), tmp_path, "--to", "away", shell=shell, PATH=str(tools)
    )
    assert code == 2 and file.exists() and "needs b2sum" in lines[0]
    # The one that runs this test: `python3` may be a script that needs further tools.
    (tools / "python3").write_text(f'#!{shell}\nexec "{sys.executable}" "$@"\n')
    (tools / "python3").chmod(0o700)
    code, lines = run(
        removal_script([group]), tmp_path, "--to", "away", shell=shell, PATH=str(tools)
    )
    assert code == 0 and not file.exists(), lines


@pytest.mark.parametrize("arguments", [("--delete",), ("--to",), ("--to", ""), ("a", "b", "c")])
def test_wrong_usage_changes_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    code, lines = run(removal_script([]), tmp_path, *arguments)
    assert code == 2 and lines == ["Usage: sh FILE [--trash | --to DIR]"]


def test_something_of_each_group_must_be_kept(tmp_path: Path) -> None:
    group = DuplicateGroup((photo(1, tmp_path / "a", keep=False),))
    with pytest.raises(UsageError, match="Keep at least one"):
        removal_script([group])


def test_the_list_has_every_file_that_is_not_kept(tmp_path: Path) -> None:
    a, b, c = (tmp_path / name for name in "abc")
    group = DuplicateGroup((photo(1, a, keep=True), photo(2, b, c, keep=False)))
    assert removal_paths([group]) == [b, c]
