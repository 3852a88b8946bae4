"""Measures imgsearch beside its peers, in one run on one machine, as whole processes.

    python -m benchmarks.bench_peers run --work DIR [--full]
    python -m benchmarks.bench_peers table DIR/results.json [--publish]
    python -m benchmarks.bench_peers check

`run` installs the peers under DIR, prepares photos and weights, measures what the machine allows
at best (limits.py), then lets the contestants (contestants.py) index and search in turn, and
writes DIR/results.json after every measurement. The short form takes under ten minutes on two
cores once the peers are installed: three rounds, of which the slowest contestant and our smaller
model take part in the first. `--full` has five rounds for all, and clip-retrieval, and takes about
an hour.
`table` prints the results as Markdown; with `--publish` it puts them into docs/ instead. `check`
measures a few ratios in seconds and prints them beside those last published.
"""

# ruff: noqa: T201  # what it prints is what it is for

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks import contestants, limits, photo_sets, ratios
from benchmarks.contestants import Contestant
from benchmarks.peer_tables import OURS, PEER, markdown
from benchmarks.processes import Command, CommandFailed, run
from imgsearch.search import query_cache

HOUSE = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("IMGSEARCH_TEST_DATA", HOUSE.parent / "shared" / "data"))
PUBLISHED = HOUSE / "docs" / "benchmarks_peers.json"
PAGE = HOUSE / "docs" / "benchmarks.md"
MARKS = ("<!-- bench_peers -->\n", "<!-- /bench_peers -->")
SETS = ("large", "small")
LIBRARIES = ("numpy", "onnxruntime", "open_clip_torch", "pillow", "torch")
Result = dict[str, Any]

SUBJECTS = ("boat", "dog", "child", "bridge", "market", "cyclist", "tower", "garden", "train")
PLACES = ("in the snow", "at night", "by the lake", "on a hill", "behind glass", "in the rain")


class Run:
    """One run: its folders, its contestants, and what was measured so far."""

    def __init__(self, work: Path, photos: dict[str, Path], all_of_them: bool) -> None:
        self.work, self.photos, self.full = work, photos, all_of_them
        makers: list[Callable[[Path], Contestant]] = [
            contestants.imgsearch,
            lambda work: contestants.imgsearch(work, "lite"),
            contestants.rclip,
            contestants.plain_loop,
        ]
        if all_of_them:
            makers.append(contestants.clip_retrieval)
        self.contestants = [make(work) for make in makers]
        self.results: Result = {"measured": {}}

    def library(self, contestant: Contestant, name: str) -> Path:
        return self.work / "libraries" / name / contestant.name.replace(", ", "-").replace(" ", "-")

    def measure(self, task: str, contestant: Contestant, command: Command | None) -> None:
        """Run a command once and keep what it cost. Raises CommandFailed."""
        if command is None:
            return
        cost = run(command)
        print(
            f"{task:16} {contestant.name:16} {cost.wall_s:7.2f} s {cost.cpu_s:7.2f} s of cores "
            f"{cost.peak_mb:6.0f} MB",
            flush=True,
        )
        costs = self.results["measured"].setdefault(task, {}).setdefault(contestant.name, {})
        for kind in ("wall_s", "cpu_s", "peak_mb"):
            costs.setdefault(kind, []).append(round(getattr(cost, kind), 3))
        self.save()

    def save(self) -> None:
        (self.work / "results.json").write_text(json.dumps(self.results, indent=1) + "\n")

    def index(self, rounds: int) -> None:
        """First index and second run of both sets, everybody's turn coming once a round."""
        for number in range(rounds):
            for name in SETS:
                photos = self.photos[name]
                for one in self.in_turn(number):
                    library = self.library(one, name)
                    shutil.rmtree(library, ignore_errors=True)
                    self.measure(f"index {name}", one, one.index(library, photos))
                    if one.remembers:
                        self.measure(f"again {name}", one, one.index(library, photos))

    def search(self, rounds: int) -> None:
        """One-shot queries over the small set: words new each round, again, a new example."""
        photos, examples = self.photos["small"], sorted(self.photos["examples"].iterdir())
        day = datetime.now(UTC).strftime("%d %H %M")  # new words at every run, too
        for number in range(rounds):
            subject, where = SUBJECTS[number % len(SUBJECTS)], PLACES[number % len(PLACES)]
            text = f"a {subject} {where} {day} {number}"
            for one in self.in_turn(number):
                library = self.library(one, "small")
                if one.text is not None:
                    self.measure("new words", one, one.text(library, photos, text))
                    self.measure("known words", one, one.text(library, photos, text))
                if one.image is not None:
                    example = examples[number % len(examples)]
                    self.measure("new example", one, one.image(library, photos, example))
                self.measure("help", one, one.help)

    def in_turn(self, number: int) -> Iterator[Contestant]:
        """Who takes part in this round, beginning with another one each time."""
        them = self.contestants
        first = number % len(them)
        for one in them[first:] + them[:first]:
            if self.full or number == 0 or not one.once:
                yield one


