"""The runner of `make test`: what fails among others and passes twice alone is unstable."""

from __future__ import annotations

import getpass
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import CHECKOUT, PATIENCE_S, temporary_folder_of_its_own
from tests.run import FAILED, NO_TESTS, PASSED

STABLE = "def test_stable(): pass\n"
IN_A_CROWD_ONLY = "import os\ndef test_crowd(): assert 'PYTEST_XDIST_WORKER' not in os.environ\n"
EVERY_SECOND_TIME = (
    "from pathlib import Path\n"
    "def test_second():\n"
    "    runs = Path(__file__).with_name('runs')\n"
    "    runs.write_text(runs.read_text() + 'x' if runs.exists() else 'x')\n"
    "    assert len(runs.read_text()) == 2\n"
)
ALONE = "import pytest\n@pytest.mark.alone\ndef test_alone(): assert False\n"


def run(checkout: Path, *groups: str, **files: str) -> tuple[int, str, list[str]]:
    """Run these test files, or of these groups; return exit code, output, and unstable tests."""
    (checkout / "tests").mkdir()
    (checkout / "pytest.ini").write_text("[pytest]\nmarkers =\n    alone: by itself\n")
    for name, code in files.items():
        (checkout / "tests" / f"test_{name}.py").write_text(code)
    outside = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    outside |= temporary_folder_of_its_own(checkout)
    done = subprocess.run(
        [sys.executable, "-m", "tests.run", *groups, f"--checkout={checkout}", "--workers=2"],
        cwd=CHECKOUT, env=outside, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    unstable = checkout / "tests" / "unstable.txt"
    listed = unstable.read_text().splitlines() if unstable.exists() else []
    return done.returncode, done.stdout, listed


def test_a_test_that_fails_in_the_crowd_only_is_listed_and_does_not_fail_the_run(
    tmp_path: Path,
) -> None:
    code, output, unstable = run(tmp_path, stable=STABLE, crowd=IN_A_CROWD_ONLY)
    name = "tests/test_crowd.py::test_crowd"
    assert (code, unstable) == (PASSED, [name]), output
    assert output.splitlines()[-1] == f"== unstable, passed twice alone: {name}"


@pytest.mark.parametrize(
    ("name", "code", "test"),
    [("second", EVERY_SECOND_TIME, "test_second"), ("alone", ALONE, "test_alone")],
)
def test_a_test_that_fails_again_fails_the_run(
    name: str, code: str, test: str, tmp_path: Path
) -> None:
    exit_code, output, unstable = run(tmp_path, stable=STABLE, **{name: code})
    assert (exit_code, unstable) == (FAILED, []), output
    assert f"== FAILED again alone: tests/test_{name}.py::{test}" in output


def test_many_failures_are_not_tried_again(tmp_path: Path) -> None:
    many = "import pytest\n@pytest.mark.parametrize('n', range(13))\ndef test_n(n): assert 0\n"
    code, output, unstable = run(tmp_path, many=many)
    assert (code, unstable) == (FAILED, [])
    assert "13 tests failed, more than are tried again" in output


def test_a_file_that_cannot_be_read_fails_the_run(tmp_path: Path) -> None:
    code, output, unstable = run(tmp_path, stable=STABLE, broken="import no_such_module_anywhere\n")
    assert code not in (PASSED, NO_TESTS) and unstable == [], output


def test_a_run_without_tests_does_not_pass(tmp_path: Path) -> None:
    assert run(tmp_path)[0] == NO_TESTS


def test_only_the_files_of_the_groups_are_read(tmp_path: Path) -> None:
    files = {"stable": STABLE, "absent_features": "import no_such_module_anywhere\n"}
    code, output, unstable = run(tmp_path, "library", **files)
    assert (code, unstable) == (PASSED, []), output
    assert "1 passed" in output


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix")
def test_the_common_temporary_folder_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = tmp_path / f"pytest-of-{getpass.getuser()}"
    common.mkdir()
    common.chmod(0o755)  # as a test needs it in which another user reads
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "checkout").mkdir()
    code, output, _ = run(tmp_path / "checkout", stable=STABLE)
    assert code == PASSED, output
    assert stat.S_IMODE(common.stat().st_mode) == 0o755
