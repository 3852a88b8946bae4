"""What one query on the command line costs as a whole process, from its start to its end.

    python -m benchmarks.bench_query --work DIR [--beside CHECKOUT] [--rounds 15]

Makes libraries of 200 and 1,000 photos of Flickr8k under DIR, with `lite` and with ViT-B-32-256
of random weights, asks each for new words and for the same again, and prints a table: processor
time and time by the clock, the best of all rounds and their median, and the most memory. With
--beside, the code of another checkout is asked in turn with this one. A machine with other work
makes medians useless; the best of many rounds stays.
"""

# ruff: noqa: T201  # what it prints is what it is for

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
    """Each case by what the table calls it: a library that is missing is made first."""
    cases: dict[str, Command] = {}
    for title, encoder in ENCODERS.items():
        program = programs.imgsearch(work, encoder)
        assert program.text is not None and program.help is not None
        for size in SIZES:
            photos = photo_sets.flickr_test(DATA, work / "photos", size)
            library = work / "libraries" / f"{title}-{size}"
            if not library.is_dir():
                run(program.index(library, photos))
            # Words that another library was asked are known: their vector lies in the cache.
            asked = program.text(library, photos, f"{words} {size}")
            cases[f"new words, {title}, {size:,} photos"] = asked
            cases[f"known words, {title}, {size:,} photos"] = asked
        cases["`--help`"] = program.help
    return cases


def measure(work: Path, checkouts: list[Path], rounds: int) -> dict[tuple[str, Path], list[Cost]]:
    """What each case has cost each checkout in each round; they take turns."""
    found: dict[tuple[str, Path], list[Cost]] = {}
    for number in range(rounds):
        for checkout in checkouts[:: 1 - 2 * (number % 2)]:
            words = f"a boat by the lake, {datetime.now(UTC):%d %H %M %S}"
            for case, command in commands(work, words).items():
                here = replace(command, env={**command.env, "PYTHONPATH": str(checkout)})
                found.setdefault((case, checkout), []).append(run(here))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    checkouts = [HOUSE] if given.beside is None else [given.beside.resolve(), HOUSE]
    names = {HOUSE: "now"} if given.beside is None else {checkouts[0]: "before", HOUSE: "now"}
    found = measure(given.work.resolve(), checkouts, given.rounds)
    print("| | | processor time | by the clock | memory |\n|---|---|---|---|---|")
    cases = list(dict.fromkeys(case for case, _ in found))
    for case, checkout in product(cases, checkouts):
        costs = found[case, checkout]
        cells = [
            f"{min(times) * 1e3:.0f} ms ({median(times) * 1e3:.0f})"
            for times in ([cost.cpu_s for cost in costs], [cost.wall_s for cost in costs])
        ]
        memory_mb = max(cost.peak_mb for cost in costs)
        print(f"| {case} | {names[checkout]} | {' | '.join(cells)} | {memory_mb:.0f} MB |")


if __name__ == "__main__":
    main()
