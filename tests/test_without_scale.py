"""Without the extra `scale` a library on this machine can do all it does, and loads no archive."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imgsearch.cli import COMMANDS
from imgsearch.errors import MissingPackage
from tests.factories import CHECKOUT, cli_environment, run_cli

SCALE = ("lance", "lance_ray", "ray", "boto3", "botocore")
PYARROW = "pyarrow"  # Streamlit and packs need it, too
# Refuses the packages of the extra and what uses them, and prints at the end what was asked for.
BLOCKED = """
import atexit, json, sys

class Blocker:
    asked = []

    def find_spec(self, name, path=None, target=None):
        is_of_archives = name.startswith("imgsearch.archive.")
        if name.split(".")[0] in {packages} or is_of_archives:
            self.asked.append(name)
            raise ModuleNotFoundError(f"{{name}} must not be imported", name=name)

sys.meta_path.insert(0, Blocker())
"""
# Runs command lines, and prints the exit code of each.
COMMAND_LINES = """
from imgsearch.cli import commands
from tests.stand_in import StandIn

def code_of(line):
    try:
        commands.main(line, prog_name="imgsearch", standalone_mode=False, obj=StandIn())
    except SystemExit as end:
        return end.code
    return 0

codes = [code_of(line) for line in json.loads(sys.argv[1])]
print(json.dumps([codes, Blocker.asked]))
"""
SERVICE = """
import os, signal, threading
from imgsearch import Library
from imgsearch.service.client import Client
from imgsearch.service.server import serve
from tests.stand_in import StandIn

def ask():
    client = Client(library.settings)
    try:
        answer = client.call(Library.find, "width:>0")
        found.extend([client.call(Library.status).photos, len(answer.hits)])
    finally:
        os.kill(os.getpid(), signal.SIGTERM)

found = []
with Library.open(sys.argv[1], encoder=StandIn()) as library:
    serve(library, None, None, lambda running: threading.Thread(target=ask).start())
print(json.dumps([*found, Blocker.asked]))
"""
PAGE = """
from importlib import import_module
from pathlib import Path
from streamlit.testing.v1 import AppTest

modules = [
    ".".join(file.with_suffix("").parts)
    for file in sorted(Path("ui").rglob("*.py"))
    if file.name not in ("__main__.py", "__init__.py", "app.py", "make_icons.py", "make_world.py")
]
for module in modules:
    import_module(module)
page = AppTest.from_file("ui/app.py", default_timeout=240).run()
shown = [each.message for each in page.exception]
print(json.dumps([len(modules), shown, Blocker.asked]))
"""


def run_blocked(code: str, packages: tuple[str, ...], data: Path, argument: str) -> list[Any]:
    """The JSON that a process prints last in which these packages and archives do not exist."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED.format(packages=packages) + code, argument],
        env=cli_environment(data, PYTHONPATH=str(CHECKOUT)),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, demo_photos: Path) -> Path:
    """A folder with photos."""
    folder = tmp_path_factory.mktemp("photos")
    for photo in sorted(demo_photos.iterdir())[:5]:
        shutil.copy(photo, folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """The data folder of a library that was indexed without the extra."""
    folder = tmp_path_factory.mktemp("data")
    lines = [["index", str(photos)], ["search", "sort:path", "width:>0"]]
    codes = run_blocked(COMMAND_LINES, (*SCALE, PYARROW), folder, json.dumps(lines))
    assert codes == [[0, 0], []]
    return folder


def test_every_command_shows_its_help(data: Path) -> None:
    lines = [["--help"], *([name, "--help"] for name in COMMANDS)]
    codes = run_blocked(COMMAND_LINES, (*SCALE, PYARROW), data, json.dumps(lines))
    assert codes == [[0] * len(lines), []]


def test_commands_work(data: Path, photos: Path) -> None:
    photo = str(next(photos.iterdir()))
    lines = [
        ["index"],
        ["search", "--image", photo, "--json"],
        ["search", "a dog", "--all"],
        ["search", "a dog", "--explain-query"],
        ["explain", photo, "a dog"],
        ["suggest", "20"],
        ["status", "--json"],
        ["timeline"],
        ["events", "--min-photos", "1"],
        ["cameras"],
        ["label", "a dog", "a cat"],
        ["save", "dogs", "a dog"],
        ["saved"],
        ["duplicates", "--min-score", "0.99"],
        ["folders"],
        ["failures"],
        ["encoders"],
        ["rebuild"],
        ["index", "--metadata"],
        ["prune"],
    ]
    lines = [line for line in lines if line[0] in COMMANDS]  # a feature may be missing
    codes, asked = run_blocked(COMMAND_LINES, (*SCALE, PYARROW), data, json.dumps(lines))
    no_result = 1
    failed = [line for line, code in zip(lines, codes, strict=True) if code not in (0, no_result)]
    assert not failed
    assert codes.count(no_result) <= 3  # no near-duplicates, no failures
    assert not asked


def test_the_service_answers(data: Path) -> None:
    assert run_blocked(SERVICE, (*SCALE, PYARROW), data, str(data)) == [5, 5, []]


def test_the_page_is_drawn(data: Path) -> None:
    modules, shown, asked = run_blocked(PAGE, SCALE, data, "")
    assert modules > 25
    assert not shown
    assert not asked


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "a dog", "--library", "s3://bucket/archive"),
        ("index", "/photos", "--library", "s3://bucket/archive"),
        ("status", "--library", "/archive"),
        ("copy", "--to", "/archive"),
    ],
)
def test_an_archive_says_what_to_install(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    # As if they were not installed: what `sys.modules` has as None cannot be found.
    absent = f"import sys; sys.modules.update(dict.fromkeys({(*SCALE, PYARROW)}))"
    (tmp_path / "sitecustomize.py").write_text(absent)
    done = run_cli(*arguments, data=tmp_path / "data", PYTHONPATH=f"{tmp_path}:{CHECKOUT}")
    assert done.returncode == MissingPackage.exit_code == 11, done.stderr
    assert done.stderr.startswith("imgsearch: Archives need more packages: ")
    assert "scale" in done.stderr
    assert not done.stdout
