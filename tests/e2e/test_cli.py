"""The command as a user types it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import imgsearch
from imgsearch.cli import commands
from imgsearch.errors import DiskError
from imgsearch.store.store import Store
from imgsearch.testing import free_port
from tests.factories import (
    CHECKOUT,
    IS_ROOT,
    cli_environment,
    many_photos,
    run_cli,
    start_cli,
    write_noise,
)

SECONDS = 120
PHOTOS = 150  # enough for several batches
VECTORS = 21 + 7  # of the demo: two of its photos are so wide that they have pieces


@pytest.fixture(scope="module")
def demo(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an indexed demo library; tests that use it only read."""
    data = tmp_path_factory.mktemp("demo")
    done = run_cli("index", demo_photos, "--json", data=data)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report.pop("seconds") > 0
    assert report == {
        "new": 21,
        "moved": 0,
        "copied": 0,
        "unchanged": 0,
        "gone": 0,
        "offline": 0,
        "missing": 0,
        "failed": 0,
        "reread": 0,
        "photos": 21,
        "awaited": "",
    }
    return data


def test_results_as_json(demo: Path, demo_photos: Path) -> None:
    done = run_cli("search", "a", "cat", "-k", "2", "--all", "--json", data=demo)
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    first, second = answer["hits"]
    assert first["paths"] == [str(demo_photos / "chelsea.png")]
    assert first["score"] > second["score"]
    assert (first["level"], second["level"]) == ("likely", "weak")
    assert answer["verdict"]["state"] == "found"
    assert {"taken_at", "width_px", "height_px"} <= first["photo"]["facts"].keys()


def test_results_for_people_and_for_pipes(demo: Path, demo_photos: Path) -> None:
    people = run_cli("search", "a temple", "-k", "3", data=demo)
    assert re.match(r" +1 +0\.\d{3} +.*china\.jpg\n", people.stdout)
    lines = run_cli("search", "a temple", "--paths", "-k", "3", data=demo)
    assert lines.stdout.splitlines()[0] == str(demo_photos / "china.jpg")
    nul = run_cli("search", "a temple", "--paths", "-0", "-k", "3", data=demo)
    assert nul.stdout.split("\0")[:-1] == lines.stdout.splitlines()


def test_a_page_of_an_answer_says_how_many_there_are_and_how_to_see_them(demo: Path) -> None:
    first = run_cli("search", "people", "-k", "1", data=demo)
    told = re.search(r"These are 1 of (\d+); for all, add: (-k \d+)\n$", first.stderr)
    assert told is not None, first.stderr
    whole = run_cli("search", "people", *told[2].split(), data=demo)
    assert whole.stdout.count("\n") == int(told[1]) and "These are" not in whole.stderr


def test_an_example_with_and_without_words(demo: Path, demo_photos: Path) -> None:
    done = run_cli("search", "--image", demo_photos / "coffee.png", "--all", "--json", data=demo)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["hits"]) >= 20
    both = run_cli("search", "a cat", "--image", demo_photos / "coffee.png", "--json", data=demo)
    assert "chelsea.png" in {
        Path(hit["paths"][0]).name for hit in json.loads(both.stdout)["hits"][:3]
    }


def test_a_query_without_matches_says_so(demo: Path) -> None:
    there = run_cli("search", "a motorcycle", data=demo)
    assert (there.returncode, there.stderr) == (0, "1 sure, nothing else.\n")
    for absent in ("a guitar", "two kids jumping into a lake"):
        folded = run_cli("search", absent, data=demo)
        assert (folded.returncode, folded.stdout) == (1, "")
        assert folded.stderr.startswith("Nothing here looks like that.")
        shown = run_cli("search", absent, "--all", "-k", "3", data=demo)
        assert (shown.returncode, shown.stdout.count("(weak)")) == (0, 3)


