"""Runs the quick tests of a checkout without one feature: `make absent`.

    python -m tests.absent [--feature NAME] [--seed N] [TESTS]...

The feature is chosen at random, if none is named. The checkout is a temporary copy without the
folder of the feature and without its own tests: an import hook would hide less, and leave its
files to the page. Tests that use a feature have the marker `features`, and are skipped.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import click

from imgsearch import Library
from imgsearch.features.declared import called
from imgsearch.features.installed import OWN, features
from ui.features import PageFeature

CHECKOUT = Path(__file__).parent.parent
_FEATURE_TESTS = CHECKOUT / "tests" / "features"
# Of these words, only addresses, filters, names in code, and phrases are of a feature.
_COMMON_WORDS = {
    *("backup", "backups", "import", "imports", "restore"),
    *("when", "weekday", "time", "season", "around", "ask", "questions"),
    *("events", "faces", "label", "labels", "map", "meaning", "only", "people", "places", "saved"),
    *("shows", "text", "feedback", "liked", "disliked", "shown", "run", "scripts", "vectors"),
    *("narrow", "narrowing", "sequences", "kind", "kinds"),
}
_PHRASES = {
    "events": "occasions|trips? of|titles? of events?",
    "labels": "saved labels?",
    "places": r"map/clusters|/map\?|photos by (?:place|country)",
    "saved": "saved search(?:es)?",
}
_CODE = ("imgsearch", "ui", "pyproject.toml")  # what a process runs from


def fill(library: Library, feature: str) -> None:
    """Store something of a feature, if it stores anything (tests/features/rows_NAME.py)."""
    if (module := _rows_module(feature)) is not None:
        module.fill(library)


def stored(library: Library, feature: str) -> object:
    """Return what `fill` has stored of a feature, or None if it stores nothing."""
    module = _rows_module(feature)
    return None if module is None else module.stored(library)


def features_with_rows() -> set[str]:
    """Return the names of the features beside whose tests is a module that stores some rows."""
    return {file.stem.removeprefix("rows_") for file in _FEATURE_TESTS.glob("rows_*.py")}


def _rows_module(feature: str) -> ModuleType | None:
    """Import the module `rows_NAME` of a feature. It imports the feature, so not before."""
    if feature not in features_with_rows():
        return None
    return import_module(f"tests.features.rows_{feature}")


def without_feature(name: str, place: Path, parts: Iterable[str] = _CODE) -> Path:
    """Make a checkout of these files and folders without a feature; return its folder."""
    for part in parts:
        source, copy = CHECKOUT / part, place / part
        if source.is_dir():
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, copy, ignore=unwanted, copy_function=_link)
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            _link(source, copy)
    shutil.rmtree(place / "imgsearch" / "features" / name)
    return place


def environment_of(checkout: Path) -> dict[str, str]:
    """Return the variables with which Python takes imgsearch from a checkout."""
    # Without the second, the current folder would come first.
    return {"PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}


def words_of(name: str) -> re.Pattern[str]:
    """Return a pattern that finds the names that a feature brings, also in the plural.

    A command may be a common word, such as "strip": it is found behind the name of the program, and
    in the list of commands. A view may have the name of something that all libraries have.
    """
    feature = features()[name]
    shown = called(feature.page) if feature.page is not None else PageFeature()
    brought = {*feature.parts, *feature.filters, *feature.queries, *feature.details, *feature.facts}
    brought |= {*feature.directions, *feature.explained}
    stems = {re.sub("[-_]", "[- _]", each) for each in brought - _COMMON_WORDS}
    stems |= {_PHRASES[each] for each in brought & _PHRASES.keys()}
    views = shown.views.keys() - vars(Library).keys() - _COMMON_WORDS
    stems |= {each.replace("-", "[-_]") for each in views}
    names = "|".join(sorted(stems))
    patterns = [rf"(?<![^\W_])(?:{names})s?(?![^\W_])"] if names else []
    common = sorted(brought & _COMMON_WORDS)
    patterns += [rf"(?:(?<!\w)/|\blibrary\.){each}\b(?!\.)" for each in common]
    filters = sorted((feature.filters.keys() | feature.queries.keys()) & _COMMON_WORDS)
    patterns += [rf"--{each}(?![-\w])|(?<![\w\"]){each}:(?=[\w\"])" for each in filters]
    patterns += [rf"\bimgsearch {each}\b|^ +{each}  " for each in feature.commands]
    patterns += [rf"\bis:{each}\b|, {each} \(" for each in feature.states]
    return re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)


def _link(source: str | Path, copy: str | Path) -> None:
    """Link a file, which takes no time; another disk gets a copy."""
    try:
        os.link(source, copy)
    except OSError:
        shutil.copy2(source, copy)


@click.command()
@click.argument("tests", nargs=-1)
@click.option("--feature", "name", type=click.Choice(OWN), help="The feature to leave out.")
@click.option("--seed", type=int, help="As printed by an earlier run. Default: another each time.")
def main(tests: tuple[str, ...], name: str | None, seed: int | None) -> None:
    """Run TESTS, or all quick ones, in a checkout without a feature: by default a random one."""
    seed = random.randrange(10_000) if seed is None else seed
    name = name or random.Random(seed).choice(OWN)
    click.echo(f"Without the feature {name} (seed {seed})")
    # Beside the checkout's other results, which are on the same disk: its files are linked.
    build = CHECKOUT / "build"
    build.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="absent-", dir=build) as folder:
        sys.exit(_run_tests(name, Path(folder) / name, tests))


def _run_tests(name: str, place: Path, tests: Sequence[str]) -> int:
    """Run tests in a checkout without a feature, which is made there; return pytest's exit code."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    without_feature(name, place, [each for each in listed if each and (CHECKOUT / each).is_file()])
    tests_of_features = place / _FEATURE_TESTS.relative_to(CHECKOUT)
    for test in (
        *tests_of_features.glob(f"test_{name}*.py"),
        tests_of_features / f"rows_{name}.py",
    ):
        test.unlink(missing_ok=True)
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-m", "not alone and not slow"),
            *(tests or ("-n", "auto", "--dist", "worksteal", "--ignore", "tests/e2e")),
        ],
        cwd=place,
        env={**os.environ, **environment_of(place)},
    ).returncode


if __name__ == "__main__":
    main()
