"""Finds the faces in photos of an archive, as `finding` does in folders.

Readings are committed some at a time; a run that is killed has the photos since the last commit
looked at again by the next one, which also goes on with what was found before.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.archive.commits import CommitClock, Files, Photos, looked_at
from imgsearch.archive.fleet.base import patiently
from imgsearch.errors import PhotoError
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
from imgsearch.indexer.context import IndexingContext
from imgsearch.progress import Progress
from imgsearch.records.faces import FaceState, FoundFace, PhotoFaces
from imgsearch.records.photo import Photo
from imgsearch.store.store import Store

if TYPE_CHECKING:
    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.archive.originals import Originals
    from imgsearch.archive.photo_changes import ArchiveChanges


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
        reader, settings = reader_of(context), context.settings
        ids = unread_photos(store, reader.id, folders, again)
        close = photos_with_people(context, store, store.reads.encoders.in_use(), ids)
        readings = _FaceReadings(writer)

        def look_at(photos: Photos, files: Files) -> Generator[Progress, None, FaceReport]:
            def look(photo: Photo, path: Path) -> FaceLook | PhotoError | None:
                def read(file: Path) -> FaceLook | PhotoError | None:
                    is_close = photo.id in close
                    return look_at_file(reader, photo, file, settings.max_megapixels, is_close)

                return originals.read_first(files[photo.id], read)

            return look_at_photos(reader.id, readings, photos, look, settings.thread_count)

        nothing = FaceReport(0, 0, 0, 0)
        report = yield from looked_at(store.reads, ids, readings, nothing, look_at)
    return replace(report, seconds=round(time.monotonic() - started_s, 3))


class _FaceReadings:
    """Implements `FaceRecord` and `Readings`: commits when there are many, or when it is time."""

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
