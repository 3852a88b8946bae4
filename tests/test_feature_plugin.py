"""A feature of another package: the one in docs/plugins.md, built, installed and used."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from imgsearch.errors import MissingPackage
from imgsearch.store.database import DATABASE_FILE
from tests.factories import CHECKOUT, PATIENCE_S, temporary_folder_of_its_own

GUIDE = (CHECKOUT / "docs" / "plugins.md").read_text()
WHITE_BALANCE = 0xA403
DECLARATION = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "imgsearch-broken"
version = "1.0.0"

[project.entry-points."imgsearch.features"]
absent = "imgsearch_absent:FEATURE"
wrong = "imgsearch_broken:WRONG"
taken = "imgsearch_broken:TAKEN"
unfit = "imgsearch_broken:UNFIT"
idle = "imgsearch_broken:IDLE"
albums = "imgsearch_broken:NAMESAKE"
core_command = "imgsearch_broken:CORE_COMMAND"
core_filter = "imgsearch_broken:CORE_FILTER"
core_fact_filter = "imgsearch_broken:CORE_FACT_FILTER"
core_part = "imgsearch_broken:CORE_PART"
core_detail = "imgsearch_broken:CORE_DETAIL"
core_fact = "imgsearch_broken:CORE_FACT"
core_job = "imgsearch_broken:CORE_JOB"
core_direction = "imgsearch_broken:CORE_DIRECTION"
core_explanation = "imgsearch_broken:CORE_EXPLANATION"

[tool.setuptools]
py-modules = ["imgsearch_broken"]
"""
BROKEN = """
from imgsearch.features.declared import (
    Detail, Explained, FactFilter, Feature, FeatureJob, ListedCommand, NamedDirection,
    NamedFilter, Part, StatedFact, ValueFilter
)

WRONG = 7
TAKEN = Feature("taken", commands={"album": ListedCommand("Find", "Not this one.", "nowhere")})
IDLE = Feature("idle", filters={"idle": ValueFilter("TEXT", "that are idle")})
UNFIT = Feature("unfit", facts={"order": StatedFact(str, "Order", 0xA403, "nowhere:read")})
NAMESAKE = Feature("albums")
CORE_COMMAND = Feature("core", commands={"search": ListedCommand("Find", "Other.", "nowhere")})
CORE_FILTER = Feature("core", filters={"tag": NamedFilter("TAG", "with it", "tag", "none")})
FILTER = FactFilter("iso", "number", "with this noise")
CORE_FACT_FILTER = Feature(
    "core", facts={"noise_level": StatedFact(int, "Noise", 0xA403, "nowhere:read", filter=FILTER)}
)
CORE_PART = Feature("core", parts={"browse": Part("nowhere:Lists")})
CORE_DETAIL = Feature("core", details={"albums_count": Detail(int, "nowhere:count"),
                                       "hit": Detail(int, "nowhere:count")})
CORE_DIRECTION = Feature("core", directions={"photo": NamedDirection("x", "nowhere:X", "nowhere")})
CORE_EXPLANATION = Feature("core", explained={"rank": Explained("x:X", "x:y", "x:z")})
CORE_JOB = Feature("core", jobs={"index": FeatureJob("Not done.", "x", "nowhere:x", "nowhere:y")})
CORE_FACT = Feature("core", facts={"focal_mm": StatedFact(str, "Lens", 0xA403, "nowhere:read")})
"""


