"""Compares imgsearch with other tools, in one run on one machine, as whole processes.

    python -m benchmarks.bench_peers run --work DIR [--full]
    python -m benchmarks.bench_peers table DIR/results.json [--publish]
    python -m benchmarks.bench_peers check

`run` installs the other tools under DIR, prepares photos and weights, measures the best that the
machine allows (limits.py), then lets the programs (programs.py) index and search in turn. It
rewrites DIR/results.json after every measurement. The short form takes under ten minutes on two
cores once the tools are installed: three rounds, with the slowest program and our smaller model in
the first round only. `--full` runs five rounds of all programs, with clip-retrieval, and takes
about an hour.
`table` prints the results as Markdown; with `--publish` it writes them into docs/ instead. `check`
measures a few ratios in seconds and prints them next to those last published.
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
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks import limits, photo_sets, programs, ratios
from benchmarks.peer_tables import OURS, PEER, markdown
from benchmarks.processes import Command, CommandFailed, run
from benchmarks.programs import Program
from imgsearch.cores import usable_cores
from imgsearch.encoders.openclip.spec import TEXT, ModelSpec
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


class PeerBenchmark:
    """One run: its folders, its programs, and what was measured so far."""

    def __init__(self, work: Path, photos: dict[str, Path], full: bool) -> None:
        self.work, self.photos, self.full = work, photos, full
        self.programs = [
            programs.imgsearch(work),
            programs.imgsearch(work, "lite"),
            programs.rclip(work),
            programs.plain_loop(work),
        ]
        if full:
            self.programs.append(programs.clip_retrieval(work))
        self.results: Result = {"measured": {}}

    def library(self, program: Program, name: str) -> Path:
        return self.work / "libraries" / name / program.name.replace(", ", "-").replace(" ", "-")

    def measure(self, task: str, program: Program, command: Command | None) -> None:
        """Run a command once and record its cost. Raises CommandFailed."""
        if command is None:
            return
        cost = run(command)
        print(
            f"{task:16} {program.name:16} {cost.wall_s:7.2f} s {cost.cpu_s:7.2f} s of cores "
            f"{cost.peak_mb:6.0f} MB",
            flush=True,
        )
        costs = self.results["measured"].setdefault(task, {}).setdefault(program.name, {})
        for kind in ("wall_s", "cpu_s", "peak_mb"):
            costs.setdefault(kind, []).append(round(getattr(cost, kind), 3))
        self.save()

    def save(self) -> None:
        (self.work / "results.json").write_text(json.dumps(self.results, indent=1) + "\n")

    def index(self, rounds: int) -> None:
        """First index and second run of both sets of photos, the programs in turn."""
        for number in range(rounds):
            for name in SETS:
                photos = self.photos[name]
                for program in self.in_turn(number):
                    library = self.library(program, name)
                    shutil.rmtree(library, ignore_errors=True)
                    self.measure(f"index {name}", program, program.index(library, photos))
                    if program.remembers:
                        self.measure(f"again {name}", program, program.index(library, photos))

    def search(self, rounds: int) -> None:
        """One-shot queries over the small set: new words, the same words again, a new image."""
        photos, examples = self.photos["small"], sorted(self.photos["examples"].iterdir())
        day = datetime.now(UTC).strftime("%d %H %M")  # words that no earlier run has cached
        for number in range(rounds):
            subject, where = SUBJECTS[number % len(SUBJECTS)], PLACES[number % len(PLACES)]
            text = f"a {subject} {where} {day} {number}"
            for program in self.in_turn(number):
                library = self.library(program, "small")
                if program.text is not None:
                    self.measure("new words", program, program.text(library, photos, text))
                    self.measure("known words", program, program.text(library, photos, text))
                if program.image is not None:
                    example = examples[number % len(examples)]
                    self.measure("new example", program, program.image(library, photos, example))
                self.measure("help", program, program.help)

    def in_turn(self, number: int) -> Iterator[Program]:
        """The programs that take part in this round; each round begins with another one."""
        first = number % len(self.programs)
        for program in self.programs[first:] + self.programs[:first]:
            if self.full or number == 0 or not program.first_round_only:
                yield program


def measure_all(work: Path, full: bool, small: int, rounds: int) -> None:
    """The whole run; see the docstring of this file."""
    work.mkdir(parents=True, exist_ok=True)
    photos = photo_sets.prepare(DATA, work / "photos", small)
    benchmark = PeerBenchmark(work, photos, full)
    benchmark.results |= {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": {
            program.name: program.version
            for program in benchmark.programs
            if "," not in program.name
        }
        | {name: version(name) for name in LIBRARIES},
        "notes": [program.note for program in benchmark.programs if program.note],
        "photos": {name: photo_sets.facts(photos[name]) for name in SETS},
        "others_busy_cores": [busy_cores()],
    }
    benchmark.results["limits"] = {
        "gemm_gflop_s": limits.gemm_peaks(),
        "model_gflop": limits.model_gflop(programs.ARCH),
        "jpeg_photos_s": {name: limits.jpeg_rates(photos[name]) for name in SETS},
        "disk_mb_s": limits.disk_mb_s(photos["large"]),
    }
    print(json.dumps(benchmark.results["limits"]), flush=True)
    benchmark.save()
    warm_up(benchmark)
    benchmark.index(rounds)
    benchmark.results["agreement"] = agreement(benchmark)
    benchmark.save()  # so far: the rest takes minutes, and may be interrupted
    benchmark.search(rounds + 2)
    benchmark.save()
    text_graph = ModelSpec.of(programs.ENCODER).export_folder(work / "cache") / TEXT
    benchmark.results["limits"]["query_s"] = limits.query_floors(text_graph)
    benchmark.results["ratios"] = ratios.measure(
        Path(tempfile.mkdtemp(dir=work)), demo_photos(work), work / "cache"
    )
    benchmark.results["others_busy_cores"].append(busy_cores())
    benchmark.save()
    print(markdown(benchmark.results))


def warm_up(benchmark: PeerBenchmark) -> None:
    """Export and try each model, and read each program from the disk once, before the clock runs.

    A program that fails is left out, and the results say why; imgsearch and rclip must work. The
    queries that an earlier run has cached are forgotten.
    """
    shutil.rmtree(benchmark.work / "cache" / query_cache.FOLDER, ignore_errors=True)
    for program in list(benchmark.programs):
        library = benchmark.library(program, "warm-up")
        shutil.rmtree(library, ignore_errors=True)
        try:
            # The int8 trial of imgsearch needs as many photos as it can get.
            photos = benchmark.photos["small" if program.name == OURS else "examples"]
            run(program.index(library, photos))
        except CommandFailed as failure:
            if program.name in (OURS, PEER):
                raise
            print(f"{program.name} is left out: {failure}", flush=True)
            reason = str(failure).splitlines()[-1]
            benchmark.results.setdefault("left_out", {})[program.name] = reason
            benchmark.programs.remove(program)


def agreement(benchmark: PeerBenchmark) -> Result:
    """The cosines of rclip's vectors of the small set with ours; checks that none is missing.

    The same weights and preprocessing give a cosine of 1, except for rounding, the decoder's
    scaling and integer arithmetic. The cosine of different photos is the value to compare with:
    random weights make it large.
    """
    ours, rclip = (
        next(program for program in benchmark.programs if program.name == name)
        for name in (OURS, PEER)
    )
    database = sqlite3.connect(benchmark.library(ours, "small") / "library.db")
    (encoder_id,) = database.execute("SELECT encoder_id FROM encoders").fetchone()
    rows = database.execute(
        "SELECT paths.name, vectors.vector FROM paths JOIN vectors USING (photo_id)"
    )
    mine = {bytes(name).decode(): unit(np.frombuffer(blob, "<f2")) for name, blob in rows}
    database.close()
    database = sqlite3.connect(benchmark.library(rclip, "small") / "db.sqlite3")
    rows = database.execute("SELECT filepath, vector FROM images")
    theirs = {Path(name).name: unit(np.frombuffer(blob, "<f4")) for name, blob in rows}
    database.close()
    expected = {path.name for path in benchmark.photos["small"].iterdir()}
    if not expected == mine.keys() == theirs.keys():
        raise SystemExit(f"Of {len(expected)} photos, {len(mine)} and {len(theirs)} have a vector.")
    names = sorted(expected)
    cosines = [float(mine[name] @ theirs[name]) for name in names]
    others = [float(mine[name] @ theirs[other]) for name, other in pairwise(names)]
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
    if sys.platform == "win32":
        raise NotImplementedError("needs Unix")
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "memory_gib": round(memory_bytes / 2**30),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def busy_cores() -> float:
    """The number of cores that other programs keep busy while this one waits."""
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
    """Print a few ratios next to those last published."""
    from imgsearch.config import default_cache_dir

    committed = json.loads(PUBLISHED.read_text())["ratios"]
    with tempfile.TemporaryDirectory() as place:
        now = ratios.measure(Path(place), demo_photos(Path(place)), default_cache_dir())
    print(ratios.comparison(now, committed))


def publish(results: Result) -> None:
    """Write docs/benchmarks_peers.json, and its tables into docs/benchmarks.md."""
    PUBLISHED.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(page_with(results))


def page_with(results: Result) -> str:
    """The text of docs/benchmarks.md with the tables of these results."""
    before, _, rest = PAGE.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}{markdown(results)}{MARKS[1]}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run")
    command.add_argument("--work", type=Path, required=True)
    command.add_argument("--full", action="store_true")
    command.add_argument("--small", type=int, default=1_000, help="number of small photos")
    command.add_argument("--rounds", type=int, help="rounds of indexing (3, or 5 with --full)")
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
