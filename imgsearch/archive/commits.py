"""Jobs that read photos of an archive, and when they commit what they have read.

A commit takes a tenth of a second and more, and a run that is killed has the photos since the last
one read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from imgsearch.indexer.backlogs import SummedReport
from imgsearch.progress import Job, Progress
from imgsearch.records.photo import Photo
from imgsearch.store.reads import Reads

_PHOTOS_AT_ONCE = 256  # whose facts are looked up together
_PHOTOS_PER_COMMIT = 256
_COMMIT_EVERY_S = 30.0

_Report = TypeVar("_Report", bound=SummedReport)
Photos = Sequence[tuple["Photo", "Path"]]  # each with its first path
Files = Mapping[int, Sequence["Path"]]  # all paths of each photo, by its id


class Readings(Protocol):
    """What was found in photos, until it is committed.

    `contents` are the contents of the photos that are being looked at, by their ids.
    """

    contents: Mapping[int, bytes]

    def commit(self) -> None:
        """Write what was found since the last commit."""


def looked_at(
    reads: Reads,
    ids: Sequence[int],
    readings: Readings,
    nothing: _Report,
    look_at: Callable[[Photos, Files], Generator[Progress, None, _Report]],
) -> Generator[Progress, None, _Report]:
    """Look at photos of an archive, some at a time, and commit what is found, also at the end.

    Photos without a file are left out. `nothing` is the report of a run that looked at none.
    """
    report = nothing
    try:
        for start in range(0, len(ids), _PHOTOS_AT_ONCE):
            some = ids[start : start + _PHOTOS_AT_ONCE]
            known = reads.photos.with_files(some)
            found = [known[each] for each in some if each in known and known[each].files]
            readings.contents = {
                each.photo.id: bytes.fromhex(each.photo.content_hash) for each in found
            }
            photos = [(each.photo, each.files[0].path) for each in found]
            files = {each.photo.id: [file.path for file in each.files] for each in found}
            job = Job(look_at(photos, files))
            for step in job:
                yield Progress(start + step.done, len(ids), step.path)
            report = report.plus(job.report)
    finally:
        readings.commit()
    return report


class CommitClock:
    """Says when to commit: when many photos are waiting, or when the last commit was long ago."""

    def __init__(self) -> None:
        self.restart()

    def is_due(self, waiting: int) -> bool:
        """Return whether to commit now that so many photos are waiting."""
        is_late = time.monotonic() - self._committed_s >= _COMMIT_EVERY_S
        return waiting >= _PHOTOS_PER_COMMIT or is_late

    def restart(self) -> None:
        """Note that all that was waiting is committed."""
        self._committed_s = time.monotonic()
