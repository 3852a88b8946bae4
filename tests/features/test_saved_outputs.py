"""Links, lists and commands follow a saved search, and nothing that is not ours is touched."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from imgsearch import Library, SavedSearchOutputs
from imgsearch.errors import DiskError, ImgsearchError, QueryError, UsageError
from imgsearch.features.saved.records import OutputsReport
from imgsearch.features.saved.telling import read_command, tell
from imgsearch.features.saved.updater import OutputsUpdater
from imgsearch.outputs.links import LIST_FILE, LinkChanges, update_links
from imgsearch.outputs.playlist import write_playlist
from tests.factories import (
    run_cli,
    start_cli,
    wait_until,
    write_photo,
    write_photos,
)
from tests.stand_in import StandIn

PHOTOS = {1: Path("/p/a.jpg"), 2: Path("/p/b.jpg"), 3: Path("/q/a.jpg")}
NEVER = threading.Event()


def links_in(folder: Path) -> dict[str, str]:
    return {entry.name: os.readlink(entry) for entry in folder.iterdir() if entry.is_symlink()}


def contents(folder: Path) -> dict[str, object]:
    """Everything below a folder: what files have in them and when they changed, links as such."""
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in folder.rglob("*")
    }


# ------------------------------------------------------------------------- links


def test_links_follow_the_photos_and_keep_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "frame"
    assert update_links(folder, "s", PHOTOS) == LinkChanges(3, 0)
    assert links_in(folder) == {"a.jpg": "/p/a.jpg", "b.jpg": "/p/b.jpg", "a (3).jpg": "/q/a.jpg"}
    before = contents(folder)
    assert update_links(folder, "s", dict(reversed(PHOTOS.items()))) == LinkChanges()
    assert contents(folder) == before, "nothing to do, nothing written"
    moved = {3: Path("/q/a.jpg"), 2: Path("/r/b.jpg"), 4: Path("/r/c.jpg")}
    assert update_links(folder, "s", moved) == LinkChanges(2, 2)
    assert links_in(folder) == {"a (3).jpg": "/q/a.jpg", "b.jpg": "/r/b.jpg", "c.jpg": "/r/c.jpg"}
    assert update_links(folder, "s", {}, kept={2}) == LinkChanges(0, 2)
    assert links_in(folder) == {"b.jpg": "/r/b.jpg"}
    assert update_links(folder, "s", {}) == LinkChanges(0, 1)
    assert {entry.name for entry in folder.iterdir()} == {LIST_FILE}


def test_names_need_not_be_text(tmp_path: Path) -> None:
    odd = {1: Path("/p/\udce4 \n.jpg"), 2: Path("/p/-rf")}
    assert update_links(tmp_path / "frame", "s", odd) == LinkChanges(2, 0)
    assert update_links(tmp_path / "frame", "s", odd) == LinkChanges()
    assert set(links_in(tmp_path / "frame").values()) == {str(path) for path in odd.values()}


def test_a_folder_with_other_files_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    write_photos(folder, 5)
    (folder / "link").symlink_to("0001.png")
    before = contents(folder)
    with pytest.raises(UsageError, match=r"not links of imgsearch \(0000.png, 0001.png, 0002.png"):
        update_links(folder, "s", PHOTOS)
    assert contents(folder) == before
    with pytest.raises(UsageError, match="is not a folder"):
        update_links(folder / "0000.png", "s", PHOTOS)
    with pytest.raises(UsageError, match="There is no folder"):
        update_links(tmp_path / "none" / "frame", "s", PHOTOS)


def test_what_others_put_beside_the_links_is_never_touched(tmp_path: Path) -> None:
    folder = tmp_path / "frame"
    update_links(folder, "s", {1: PHOTOS[1], 2: PHOTOS[2]})
    (folder / "a.jpg").unlink()
    (folder / "a.jpg").write_text("a file of the user's, in place of the link")
    (folder / "b.jpg").unlink()
    (folder / "b.jpg").symlink_to("/elsewhere/b.jpg")
    (folder / "c.jpg").write_text("before there is a photo of this name")
    foreign = contents(folder)
    del foreign[LIST_FILE]
    update_links(folder, "s", {**PHOTOS, 4: Path("/r/c.jpg")})
    after = contents(folder)
    assert foreign.items() <= after.items()
    assert links_in(folder) == {
        "a (1).jpg": "/p/a.jpg",
        "a (3).jpg": "/q/a.jpg",
        "b (2).jpg": "/p/b.jpg",
        "b.jpg": "/elsewhere/b.jpg",
        "c (4).jpg": "/r/c.jpg",
    }
    update_links(folder, "s", {})
    after = contents(folder)
    assert foreign.items() == {item for item in after.items() if item[0] != LIST_FILE}


@pytest.mark.parametrize("made", range(4))
def test_links_of_a_killed_run_are_known_as_ours(tmp_path: Path, made: int) -> None:
    folder = tmp_path / "frame"
    update_links(folder, "s", {2: Path("/old/b.jpg"), 9: Path("/old/z.jpg")})
    left = made

    def make(target: str, name: str, folder: int | None) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        os.symlink(target, name, dir_fd=folder)

    if made < 3:
        with pytest.raises(KeyboardInterrupt):
            update_links(folder, "s", PHOTOS, make_link=make)
    else:
        update_links(folder, "s", PHOTOS, make_link=make)
    update_links(folder, "s", PHOTOS)
    assert sorted(links_in(folder).values()) == sorted(map(str, PHOTOS.values()))
    update_links(folder, "s", {})
    assert links_in(folder) == {}


def test_a_folder_keeps_one_saved_search(tmp_path: Path) -> None:
    folder = tmp_path / "frame"
    update_links(folder, "beach", PHOTOS)
    with pytest.raises(UsageError, match="has the links of the saved search 'beach'"):
        update_links(folder, "dogs", PHOTOS, other_names=["beach", "dogs"])
    update_links(folder, "sea", {}, other_names=["sea"])  # it was renamed
    assert links_in(folder) == {}
    (folder / LIST_FILE).write_text('{"links": 3}')
    with pytest.raises(UsageError, match="is damaged"):
        update_links(folder, "sea", PHOTOS)


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.EPERM, UsageError, "has no symbolic links.*--list NAME=FILE"),
        (errno.ENOTSUP, UsageError, "has no symbolic links"),
        (errno.ENOSPC, DiskError, "No space left.*Make room"),
    ],
)
def test_a_file_system_without_links_is_told(
    tmp_path: Path, number: int, kind: type[Exception], message: str
) -> None:
    def refuse(target: str, name: str, folder: int | None) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(kind, match=message):
        update_links(tmp_path / "frame", "s", PHOTOS, make_link=refuse)
    assert update_links(tmp_path / "frame", "s", PHOTOS) == LinkChanges(3, 0)


# ------------------------------------------------------------------------- lists


def test_a_list_has_the_paths_in_order(tmp_path: Path) -> None:
    file = tmp_path / "beach.m3u8"
    photos = [Path("/p/b.jpg"), Path("/p/été \udce4.jpg"), Path("/p/a\nb.jpg")]
    assert write_playlist(file, "été", photos)
    lines = file.read_bytes().split(b"\n")
    assert lines[0] == b"#EXTM3U"
    assert lines[2:] == [b"/p/b.jpg", "/p/été ".encode() + b"\xe4.jpg", b"file:///p/a%0Ab.jpg", b""]
    before = file.stat().st_ino
    assert not write_playlist(file, "été", photos)
    assert file.stat().st_ino == before
    assert write_playlist(file, "été", [])
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_no_list_of_ours_is_left_as_it_is(tmp_path: Path) -> None:
    others = tmp_path / "music.m3u"
    others.write_text("#EXTM3U\n/music/song.mp3\n")
    photo = write_photo(tmp_path / "photo.png")
    link = tmp_path / "link.m3u"
    link.symlink_to(others)
    before = contents(tmp_path)
    for file, message in (
        (others, "is not a list that imgsearch has written"),
        (photo, "is not a list"),
        (link, "no plain file"),
        (tmp_path, "no plain file"),
    ):
        with pytest.raises(UsageError, match=message):
            write_playlist(file, "s", [])
    with pytest.raises(DiskError, match="Check that its folder exists"):
        write_playlist(tmp_path / "none" / "s.m3u", "s", [])
    assert contents(tmp_path) == before


# ------------------------------------------------------------------------- commands

RECORD = """
import json, os, sys
with open({file!r}, "a") as file:
    print(json.dumps([sys.argv[1:], sys.stdin.buffer.read().hex(), os.environ["SAVED_SEARCH"]]),
          file=file)
