"""Programs that tests need and that pip does not install.

A test says what it needs with the marker `needs`, or calls `need_programs`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

import pytest

# Commands of a program that has several names. The first one found is used.
_COMMANDS = {
    "chromium": (
        "chromium-headless-shell",  # needs two thirds of the others' time: it has no windows
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ),
    "firefox": ("firefox", "firefox-esr"),
}
# What `.ci/run` installs, and the script that does it.
INSTALLED_BY_CI = {
    "chromium": "tests/e2e/install_browser.sh",
    "firefox": "tests/e2e/install_browser.sh",
    "strace": "tests/e2e/install_recorder.sh",
    "ip": "tests/e2e/install_recorder.sh",
    "exiftool": "tests/install_exiftool.sh",
    "node": "tests/install_node.sh",
}


def find_program(name: str, path: str | None = None) -> str | None:
    """The file of the program in `path` (without one: in PATH), or None."""
    commands = _COMMANDS.get(name, (name,))
    return next(filter(None, (shutil.which(each, path=path) for each in commands)), None)


def need_programs(*names: str, environment: Mapping[str, str] = os.environ) -> None:
    """Skip the running test, with the reason, if one of the programs is missing.

    In CI (`CI` is set) a missing program that `INSTALLED_BY_CI` names fails the test instead.
    """
    missing = [name for name in names if not find_program(name, environment.get("PATH"))]
    expected = [name for name in missing if name in INSTALLED_BY_CI]
    if expected and environment.get("CI"):
        scripts = ", ".join(sorted({INSTALLED_BY_CI[name] for name in expected}))
        pytest.fail(f"CI must have {', '.join(expected)}: {scripts}", pytrace=False)
    if missing:
        cures = sorted({INSTALLED_BY_CI[name] for name in expected})
        pytest.skip(f"needs {', '.join(missing)}" + (f": {', '.join(cures)}" if cures else ""))
