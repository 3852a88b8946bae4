"""Reads the text in photos of an archive, as `imgsearch.indexer.picture_text` does in a library.

Texts are committed some at a time, since a commit takes a tenth of a second and more; a run that is
killed has the photos since the last commit read again by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.archive.commits import CommitClock
from imgsearch.archive.fleet.base import patiently
from imgsearch.archive.lance.unread import check_folders, scores_of, unread_texts
from imgsearch.errors import PhotoError
from imgsearch.indexer import text_gate
from imgsearch.indexer.picture_text import load_picture, read_pictures
from imgsearch.ocr import MIN_SIDE_PX
from imgsearch.progress import Job, Progress, TextReport
from imgsearch.records.picture_text import PhotoText, TextLine

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from imgsearch.archive.lance.reader import LanceCatalogue
    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.archive.originals import Originals
    from imgsearch.indexer.text_gate import EmbedTexts
    from imgsearch.ocr import TextReader
    from imgsearch.records.arrays import Ids
    from imgsearch.records.photo import Photo
    from imgsearch.records.picture_text import TextState

_PHOTOS_AT_ONCE = 256  # whose facts are looked up together


class TextRun(Struct, frozen=True):
    """The archive, the reader and the limits of a run. `embed` embeds texts as queries."""

    catalogue: LanceCatalogue
    writer: LanceWriter
    originals: Originals
    reader: TextReader
    embed: EmbedTexts
    threads: int
    max_megapixels: float


def read_texts(
    run: TextRun, folders: Sequence[str], everything: bool, again: bool
) -> Generator[Progress, None, TextReport]:
    """Read the text in photos that were not tried yet, below these folders if any are given.

    The choice and the order of photos are those of `imgsearch.indexer.picture_text.read_text`. Of
    each photo, the first file that can be read here counts; objects are fetched. Raises FolderError
    for a folder without photos of the archive.
    """
    started_s = time.monotonic()
    check_folders(run.catalogue, folders)
    ids, below_gate = unread_texts(
        run.catalogue, run.reader.id, folders, everything=everything, again=again
    )
    ranked, to_look_at = _ranked(run, ids, everything)
    report = TextReport(0, 0, 0, 0, below_gate)
    readings = _Readings(run.writer)
    try:
        for start in range(0, len(ranked), _PHOTOS_AT_ONCE):
            some = ranked[start : start + _PHOTOS_AT_ONCE]
            job = Job(_read_some(run, readings, some, to_look_at))
            for step in job:
                yield Progress(start + step.done, len(ranked), step.path)
            report = report.plus(job.report)
    finally:
        readings.commit()
    return replace(report, seconds=round(time.monotonic() - started_s, 3))


def _ranked(run: TextRun, ids: Ids, everything: bool) -> tuple[list[int], Collection[int]]:
    """The photos, the likeliest to have text first, and those to look at before they are read."""
    if not len(ids):
        return [], ()
    scores = scores_of(run.catalogue, ids, text_gate.scorer(run.embed))
    ranked = sorted(ids.tolist(), key=lambda each: (-scores.get(each, -float("inf")), each))
    if everything:
        return ranked, ()
    return ranked, {each for each in ranked if scores.get(each, 0.0) < text_gate.CERTAIN}


def _read_some(
    run: TextRun, readings: _Readings, ids: Sequence[int], to_look_at: Collection[int]
) -> Generator[Progress, None, TextReport]:
    found = run.catalogue.photos(ids)
    photos = [(found[each].photo, found[each].files[0].path) for each in ids if each in found]
    files = {each.photo.id: [file.path for file in each.files] for each in found.values()}
    readings.contents = {photo.id: bytes.fromhex(photo.content_hash) for photo, _ in photos}

    def load(photo: Photo, path: Path, side_px: int) -> Image | PhotoError | None:
        def read(file: Path) -> Image | PhotoError | None:
            return load_picture(photo, file, side_px, run.max_megapixels)

        return run.originals.read_first(files[photo.id], read)

    report = yield from read_pictures(
        run.reader, readings, photos, to_look_at, load, run.threads, MIN_SIDE_PX
    )
    return report


class _Readings:
    """Implements `TextRecord`: commits when there are many, or when the last commit was long ago.

    `contents` are the contents of the photos that are being read, by their ids.
    """

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
