"""Runs the tests of the Makefile: in parallel, then those that run alone, then those that failed.

    python -m tests.run [GROUP…]

A test that fails among others is run twice more, alone. If it passes both times, it is unstable:
its name is printed at the end and added to tests/unstable.txt, and the run does not fail for it.
That file is a list of tests to mend, and is empty when they are. A test that fails again fails the
run. So does a run in which more than MOST_RETRIED tests fail, none of which is tried again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tests.groups import GROUPS, LIBRARY, files_of

ALL = (LIBRARY, *GROUPS)
MOST_RETRIED = 12
PASSED, FAILED, NO_TESTS = 0, 1, 5  # exit codes of pytest


class TestRun:
    """Runs pytest in a checkout. `folder` is for what pytest records about a run."""

    __test__ = False  # pytest would take the name for a test

    def __init__(self, checkout: Path) -> None:
        self._checkout = checkout
        self._folder = checkout / "build" / "test-run"
        shutil.rmtree(self._folder, ignore_errors=True)

    def pytest(self, name: str, *arguments: str) -> int:
        """Run pytest and keep its record under this name; return its exit code."""
        record = ("-o", f"cache_dir={self._folder / name}")
        command = [sys.executable, "-m", "pytest", *record, *arguments]
        return subprocess.run(command, cwd=self._checkout).returncode

    def failed(self, name: str) -> list[str]:
        """Return the ids of the tests that failed in the run of this name, sorted."""
        record = self._folder / name / "v" / "cache" / "lastfailed"
        return sorted(json.loads(record.read_text())) if record.exists() else []

    def passes_alone(self, test: str) -> bool:
        """Run a test twice, each time in a process of its own; return whether it passed twice."""
        return all(self.pytest("again", test) == PASSED for _ in range(2))

    def files_of(self, groups: Sequence[str]) -> list[Path]:
        """Return the test files of these groups, or all where none is named.

        Only these are given to pytest: each of its processes takes 17 seconds to read all.
        """
        tests = self._checkout / "tests"
        return sorted(set().union(*(files_of(name, tests) for name in groups or ALL)))

    def note_unstable(self, tests: Sequence[str]) -> None:
        """Add to tests/unstable.txt the tests that it lacks."""
        file = self._checkout / "tests" / "unstable.txt"
        known = file.read_text("utf-8").splitlines() if file.exists() else []
        known += [test for test in tests if test not in known]
        file.write_text("".join(f"{test}\n" for test in known), "utf-8")

    def retry(self, failed: Sequence[str]) -> bool:
        """Run failed tests again and report each; return whether all of them passed."""
        if len(failed) > MOST_RETRIED:
            click.echo(f"== {len(failed)} tests failed, more than are tried again.")
            return False
        passed = [test for test in failed if self.passes_alone(test)]
        self.note_unstable(passed)
        for test in failed:
            result = "unstable, passed twice alone" if test in passed else "FAILED again alone"
            click.echo(f"== {result}: {test}")
        return passed == list(failed)


@click.command()
@click.argument("groups", nargs=-1, type=click.Choice(ALL))
@click.option("--checkout", type=Path, default=Path(__file__).parent.parent)
@click.option("--workers", default=(os.cpu_count() or 1) + 2, help="Processes at once.")
def main(groups: Sequence[str], checkout: Path, workers: int) -> None:
    """Run the tests of GROUPS (tests/groups.py), or all."""
    # More workers than cores: tests wait for browsers, for processes, and for time limits.
    parallel = ("-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder")
    run = TestRun(checkout)
    files = run.files_of(groups)
    if not files:
        sys.exit(NO_TESTS)
    codes = {"crowd": run.pytest("crowd", *parallel, "-m", "not alone", *map(str, files))}
    if alone := [str(file) for file in files if "mark.alone" in file.read_text("utf-8")]:
        codes["alone"] = run.pytest("alone", "-m", "alone", *alone)
    if not set(codes.values()) <= {PASSED, FAILED, NO_TESTS}:
        sys.exit(max(codes.values()))
    if set(codes.values()) == {NO_TESTS}:
        sys.exit(NO_TESTS)
    failed = [test for name, code in codes.items() if code == FAILED for test in run.failed(name)]
    if FAILED in codes.values() and not (failed and run.retry(failed)):
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
