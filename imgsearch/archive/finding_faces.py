"""Finds the faces in photos of an archive, as `imgsearch.indexer.faces` does in a library.

Readings are committed some at a time; a run that is killed has the photos since the last commit
looked at again by the next one, which also goes on with what was found before.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.archive.commits import CommitClock
from imgsearch.archive.fleet.base import patiently
from imgsearch.archive.lance.unread import check_folders, scores_of, unread_faces
from imgsearch.indexer import text_gate
from imgsearch.indexer.faces import (
    DESCRIPTIONS_OF_PEOPLE,
    GROUPING,
    SHOWS_PEOPLE,
    FaceLook,
    look_at_file,
    look_at_photos,
)
from imgsearch.progress import FaceReport, Job, Progress
from imgsearch.records.faces import FoundFace, PhotoFaces

if TYPE_CHECKING:
    from pathlib import Path

    from imgsearch.archive.lance.reader import LanceCatalogue
    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.archive.originals import Originals
    from imgsearch.archive.people import ArchivePeople
    from imgsearch.errors import PhotoError
    from imgsearch.faces.reader import FaceReader
    from imgsearch.indexer.text_gate import EmbedTexts
    from imgsearch.records.arrays import Ids
    from imgsearch.records.faces import FaceState
    from imgsearch.records.photo import Photo

_PHOTOS_AT_ONCE = 256  # whose facts are looked up together


class FaceRun(Struct, frozen=True):
    """The archive, the reader and the limits of a run. `embed` embeds texts as queries."""

    catalogue: LanceCatalogue
    writer: LanceWriter
    people: ArchivePeople
    originals: Originals
    reader: FaceReader
    embed: EmbedTexts
    threads: int
    max_megapixels: float


def find_faces(
    run: FaceRun, folders: Sequence[str], again: bool
) -> Generator[Progress, None, FaceReport]:
    """Find faces in photos that were not tried yet, below these folders if any are given.

    Then group the faces. The choice of photos is that of `imgsearch.indexer.faces.find_faces`. Of
    each photo, the first file that can be read here counts; objects are fetched. Raises FolderError
    for a folder without photos of the archive.
    """
    started_s = time.monotonic()
    check_folders(run.catalogue, folders)
    ids = unread_faces(
        run.catalogue, run.people.tables.faces(), run.reader.id, folders, again=again
    )
    close = _photos_with_people(run, ids)
    report = FaceReport(0, 0, 0, 0)
    readings = _FaceReadings(run.writer)
    try:
        for start in range(0, len(ids), _PHOTOS_AT_ONCE):
            job = Job(_find_some(run, readings, ids[start : start + _PHOTOS_AT_ONCE], close))
            for step in job:
                yield Progress(start + step.done, len(ids), step.path)
            report = report.plus(job.report)
    finally:
        readings.commit()
    yield Progress(0, 1, None, GROUPING)
    run.people.take_in()
    run.people.group()
    yield Progress(1, 1, None, GROUPING)
    return replace(report, seconds=round(time.monotonic() - started_s, 3))


def _photos_with_people(run: FaceRun, ids: Ids) -> Collection[int]:
    """The photos that show people, judged by their stored vectors."""
    if not len(ids):
        return ()
    score = text_gate.scorer(run.embed, DESCRIPTIONS_OF_PEOPLE)
    scores = scores_of(run.catalogue, ids, score)
    return frozenset(each for each, likeness in scores.items() if likeness >= SHOWS_PEOPLE)


def _find_some(
    run: FaceRun, readings: _FaceReadings, ids: Ids, close: Collection[int]
) -> Generator[Progress, None, FaceReport]:
    found = run.catalogue.photos(ids.tolist())
    photos = [(each.photo, each.files[0].path) for each in found.values()]
    files = {each.photo.id: [file.path for file in each.files] for each in found.values()}
    readings.contents = {photo.id: bytes.fromhex(photo.content_hash) for photo, _ in photos}

    def look(photo: Photo, path: Path) -> FaceLook | PhotoError | None:
        def read(file: Path) -> FaceLook | PhotoError | None:
            return look_at_file(run.reader, photo, file, run.max_megapixels, photo.id in close)

        return run.originals.read_first(files[photo.id], read)

    report = yield from look_at_photos(run.reader.id, readings, photos, look, run.threads)
    return report


class _FaceReadings:
    """Implements `FaceRecord`: commits when there are many, or when the last commit was long ago.

    `contents` are the contents of the photos that are being looked at, by their ids.
    """

    def __init__(self, writer: LanceWriter) -> None:
        self.contents: Mapping[int, bytes] = {}
        self._writer = writer
        self._faces: dict[bytes, PhotoFaces] = {}
        self._clock = CommitClock()

    def record(self, photo_id: int, model: str, faces: Sequence[FoundFace]) -> None:
        state: FaceState = "found" if faces else "none"
        self._add(photo_id, PhotoFaces(state, model, datetime.now(UTC), tuple(faces)))

    def record_failure(self, photo_id: int, model: str, message: str) -> None:
        self._add(photo_id, PhotoFaces("failed", model, datetime.now(UTC), (), message))

    def _add(self, photo_id: int, reading: PhotoFaces) -> None:
        self._faces[self.contents[photo_id]] = reading
        if self._clock.is_due(len(self._faces)):
            self.commit()

    def commit(self) -> None:
        """Write what was found since the last commit."""
        faces, self._faces = self._faces, {}
        patiently(partial(self._writer.put_faces, faces))
        self._clock.restart()
