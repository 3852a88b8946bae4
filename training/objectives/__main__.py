"""Compares five ways to learn from captions: contrastive, ConVIRT, bag of words, captioning, ICMLM.

    python -m training.objectives run [--data DIR] [--work DIR]
    python -m training.objectives table build/objectives/results.json [--publish]

`run` computes the image features (once), chooses a learning rate for each objective, and trains
each with three seeds; it writes DIR/results.json at the end. Ctrl-C keeps the runs that have
ended, and the next start goes on with the others. `table` prints the results as Markdown; with
`--publish` it writes them into research/ instead, and the plot. research/objectives.md explains
all of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from imgsearch.errors import ImgsearchError
from training.objectives import report
from training.objectives.corpus import prepare
from training.objectives.models import KINDS
from training.objectives.results import StudyResults
from training.objectives.study import DATA_FILE, Study, StudyPlan, StudyProgress, work_here

HOUSE = Path(__file__).resolve().parent.parent.parent
DATA = Path(os.environ.get("IMGSEARCH_TEST_DATA", HOUSE.parent / "shared" / "data"))
PUBLISHED = HOUSE / "research" / "objectives.json"
PAGE = HOUSE / "research" / "objectives.md"
PLOT = HOUSE / "docs" / "images" / "objectives.svg"
LOG_EVERY_S = 60.0
INTERRUPTED = 130  # the shell's exit code for Ctrl-C


class ProgressLine:
    """One line on a terminal, rewritten; elsewhere a line a minute, and for each run that ends."""

    def __init__(self) -> None:
        self._done, self._written_s = -1, 0.0

    def __call__(self, progress: StudyProgress) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K{str(progress)[: os.get_terminal_size(2).columns - 1]}")
        elif progress.done != self._done or time.monotonic() - self._written_s >= LOG_EVERY_S:
            sys.stderr.write(f"{progress}\n")
            self._done, self._written_s = progress.done, time.monotonic()
        sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m training.objectives", description=(__doc__ or "").splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train and measure all objectives")
    run.add_argument("--data", type=Path, default=DATA, help=f"the data sets (default: {DATA})")
    run.add_argument("--cache", type=Path, default=Path("artefacts"), help="default: artefacts")
    run.add_argument("--work", type=Path, default=Path("build/objectives"))
    run.add_argument("--processes", type=int, default=0, help="runs at a time; default: the cores")
    run.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), help="objectives")
    run.add_argument("--seeds", nargs="+", type=int, default=list(StudyPlan().seeds))
    run.add_argument("--points", nargs="+", type=int, default=list(StudyPlan().points))
    run.add_argument("--rates", nargs="+", type=float, default=list(StudyPlan().learning_rates))
    table = commands.add_parser("table", help="print or publish the results")
    table.add_argument("results", type=Path)
    table.add_argument("--publish", action="store_true", help="write them into research/")
    worker = commands.add_parser("work", help="do what standard input says; `run` starts this")
    worker.add_argument("--work", type=Path, required=True)
    worker.add_argument("--fingerprint", required=True)
    options = parser.parse_args(arguments)
    try:
        if options.command == "run":
            plan = StudyPlan(
                objectives=tuple(options.only),
                learning_rates=tuple(options.rates),
                seeds=tuple(options.seeds),
                points=tuple(sorted(options.points)),
            )
            run_study(plan, options.data, options.cache, options.work, options.processes)
        elif options.command == "table":
            show(StudyResults.load(options.results), options.publish)
        else:
            work_here(options.work, options.fingerprint, sys.stdin)
    except ImgsearchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except BrokenPipeError:  # the study that started this run was killed
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nInterrupted. The runs that have ended are kept; start again to go on.\n"
        )
        return INTERRUPTED
    return 0


def run_study(plan: StudyPlan, data_dir: Path, cache: Path, work: Path, processes: int) -> None:
    """Do what is left of the study in `work`, and write its results.json."""
    data = prepare(data_dir, cache)
    data.save(work / DATA_FILE)
    runs = Study(plan, work).run(ProgressLine(), processes)
    results = StudyResults.of(data, plan, runs)
    results.save(work / "results.json")
    sys.stderr.write("\n")
    show(results, publish=False)


def show(results: StudyResults, publish: bool) -> None:
    """Print the tables, or write research/objectives.json, its tables and its plot."""
    if not publish:
        sys.stdout.write(report.markdown(results))
        return
    results.save(PUBLISHED)
    PLOT.write_text(report.svg(results))
    PAGE.write_text(report.page_with(PAGE.read_text(), results))


if __name__ == "__main__":
    sys.exit(main())
