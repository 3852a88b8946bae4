"""Without the folder of a feature everything else works, and no word of the feature is left.

Each feature is hidden in turn, in processes that run from a checkout without its folder. A library
with its rows opens there, keeps them while something is written, and doctor names them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.features import installed
from imgsearch.features.installed import OWN, features
from imgsearch.store.feature_rows import FEATURE_ROWS
from tests.absent import (
    CHECKOUT,
    environment_of,
    features_with_rows,
    fill,
    stored,
    without_feature,
    words_of,
)
from tests.factories import PATIENCE_S

# Prints as JSON what users and programs see of an installation.
SEEN = """
import importlib, json, pkgutil, sys
from importlib.util import find_spec
from pathlib import Path
import click
from click.testing import CliRunner
import imgsearch, ui
from imgsearch.cli import GROUPS, commands
from imgsearch.cli.manual import manual_page
from imgsearch.features.installed import OWN, features
from imgsearch.language.completion import COMPLETED
from imgsearch.service.openapi import openapi_document
from imgsearch.service.table import operations
from imgsearch import Library

# A feature that needs the hidden one is left out, although its folder is there.
left_out = tuple(f"imgsearch.features.{name}" for name in {*OWN} - features().keys())
for package in (imgsearch, ui):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__") and not module.name.startswith(left_out):
            importlib.import_module(module.name)

from ui import component_files, first_document
from ui.view_table import all_views

def helps(command, context):
    yield command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            yield from helps(inner, click.Context(inner, info_name=name, parent=context))

def tools_of(library):
    if find_spec("imgsearch.features.assistant") is None:
        return ""
    tools = importlib.import_module("imgsearch.features.assistant.tools")
    told = [
        [each.name, each.title, each.description, each.input_schema]
        for each in tools.PhotoTools(library).tools
    ]
    return json.dumps(told) + tools.query_help()

scripts = [
    file.relative_to(folder).as_posix()
    for package in ("ui", *imgsearch.component_packages())
    for folder in [Path(find_spec(package).origin).with_name("components")]
    for file in folder.rglob("*") if file.suffix in (".js", ".css")
]
with Library.open(sys.argv[1]) as library:
    seen = {
        "help": "\\n".join(helps(commands, click.Context(commands, info_name="imgsearch"))),
        "filters": CliRunner().invoke(commands, ["help", "filters"]).output,
        "manual": manual_page(commands, GROUPS),
        "OpenAPI": json.dumps(openapi_document(operations())),
        "tools": tools_of(library),
        "names": " ".join([*imgsearch.__all__, *(f"library.{x}" for x in library.capabilities)]),
        "completion": " ".join(COMPLETED),
        "suggestions": json.dumps([each.line for each in library.lines.suggest("b", 20)]),
        "views": " ".join(f"{name} {view.title}" for name, view in all_views().items()),
        "documents": "\\n".join(map(first_document.document, all_views())),
        "modules": "\\n".join(component_files.text(name) for name in scripts),
    }
print(json.dumps(seen))
"""


@pytest.fixture(scope="module", params=features())
def hidden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a feature, for which `checkout` lacks its folder."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def checkout(hidden: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout without the folder of the hidden feature."""
    return without_feature(hidden, tmp_path_factory.mktemp("checkout") / "imgsearch")


@pytest.fixture
def data(demo_data: Path, tmp_path: Path, hidden: str) -> Path:
    """The data folder of a library that has rows of the hidden feature."""
    copied = Path(shutil.copytree(demo_data, tmp_path / "library"))
    with Library.open(Settings.load(data_dir=copied)) as library:
        fill(library, hidden)
    return copied


