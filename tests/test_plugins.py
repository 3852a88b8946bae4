"""A plug-in that is installed for real: an encoder and an index backend from another package."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from tests.factories import CHECKOUT, PATIENCE_S

BACKEND = """
import sys
from imgsearch import Library, Settings
from imgsearch.index.policy import IndexPolicy, IndexSpec
policy = IndexPolicy(((0, IndexSpec("example")),), tail_rows=0)
with Library.open(Settings.load(data_dir=sys.argv[1]), index_policy=policy) as library:
    library.index().run()
    library.rebuild().run()
with Library.open(Settings.load(data_dir=sys.argv[1])) as library:  # the kind is in the database
    print(library.search("red")[0].path.name)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where `pip` has installed the plug-in."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(CHECKOUT / "tests" / "plugin", folder / "source")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--target", folder / "packages", folder / "source"),
        ],
        check=True,
        timeout=PATIENCE_S,
    )
    return folder / "packages"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("red", "lime", "blue"):
        Image.new("RGB", (32, 32), name).save(folder / f"{name}.png")
    return folder


def run(
    installed: Path, data: Path, *arguments: str | Path, code: str | None = None
) -> subprocess.CompletedProcess[str]:
    program = ["-m", "imgsearch"] if code is None else ["-c", code]
    path = os.pathsep.join([str(installed), str(CHECKOUT)])
    return subprocess.run(
        [sys.executable, *program, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": path,
            "IMGSEARCH_DATA": str(data),
            "IMGSEARCH_CACHE": str(data / "cache"),
            "IMGSEARCH_SERVICE": "off",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_an_encoder_of_a_plug_in_indexes_and_searches(
    installed: Path, photos: Path, tmp_path: Path
) -> None:
    data = tmp_path / "library"
    done = run(installed, data, "index", photos, "--encoder", "example")
    assert done.returncode == 0, done.stderr
    for colour in ("red", "lime", "blue"):
        done = run(installed, data, "search", colour, "--all", "--paths", "-k", "1")
        assert done.stdout.strip() == str(photos / f"{colour}.png"), done.stderr
    without = run(tmp_path, data, "search", "something blue")
    assert without.returncode == 2
    assert "an encoder this imgsearch does not have" in without.stderr
    assert "Install the package that brings the encoders 'example' again" in without.stderr


def test_an_index_backend_of_a_plug_in_is_found_by_its_name(
    installed: Path, photos: Path, tmp_path: Path
) -> None:
    data = tmp_path / "library"
    assert run(installed, data, "index", photos, "--encoder", "example").returncode == 0
    done = run(installed, data, str(data), code=BACKEND)
    assert done.stdout.split() == ["red.png"], done.stderr
    with closing(sqlite3.connect(data / "library.db")) as connection:
        kinds = connection.execute("SELECT kind FROM snapshots").fetchall()
    assert kinds == [("example",)]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (
            "broken",
            "does not load (ModuleNotFoundError: No module named",
        ),
        ("wrong", "is not an EncoderKind with the prefix 'wrong'"),
    ],
)
def test_a_plug_in_that_does_not_work_is_named(
    installed: Path, photos: Path, tmp_path: Path, name: str, fault: str
) -> None:
    done = run(installed, tmp_path / "library", "index", photos, "--encoder", name)
    assert done.returncode == 11
    assert fault in done.stderr and "pip uninstall imgsearch-plugin-example" in done.stderr


def test_entry_points_are_not_read_for_names_of_imgsearch(photos: Path, tmp_path: Path) -> None:
    code = "import sys; from imgsearch.encoders.registry import kind_of; kind_of('lite'); "
    code += "print('importlib.metadata' in sys.modules)"
    done = run(tmp_path, tmp_path / "library", code=code)
    assert done.stdout.strip() == "False", done.stderr


def make_package(folder: Path, name: str, entry_points: bytes, code: str = "") -> None:
    """An installed package of anybody, as pip would leave it."""
    described = folder / f"{name}-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (described / "entry_points.txt").write_bytes(entry_points)
    (folder / f"{name.replace('-', '_')}.py").write_text(code)


