"""Finds the faces in photos of an archive, as `finding` does in folders.

Readings are committed some at a time; a run that is killed has the photos since the last commit
looked at again by the next one, which also goes on with what was found before.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.archive.commits import PHOTOS_AT_ONCE, CommitClock
from imgsearch.archive.fleet.base import patiently
from imgsearch.features.people.finding import (
    DOING,
    FaceLook,
    look_at_file,
    look_at_photos,
    photos_with_people,
    reader_of,
    unread_photos,
)
from imgsearch.features.people.records import FaceReport
from imgsearch.progress import Job, Progress
from imgsearch.records.faces import FoundFace, PhotoFaces
from imgsearch.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.archive.originals import Originals
    from imgsearch.archive.photo_changes import ArchiveChanges
    from imgsearch.errors import PhotoError
    from imgsearch.indexer.context import IndexingContext
    from imgsearch.records.faces import FaceState
    from imgsearch.records.photo import Photo


def find_faces_of_archive(
    archive: ArchiveChanges, folders: Sequence[str], again: bool
) -> Generator[Progress, None, FaceReport]:
    """Find faces in photos that were not tried yet, below these folders if any are given.

    They go to the archive, and the copy here takes and groups them at the end. An up-to-date copy
    says which photos these are. Of each photo, the first file that can be read here counts; objects
    are fetched. Raises MissingPackage without the package of the models, and FolderError for a
    folder without photos of the archive.
    """
    context = archive.up_to_date()
    reader_of(context)  # before anything is written
    steps = _find(context, archive.writer(), archive.originals, folders, again)
    return archive.announced(DOING, archive.then_taken(steps))


def _find(
    context: IndexingContext,
    writer: LanceWriter,
    originals: Originals,
    folders: Sequence[str],
    again: bool,
) -> Generator[Progress, None, FaceReport]:
    started_s = time.monotonic()
    with Store.open(context.data_dir) as store:
        ids = unread_photos(store, reader_of(context).id, folders, again)
        close = photos_with_people(context, store, store.reads.encoders.in_use(), ids)
        report = FaceReport(0, 0, 0, 0)
        readings = _FaceReadings(writer)
        try:
            for start in range(0, len(ids), PHOTOS_AT_ONCE):
                some = ids[start : start + PHOTOS_AT_ONCE]
                job = Job(_find_some(context, store, originals, readings, some, close))
                for step in job:
                    yield Progress(start + step.done, len(ids), step.path)
                report = report.plus(job.report)
        finally:
            readings.commit()
    return replace(report, seconds=round(time.monotonic() - started_s, 3))


def _find_some(
    context: IndexingContext,
    store: Store,
    originals: Originals,
    readings: _FaceReadings,
    ids: Sequence[int],
    close: Collection[int],
) -> Generator[Progress, None, FaceReport]:
    found = store.reads.photos.with_files(ids)
    photos = [(each.photo, each.files[0].path) for each in found.values() if each.files]
    files = {each.photo.id: [file.path for file in each.files] for each in found.values()}
    readings.contents = {photo.id: bytes.fromhex(photo.content_hash) for photo, _ in photos}
    reader, settings = reader_of(context), context.settings

    def look(photo: Photo, path: Path) -> FaceLook | PhotoError | None:
        def read(file: Path) -> FaceLook | PhotoError | None:
            return look_at_file(reader, photo, file, settings.max_megapixels, photo.id in close)

        return originals.read_first(files[photo.id], read)

    steps = look_at_photos(reader.id, readings, photos, look, settings.thread_count)
    return (yield from steps)


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