def test_an_unsure_answer_is_shown_and_says_so(demo: Path) -> None:
    people = run_cli("search", "a submarine", data=demo)
    lines = people.stdout.splitlines()
    assert people.returncode == 0 and 3 <= len(lines) <= 10
    assert all(line.endswith("(possible)") for line in lines)
    assert people.stderr == f"Unsure, the {len(lines)} nearest are possible.\n"
    programs = run_cli("search", "a submarine", "--json", data=demo)
    answer = json.loads(programs.stdout)
    assert answer["verdict"]["state"] == "unsure"
    assert {hit["level"] for hit in answer["hits"]} == {"possible"}


def test_options_and_pipes_form_the_same_queries(demo: Path, demo_photos: Path) -> None:
    line = run_cli("search", "a pet -type:jpeg sort:path", "-k", "3", "--json", data=demo)
    options = ("--type", "png", "--sort", "path", "-k", "3", "--json")
    assert json.loads(line.stdout)["hits"] != []
    same = json.loads(run_cli("search", "a", "pet", *options, data=demo).stdout)
    assert same["hits"] == json.loads(line.stdout)["hits"]
    image = (demo_photos / "chelsea.png").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "imgsearch", "search", "--image", "-", "--minus", "0.5:a cup",
         "--region", "10%,10%,80%,80%", "--paths", "--all", "--data", str(demo)],
        input=image, capture_output=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"chelsea" not in done.stdout and done.stdout.count(b"\n") == 20


def test_pages(demo: Path) -> None:
    whole = json.loads(run_cli("search", "in:/ sort:path", "-k", "100", "--json", data=demo).stdout)
    paths, cursor = [], None
    while True:
        more = () if cursor is None else ("--cursor", cursor)
        done = run_cli("search", "in:/ sort:path", "-k", "8", "--json", *more, data=demo)
        page = json.loads(done.stdout)
        paths += [hit["paths"] for hit in page["hits"]]
        if (cursor := page["cursor"]) is None:
            break
    assert paths == [hit["paths"] for hit in whole["hits"]] and len(paths) == 21


def test_explain(demo: Path, demo_photos: Path) -> None:
    cat = demo_photos / "chelsea.png"
    done = run_cli("explain", cat, "a cat -2:dog type:png", data=demo)
    assert done.returncode == 0, done.stderr
    assert "passes  type:png" in done.stdout and "-2:dog" in done.stdout
    assert re.search(r"^Rank +\d+$", done.stdout, re.MULTILINE)
    done = run_cli("explain", cat, "a cat", "--type", "jpeg", "--json", data=demo)
    assert done.returncode == 1
    explained = json.loads(done.stdout)
    assert explained["filters"] == [{"filter": "type:jpeg", "passes": False}]
    assert explained["shares"][0]["term"] == "a cat"
    for path in (demo_photos / "none.png", "/nowhere/none.png"):
        done = run_cli("explain", path, "a cat", data=demo)
        assert done.returncode == 1 and "There is no such file" in done.stdout


