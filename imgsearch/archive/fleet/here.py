"""Workers in this process, for a run without a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from imgsearch.archive.fleet.base import FILES_PER_TASK, FileOutcome, ListedFile
from imgsearch.archive.fleet.worker import PhotoWorker, WorkPlan


class WorkersHere:
    """Embeds files in this process, some at a time. See `workers_here`."""

    def __init__(self, worker: PhotoWorker, files_per_task: int) -> None:
        self._worker = worker
        self._files_per_task = files_per_task

    def embed(self, files: Sequence[ListedFile]) -> Iterator[list[FileOutcome]]:
        """Yield the outcome of each file, task by task. Raises as `PhotoWorker.embed` does."""
        for start in range(0, len(files), self._files_per_task):
            yield self._worker.embed(files[start : start + self._files_per_task])


@contextmanager
def workers_here(
    plan: WorkPlan, threads: int, files_per_task: int = FILES_PER_TASK
) -> Iterator[WorkersHere]:
    """Provide workers with this many threads until the block ends. Raises as `PhotoWorker` does."""
    with PhotoWorker(plan, threads) as worker:
        yield WorkersHere(worker, files_per_task)
