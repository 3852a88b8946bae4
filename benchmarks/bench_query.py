"""Times one query on the command line as a whole process, from start to end.

    python -m benchmarks.bench_query --work DIR [--beside CHECKOUT] [--rounds 15]

Creates libraries of 200 and 1,000 photos of Flickr8k under DIR, with `lite` and with ViT-B-32-256
of random weights, searches each for new words and for the same words again, and prints a table:
CPU time and wall time, the best of all rounds and their median, and the peak memory. With
--beside, the code of another checkout is measured in turn with this one. Other work on the machine
makes the medians useless; the best of many rounds stays meaningful.
"""

# ruff: noqa: T201  # a benchmark prints its result

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from statistics import median

from benchmarks import photo_sets, programs
from benchmarks.processes import Command, Cost, run

HOUSE = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("IMGSEARCH_TEST_DATA", HOUSE.parent / "shared" / "data"))
ENCODERS = {"lite": "lite", "ViT-B-32-256": programs.ENCODER}
SIZES = (200, 1_000)


def commands(work: Path, words: str) -> dict[str, Command]:
    """Each case by its name in the table. Missing libraries are created first."""
    cases: dict[str, Command] = {}
    for title, encoder in ENCODERS.items():
        program = programs.imgsearch(work, encoder)
        assert program.text is not None and program.help is not None
        for size in SIZES:
            photos = photo_sets.flickr_test(DATA, work / "photos", size)
            library = work / "libraries" / f"{title}-{size}"
            if not library.is_dir():
                run(program.index(library, photos))
            # Words that were searched for once are known: their vector is in the cache.
            command = program.text(library, photos, f"{words} {size}")
            cases[f"new words, {title}, {size:,} photos"] = command
            cases[f"known words, {title}, {size:,} photos"] = command
        cases["`--help`"] = program.help
    return cases


def measure(work: Path, checkouts: list[Path], rounds: int) -> dict[tuple[str, Path], list[Cost]]:
    """The cost of each case in each round, by checkout; the checkouts take turns."""
    costs: dict[tuple[str, Path], list[Cost]] = {}
    for number in range(rounds):
        for checkout in checkouts[:: 1 - 2 * (number % 2)]:
            words = f"a boat by the lake, {datetime.now(UTC):%d %H %M %S}"
            for case, command in commands(work, words).items():
                here = replace(command, env={**command.env, "PYTHONPATH": str(checkout)})
                costs.setdefault((case, checkout), []).append(run(here))
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    checkouts = [HOUSE] if options.beside is None else [options.beside.resolve(), HOUSE]
    names = {HOUSE: "now"} if options.beside is None else {checkouts[0]: "before", HOUSE: "now"}
    measured = measure(options.work.resolve(), checkouts, options.rounds)
    print("| | | CPU time | wall time | memory |\n|---|---|---|---|---|")
    cases = list(dict.fromkeys(case for case, _ in measured))
    for case, checkout in product(cases, checkouts):
        costs = measured[case, checkout]
        cells = [
            f"{min(times) * 1e3:.0f} ms ({median(times) * 1e3:.0f})"
            for times in ([cost.cpu_s for cost in costs], [cost.wall_s for cost in costs])
        ]
        memory_mb = max(cost.peak_mb for cost in costs)
        print(f"| {case} | {names[checkout]} | {' | '.join(cells)} | {memory_mb:.0f} MB |")


if __name__ == "__main__":
    main()