def test_explain_says_that_the_file_of_a_photo_is_gone(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", many_photos(tmp_path / "photos", 2)
    assert run_cli("index", folder, data=data).returncode == 0
    (folder / "0000.png").unlink()
    done = run_cli("explain", folder / "0000.png", "noise", data=data)
    assert (done.returncode, done.stderr.count("cannot be reached now")) == (0, 1), done.stderr
    assert run_cli("explain", folder / "0001.png", "noise", data=data).stderr == ""


def test_status_and_encoders(demo: Path, demo_photos: Path) -> None:
    people = run_cli("status", data=demo)
    assert f"{demo_photos} (21 photos, online)" in people.stdout
    status = json.loads(run_cli("status", "--json", data=demo).stdout)
    assert (status["photos"], status["vectors"], status["encoder"]) == (21, VECTORS, "lite")
    assert status["failures"] == []
    names = json.loads(run_cli("encoders", "--json", data=demo).stdout)
    assert [row["name"] for row in names if row["in_use"]] == ["lite"]
    assert all(row["licence"] and row["dim"] and row["accuracy"] for row in names)
    listed = run_cli("encoders", data=demo)
    measured, published = listed.stdout.split("Published by others, COCO", 1)
    assert measured.startswith("Measured here, Flickr8k") and "* lite  27.7%" in measured
    assert "lite" not in published.split("* in use")[0] and "MobileCLIP" in published
    assert "--trial 2000" in listed.stderr


def test_failures_are_listed_and_retried(demo_photos: Path, tmp_path: Path) -> None:
    photos, data = tmp_path / "photos", tmp_path / "data"
    photos.mkdir()
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "text.jpg").write_text("no image")
    assert "imgsearch failures" in run_cli("index", photos, data=data).stderr
    status = run_cli("status", data=data).stdout
    assert "Failures  2" in status and "not-an-image: 1" in status
    listed = json.loads(run_cli("failures", "--json", data=data).stdout)
    assert [(Path(one["path"]).name, one["reason"], one["extra"]) for one in listed] == [
        ("empty.jpg", "empty", None), ("text.jpg", "not-an-image", None),
    ]  # fmt: skip
    assert all(one["message"] and one["failed_at"] for one in listed)
    assert json.loads(run_cli("status", "--json", data=data).stdout)["failures"] == listed
    (photos / "empty.jpg").write_bytes((demo_photos / "coffee.png").read_bytes())
    done = run_cli("failures", "--retry", data=data)
    assert done.returncode == 0 and "1 can be read now; 1 cannot." in done.stderr
    assert re.fullmatch(r"not-an-image +\S+text\.jpg: .+\n", done.stdout)
    some = run_cli("failures", "--retry", "--reason", "not-an-image", "--json", data=data)
    assert some.returncode == 0, some.stderr
    assert [Path(one["path"]).name for one in json.loads(some.stdout)] == ["text.jpg"]
    none = run_cli("failures", "--reason", "empty", data=data)
    assert (none.returncode, none.stdout) == (0, "")
    assert run_cli("failures", "--reason", "ugly", data=data).returncode == 2


def test_rebuild_uses_the_stored_vectors(demo: Path) -> None:
    before = run_cli("search", "a rocket launch", "--json", data=demo).stdout
    done = run_cli("rebuild", "--json", data=demo)
    assert json.loads(done.stdout)["vectors"] == VECTORS
    assert (
        json.loads(run_cli("status", "--json", data=demo).stdout)["snapshot"]["vectors"] == VECTORS
    )
    assert run_cli("search", "a rocket launch", "--json", data=demo).stdout == before


def test_the_recall_of_the_index_can_be_checked(demo: Path) -> None:
    run_cli("rebuild", data=demo)
    done = run_cli("rebuild", "--check", "--json", data=demo)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "recall_text": 1.0,
        "recall_image": 1.0,
        "target": 0.98,
        "enough": True,
    }, "a small index is exact"
    (file,) = (demo / "snapshots").iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    damaged = run_cli("rebuild", "--check", data=demo)
    assert damaged.returncode == 7
    assert "Traceback" not in damaged.stderr
    run_cli("rebuild", data=demo)


def test_a_damaged_index_file_is_rebuilt(demo: Path) -> None:
    run_cli("rebuild", data=demo)
    before = run_cli("search", "a motorcycle", "--json", data=demo).stdout
    (file,) = (demo / "snapshots").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    done = run_cli("search", "a motorcycle", "--json", data=demo)
    assert done.returncode == 0
    assert "It was rebuilt" in done.stderr
    assert done.stdout == before
    assert "It was rebuilt" not in run_cli("search", "a motorcycle", data=demo).stderr


