"""Reads the text in photos of an archive, as `reading` does in folders.

Texts are committed some at a time, since a commit takes a tenth of a second and more; a run that is
killed has the photos since the last commit read again by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.archive.commits import CommitClock, Files, Photos, looked_at
from imgsearch.archive.fleet.base import patiently
from imgsearch.errors import PhotoError
from imgsearch.features.text.reader import MIN_SIDE_PX
from imgsearch.features.text.reading import (
    DOING,
    load_picture,
    plan_reading,
    read_pictures,
    reader_of,
)
from imgsearch.features.text.records import TextReport
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.roots import ids_below
from imgsearch.progress import Progress
from imgsearch.records.photo import Photo
from imgsearch.records.picture_text import PhotoText, TextLine, TextState
from imgsearch.store.store import Store

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.archive.originals import Originals
    from imgsearch.archive.photo_changes import ArchiveChanges


def read_archive_text(
    archive: ArchiveChanges, folders: Sequence[str], everything: bool, again: bool
) -> Generator[Progress, None, TextReport]:
    """Read the text in photos that were not tried yet, below these folders if any are given.

    An up-to-date copy of the archive says which photos these are, and does not change. Of each
    photo, the first file that can be read here counts; objects are fetched. Raises MissingPackage
    without the extra `ocr`, and FolderError for a folder without photos of the archive.
    """
    context = archive.up_to_date()
    reader_of(context)  # before anything is written
    writer, originals = archive.writer(), archive.originals
    steps = _read(context, writer, originals, folders, everything, again)
    return archive.announced(DOING, steps)


def _read(
    context: IndexingContext,
    writer: LanceWriter,
    originals: Originals,
    folders: Sequence[str],
    everything: bool,
    again: bool,
) -> Generator[Progress, None, TextReport]:
    started_s = time.monotonic()
    with Store.open(context.data_dir) as store:
        row = store.reads.encoders.in_use()
        within = ids_below(store.reads, folders) if folders else None
        plan = plan_reading(context, store, row, everything=everything, again=again, within=within)
        readings, reader, settings = _Readings(writer), reader_of(context), context.settings

        def look_at(photos: Photos, files: Files) -> Generator[Progress, None, TextReport]:
            def load(photo: Photo, path: Path, side_px: int) -> Image | PhotoError | None:
                def read(file: Path) -> Image | PhotoError | None:
                    return load_picture(photo, file, side_px, settings.max_megapixels)

                return originals.read_first(files[photo.id], read)

            return read_pictures(
                reader,
                readings,
                photos,
                plan.to_look_at,
                load,
                settings.thread_count,
                MIN_SIDE_PX,
            )

        nothing = TextReport(0, 0, 0, 0, plan.below_gate)
        report = yield from looked_at(store.reads, plan.photo_ids, readings, nothing, look_at)
    return replace(report, seconds=round(time.monotonic() - started_s, 3))


class _Readings:
    """Implements `TextRecord` and `Readings`: commits when there are many, or when it is time."""

    def __init__(self, writer: LanceWriter) -> None:
        self.contents: Mapping[int, bytes] = {}
        self._writer = writer
        self._texts: dict[bytes, PhotoText] = {}
        self._passed_over: dict[bytes, str] = {}
        self._clock = CommitClock()

    def record(self, photo_id: int, reader: str, lines: Sequence[TextLine]) -> None:
        self._add(photo_id, "read" if lines else "none", reader, lines)

    def record_failure(self, photo_id: int, reader: str, message: str) -> None:
        self._add(photo_id, "failed", reader, (), message)

    def pass_over(self, photo_id: int, reader: str) -> None:
        self._passed_over[self.contents[photo_id]] = reader
        self._commit_if_due()

    def _add(
        self,
        photo_id: int,
        state: TextState,
        reader: str,
        lines: Sequence[TextLine],
        message: str | None = None,
    ) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        text = PhotoText(state, tuple(lines), reader, now, message)
        self._texts[self.contents[photo_id]] = text
        self._commit_if_due()

    def _commit_if_due(self) -> None:
        if self._clock.is_due(len(self._texts) + len(self._passed_over)):
            self.commit()

    def commit(self) -> None:
        """Write what was read and passed over since the last commit."""
        texts, self._texts = self._texts, {}
        passed_over, self._passed_over = self._passed_over, {}
        patiently(lambda: self._writer.put_texts(texts))
        for reader in set(passed_over.values()):
            own = [each for each, looked_by in passed_over.items() if looked_by == reader]
            patiently(lambda own=own, reader=reader: self._writer.pass_over_texts(own, reader))  # type: ignore[misc]
        self._clock.restart()
