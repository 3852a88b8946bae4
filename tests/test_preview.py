"""`search --preview`: pictures in terminals that can show them, in the best way that each has."""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Library
from imgsearch.cli.preview import LINES
from tests.factories import cli_environment, run_cli
from tests.pseudo_terminal import (
    ASKS_FOR_ATTRIBUTES,
    CELL_PX,
    PLAIN_TERMINAL,
    SIXEL_TERMINAL,
    run_in_terminal,
)

ASKS_FOR_KITTY = b"a=q,t=d,f=24;AAAA\x1b\\"
KITTY = b"\x1b_Gi=1;OK\x1b\\"
SIXEL = re.compile(rb"\x1bP[^q]*q\"1;1;(\d+);(\d+)")
STYLE = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]|\x1b\]8;;[^\x1b]*\x1b\\")
HALF_BLOCK = "\N{UPPER HALF BLOCK}"
SEARCH = ("search", "a cat", "-k", "1", "--preview")


def shown_by(demo: Library, *dialogue: tuple[bytes, bytes], term: str = "xterm-256color") -> bytes:
    """What SEARCH prints to a terminal that answers each question in turn.

    textual-image waits a tenth of a second for an answer, so all answers are typed ahead.
    """
    environment = cli_environment(demo.settings.data_dir, TERM=term)
    command = [sys.executable, "-m", "imgsearch", *SEARCH]
    typed = b"".join(answer for _, answer in dialogue)
    code, output = run_in_terminal(command, environment, {}, typed_ahead=typed)
    assert code == 0, output
    assert all(question in output for question, _ in dialogue), output
    return output


@pytest.fixture(scope="module")
def ratio(demo: Library) -> float:
    """Width to height of the photo that SEARCH finds."""
    (hit,) = demo.search("a cat", k=1)
    with Image.open(hit.path) as image:
        return image.width / image.height


def test_sixels(demo: Library, ratio: float) -> None:
    output = shown_by(demo, (ASKS_FOR_ATTRIBUTES, SIXEL_TERMINAL))
    ((width, height),) = SIXEL.findall(output)
    assert int(height) == pytest.approx(LINES * CELL_PX[1], abs=CELL_PX[1])
    assert int(width) / int(height) == pytest.approx(ratio, rel=0.1)
    assert HALF_BLOCK.encode() not in output


def test_the_protocol_of_kitty(demo: Library) -> None:
    # A terminal answers in the order of the questions. 0.14 asks for the attributes last.
    questions = [(ASKS_FOR_ATTRIBUTES, PLAIN_TERMINAL), (ASKS_FOR_KITTY, KITTY)]
    if tuple(map(int, version("textual-image").split(".")[:2])) >= (0, 14):
        questions.reverse()
    output = shown_by(demo, *questions)
    assert re.search(rb"\x1b_G[^;]*f=100", output), "a PNG is sent"
    assert not SIXEL.search(output) and HALF_BLOCK.encode() not in output


def test_half_blocks_elsewhere(demo: Library, ratio: float) -> None:
    output = STYLE.sub("", shown_by(demo, (ASKS_FOR_ATTRIBUTES, PLAIN_TERMINAL)).decode())
    assert re.search(r" 1 .*chelsea\.png", output)
    rows = [line.count(HALF_BLOCK) for line in output.splitlines() if HALF_BLOCK in line]
    assert len(rows) in (LINES, LINES - 1) and len(set(rows)) == 1
    in_pixels = rows[0] * CELL_PX[0] / (len(rows) * CELL_PX[1])
    assert in_pixels == pytest.approx(ratio, rel=0.15)


def test_no_pictures_elsewhere(demo: Library) -> None:
    data = demo.settings.data_dir
    plain = run_cli(*SEARCH[:-1], data=data)
    piped = run_cli(*SEARCH, data=data)
    assert piped.stdout == plain.stdout
    assert piped.stderr == f"{plain.stderr}Pictures are shown in a terminal only.\n"
    assert b"\x1b" not in shown_by(demo, term="dumb")
    for other in ("--json", "--paths"):
        refused = run_cli(*SEARCH, other, data=data)
        assert refused.returncode == 2 and "--preview shows pictures" in refused.stderr


def test_a_photo_that_is_away_still_has_its_line(tmp_path: Path, demo_photos: Path) -> None:
    photo = tmp_path / "photos" / "chelsea.png"
    photo.parent.mkdir()
    photo.write_bytes((demo_photos / "chelsea.png").read_bytes())
    data = tmp_path / "library"
    assert run_cli("index", photo.parent, data=data).returncode == 0
    photo.unlink()
    environment = cli_environment(
        data, TERM="xterm-256color", IMGSEARCH_CACHE=str(tmp_path / "cache"), NO_COLOR="1"
    )
    command = [sys.executable, "-m", "imgsearch", "search", "sort:path", "--preview"]
    code, output = run_in_terminal(command, environment, {ASKS_FOR_ATTRIBUTES: PLAIN_TERMINAL})
    assert code == 0 and os.fsencode(photo) in output