"""


@pytest.fixture
def recorder(tmp_path: Path) -> tuple[list[str], Callable[[], list[list[object]]]]:
    """A command that writes down what it is told, and what it has written."""
    file = tmp_path / "told.jsonl"

    def told() -> list[list[object]]:
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    return [sys.executable, "-c", RECORD.format(file=str(file))], told


ODD = [Path("/p/a b.jpg"), Path("/p/$(touch x); `id`\n'.jpg"), Path("/p/\udce4.jpg")]


def test_paths_are_arguments_or_standard_input(
    recorder: tuple[list[str], Callable[[], list[list[object]]]],
) -> None:
    command, told = recorder
    tell(command, "s", ODD, False, NEVER)
    tell(command, "s", ODD, True, NEVER)
    tell([*command, "--add", "{}", "end"], "s", ODD, False, NEVER)
    raw = [os.fsencode(path) for path in ODD]
    assert told() == [
        [[], b"".join(each + b"\n" for each in raw).hex(), "s"],
        [[], b"".join(each + b"\0" for each in raw).hex(), "s"],
        [["--add", *map(str, ODD), "end"], "", "s"],
    ]


def test_more_paths_than_one_command_takes_go_to_several(
    recorder: tuple[list[str], Callable[[], list[list[object]]]],
) -> None:
    command, told = recorder
    photos = [Path(f"/{'x' * 200}/{'y' * 200}/{number}.jpg") for number in range(600)]
    tell([*command, "{}"], "s", photos, False, NEVER)
    runs = told()
    assert len(runs) == 3
    assert [path for run in runs for path in run[0]] == list(map(str, photos))  # type: ignore[attr-defined]
    tell(command, "s", photos, False, NEVER)  # more than a pipe holds
    assert len(str(told()[-1][1])) > 400_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ", "The command is empty"),
        ("echo 'a", "never closed"),
        ("echo --file={}", "within a word"),
        ("no-such-program-anywhere {}", "There is no program 'no-such-program-anywhere'"),
    ],
)
def test_commands_that_cannot_be_run_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_command(text)


def test_a_command_is_no_line_of_shell() -> None:
    assert read_command("""echo "a  b" '{}' {} ';' $HOME""") == (
        *("echo", "a  b", "{}", "{}", ";", "$HOME"),
    )


def test_a_command_that_fails_or_is_stopped_is_told() -> None:
    with pytest.raises(ImgsearchError, match=r"failed \(exit code 3\)"):
        tell([sys.executable, "-c", "raise SystemExit(3)"], "s", ODD, False, NEVER)
    stop = threading.Event()
    stop.set()
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(ImgsearchError, match="was ended with imgsearch"):
        tell(sleep, "s", ODD, False, stop)


# ------------------------------------------------------------------------- the library


@pytest.fixture
def stocked(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """A library of three photos, with the saved search `all`."""
    library.index([write_photos(tmp_path / "photos", 3)]).run()
    library.saved.save("all", "in:photos sort:path")
    return library


def test_outputs_follow_a_saved_search(
    stocked: Library,
    tmp_path: Path,
    recorder: tuple[list[str], Callable[[], list[list[object]]]],
) -> None:
    (command, told), photos = recorder, tmp_path / "photos"
    outputs = SavedSearchOutputs("ALL", tmp_path / "frame", tmp_path / "all.m3u8", (*command, "{}"))
    assert stocked.saved.update_outputs(outputs) == OutputsReport("all", 3, 3, 0, True, 0)
    assert stocked.saved.update_outputs(outputs) == OutputsReport("all", 3)
    assert told() == [], "what was there when it was saved is not new"
    write_photo(photos / "0009.png", 9)
    (photos / "0001.png").unlink()
    (photos / "0000.png").rename(photos / "first.png")
    stocked.index().run()
    assert stocked.saved.update_outputs(outputs) == OutputsReport("all", 3, 2, 2, True, 1)
    there = [photos / "0002.png", photos / "0009.png", photos / "first.png"]
    assert links_in(tmp_path / "frame") == {path.name: str(path) for path in there}
    assert (tmp_path / "all.m3u8").read_text().splitlines()[2:] == [str(path) for path in there]
    assert [run[0] for run in told()] == [[str(photos / "0009.png")]]
    os.rename(photos, tmp_path / "away")  # as if a drive were unplugged
    assert stocked.saved.update_outputs(outputs) == OutputsReport("all", 3, 0, 0, True, 0)
    assert len(links_in(tmp_path / "frame")) == 3


def test_a_command_that_failed_hears_of_the_same_photos_again(
    stocked: Library,
    tmp_path: Path,
    recorder: tuple[list[str], Callable[[], list[list[object]]]],
) -> None:
    command, told = recorder
    write_photo(tmp_path / "photos" / "0009.png", 9)
    stocked.index().run()
    fails = SavedSearchOutputs("all", command=(sys.executable, "-c", "raise SystemExit(1)"))
    for _ in range(2):
        with pytest.raises(ImgsearchError, match="failed"):
            stocked.saved.update_outputs(fails)
    works = SavedSearchOutputs("all", command=tuple(command), nul=True)
    assert stocked.saved.update_outputs(works).announced == 1
    assert stocked.saved.update_outputs(works).announced == 0
    assert bytes.fromhex(str(told()[0][1])) == os.fsencode(tmp_path / "photos/0009.png") + b"\0"
    assert stocked.saved.all()[0].new == 1, "a command's look is not the user's"


def test_nothing_is_written_into_photo_folders_or_our_own(stocked: Library, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (tmp_path / "alias").symlink_to(photos)
    before = contents(photos)
    for place in (photos, photos / "frame", tmp_path / "alias" / "frame", photos / "0000.png"):
        for outputs in (
            SavedSearchOutputs("all", links=place),
            SavedSearchOutputs("all", playlist=place),
        ):
            with pytest.raises(UsageError, match="is in the indexed folder"):
                stocked.saved.update_outputs(outputs)
    with pytest.raises(UsageError, match="a folder of imgsearch's own"):
        stocked.saved.update_outputs(SavedSearchOutputs("all", stocked.settings.data_dir / "x"))
    with pytest.raises(QueryError, match="Did you mean 'all'"):
        stocked.saved.update_outputs(SavedSearchOutputs("al", tmp_path / "frame"))
    assert contents(photos) == before


def test_the_updater_tells_a_problem_once() -> None:
    problems: list[str] = []
    reports: list[OutputsReport] = []
    calls = 0

    def update(outputs: SavedSearchOutputs, stop: threading.Event) -> OutputsReport:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise UsageError("It is broken.")
        return OutputsReport(outputs.name, 4, linked=calls == 5)

    updater = OutputsUpdater(
        [SavedSearchOutputs("s")], update, reports.append, problems.append, threading.Event(), 0.01
    )
    wait_until(lambda: calls > 6)
    updater.close()
    assert problems == ["s: It is broken."]
    assert reports == [OutputsReport("s", 4, linked=1)]


# ------------------------------------------------------------------------- the commands


def test_watch_keeps_links_and_tells_a_command(library: Library, tmp_path: Path) -> None:
    photos, data = tmp_path / "photos", library.settings.data_dir
    library.index([write_photos(photos, 3)]).run()
    library.saved.save("all", "in:photos sort:path")
    told = tmp_path / "told.txt"
    script = tmp_path / "script"
    script.write_text(f'#!/bin/sh\ncat >> "{told}"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    refused = run_cli("watch", "--links", "al=x", data=data)
    assert refused.returncode == 2 and "Did you mean 'all'" in refused.stderr
    watch = start_cli(
        *("watch", "--log-json", "--links", f"all={tmp_path / 'frame'}"),
        *("--list", f"all={tmp_path / 'all.m3u8'}", "--exec", f"all={script}"),
        data=data,
    )
    try:
        wait_until(lambda: (tmp_path / "frame").exists() and len(links_in(tmp_path / "frame")) == 3)
        write_photo(photos / "new one.png", 77)
        wait_until(lambda: "new one.png" in links_in(tmp_path / "frame"))
        wait_until(lambda: told.exists() and told.read_text())
    finally:
        watch.terminate()
        output, errors = watch.communicate()
    assert watch.returncode == 0, errors
    assert told.read_text() == f"{photos / 'new one.png'}\n"
    assert str(photos / "new one.png") in (tmp_path / "all.m3u8").read_text()
    events = [json.loads(line) for line in output.splitlines()]
    saved = [event for event in events if event["event"] == "saved"]
    assert saved[0]["linked"] == 3 and saved[0]["name"] == "all"
    assert sum(event["announced"] for event in saved) == 1


def test_saved_updates_outputs_once(stocked: Library, tmp_path: Path) -> None:
    data, frame = stocked.settings.data_dir, tmp_path / "frame"
    first = run_cli("saved", "--links", f"all={frame}", "--list", f"ALL={frame}.m3u", data=data)
    assert first.stdout == "all: 3 photos, 3 links made, list written\n"
    second = run_cli("saved", "--links", f"all={frame}", "--json", data=data)
    assert json.loads(second.stdout)[0]["linked"] == 0
    for arguments, message in (
        (["--links", "all"], "takes the name of a saved search and a folder"),
        (["--links", f"all={tmp_path / 'photos'}"], "is in the indexed folder"),
        (["--links", f"all={tmp_path}"], "not links of imgsearch"),
        (["--exec", "all=nonsense-program"], "There is no program"),
        (["--exec", "all=cat", "--exec", "All=cat"], "given twice"),
        (["-0"], "-0 needs --exec"),
        (["--remove", "all", "--list", "all=x"], "Choose one of"),
    ):
        refused = run_cli("saved", *arguments, data=data)
        assert refused.returncode == 2 and message in refused.stderr, refused