def test_a_damaged_database_is_reported_and_kept(tmp_path: Path) -> None:
    (tmp_path / "library.db").write_bytes(b"no database at all" * 300)
    for command in (["index", str(tmp_path)], ["search", "x"], ["status"], ["rebuild"]):
        done = run_cli(*command, data=tmp_path)
        assert done.returncode == 8
        assert "damaged" in done.stderr and "imgsearch doctor" in done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "library.db").read_bytes() == b"no database at all" * 300


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["search"], 2, "Say what to look for"),
        (["search", " "], 2, "The query is empty"),
        (["search", "x", "-k", "0"], 2, "1 or more"),
        (["search", "x", "-k", "many"], 2, "integer"),
        (["search", "x", "--json", "--paths"], 2, "Choose one"),
        (["search", "x", "-0"], 2, "-0 needs --paths"),
        (["search", "--image", "nowhere.jpg"], 2, "does not exist"),
        (["search", "--image", "photo:1", "--image", __file__], 2, "not in an image format"),
        (["search", "dog colour:red"], 2, "dog colour:red\n      ^\n"),
        (["search", "dog camra:x"], 2, "Did you mean camera:?"),
        (["search", 'a "dog'], 2, "never closed. (character 3)"),
        (["search", "after:2023-13"], 2, "not a date"),
        (["search", "--before", "soon"], 2, "before: 'soon' is not a date"),
        (["search", "--near", "95,0"], 2, "Latitude 95 is out of range"),
        (["search", "0:dog"], 2, "weight of 0"),
        (["search", "dog", "--minus", "nan:cat"], 2, "weight of nan"),
        (["search", "dog", "--region", "0,0,1,1"], 2, "needs exactly one --image"),
        (["search", "--image", "photo:1", "--region", "0,0,101%,1%"], 2, "not a region"),
        (["search", "--image", "photo:1", "--region", "0%,0%,101%,1%"], 2, "outside of the image"),
        (["search", "word " * 2000], 2, "too long: it has"),
        (["search", "dog", "--cursor", "x"], 2, "is not a cursor"),
        (["search", "dog", "--sort", "size"], 2, "Unknown sort order 'size'"),
        (["search", "photo:4711"], 2, "no photo with the id 4711"),
        (["explain", "photo.jpg", "dog colour:red"], 2, "Unknown filter colour:"),
        (["index", "/nowhere/at/all"], 4, "does not exist"),
        (["index", ""], 2, "is empty. For the current folder, use ."),
        (["forget", "--yes", ""], 2, "is empty. For the current folder, use ."),
        (["index", "--encoder", "openclip:NoSuch/thing"], 6, "rebuild --encoder"),
        (["rebuild", "--encoder", "lit"], 2, "lite"),
        (["search", "sunset", "-people"], 2, "quote the whole query"),
        (["search", "x", "--sort", ""], 2, "relevance, date, path or best"),
        (["search", "x", "--min-score", ""], 2, "a cosine from -1 to 1"),
        (["label", "--save-as", "pets"], 2, "Name the classes"),
        (["label", "--forget", ""], 1, "No labels are saved as ''"),
        (["label", "--evaluate", "/nowhere"], 4, "a subfolder for each class"),
        (["evaluate", "--captions", "/nowhere"], 2, "Name a CSV file"),
        (["rebuild", "--encoder", ""], 2, "imgsearch encoders"),
        (["prune", "--days", "99999999999999"], 2, "from 0 to 36,500"),
        (["ui", "--host", ""], 2, "--host 127.0.0.1"),
        (["demo", "--data", ""], 2, "is empty"),
        (["doctor", "--data", __file__], 2, "is not a folder"),
        (["frobnicate"], 2, "No such command 'frobnicate'. To search for it: imgsearch search"),
        (["serach"], 2, "Did you mean search?"),
        (["help", "Indx"], 2, "Did you mean index?"),
        (
            ["search", "x", "--data", "/nowhere/library"],
            2,
            "imgsearch index --data /nowhere/library FOLDER",
        ),
    ],
)
def test_wrong_usage_gets_a_message_and_an_exit_code(
    demo: Path, arguments: list[str], code: int, says: str
) -> None:
    done = run_cli(*arguments, data=demo)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_hostile_file_names_cannot_control_the_terminal(tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "photos", 1)
    name = b"\xff\n\x1b[2J\xf0\x9f\x90\xb6.png"
    os.rename(folder / "0000.png", os.path.join(os.fsencode(folder), name))
    assert run_cli("index", folder, data=tmp_path / "data").returncode == 0
    shown = run_cli("search", "noise", data=tmp_path / "data").stdout
    assert shown.count("\n") == 1 and "\x1b" not in shown
    assert r"\udcff\n\x1b[2J🐶.png" in shown
    found = run_cli("search", "noise", "--json", data=tmp_path / "data")
    (hit,) = json.loads(found.stdout)["hits"]
    assert os.fsencode(hit["paths"][0]).endswith(b"/" + name)
    paths = run_cli("search", "noise", "--paths", "-0", data=tmp_path / "data").stdout
    assert os.fsencode(paths) == os.path.join(os.fsencode(folder), name) + b"\0"


