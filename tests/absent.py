"""Runs the quick tests of a checkout without one feature: `make absent`.

    python -m tests.absent [--feature NAME] [--seed N] [TESTS]...

The feature is chosen at random, if none is named. The checkout is a copy in build/absent without
the folder of the feature and without its own tests: an import hook would hide less, and leave its
files to the page. Tests that use a feature have the marker `features`, and are skipped.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import click
import numpy as np

from imgsearch import Library
from imgsearch.features.declared import called
from imgsearch.features.installed import OWN, features
from imgsearch.records.faces import FoundFace
from imgsearch.records.picture_text import TextLine
from imgsearch.store.store import Store
from ui.features import PageFeature

CHECKOUT = Path(__file__).parent.parent
# Of these words, only addresses, filters, names in code, and phrases are of a feature.
_COMMON_WORDS = {
    *("when", "weekday", "time", "season", "around"),
    *("events", "faces", "label", "labels", "map", "meaning", "only", "people", "places", "saved"),
    *("shows", "text"),
}
_PHRASES = {
    "events": "occasions|trips? of|titles? of events?",
    "labels": "saved labels?",
    "places": r"map/clusters|/map\?|photos by (?:place|country)",
    "saved": "saved search(?:es)?",
}
_CODE = ("imgsearch", "ui", "pyproject.toml")  # what a process runs from


def _fill_albums(library: Library) -> None:
    library.albums.make("Book", query="a cat", k=3)


def _fill_concepts(library: Library) -> None:
    library.concepts.teach("our cup", like=[1], unlike=[2])


def _fill_corrections(library: Library) -> None:
    from imgsearch.features.corrections.records import PhotoDate  # absent in some checkouts

    library.corrections.set_dates([PhotoDate(1, datetime(1974, 7, 1), "month")])
    library.corrections.set_place([2], place="48.85,2.35")


def _fill_duplicates(library: Library) -> None:
    library.duplicates.choose(1, is_kept=True)


def _fill_events(library: Library) -> None:
    library.events.set_title(library.events.all()[0].start, "A day at the sea")


def _fill_labels(library: Library) -> None:
    from imgsearch.features.labels.records import Classes  # absent in some checkouts

    library.labels.save("animals", Classes(("cat", "horse")))


def _fill_saved(library: Library) -> None:
    library.saved.save("Book", "a cat")


def _fill_meaning(library: Library) -> None:
    library.meaning.lay_out().run()


def _fill_people(library: Library) -> None:
    face = FoundFace(0.2, 0.3, 0.1, 0.2, 0.9, 60.0, np.eye(1, 128, dtype=np.float32)[0])
    with Store.open(library.settings.data_dir, writable=True) as store:
        store.faces.record(1, "model 1", [face])
    (found,) = library.people.faces_in(1)
    library.people.name_faces((found.id,), "Ada Lovelace")


def _fill_text(library: Library) -> None:
    line = TextLine("Platform 9", 0.1, 0.2, 0.3, 0.1, 0.9)
    with Store.open(library.settings.data_dir, writable=True) as store:
        store.picture_text.record(1, "reader 1", [line])


# How a library gets rows of each feature, and what it has of them then.
FILL: dict[str, Callable[[Library], object]] = {
    "albums": _fill_albums,
    "concepts": _fill_concepts,
    "corrections": _fill_corrections,
    "duplicates": _fill_duplicates,
    "events": _fill_events,
    "labels": _fill_labels,
    "meaning": _fill_meaning,
    "people": _fill_people,
    "saved": _fill_saved,
    "text": _fill_text,
}
ROWS: dict[str, Callable[[Library], object]] = {
    "albums": lambda library: library.albums.photos("Book"),
    "concepts": lambda library: library.concepts.judged("our cup"),
    "corrections": lambda library: library.corrections.of((1, 2)),
    "duplicates": lambda library: library.duplicates.choices(),
    "events": lambda library: [each.title for each in library.events.all()],
    "labels": lambda library: library.labels.facets(),
    "meaning": lambda library: library.meaning.clusters(),
    "people": lambda library: library.people.all(),
    "saved": lambda library: library.saved.get("Book"),
    "text": lambda library: library.pictures.text_of(1),
}


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
    place = CHECKOUT / "build" / "absent" / name
    shutil.rmtree(place, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    without_feature(name, place, [each for each in listed if each and (CHECKOUT / each).is_file()])
    for test in (place / "tests" / "features").glob(f"test_{name}*.py"):
        test.unlink()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-m", "not alone and not slow"),
            *(tests or ("-n", "auto", "--dist", "worksteal", "--ignore", "tests/e2e")),
        ],
        cwd=place,
        env={**os.environ, **environment_of(place)},
    )
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