def measure_all(work: Path, full: bool, small: int, rounds: int) -> None:
    """The whole run; see the head of this file."""
    work.mkdir(parents=True, exist_ok=True)
    photos = photo_sets.prepare(DATA, work / "photos", small)
    race = Run(work, photos, full)
    race.results |= {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": {one.name: one.version for one in race.contestants if "," not in one.name}
        | {name: version(name) for name in LIBRARIES},
        "photos": {name: photo_sets.facts(photos[name]) for name in SETS},
        "others_busy_cores": [busy_cores()],
    }
    race.results["limits"] = {
        "gemm_gflop_s": limits.gemm_peaks(),
        "model_gflop": limits.model_gflop(contestants.ARCH),
        "jpeg_photos_s": {name: limits.jpeg_rates(photos[name]) for name in SETS},
        "disk_mb_s": limits.disk_mb_s(photos["large"]),
    }
    print(json.dumps(race.results["limits"]), flush=True)
    race.save()
    warm_up(race)
    race.index(rounds)
    race.results["agreement"] = agreement(race)
    race.search(rounds + 2)
    race.results["ratios"] = ratios.measure(
        Path(tempfile.mkdtemp(dir=work)), demo_photos(work), work / "cache"
    )
    race.results["others_busy_cores"].append(busy_cores())
    race.save()
    print(markdown(race.results))


def warm_up(race: Run) -> None:
    """Each model exported and tried, each program read from the disk once: before the clock runs.

    A peer that cannot do it is left out, and the results say why. What was asked in an earlier run
    is forgotten.
    """
    (race.work / "cache" / query_cache.FILE).unlink(missing_ok=True)
    for one in list(race.contestants):
        library = race.library(one, "warm-up")
        shutil.rmtree(library, ignore_errors=True)
        try:
            ours = one.name == OURS  # int8 is tried on as many photos as it ever is
            run(one.index(library, race.photos["small" if ours else "examples"]))
        except CommandFailed as failure:
            if one.name in (OURS, PEER):
                raise
            print(f"{one.name} is left out: {failure}", flush=True)
            race.results.setdefault("left_out", {})[one.name] = str(failure).splitlines()[-1]
            race.contestants.remove(one)


def agreement(race: Run) -> Result:
    """How much rclip's vectors and ours of the small set are alike, and that none is missing.

    The same weights and preprocessing give the same vectors: a cosine of 1 but for rounding, the
    decoder's scaling and integer arithmetic. What vectors of different photos have in common tells
    what that is worth: with random weights it is much.
    """
    ours, rclip = (
        next(one for one in race.contestants if one.name == name) for name in (OURS, PEER)
    )
    database = sqlite3.connect(race.library(ours, "small") / "library.db")
    (encoder_id,) = database.execute("SELECT encoder_id FROM encoders").fetchone()
    rows = database.execute(
        "SELECT paths.name, vectors.vector FROM paths JOIN vectors USING (photo_id)"
    )
    mine = {bytes(name).decode(): unit(np.frombuffer(blob, "<f2")) for name, blob in rows}
    database.close()
    database = sqlite3.connect(race.library(rclip, "small") / "db.sqlite3")
    rows = database.execute("SELECT filepath, vector FROM images")
    theirs = {Path(name).name: unit(np.frombuffer(blob, "<f4")) for name, blob in rows}
    database.close()
    expected = {path.name for path in race.photos["small"].iterdir()}
    if not expected == mine.keys() == theirs.keys():
        raise SystemExit(f"Of {len(expected)} photos, {len(mine)} and {len(theirs)} have a vector.")
    names = sorted(expected)
    cosines = [float(mine[name] @ theirs[name]) for name in names]
    others = [float(mine[one] @ theirs[other]) for one, other in pairwise(names)]
    return {
        "encoder_id": encoder_id,
        "mean_cosine": round(float(np.mean(cosines)), 5),
        "least_cosine": round(min(cosines), 5),
        "others_cosine": round(float(np.mean(others)), 5),
    }


def unit(vector: np.ndarray) -> np.ndarray:
    vector = vector.astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector))


def machine() -> Result:
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_bytes / 2**30),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def busy_cores() -> float:
    """How many cores other programs keep busy while this one waits."""
    return round(psutil.cpu_percent(interval=3) / 100 * (psutil.cpu_count() or 1), 1)


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def demo_photos(work: Path) -> Path:
    """The 21 photos of `imgsearch demo`."""
    from imgsearch.cli.demo import copy_photos

    folder = work / "photos" / "demo"
    copy_photos(folder)
    return folder


def check() -> None:
    """Print a few ratios beside those last published."""
    from imgsearch.config import default_cache_dir

    committed = json.loads(PUBLISHED.read_text())["ratios"]
    with tempfile.TemporaryDirectory() as place:
        now = ratios.measure(Path(place), demo_photos(Path(place)), default_cache_dir())
    print(ratios.comparison(now, committed))


def publish(results: Result) -> None:
    """Put the results into docs/benchmarks_peers.json and their tables into docs/benchmarks.md."""
    PUBLISHED.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(page_with(results))


def page_with(results: Result) -> str:
    """docs/benchmarks.md with the tables of these results in their place."""
    before, _, rest = PAGE.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}{markdown(results)}{MARKS[1]}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run")
    command.add_argument("--work", type=Path, required=True)
    command.add_argument("--full", action="store_true")
    command.add_argument("--small", type=int, default=1_000, help="small photos")
    command.add_argument("--rounds", type=int, help="of indexing; else 3, or 5 of --full")
    command = commands.add_parser("table")
    command.add_argument("results", type=Path)
    command.add_argument("--publish", action="store_true")
    commands.add_parser("check")
    options = parser.parse_args()
    if options.command == "run":
        if not DATA.is_dir():
            sys.exit("needs the photos of ../shared/data (or IMGSEARCH_TEST_DATA)")
        rounds = options.rounds or (5 if options.full else 3)
        measure_all(options.work.resolve(), options.full, options.small, rounds)
    elif options.command == "table":
        results = json.loads(options.results.read_text())
        if options.publish:
            publish(results)
        else:
            print(markdown(results))
    else:
        check()


if __name__ == "__main__":
    main()
