"""The comparison with other tools measures what it says, and the docs show what it measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import bench_peers, peer_tables, programs, ratios
from benchmarks.processes import Command, CommandFailed, run

HOLD_AND_WORK = """
import subprocess, sys, time
held = b"x" * (120 << 20)
if len(sys.argv) > 1:
    subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
until = time.process_time() + 0.3
while time.process_time() < until: pass
time.sleep(0.7)
"""


@pytest.mark.alone  # measures time
def test_the_cost_of_a_process_includes_its_children(tmp_path: Path) -> None:
    single = run(Command([sys.executable, "-c", HOLD_AND_WORK], tmp_path, {}))
    assert single.wall_s >= 1.0
    assert 0.3 <= single.cpu_s < single.wall_s
    assert 120 <= single.peak_mb < 200
    both = run(Command([sys.executable, "-c", HOLD_AND_WORK, HOLD_AND_WORK], tmp_path, {}))
    assert both.wall_s >= 2.0
    assert both.cpu_s >= 0.6
    assert 240 <= both.peak_mb < 400


def test_a_command_that_fails_raises_its_last_output(tmp_path: Path) -> None:
    failing = Command([sys.executable, "-c", "raise SystemExit('no such photo')"], tmp_path, {})
    with pytest.raises(CommandFailed, match=r"exit 1\nno such photo"):
        run(failing)


def test_rclip_gets_a_python_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shim of pyenv for a version that is not selected exists, and fails."""
    for name, code in (("python3.991", 127), ("python3.990", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    names = ("python3.992", "python3.991", "python3.990")
    assert programs.python_for_rclip(names) == tmp_path / "python3.990"
    (tmp_path / "python3.990").unlink()
    assert programs.python_for_rclip(names) is None


def test_a_goal_is_met_or_missed_by_a_percentage() -> None:
    assert peer_tables.at_least(3.1, 3) == "met"
    assert peer_tables.at_least(1.5, 3) == "missed by 50 %"
    assert peer_tables.at_most(0.25, 0.25) == "met"
    assert peer_tables.at_most(0.75, 0.5) == "missed by 50 %"


def test_ratios_compare_costs_of_the_same_round() -> None:
    """The machine was busy in the second round, which slowed both programs alike."""
    measured = {"again": {"imgsearch": {"wall_s": [1, 9]}, "rclip": {"wall_s": [2, 18]}}}
    assert peer_tables.times({"measured": measured}, "again", "wall_s") == 0.5


def test_docs_show_the_results_last_published() -> None:
    results = json.loads(bench_peers.PUBLISHED.read_text())
    assert bench_peers.PAGE.read_text() == bench_peers.page_with(results), (
        "run: python -m benchmarks.bench_peers table docs/benchmarks_peers.json --publish"
    )


def test_notes_stand_below_the_tables() -> None:
    results = json.loads(bench_peers.PUBLISHED.read_text())
    note = "rclip 3.3.0 is the newest for Python 3.11."
    assert peer_tables.markdown(results | {"notes": [note]}).endswith(f"\n\n{note}\n")


def test_the_comparison_marks_what_has_become_slower() -> None:
    before = dict.fromkeys(ratios.MEANING, 4.0)
    lines = ratios.comparison(before | {"index": 10.0, "help": 5.0}, before).splitlines()
    marked = [line for line in lines if "times as slow" in line]
    assert len(marked) == 1
    assert marked[0].startswith("index")
    assert marked[0].endswith("2.5 times as slow as before")


@pytest.mark.alone  # measures time
def test_the_speed_is_printed_next_to_the_published_one(
    demo_photos: Path, model_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prints it, and fails only where nothing can be measured: being slow is no failure."""
    committed = json.loads(bench_peers.PUBLISHED.read_text())["ratios"]
    now = ratios.measure(tmp_path, demo_photos, model_cache, rounds=2)
    with capsys.disabled():
        print(f"\n{ratios.comparison(now, committed)}")  # noqa: T201
    assert now.keys() == committed.keys()
    assert all(value > 0 for value in now.values())
