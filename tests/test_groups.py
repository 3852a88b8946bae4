"""The groups of tests that have a target of their own: each file is in the right one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.factories import CHECKOUT, PATIENCE_S
from tests.groups import GROUPS, LIBRARY, files_of, group_of

FILES = sorted((CHECKOUT / "tests").rglob("test_*.py"))
# Lines at the beginning of which a module cannot do without what its group is about.
SIGNS = {
    "archives": re.compile(
        r"^(\w+ = )?pytest\.importorskip\(\"lance\"|^from imgsearch\.fleet", re.M
    ),
    "research": re.compile(r"^from (training|benchmarks\.bench_(peers|index))\b", re.M),
}


def test_every_pattern_names_test_files() -> None:
    for patterns in GROUPS.values():
        for pattern in patterns:
            assert list((CHECKOUT / "tests").glob(pattern)), pattern


def test_every_file_is_in_one_group() -> None:
    grouped = [file for name in (*GROUPS, LIBRARY) for file in files_of(name)]
    assert sorted(grouped) == FILES


def test_a_file_that_cannot_do_without_an_extra_is_in_its_group() -> None:
    for name, sign in SIGNS.items():
        found = {file for file in FILES if sign.search(file.read_text())}
        assert found and found <= files_of(name), found - files_of(name)
    assert not files_of("archives") & files_of("research")
    assert group_of(Path(__file__)) == "library"


def test_the_marker_of_a_group_selects_its_tests() -> None:
    files = {
        "archives": "tests/test_mounts.py",
        "research": "tests/test_bench_peers.py",
        "library": "tests/test_words.py",
    }
    for marker, file in files.items():
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", marker]
        listed = subprocess.run(
            [*command, *files.values()],
            cwd=CHECKOUT, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip
        selected = {line.partition("::")[0] for line in listed.stdout.splitlines() if "::" in line}
        assert selected == {file}, listed.stdout
