"""A missing program skips the tests that need it, and fails them in CI."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.factories import CHECKOUT, run_pytest
from tests.programs import INSTALLED_BY_CI, find_program, need_programs

# One test for each program that CI installs and each way to say that it is needed.
TESTS = [
    "tests/e2e/test_page_viewer.py::test_an_arrow_key_shows_a_neighbour_that_was_loaded_ahead",
    "tests/e2e/test_page_firefox.py::test_a_suggestion_is_taken_with_the_keyboard",
    "tests/e2e/test_privacy.py::test_every_step_did_its_work",
    "tests/test_maker_notes.py::test_exiftool_reads_the_same_of_an_x3f",
]


@pytest.fixture
def empty_path(tmp_path: Path) -> str:
    """A PATH with what our scripts need to start, and nothing else."""
    for name in ("bash", "dirname", "id"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    return str(tmp_path)


def run_tests(path: str, **environment: str) -> tuple[int, dict[str, int], str]:
    """Run `TESTS` with this PATH: the exit code, how many ended in which way, and the output."""
    done = run_pytest(*TESTS, PATH=path, **environment)
    found = re.findall(r"(\d+) (skipped|passed|error|failed)", done.stdout.splitlines()[-1])
    counts = {kind: int(count) for count, kind in found}
    return done.returncode, counts, done.stdout


@pytest.mark.slow
def test_tests_without_their_programs_are_skipped_here_and_fail_in_ci(empty_path: str) -> None:
    code, counts, output = run_tests(empty_path)
    assert (code, counts) == (0, {"skipped": len(TESTS)}), output
    assert "needs exiftool: tests/install_exiftool.sh" in output
    code, counts, output = run_tests(empty_path, CI="true")
    assert (code, counts) == (1, {"error": len(TESTS)}), output
    for name in ("chromium", "firefox", "strace", "ip", "exiftool"):
        assert re.search(rf"CI must have .*\b{name}\b.*: tests/", output), output


def test_what_ci_does_not_install_is_skipped_there_too(empty_path: str) -> None:
    in_ci = {"CI": "true", "PATH": empty_path}
    with pytest.raises(pytest.skip.Exception, match=r"^needs fish$"):
        need_programs("bash", "fish", environment=in_ci)
    need_programs("bash", environment=in_ci)
    assert find_program("bash", empty_path) == str(Path(empty_path, "bash"))


def test_ci_ends_at_once_where_a_program_cannot_be_installed(empty_path: str) -> None:
    ci = subprocess.run(
        [CHECKOUT / ".ci" / "run"], env={"PATH": empty_path}, capture_output=True, text=True
    )
    assert ci.returncode == 1 and "Not installed: chromium firefox-esr" in ci.stderr, ci.stderr
    assert ci.stderr.count("\n") == 1, "nothing else was tried"


@pytest.mark.parametrize("script", sorted(set(INSTALLED_BY_CI.values())))
def test_a_script_that_cannot_install_its_program_fails(script: str, empty_path: str) -> None:
    done = subprocess.run(
        [CHECKOUT / script], env={"PATH": empty_path}, capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.startswith("Not installed: "), done.stderr
