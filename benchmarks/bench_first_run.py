"""Measures how long a first run takes until a search finds something true.

    .venv/bin/python -m benchmarks.bench_first_run
    .venv/bin/python -m benchmarks.bench_first_run --photos 8000
    .venv/bin/python -m benchmarks.bench_first_run --encoder openclip:ARCH/random --cache DIR

Copies photos of Flickr8k into a folder, with dates of ten years, and runs `imgsearch index FOLDER`
in an empty home: no library, no cache, no prepared model. Meanwhile a second process, which holds
the same library open, asks for `a dog` ten times a second, as the page does while it waits. A
result is true if a caption of the photo names a dog. Prints a table and, with --json FILE, writes
it. With --cache, models that were prepared in DIR are taken from there, and what is measured about
int8 is forgotten first. All times are seconds from the start of the command:

- "first photo": a search finds any photo;
- "first true result": the best photo shows a dog;
- "first verdict": the answer says how far to trust it, and "found" that it does;
- "newest first": the part of the photos of the first answer that are of the newest tenth;
- "end": all photos are indexed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from imgsearch import ImgsearchError, Library, Settings
from imgsearch.records.answer import Answer

DATA = Path("../shared/data/flickr8k")
QUERY, WORDS = "a dog", {"dog", "dogs", "puppy", "puppies"}
ASK_EVERY_S = 0.1
LATEST, STEP_S = 1_760_000_000, 40_000  # of the photos' dates, in Unix seconds
_VERDICT, _FOUND, _END = "first verdict", "first verdict: found", "end"


def true_photos(data: Path) -> frozenset[str]:
    """The names of the photos of which a caption names a dog."""
    with (data / "captions.csv").open(newline="") as file:
        rows = csv.DictReader(file)
        return frozenset(row["image"] for row in rows if WORDS & set(row["caption"].split()))


def copy_photos(data: Path, count: int, folder: Path) -> dict[str, int]:
    """Copy photos into folders of a hundred; returns the place of each by date, the newest is 0."""
    names = sorted(path.name for path in (data / "images").iterdir())[:count]
    # Not in the order of the names: a scan would find them in that order anyway.
    by_date = sorted(names, key=lambda name: name[::-1])
    places = {name: place for place, name in enumerate(by_date)}
    for number, name in enumerate(names):
        file = folder / f"{number // 100:03}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((data / "images" / name).read_bytes())
        taken_s = LATEST - STEP_S * places[name]
        os.utime(file, (taken_s, taken_s))
    return places


def empty_home(home: Path, cache: Path | None) -> dict[str, str]:
    """The environment of a user who has never used imgsearch, but has prepared models."""
    home.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("IMGSEARCH_")}
    places = {name: str(home / name.lower()) for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME")}
    if cache is not None:
        places["IMGSEARCH_CACHE"] = str(cache.resolve())
        (cache / "openclip" / "int8.json").unlink(missing_ok=True)
    return {**kept, **places, "HOME": str(home), "IMGSEARCH_DATA": str(home / "library")}


def watch(
    folder: Path,
    home: Path,
    true: frozenset[str],
    newest: frozenset[str],
    encoder: str,
    prepared: Path | None,
) -> dict[str, float]:
    """Index the folder and ask meanwhile; the times at which answers got better."""
    environment = empty_home(home, prepared)
    command = [sys.executable, "-m", "imgsearch", "index", str(folder), "--encoder", encoder]
    times: dict[str, float] = {}
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as indexing:
        # A cache of its own: the command prepares what it needs itself.
        cache = prepared or home / "asking"
        settings = Settings.load(data_dir=home / "library", encoder=encoder, cache_dir=cache)
        with Library.open(settings) as library:
            while indexing.poll() is None:
                note(times, ask(library), time.perf_counter() - started, true, newest)
                time.sleep(ASK_EVERY_S)
            times[_END] = time.perf_counter() - started
            assert indexing.returncode == 0, indexing.stderr and indexing.stderr.read()
            note(times, ask(library), times[_END], true, newest)
            times["photos"] = library.photo_count()
    return times


def ask(library: Library) -> Answer | None:
    """The answer of the moment; None while there is no library to ask."""
    try:
        return library.find(QUERY)
    except ImgsearchError:
        return None


def note(
    times: dict[str, float],
    answer: Answer | None,
    now_s: float,
    true: frozenset[str],
    newest: frozenset[str],
) -> None:
    """Note what an answer has for the first time."""
    if answer is None or not answer.hits:
        return
    if "first photo" not in times:
        names = [hit.path.name for hit in answer.hits]
        times["newest first"] = sum(name in newest for name in names) / len(names)
    times.setdefault("first photo", now_s)
    if answer.hits[0].path.name in true:
        times.setdefault("first true result", now_s)
    if answer.verdict is not None:
        times.setdefault(_VERDICT, now_s)
        if answer.verdict.found:
            times.setdefault(_FOUND, now_s)


def printed(results: Mapping[str, float]) -> str:
    """The results as lines."""
    return "".join(f"{name:24} {value:8.2f}\n" for name, value in results.items())


def main() -> None:
    """Copy the photos, index them in an empty home and print the times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--photos", type=int, default=1_500)
    parser.add_argument("--encoder", default="lite")
    parser.add_argument("--cache", type=Path, help="folder of prepared models")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "photos"
        places = copy_photos(options.data, options.photos, folder)
        newest = frozenset(name for name, at in places.items() if at < len(places) / 10)
        true = true_photos(options.data)
        home = Path(place) / "home"
        results = watch(folder, home, true, newest, options.encoder, options.cache)
    sys.stdout.write(printed(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
