"""The results of a study in one file: plan, sizes of the data, machine, and all runs."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil
import torch

from imgsearch.cores import usable_cores
from imgsearch.errors import FolderError, UsageError
from training.objectives.fit import FINAL, FittedRun
from training.objectives.study import StudyPlan

if TYPE_CHECKING:
    from training.objectives.corpus import StudyData


@dataclass(frozen=True, slots=True)
class StudySizes:
    """The amounts of data of a study."""

    features: int  # values for each photo
    words: int  # of the vocabulary, marks included
    training_photos: int
    training_texts: int
    dev_photos: int
    dev_texts: int
    other_photos: int
    other_texts: int
    classes: int

    @classmethod
    def of(cls, data: StudyData) -> StudySizes:
        return cls(
            data.train.features.shape[1],
            data.words,
            len(data.train.features),
            len(data.train.tokens),
            len(data.dev.features),
            len(data.dev.tokens),
            len(data.other.features),
            len(data.other.tokens),
            len(data.classes.features),
        )


@dataclass(frozen=True, slots=True)
class StudyResults:
    """All results shown by the tables and the plot."""

    date: str
    machine: str
    sizes: StudySizes
    plan: StudyPlan
    runs: list[FittedRun]

    @classmethod
    def of(cls, data: StudyData, plan: StudyPlan, runs: list[FittedRun]) -> StudyResults:
        """Make results with today's date and this machine."""
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        return cls(today, _machine(), StudySizes.of(data), plan, runs)

    @classmethod
    def load(cls, file: Path) -> StudyResults:
        """Read what `save` wrote. Raises FolderError and UsageError."""
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except OSError as error:
            raise FolderError(f"Cannot read {file}: {error.strerror}. Check the path.") from error
        except msgspec.DecodeError as error:
            raise UsageError(
                f"{file} has no results of this version: {error}. Run: make objectives"
            ) from error

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def finals(self, objective: str) -> list[FittedRun]:
        """The runs of an objective that are compared, one for each seed."""
        return [
            run for run in self.runs if run.spec.objective == objective and run.spec.stage == FINAL
        ]


def _machine() -> str:
    memory_gib = psutil.virtual_memory().total / 2**30
    cores = usable_cores()
    return (
        f"{cores} cores, {memory_gib:.0f} GiB, Python {platform.python_version()}, "
        f"torch {torch.__version__}"
    )
