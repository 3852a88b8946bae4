"""All runs of a study: which there are, how they are done two at a time, and resumed.

Runs are done in processes of one thread each, so their figures do not depend on each other. A run
has a file with its result when it ends. A study that was interrupted, or killed, goes on with the
runs that have no file yet.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch

from imgsearch.cores import usable_cores
from imgsearch.errors import ImgsearchError
from imgsearch.private_files import make_folder, replace_file
from training.objectives.corpus import StudyData
from training.objectives.fit import FINAL, SEARCH, FittedRun, RunSpec, fit
from training.objectives.models import KINDS

DATA_FILE = "data.safetensors"
_RUNS = "runs"
_CHECKOUT = Path(__file__).resolve().parent.parent.parent
_POLL_S = 0.2
_ENDED = "ended\n"
_SEARCH_SCORING = 0.6  # of the duration of scoring in a final run, which measures more
# glibc would return each large tensor to the system at once and fetch it again, page by page.
# Keeping the memory saves a quarter of the time of training.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "1000000000"}
# What the figures depend on, besides the data. A change makes all runs anew.
_SOURCES = ("vocabulary", "corpus", "losses", "layers", "models", "scoring", "fit")


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """The runs. The search tries each learning rate with the first seed; the best one is used."""

    objectives: tuple[str, ...] = tuple(KINDS)
    learning_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    seeds: tuple[int, ...] = (0, 1, 2)
    points: tuple[int, ...] = (2_048, 8_192, 32_768)
    search_examples: int = 6_144

    def searches(self, objective: str) -> list[RunSpec]:
        """None where there is nothing to choose."""
        if len(self.learning_rates) == 1:
            return []
        return [
            RunSpec(objective, SEARCH, rate, self.seeds[0], (self.search_examples,))
            for rate in self.learning_rates
        ]

    def finals(self, objective: str, learning_rate: float) -> list[RunSpec]:
        """A run for each seed."""
        return [RunSpec(objective, FINAL, learning_rate, seed, self.points) for seed in self.seeds]

    def best_rate(self, searched: Sequence[FittedRun]) -> float:
        """The rate with the highest mean recall in the search; of equals the lowest."""
        if not searched:
            return self.learning_rates[0]
        best = max(searched, key=lambda run: (run.points[-1].dev.mean, -run.spec.learning_rate))
        return best.spec.learning_rate


@dataclass(frozen=True, slots=True)
class StudyProgress:
    """The progress of a study. `examples_per_s` is the rate of all runs since this start."""

    done: int
    total: int
    running: tuple[str, ...]
    examples_per_s: float
    left_s: float

    def __str__(self) -> str:
        left = f"{self.left_s / 60:.0f} min" if self.left_s >= 90 else f"{self.left_s:.0f} s"
        return (
            f"{self.done} of {self.total} runs, {self.examples_per_s:,.0f} examples/s, "
            f"about {left} left: {', '.join(self.running)}"
        )


class Study:
    """A plan, and the folder `work` with its data and the results of its runs."""

    def __init__(self, plan: StudyPlan, work: Path) -> None:
        self._plan, self._work = plan, work.absolute()
        self._fingerprint = fingerprint(StudyData.load(work / DATA_FILE))
        self._finished: dict[RunSpec, FittedRun] = {}

    def run(self, notify: Callable[[StudyProgress], None], processes: int = 0) -> list[FittedRun]:
        """Do the runs that have no result yet, and return the results of all, searches first.

        `processes` is the number at a time, by default one for each usable core. `notify` is
        called several times a second. Raises ImgsearchError when a run fails. What is finished
        stays then, and also after KeyboardInterrupt.
        """
        make_folder(self._work / _RUNS)
        workers: list[RunWorker] = []
        started = time.monotonic()
        decided, undecided = self._specs()
        try:
            while waiting := [spec for spec in decided if self._result(spec) is None]:
                if not workers:
                    workers = [
                        RunWorker(self._work, self._fingerprint)
                        for _ in range(min(processes or usable_cores(), len(waiting)))
                    ]
                active = {worker.spec for worker in workers if not worker.is_idle}
                ready = sorted((spec for spec in waiting if spec not in active), key=self._turn)
                idle = [worker for worker in workers if worker.is_idle]
                for worker, spec in zip(idle, ready, strict=False):
                    worker.start(spec)
                time.sleep(_POLL_S)
                for worker in workers:
                    if worker.is_idle and worker.spec and self._result(worker.spec) is None:
                        raise ImgsearchError(
                            f"The run {worker.spec.name} failed; its message is above. "
                            "Start again to go on."
                        )
                decided, undecided = self._specs()
                running = [worker for worker in workers if not worker.is_idle]
                notify(
                    StudyProgress(
                        len(self._finished),
                        len(decided) + len(undecided),
                        tuple(worker.label for worker in running),
                        sum(worker.seen_in_all for worker in workers)
                        / (time.monotonic() - started),
                        self._left_s([*decided, *undecided], running, len(workers)),
                    )
                )
        finally:
            for worker in workers:
                worker.stop()
        return [self._finished[spec] for spec in decided]

    def _specs(self) -> tuple[list[RunSpec], list[RunSpec]]:
        """The runs whose learning rate is known by now, and those that wait for a search."""
        decided: list[RunSpec] = []
        undecided: list[RunSpec] = []
        searches = {
            objective: self._plan.searches(objective) for objective in self._plan.objectives
        }
        for specs in searches.values():
            decided += specs
        for objective, specs in searches.items():
            results = [self._result(spec) for spec in specs]
            found = [result for result in results if result is not None]
            finals = self._plan.finals(objective, self._plan.best_rate(found))
            (decided if len(found) == len(specs) else undecided).extend(finals)
        return decided, undecided

    def _result(self, spec: RunSpec) -> FittedRun | None:
        """The result of a run if it has ended, with this data and this code."""
        if spec not in self._finished:
            try:
                content = result_file(self._work, spec).read_bytes()
                found = msgspec.json.decode(content, type=FittedRun)
            except (OSError, msgspec.DecodeError):  # not there, or from another version
                return None
            if (found.spec, found.fingerprint) != (spec, self._fingerprint):
                return None
            self._finished[spec] = found
        return self._finished[spec]

    def _turn(self, spec: RunSpec) -> tuple[bool, int, float]:
        """Searches first, then a seed after the other, each beginning with its longest run."""
        return spec.stage == FINAL, spec.seed, -self._expected_s(spec)

    def _expected_s(self, spec: RunSpec, running: Sequence[RunWorker] = ()) -> float:
        """The duration of a run, by the table of kinds and what it was wrong by here so far."""
        known = [(run.spec, run.duration_s, 1.0) for run in self._finished.values()]
        known += [
            (worker.spec, worker.elapsed_s, worker.share)
            for worker in running
            if worker.spec and worker.share > 0
        ]
        same = [entry for entry in known if entry[0].objective == spec.objective] or known
        tabulated_s = sum(_tabulated_s(each) * share for each, _, share in same)
        wrong_by = sum(taken_s for _, taken_s, _ in same) / tabulated_s if same else 1.0
        return _tabulated_s(spec) * wrong_by

    def _left_s(
        self, specs: Sequence[RunSpec], running: Sequence[RunWorker], processes: int
    ) -> float:
        begun = {
            worker.spec: max(0.0, self._expected_s(worker.spec, running) - worker.elapsed_s)
            for worker in running
            if worker.spec
        }
        others = [
            self._expected_s(spec, running)
            for spec in specs
            if spec not in begun and spec not in self._finished
        ]
        return max([(sum(begun.values()) + sum(others)) / processes, *begun.values()])


class RunWorker:
    """A process that does one run after another, and tells how many examples it has seen."""

    def __init__(self, work: Path, study_fingerprint: str) -> None:
        self.spec: RunSpec | None = None  # of the run that it does, or did last
        self.seen_in_all = 0  # of all its runs
        self._seen, self._started = 0, 0.0
        self._idle = threading.Event()
        self._idle.set()
        command = [sys.executable, "-m", "training.objectives", "work", "--work", str(work)]
        # A group of its own, so that Ctrl-C reaches the study alone, which then stops the worker.
        self._process = subprocess.Popen(
            [*command, "--fingerprint", study_fingerprint],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
            cwd=_CHECKOUT,
            env=os.environ | _KEEP_MEMORY,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def is_idle(self) -> bool:
        """Whether its run has ended, well or not."""
        return self._idle.is_set()

    @property
    def label(self) -> str:
        """Its run, and how much of its examples that has seen."""
        return f"{self.spec.name} {100 * self.share:.0f} %" if self.spec else ""

    @property
    def share(self) -> float:
        """The share of the run's examples that it has seen, from 0 to 1."""
        return min(1.0, self._seen / self.spec.points[-1]) if self.spec else 0.0

    @property
    def elapsed_s(self) -> float:
        """Since the run was started."""
        return time.monotonic() - self._started

    def start(self, spec: RunSpec) -> None:
        """Do this run next. The worker must be idle."""
        self.spec, self._seen, self._started = spec, 0, time.monotonic()
        self._idle.clear()
        assert self._process.stdin is not None  # a pipe
        self._process.stdin.write(msgspec.json.encode(spec).decode() + "\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End it now; a run that has not ended has no result."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if line == _ENDED:
                    self._idle.set()
                else:
                    self.seen_in_all += int(line) - self._seen
                    self._seen = int(line)
        self._idle.set()  # it died


def work_here(work: Path, study_fingerprint: str, requests: Iterable[str]) -> None:
    """Run a RunWorker: one run per input line, with its result written to the run's file.

    The numbers of examples seen go to standard output, a line each. Raises BrokenPipeError when
    nobody reads them, because the study was killed.
    """

    def report(seen: int) -> None:
        os.write(sys.stdout.fileno(), f"{seen}\n".encode())

    data = StudyData.load(work / DATA_FILE)
    for request in requests:
        spec = msgspec.json.decode(request, type=RunSpec)
        fitted = fit(spec, data, study_fingerprint, report)
        replace_file(result_file(work, spec), msgspec.json.format(msgspec.json.encode(fitted)))
        os.write(sys.stdout.fileno(), _ENDED.encode())


def result_file(work: Path, spec: RunSpec) -> Path:
    """The file with a run's result, written when the run ends."""
    return work / _RUNS / f"{spec.name}.json"


def fingerprint(data: StudyData) -> str:
    """Changes with whatever the figures depend on: data, code, and the versions of libraries."""
    digest = hashlib.sha256(data.fingerprint().encode())
    for name in _SOURCES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    digest.update(f"{torch.__version__} {np.__version__}".encode())
    return digest.hexdigest()[:16]


def _tabulated_s(spec: RunSpec) -> float:
    kind = KINDS[spec.objective]
    scoring_s = kind.scoring_s * (_SEARCH_SCORING if spec.stage == SEARCH else len(spec.points))
    return kind.training_ms * spec.points[-1] / 1000 + scoring_s