def run(checkout: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python from a checkout, for a library."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={
            **os.environ,
            **environment_of(checkout),
            "IMGSEARCH_DATA": str(data),
            "IMGSEARCH_SERVICE": "off",
        },
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def command(checkout: Path, data: Path, *arguments: str) -> str:
    """Run a command from a checkout; return what it prints."""
    done = run(checkout, data, "-m", "imgsearch", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def called_by_people(feature: str) -> str:
    """How messages call what somebody has made with a feature."""
    rows = FEATURE_ROWS.get(feature)
    return feature if rows is None else rows.called or feature


def test_every_feature_can_be_filled() -> None:
    assert features_with_rows() == FEATURE_ROWS.keys() <= set(OWN)


def test_no_word_of_a_hidden_feature_is_left(hidden: str, checkout: Path, data: Path) -> None:
    words = words_of(hidden)
    code = run(checkout, data, "-c", SEEN, str(data))
    assert code.returncode == 0, code.stderr
    seen: dict[str, str] = json.loads(code.stdout)
    left = {
        what: [
            text[max(0, found.start() - 60) : found.end() + 60] for found in words.finditer(text)
        ]
        for what, text in seen.items()
    }
    assert {what: found[:3] for what, found in left.items() if found} == {}
    # The same words are found where the feature is there, so the pattern finds what it is for.
    there = run(CHECKOUT, data, "-c", SEEN, str(data))
    assert there.returncode == 0, there.stderr
    assert [what for what, text in json.loads(there.stdout).items() if words.search(text)]


def test_a_search_finds_the_same_without_a_feature(hidden: str, checkout: Path, data: Path) -> None:
    answers = [
        json.loads(command(place, data, "search", "a cat", "-k", "5", "--all", "--json"))
        for place in (checkout, CHECKOUT)
    ]
    assert answers[0] == answers[1] and len(answers[0]["hits"]) == 5


def test_a_library_keeps_the_rows_of_a_hidden_feature(
    hidden: str, checkout: Path, data: Path
) -> None:
    with Library.open(Settings.load(data_dir=data)) as library:
        before = stored(library, hidden)
        assert (before is None) == (hidden not in FEATURE_ROWS)
    command(checkout, data, "mark", "--photo", "1", "--photo", "2", "--favourite")
    command(checkout, data, "index")
    called = called_by_people(hidden)
    assert (f"has {called} (" in command(checkout, data, "doctor")) == (hidden in FEATURE_ROWS)
    assert f"has {called} (" not in command(CHECKOUT, data, "doctor")
    with Library.open(Settings.load(data_dir=data)) as library:
        assert stored(library, hidden) == before
        assert sorted(library.find_all("is:favourite").ids.tolist()) == [1, 2]


@pytest.mark.parametrize("hidden", installed.packs(), indirect=True)
def test_a_pack_with_things_of_a_hidden_feature_is_merged_without_them(
    hidden: str, checkout: Path, data: Path, tmp_path: Path
) -> None:
    with Library.open(Settings.load(data_dir=data)) as library:
        (folder, *_) = (each.path for each in library.status().roots)
    pack, other, module = tmp_path / "photos.imgsearch", tmp_path / "other", ("-m", "imgsearch")
    command(CHECKOUT, data, "pack", str(folder), str(pack))
    merging = ("unpack", str(pack), "--at", str(folder))
    said = command(checkout, other, *merging)
    lacking = f"The pack has {called_by_people(hidden)} (1), which this installation lacks"
    assert f"{lacking}: they are left out." in said
    key = installed.packs()[hidden].key or hidden
    assert "21 new" in said
    assert key not in json.loads(run(checkout, other, *module, *merging, "--json").stdout)
    assert json.loads(run(CHECKOUT, other, *module, *merging, "--json").stdout)[key] == 1
    with Library.open(Settings.load(data_dir=other)) as library:
        assert stored(library, hidden)
    # A pack that is made without the feature has none of it.
    command(checkout, data, "pack", str(folder), str(pack))
    verifying = (*module, "pack", "--verify", str(pack), "--json")
    verified = json.loads(run(CHECKOUT, data, *verifying).stdout)
    assert verified[key] == [] and verified["photos"] == 21


@pytest.mark.parametrize("hidden", ["people", "text"], indirect=True)
def test_a_pack_brings_what_was_found_in_photos_without_the_feature(
    hidden: str, checkout: Path, data: Path, tmp_path: Path
) -> None:
    with Library.open(Settings.load(data_dir=data)) as library:
        (folder, *_) = (each.path for each in library.status().roots)
    pack, other = tmp_path / "photos.imgsearch", tmp_path / "other"
    faces = ["--faces"] if hidden == "people" else []
    command(CHECKOUT, data, "pack", str(folder), str(pack), *faces)
    said = command(checkout, other, "unpack", str(pack), "--at", str(folder))
    assert "21 new" in said and "lacks" not in said
    line = "person:Ada people:1" if hidden == "people" else 'text:"platform 9"'
    with Library.open(Settings.load(data_dir=other)) as library:
        assert len(library.find_all(line).ids) == 1