@pytest.mark.parametrize("listed", [b"[imgsearch.encoders]\nm\xfc = x:KIND\n", b"\xff\xfe\0["])
def test_a_package_with_a_list_that_cannot_be_read_is_named_and_passed_over(
    installed: Path, photos: Path, tmp_path: Path, listed: bytes
) -> None:
    packages, data = tmp_path / "packages", tmp_path / "library"
    make_package(packages, "odd-package", listed)
    path = Path(f"{packages}{os.pathsep}{installed}")
    done = run(path, data, "index", photos, "--encoder", "example")
    assert done.returncode == 0, done.stderr
    listing = run(path, data, "encoders")
    assert listing.returncode == 0 and "* in use" in listing.stdout
    assert "entry points of the package odd-package cannot be read" in listing.stderr
    examined = run(path, data, "doctor")
    assert examined.returncode == 1 and "odd-package" in examined.stdout + examined.stderr
    unknown = run(path, tmp_path / "new", "index", photos, "--encoder", "nothing")
    assert unknown.returncode == 2 and "Unknown encoder 'nothing'" in unknown.stderr


def test_a_broken_plug_in_does_not_hide_the_others(
    installed: Path, photos: Path, tmp_path: Path
) -> None:
    packages, data = tmp_path / "packages", tmp_path / "library"
    leaves = "raise SystemExit(0)"
    make_package(
        packages, "leaves-at-once", b"[imgsearch.encoders]\nl = leaves_at_once:K\n", leaves
    )
    path = Path(f"{packages}{os.pathsep}{installed}")
    assert run(path, data, "index", photos, "--encoder", "example").returncode == 0
    done = run(path, data, "encoders")
    assert done.returncode == 0 and "lite" in done.stdout and "openclip:" in done.stdout
    for name in ("'broken'", "'wrong'", "'l'"):
        assert done.stderr.count(f"The plug-in {name}") == 1, done.stderr
    left = run(path, data, "rebuild", "--encoder", "l")
    assert left.returncode == 11 and "does not load (SystemExit: 0)" in left.stderr


LEAVES = """
import imgsearch_plugin_example as example
from imgsearch.encoders.base import EncoderKind

class Leaving(example.ExampleEncoder):
    id = "{name}@1"
    def {method}(self, batch):
        raise SystemExit(0)

def open_one(name, *arguments):
    {opening}

KIND = EncoderKind(prefix="{name}", open=open_one)
"""


@pytest.mark.parametrize(
    ("method", "opening"),
    [
        ("encode_pixels", "return Leaving()"),
        ("prepare", "return Leaving()"),
        ("other", "raise SystemExit(0)"),
    ],
)
def test_a_plug_in_cannot_end_a_command_as_if_it_were_done(
    installed: Path, photos: Path, tmp_path: Path, method: str, opening: str
) -> None:
    packages, data = tmp_path / "packages", tmp_path / "library"
    code = LEAVES.format(name="leaves", method=method, opening=opening)
    make_package(packages, "leaves", b"[imgsearch.encoders]\nleaves = leaves:KIND\n", code)
    path = Path(f"{packages}{os.pathsep}{installed}")
    done = run(path, data, "index", photos, "--encoder", "leaves")
    assert done.returncode == 11, done.stdout + done.stderr
    assert "The plug-in 'leaves' of the package leaves tried to end imgsearch" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_index_backend_cannot_end_a_command_as_if_it_were_done(
    installed: Path, photos: Path, tmp_path: Path
) -> None:
    packages, data = tmp_path / "packages", tmp_path / "library"
    code = (
        "import imgsearch_plugin_example as example\n"
        "class Leaving(example.ExampleBackend):\n"
        "    name = 'leaving'\n"
        "    def build(self, context):\n"
        "        raise SystemExit(0)\n"
        "BACKEND = Leaving()\n"
    )
    listed = b"[imgsearch.index_backends]\nleaving = leaving:BACKEND\n"
    make_package(packages, "leaving", listed, code)
    path = Path(f"{packages}{os.pathsep}{installed}")
    assert run(path, data, "index", photos, "--encoder", "example").returncode == 0
    program = BACKEND.replace('IndexSpec("example")', 'IndexSpec("leaving")')
    done = run(path, data, str(data), code=program)
    assert done.returncode == 1, "an error of Python, as the program catches none"
    assert "MissingPackage: The plug-in 'leaving' of the package leaving tried" in done.stderr
