"""The benchmark beside peers: it measures what it says, and docs show what it measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import bench_peers, peer_tables, ratios
from benchmarks.processes import Command, CommandFailed, run

pytestmark = pytest.mark.alone  # it measures time, or waits for it

HOLD_AND_WORK = """
import subprocess, sys, time
held = b"x" * (120 << 20)
if len(sys.argv) > 1:
    subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
until = time.process_time() + 0.3
while time.process_time() < until: pass
time.sleep(0.7)
"""


def test_a_process_costs_time_cores_and_memory_with_its_children(tmp_path: Path) -> None:
    alone = run(Command([sys.executable, "-c", HOLD_AND_WORK], tmp_path, {}))
    assert alone.wall_s >= 1.0
    assert 0.3 <= alone.cpu_s < alone.wall_s
    assert 120 <= alone.peak_mb < 200
    two = run(Command([sys.executable, "-c", HOLD_AND_WORK, HOLD_AND_WORK], tmp_path, {}))
    assert two.wall_s >= 2.0
    assert two.cpu_s >= 0.6
    assert 240 <= two.peak_mb < 400


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    failing = Command([sys.executable, "-c", "raise SystemExit('no such photo')"], tmp_path, {})
    with pytest.raises(CommandFailed, match=r"exit 1\nno such photo"):
        run(failing)


def test_a_goal_is_met_or_missed_by_a_share() -> None:
    assert peer_tables.at_least(3.1, 3) == "met"
    assert peer_tables.at_least(1.5, 3) == "missed by 50 %"
    assert peer_tables.at_most(0.25, 0.25) == "met"
    assert peer_tables.at_most(0.75, 0.5) == "missed by 50 %"


def test_ratios_are_of_the_same_round() -> None:
    """The second round met a busy machine; both were slowed alike."""
    measured = {"again": {"imgsearch": {"wall_s": [1, 9]}, "rclip": {"wall_s": [2, 18]}}}
    assert peer_tables.times({"measured": measured}, "again", "wall_s") == 0.5


def test_docs_show_the_numbers_last_published() -> None:
    results = json.loads(bench_peers.PUBLISHED.read_text())
    assert bench_peers.PAGE.read_text() == bench_peers.page_with(results), (
        "run: python -m benchmarks.bench_peers table docs/benchmarks_peers.json --publish"
    )


def test_slower_than_published_is_said() -> None:
    before = dict.fromkeys(ratios.MEANING, 4.0)
    said = ratios.comparison(before | {"index": 10.0, "help": 5.0}, before).splitlines()
    noted = [line for line in said if "times as slow" in line]
    assert len(noted) == 1
    assert noted[0].startswith("index")
    assert noted[0].endswith("2.5 times as slow as before")


def test_speed_beside_what_was_published(
    demo_photos: Path, model_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prints; fails only where nothing can be measured, never because something is slow."""
    committed = json.loads(bench_peers.PUBLISHED.read_text())["ratios"]
    now = ratios.measure(tmp_path, demo_photos, model_cache, rounds=2)
    with capsys.disabled():
        print(f"\n{ratios.comparison(now, committed)}")  # noqa: T201
    assert now.keys() == committed.keys()
    assert all(value > 0 for value in now.values())