def run_without_reader(
    *arguments: str, data: Path, stderr: int
) -> subprocess.CompletedProcess[str]:
    """Run `imgsearch` with a standard output whose reader has ended already."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "imgsearch", *arguments], env=cli_environment(data),
            stdout=writer, stderr=stderr, text=True, timeout=SECONDS,
        )  # fmt: skip
    finally:
        os.close(writer)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["search", "--help"],
        ["search", "cat"],
        ["search", "cat", "--json"],
        ["search", "cat", "--paths"],
        ["explain", "nowhere.jpg", "cat"],
        ["status"],
        ["failures", "--json"],
        ["encoders"],
        ["label", "cat,dog"],
        ["timeline"],
        ["places", "--json"],
        ["doctor"],
        ["prune"],
        ["rebuild", "--check"],
        ["index"],
        ["watch"],
    ],
)
def test_output_that_nobody_reads_ends_a_command_in_silence(
    demo: Path, arguments: list[str]
) -> None:
    done = run_without_reader(*arguments, data=demo, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "code"), [(["search", "cat"], 0), (["failures"], 0), (["index", "/nowhere"], 4)]
)
def test_messages_that_nobody_reads_leave_the_exit_code(
    demo: Path, arguments: list[str], code: int
) -> None:
    done = run_without_reader(*arguments, data=demo, stderr=subprocess.STDOUT)
    assert done.returncode == code


def test_a_reader_that_ends_after_the_first_line_ends_a_watch(tmp_path: Path) -> None:
    data, photos = tmp_path / "data", many_photos(tmp_path / "photos", 1)
    with start_cli("watch", photos, data=data) as process:
        assert process.stdout is not None and process.stderr is not None
        assert " watching " in process.stdout.readline()
        process.stdout.close()
        many_photos(photos, 2)
        assert process.wait(SECONDS) == 0
        assert "Traceback" not in process.stderr.read()


def test_a_command_works_without_standard_streams(demo: Path) -> None:
    command = f"{sys.executable} -m imgsearch"
    closed = f"{command} search cat --paths >&- && {command} search cat <&- 2>&-"
    done = subprocess.run(
        closed, shell=True, env=cli_environment(demo), capture_output=True, text=True,
        timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "chelsea.png" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "cat", "--json"),
        ("status", "--json"),
        ("timeline", "--json", "country:Nowhere"),  # exits with 1 if it can print
        ("search", "--help"),
    ],
)
def test_a_full_disk_for_the_output_is_reported(demo: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "imgsearch", *arguments], env=cli_environment(demo),
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=SECONDS,
        )  # fmt: skip
    assert done.returncode == 10, done.stderr
    assert "Free some space" in done.stderr and "Traceback" not in done.stderr


def test_the_page_needs_a_token_that_cannot_be_guessed(demo: Path) -> None:
    done = run_cli("ui", "--no-browser", data=demo, IMGSEARCH_UI_TOKEN="short")
    assert done.returncode == 2 and "IMGSEARCH_UI_TOKEN is too short" in done.stderr


def test_endless_standard_input_is_not_read_to_its_end(demo: Path) -> None:
    with Path("/dev/zero").open("rb") as endless:
        done = subprocess.run(
            [sys.executable, "-m", "imgsearch", "search", "--image", "-", "--data", demo],
            stdin=endless, capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
    assert done.returncode == 2 and done.stdout == ""
    assert "larger than 256 MB" in done.stderr and "--image FILE" in done.stderr


def test_a_full_disk_for_the_messages_leaves_the_exit_code(demo: Path) -> None:
    for arguments, code in ((["search"], 2), (["index", "/nowhere"], 4), (["failures"], 10)):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "imgsearch", *arguments], env=cli_environment(demo),
                stderr=full, timeout=SECONDS,
            )  # fmt: skip
        assert done.returncode == code


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 0), (b"\n", 0), (b"\x04", 130)])
def test_forget_asks_and_takes_no_for_an_answer(tmp_path: Path, answer: bytes, code: int) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    data, folder = tmp_path / "data", many_photos(tmp_path / "photos", 2)
    assert run_cli("index", folder, data=data).returncode == 0
    terminal, stdin = os.openpty()
    try:
        os.write(terminal, answer)  # 4 is Ctrl-D, the end of the input
        done = subprocess.run(
            [sys.executable, "-m", "imgsearch", "forget", folder, "--data", data],
            stdin=stdin, capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
    finally:
        os.close(terminal)
        os.close(stdin)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.endswith("Nothing was removed.\n")
    assert "Stopped" not in done.stderr
    assert json.loads(run_cli("status", "--json", data=data).stdout)["photos"] == 2


def test_folders_are_paused_and_resumed(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", many_photos(tmp_path / "two photos", 2)
    assert run_cli("index", folder, data=data).returncode == 0
    done = run_cli("folders", "--pause", folder, data=data)
    assert (done.returncode, done.stdout) == (0, f"{folder} (2 photos, online, paused)\n")
    write_noise(folder / "new.png", 7, 48)
    done = run_cli("index", data=data)
    assert done.returncode == 0 and done.stdout.startswith("nothing new in ")
    resume = f"To resume it: imgsearch folders --resume '{folder}'\n"
    assert f"{folder} is paused and stays as it is. {resume}" in done.stderr
    done = run_cli("status", data=data)
    assert f"Folder    {folder} (2 photos, online, paused)\n          {resume}" in done.stdout
    done = run_cli("folders", "--resume", folder, "--json", data=data)
    assert json.loads(done.stdout) == [
        {
            "id": 1,
            "path": str(folder),
            "online": True,
            "photos": 2,
            "missing": 0,
            "paused": False,
        }
    ]
    assert run_cli("index", data=data).stdout.startswith("1 new, 2 unchanged in ")
    done = run_cli("folders", "--pause", tmp_path, data=data)
    assert done.returncode == 2 and "is not a folder of the library" in done.stderr


def test_the_page_prints_its_address_and_nothing_at_ctrl_c(demo: Path) -> None:
    port = free_port()
    with start_cli("ui", "--no-browser", "--port", str(port), data=demo) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert is_listening(port), "it listens when it says so"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output, errors) == (0, "", "")
    address = re.escape(f"The page of the library in {demo}: http://127.0.0.1:{port}/?token=")
    assert re.fullmatch(address + r"[\w-]+\n", line)


def test_ctrl_c_ends_the_page_quietly_while_its_libraries_load(demo: Path, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    loading = tmp_path / "loading"
    os.mkfifo(loading)
    slow = tmp_path / "streamlit"
    slow.mkdir()
    # Short sleeps: a signal between two instructions does not end a sleep that begins after it.
    load = f"import time; open({str(loading)!r}, 'w').close()\nwhile True: time.sleep(0.01)"
    (slow / "__init__.py").write_text(load)
    first = os.pathsep.join([str(tmp_path), str(CHECKOUT)])
    with start_cli("ui", "--no-browser", "--port", "0", data=demo, PYTHONPATH=first) as process:
        loading.read_text()  # the library has begun to load
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output, errors) == (0, "", "")


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_example_from_an_empty_pipe_is_refused(demo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imgsearch", "search", "--image", "-", "--data", demo],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Standard input is empty" in done.stderr and "--image -" in done.stderr


def test_help_and_version_have_short_ways(tmp_path: Path) -> None:
    assert run_cli("-V", data=tmp_path).stdout == f"imgsearch, version {imgsearch.__version__}\n"
    listing = run_cli("--help", data=tmp_path).stdout
    assert run_cli("help", data=tmp_path).stdout == listing
    page = run_cli("search", "--help", data=tmp_path).stdout
    assert run_cli("help", "search", data=tmp_path).stdout == page
    assert page.startswith("Usage: imgsearch search")


def test_every_command_has_help() -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "imgsearch", "--help"], capture_output=True, text=True
    ).stdout
    names = re.findall(r"^  ([a-z-]+)  ", listing.partition("Find:")[2], re.MULTILINE)
    assert {"index", "search", "status", "encoders", "rebuild", "demo"} <= set(names)
    for name in names:  # in this process: each of fifty others takes a third of a second
        page = CliRunner().invoke(commands, [name, "--help"])
        assert page.exit_code == 0
        assert name in ("completion", "help") or "--data DIR" in page.output


# ------------------------------------------------------------------------- disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 900 kB: a library without photos takes 500."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", place], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)  # also when a failed test has it open


def test_a_full_disk_is_reported_and_what_was_committed_stays(
    small_disk: Path, tmp_path: Path
) -> None:
    folder = many_photos(tmp_path / "photos", PHOTOS)
    done = run_cli("index", folder, data=small_disk)
    assert done.returncode == 10, done.stderr
    assert "Free some space" in done.stderr and "Traceback" not in done.stderr
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    assert run_cli("index", data=small_disk).returncode == 0
    assert json.loads(run_cli("status", "--json", data=small_disk).stdout)["photos"] == PHOTOS


def test_a_disk_that_is_full_at_any_moment_damages_no_new_library(small_disk: Path) -> None:
    outcomes = set()
    for size_kb in range(50, 700, 50):
        data = small_disk / "data"
        data.mkdir()
        subprocess.run(["mount", "-o", f"remount,size={size_kb}k", small_disk], check=True)
        try:
            Store.open(data, writable=True).close()
            outcomes.add("created")
        except DiskError:
            outcomes.add("refused")
        subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
        with Store.open(data, writable=True) as store:
            assert store.database.check_integrity() == "ok"
        shutil.rmtree(data)
    assert outcomes == {"created", "refused"}


def test_a_read_only_disk_still_answers(small_disk: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "photos", 5)
    assert run_cli("index", folder, data=small_disk).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    found = run_cli("search", "noise", "--json", data=small_disk)
    assert found.returncode == 0, found.stderr
    assert len(json.loads(found.stdout)["hits"]) == 5
    refused = run_cli("index", folder, data=small_disk)
    assert refused.returncode == 10
    assert "cannot be written" in refused.stderr


# ------------------------------------------------------------------------- permissions


WITH_STAND_IN = """
from tests.stand_in import StandIn
from imgsearch import cli
cli.main(StandIn())
"""
# Permissions do not stop root. This gives up what lets root pass them, for good, and goes on as
# the Python of the remaining arguments. It stays root: another user may not reach the interpreter.
WITHOUT_OVERRIDE = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
    if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
        sys.exit("this process may not give up its capabilities")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def run_under_permissions(*arguments: str | Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Run `imgsearch` with a stand-in for the model, as a process that permissions stop."""
    launcher = ("-c", WITHOUT_OVERRIDE) if IS_ROOT else ()
    return subprocess.run(
        [sys.executable, *launcher, "-c", WITH_STAND_IN, *map(str, arguments)],
        env=cli_environment(data), capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip


@pytest.fixture
def closable(tmp_path: Path) -> Iterator[Path]:
    """A folder of three photos, to be closed by a test; it is open again afterwards."""
    photos = many_photos(tmp_path / "photos", 3)
    photos.chmod(0)
    try:
        if run_under_permissions("index", photos, data=tmp_path / "probe").returncode != 4:
            pytest.skip("permissions do not stop this process")
        photos.chmod(0o700)
        yield photos
    finally:
        photos.chmod(0o700)


@pytest.fixture
def closable_data(tmp_path: Path) -> Iterator[Path]:
    """A data folder, to be closed by a test; it is open again afterwards."""
    data = tmp_path / "data"
    data.mkdir()
    yield data
    data.chmod(0o700)


def test_an_index_run_without_a_readable_folder_fails(closable: Path, tmp_path: Path) -> None:
    photos, data = closable, tmp_path / "data"
    done = run_under_permissions("index", photos, data=data)
    assert done.returncode == 0, done.stderr
    photos.chmod(0)
    for arguments in (["index"], ["index", photos], ["index", photos / "0000.png"]):
        done = run_under_permissions(*arguments, data=data)
        assert (done.returncode, done.stdout) == (4, ""), done.stderr
        assert "permissions" in done.stderr
    status = json.loads(run_under_permissions("status", "--json", data=data).stdout)
    assert status["photos"] == 3, "nothing was removed"
    listed = run_under_permissions("failures", "--json", data=data)
    assert [failure["path"] for failure in json.loads(listed.stdout)] == [str(photos)]
    assert status["failures"] == json.loads(listed.stdout)
    for command in (["status"], ["failures", "--retry"]):
        done = run_under_permissions(*command, data=data)
        assert "imgsearch index" in done.stdout + done.stderr, "a retry reads no folder"
    example = run_under_permissions("search", "--image", photos / "new.png", data=data)
    assert example.returncode == 2 and "permissions" in example.stderr
    explained = run_under_permissions("explain", photos / "new.png", "x", data=data)
    assert explained.returncode == 1 and "cannot be read" in explained.stdout
    photos.chmod(0o700)
    assert run_under_permissions("index", data=data).returncode == 0
    assert run_under_permissions("failures", "--json", data=data).stdout == "[]\n"


def test_one_unreadable_folder_does_not_stop_the_others(closable: Path, tmp_path: Path) -> None:
    other, data = many_photos(tmp_path / "other", 5), tmp_path / "data"
    assert run_under_permissions("index", closable, other, data=data).returncode == 0
    closable.chmod(0)
    write_noise(other / "new.png", 99)
    done = run_under_permissions("index", data=data)
    assert done.returncode == 0, done.stderr
    assert f"{closable}: The folder cannot be read" in done.stderr
    assert done.stdout.startswith("1 new")


def test_a_data_folder_that_may_not_be_written_ends_a_watch(
    closable: Path, closable_data: Path
) -> None:
    assert run_under_permissions("index", closable, data=closable_data).returncode == 0
    closable_data.chmod(0o500)
    for command in (["watch"], ["watch", closable]):
        done = run_under_permissions(*command, data=closable_data)
        assert (done.returncode, done.stdout) == (10, ""), done.stderr
        assert "Make it writable, or choose another" in done.stderr


def test_a_data_folder_that_may_not_be_entered_is_reported(
    closable: Path, closable_data: Path
) -> None:
    closable_data.chmod(0)
    for command in (["index", closable], ["watch"], ["search", "x"], ["status"], ["doctor"]):
        done = run_under_permissions(*command, data=closable_data)
        assert (done.returncode, done.stdout) == (10, ""), done.stderr
        assert "choose another with --data" in done.stderr