def files_of_the_guide() -> dict[str, str]:
    """The blocks of the guide that begin with the name of a file, by that name."""
    blocks = re.findall(r"^```\w+\n# ([\w.]+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return {name: text for name, text in blocks if "white" in text}


def install(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a package and install it; return the folder where its modules are."""
    source = folder / "source"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--target", folder / "packages", source),
        ],
        check=True,
        timeout=PATIENCE_S,
    )
    return folder / "packages"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where `pip` has installed the package of the guide."""
    files = files_of_the_guide()
    assert files.keys() == {
        *("imgsearch_white_balance.py", "pyproject.toml", "test_white_balance.py")
    }
    return install(tmp_path_factory.mktemp("plugin"), files)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, setting, colour in (
        *(("auto", 0, "red"), ("manual", 1, "blue")),
        *(("odd", 7, "lime"), ("unknown", None, "white")),
    ):
        tags = Image.Exif()
        if setting is not None:
            tags.get_ifd(0x8769)[WHITE_BALANCE] = setting
        Image.new("RGB", (64, 64), colour).save(folder / f"{name}.jpg", exif=tags)
    return folder


def run(
    packages: Path | None, data: Path, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run `imgsearch` with the installed package, or without it."""
    path = os.pathsep.join(str(each) for each in (packages, CHECKOUT) if each is not None)
    return subprocess.run(
        [sys.executable, "-m", "imgsearch", *arguments],
        env={
            **os.environ,
            "PYTHONPATH": path,
            "IMGSEARCH_DATA": str(data),
            "IMGSEARCH_ENCODER": "lite",
            "IMGSEARCH_SERVICE": "off",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_a_package_of_one_file_adds_a_fact_a_filter_and_a_command(
    installed: Path, photos: Path, tmp_path: Path
) -> None:
    data = tmp_path / "library"
    assert run(installed, data, "index", photos).returncode == 0
    found = run(installed, data, "search", "whitebalance:manual", "--json")
    (hit,) = json.loads(found.stdout)["hits"]
    assert hit["paths"] == [str(photos / "manual.jpg")]
    assert hit["photo"]["facts"]["white_balance"] == "manual"
    counted = run(installed, data, "white-balance")
    assert counted.stdout.split() == ["auto", "1", "manual", "1"]
    shown = run(installed, data, "--help").stdout
    assert re.search(r"^  white-balance +Count photos by white balance\.$", shown, re.MULTILINE)
    assert "whitebalance" in run(installed, data, "help", "filters").stdout
    wrong = run(installed, data, "search", "whitebalanc:manual")
    assert wrong.returncode == 2 and "Did you mean whitebalance:?" in wrong.stderr


def test_a_library_from_before_gets_the_fact_and_keeps_it_without_the_package(
    installed: Path, photos: Path, tmp_path: Path
) -> None:
    data = tmp_path / "library"
    assert run(None, data, "index", photos).returncode == 0
    assert run(installed, data, "search", "whitebalance:manual").returncode == 1
    assert run(installed, data, "index", "--metadata").returncode == 0
    assert run(installed, data, "search", "whitebalance:manual").returncode == 0
    # Without the package: the library answers and is written, and nothing of the fact is lost.
    gone = run(None, data, "search", "whitebalance:manual")
    assert gone.returncode == 2 and "Unknown filter whitebalance:" in gone.stderr
    assert run(None, data, "search", "manual").returncode == 0
    Image.new("RGB", (64, 64), "black").save(photos / "black.jpg")
    assert run(None, data, "index").returncode == 0
    assert run(None, data, "doctor").returncode == 0
    assert run(installed, data, "white-balance").stdout.split() == ["auto", "1", "manual", "1"]
    with closing(sqlite3.connect(data / DATABASE_FILE)) as database:
        rows = database.execute("SELECT white_balance FROM photos ORDER BY 1").fetchall()
    assert rows == [(None,), (None,), (None,), ("auto",), ("manual",)]


def test_the_tests_of_the_guide_pass(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_white_balance.py").write_text(files_of_the_guide()["test_white_balance.py"])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        env={
            **os.environ,
            **temporary_folder_of_its_own(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(installed), str(CHECKOUT)]),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_broken_features_are_left_out_with_a_sentence_each(photos: Path, tmp_path: Path) -> None:
    files = {"pyproject.toml": DECLARATION, "imgsearch_broken.py": BROKEN}
    packages, data = install(tmp_path, files), tmp_path / "library"
    assert run(packages, data, "index", photos).returncode == 0
    assert "Put photos together in albums." in run(packages, data, "--help").stdout
    said = run(packages, data, "doctor").stdout
    for sentence in (
        "The plug-in 'absent' of the package imgsearch-broken does not load (ModuleNotFoundError",
        "The plug-in 'wrong' of the package imgsearch-broken is not the declaration of a feature",
        "The plug-in 'taken' of the package imgsearch-broken brings the command 'album', which the "
        "feature albums has already",
        "The plug-in 'albums' of the package imgsearch-broken has the name of one of our own",
        "The plug-in 'unfit' of the package imgsearch-broken has a fact 'order', which cannot be",
        "The plug-in 'idle' of the package imgsearch-broken has a filter 'idle' with neither a "
        "condition nor an order",
    ):
        assert sentence in said
    for plug_in, taken in (
        *(("core_command", "command 'search'"), ("core_filter", "filter 'tag'")),
        *(("core_fact_filter", "filter 'iso'"), ("core_part", "part 'browse'")),
        *(("core_detail", "detail 'hit'"), ("core_fact", "fact 'focal_mm'")),
        *(("core_job", "job 'index'"), ("core_direction", "filter 'photo'")),
        ("core_explanation", "explanation 'rank'"),
    ):
        assert (
            f"The plug-in '{plug_in}' of the package imgsearch-broken brings the {taken}, which "
            "imgsearch has itself. The feature is left out. Update its package, or remove it."
        ) in said
    assert "Traceback" not in said
    # What a refused feature brings besides is left out with it.
    assert run(packages, data, "search", "noiselevel:1").returncode == 2
    with closing(sqlite3.connect(data / DATABASE_FILE)) as database:
        columns = [name for _, name, *_ in database.execute("PRAGMA table_info(photos)")]
    assert "noise_level" not in columns and columns.count("focal_mm") == 1


FAILING = """
from imgsearch.features.declared import Feature

FEATURE = Feature(
    "follower",
    after_indexing="failing_follower:follow",
    rows="failing_follower:rows",
    remarks="failing_follower:remarks",
    cards={"Weather": "failing_follower:weather", "Tides": "failing_follower:nothing"},
)


def follow(context, store, row):
    raise KeyError(store.reads.photos.count())


def remarks(context, query):
    yield f"{context.reads.photos.count()} photos, {len(query.terms)} term."
    raise ValueError("no idea")


def rows(opened, hit):
    return [("Width", f"{hit.photo.width_px} px")]


def weather(opened, hit):
    raise ValueError("no rain")


def nothing(opened, hit):
    return []
"""
# Prints the details of a photo as JSON.
DETAILS = """
import json, sys
import msgspec
from imgsearch import Library, Settings

with Library.open(Settings.load(data_dir=sys.argv[1])) as library:
    print(json.dumps(msgspec.to_builtins(library.photo(1), enc_hook=str)))
"""
FAILING_PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "failing-follower"
version = "1.0.0"

[project.entry-points."imgsearch.features"]
follower = "failing_follower:FEATURE"

[tool.setuptools]
py-modules = ["failing_follower"]
"""


def test_a_feature_that_fails_after_indexing_is_named(photos: Path, tmp_path: Path) -> None:
    packages = install(
        tmp_path, {"failing_follower.py": FAILING, "pyproject.toml": FAILING_PROJECT}
    )
    done = run(packages, tmp_path / "data", "index", photos)
    assert done.returncode == MissingPackage.exit_code
    assert (
        "The photos were indexed, and then the feature follower, a plug-in, failed (KeyError: 4). "
        "Update its package, or remove it."
    ) in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    found = run(None, tmp_path / "data", "search", "type:jpeg", "--paths")
    assert len(found.stdout.splitlines()) == 4, "the photos are there"


def test_a_card_that_fails_says_so_in_its_place(photos: Path, tmp_path: Path) -> None:
    packages = install(
        tmp_path, {"failing_follower.py": FAILING, "pyproject.toml": FAILING_PROJECT}
    )
    data = tmp_path / "data"
    assert run(None, data, "index", photos).returncode == 0
    found = run(packages, data, "search", "a square", "--all")
    assert found.returncode == 0
    assert "4 photos, 1 term." not in found.stderr, "what it said before it failed is left out"
    assert (
        "failing_follower:remarks, a part of a plug-in, failed (ValueError: no idea). "
        "Update its package, or remove it."
    ) in " ".join(found.stderr.split())
    shown = subprocess.run(
        [sys.executable, "-c", DETAILS, data],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(CHECKOUT)])},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert shown.returncode == 0, shown.stderr
    details = json.loads(shown.stdout)
    assert ["Width", "64 px"] in details["shown"]
    assert details["cards"] == [
        {
            "title": "A plug-in failed",
            "rows": [
                [
                    "Problem",
                    "failing_follower:weather, a part of a plug-in, failed (ValueError: no rain). "
                    "Update its package, or remove it.",
                ]
            ],
        }
    ]
