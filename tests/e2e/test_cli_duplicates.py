"""`imgsearch duplicates`: its proposal for people and programs, and its script, run for real."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from imgsearch.cli import commands
from tests.factories import run_cli

SMALL = os.fsdecode(b"-small\n'cat'\xff.png")


@pytest.fixture(scope="module")
def data(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a cat in two sizes; the smaller file has a hostile name."""
    work = tmp_path_factory.mktemp("cats")
    (work / "photos").mkdir()
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB")
    cat.save(work / "photos" / "cat.png")
    cat.resize((300, 200)).save(work / "photos" / SMALL)
    Image.open(demo_photos / "coffee.png").save(work / "photos" / "coffee.png")
    done = run_cli("index", work / "photos", data=work / "data")
    assert done.returncode == 0, done.stderr
    return work / "data"


def test_people_see_what_to_keep_and_why(data: Path) -> None:
    done = run_cli("duplicates", "--min-score", "0.9", data=data)
    assert done.returncode == 0
    title, kept, other = done.stdout.splitlines()
    assert title == "Group 1"
    assert kept.startswith("  keep ") and kept.endswith("cat.png  (larger)")
    assert other.startswith("  remove  0.9") and r"-small\n'cat'\udcff.png" in other
    assert other.endswith("(smaller: 300 × 200 px, not 451 × 300 px)")
    assert "1 group; not kept: 1 photo, 0.1 MB." in done.stderr
    assert "Nothing was changed" in done.stderr


def test_programs_get_groups_of_hits(data: Path) -> None:
    done = run_cli("duplicates", "--min-score", "0.9", "--json", data=data)
    ((kept, other),) = [group["photos"] for group in json.loads(done.stdout)]
    assert (kept["keep"], kept["reason"], kept["score"]) == (True, "larger", None)
    assert not other["keep"] and 0.9 <= other["score"] <= 1
    assert Path(other["hit"]["paths"][0]).name == SMALL
    assert other["hit"]["photo"]["size_bytes"] > 0


def test_the_list_is_for_pipes(data: Path) -> None:
    photos = data.parent / "photos"
    done = run_cli("duplicates", "--min-score", "0.9", "--list", "-0", data=data)
    assert os.fsencode(done.stdout) == os.fsencode(photos / SMALL) + b"\0"


def test_photos_that_are_not_similar_enough_are_no_result(data: Path) -> None:
    for output in ([], ["--json"], ["--script"], ["--list"]):
        done = run_cli("duplicates", "--min-score", "1", *output, data=data)
        assert (done.returncode, done.stdout) == (1, "[]\n" if output == ["--json"] else "")
        assert "No photos are this similar" in done.stderr


def test_the_script_moves_what_is_not_kept(data: Path) -> None:
    photos, away = data.parent / "photos", data.parent / "away"
    script = run_cli("duplicates", "--min-score", "0.9", "--script", data=data).stdout
    file = data.parent / "move.sh"
    file.write_bytes(os.fsencode(script))
    done = subprocess.run(["sh", file, "--to", away], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in photos.iterdir()} == {"cat.png", "coffee.png"}
    moved = Path(f"{away}{photos}", SMALL)
    with Image.open(moved) as image:
        assert image.size == (300, 200)
    moved.rename(photos / SMALL)  # as it was, for the other tests


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--script", "--json"], "Choose one of --list, --script and --json."),
        (["-0"], "-0 needs --list."),
        (["--min-score", "2"], "2.0 is not in the range"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(commands, ["duplicates", *arguments, "--data", str(tmp_path)])
    assert done.exit_code == 2 and says in done.output
