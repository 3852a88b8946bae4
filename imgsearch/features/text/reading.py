"""Reads the text in photos of the library and records it; those likely to have some come first.

Unless all are asked for, a small copy of each photo is looked at, and only a photo with text in it
is read.

The text of each photo is committed by itself, so a run can be stopped at any photo, and the next
one continues from there.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.concurrency import prefetch
from imgsearch.decode.reader import decode
from imgsearch.errors import PhotoError, Reason
from imgsearch.features.text.reader import (
    LOOK_SIDE_PX,
    LOOK_THRESHOLD,
    MIN_SIDE_PX,
    TextReader,
    open_reader,
)
from imgsearch.features.text.records import TextReport
from imgsearch.indexer.backlogs import PhotoBacklog
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.embedding import embed_queries
from imgsearch.indexer.likely_photos import likeliness
from imgsearch.indexer.roots import ids_below, readable_photos
from imgsearch.progress import Progress
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Photo
from imgsearch.records.picture_text import TextLine
from imgsearch.records.status import UnfinishedJob
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.store import Store
from imgsearch.store.unfinished import noted
from imgsearch.text import format_count

if TYPE_CHECKING:
    from PIL.Image import Image


# Chosen on 560 photos of Flickr8k's train split and 304 of ImageNet, of which OCR found text in 93.
# Documents and screenshots have scores above 2.
DESCRIPTIONS = (
    "a sign with writing",
    "a street sign",
    "a shop front with its name",
    "an advertisement",
    "a poster with words",
    "a banner with letters",
    "a race car with advertising",
    "a sports jersey with a number",
    "the name on a bus",
    "a label on a bottle",
    "a newspaper",
    "a receipt",
    "a document",
    "a screenshot of a computer screen",
    "a whiteboard with writing",
    "a menu",
    "a page of a book",
    "written text",
    "text",
)
# From this likeliness on a photo is read without a look; a twelfth of those photos.
CERTAIN = 2.2
DOING = "Reading text"
_AHEAD = 2  # photos decoded in advance, besides those that threads are decoding
# What may pass by itself: the photo stays unread, and the next run tries again.
_TRANSIENT = (Reason.UNREADABLE, Reason.CHANGED)

# Loads the picture of a photo from a path with a short side: see `load_picture`.
LoadPicture: TypeAlias = "Callable[[Photo, Path, int], Image | PhotoError | None]"


class TextPlan(Struct, frozen=True):
    """The photos to read, the likeliest first.

    Photos in `to_look_at` are read only if their small copy looks as if it had text. `below_gate`
    is the number of photos that were passed over before, and are left out.
    """

    photo_ids: tuple[int, ...]
    below_gate: int
    to_look_at: frozenset[int] = frozenset()


def reader_of(context: IndexingContext) -> TextReader:
    """Return the reader of a library, which stays open. Raises MissingPackage without the extra."""
    return context.models.open("text", lambda: open_reader(context.settings.thread_count))


def read_text(
    context: IndexingContext, folders: Sequence[str], everything: bool, again: bool
) -> Generator[Progress, None, TextReport]:
    """Read the text in photos that were not tried yet, below these folders if any are given.

    Photos that are likely to have text come first. A photo whose small copy shows no text is passed
    over unless `everything` is set. `again` includes photos that another version of the reader has
    read or passed over. Raises MissingPackage without the extra `ocr`, and FolderError for a folder
    without photos.
    """
    reader_of(context)  # before the lock is taken
    with writing(context.data_dir) as store:
        row = store.reads.encoders.in_use()
        within = ids_below(store.reads, folders) if folders else None
        plan = plan_reading(context, store, row, everything=everything, again=again, within=within)
        photos = readable_photos(store.reads, plan.photo_ids, context.mounts)
        steps = noted(
            store.unfinished,
            "text",
            read_texts(context, store, photos, plan.to_look_at),
            folders=folders,
            again=again,
            everything=everything,
        )
        report = yield from publish_progress(context.data_dir, DOING, steps)
    offline = len(plan.photo_ids) - len(photos)
    return replace(
        report,
        unreached=report.unreached + offline,
        below_gate=report.below_gate + plan.below_gate,
    )


def plan_reading(
    context: IndexingContext,
    store: Store,
    row: EncoderRow,
    *,
    everything: bool = False,
    again: bool = False,
    within: Collection[int] | None = None,
    after_id: int = 0,
) -> TextPlan:
    """Choose the photos whose text is to be read; with `within`, only among these ids.

    Photos with ids up to `after_id` are left out.

    Photos that were passed over are left out unless `everything` is set. `again` adds photos that
    another reader has read or passed over. Photos without a vector come last.
    """
    texts, reader_id = store.picture_text, reader_of(context).id
    unread = [each for each in texts.unread(reader_id, again) if each > after_id]
    if within is not None:
        unread = [photo_id for photo_id in unread if photo_id in within]
    passed_over: set[int] = set()
    if not everything:
        passed_over = texts.passed_over(reader_id if again else None)
    left = [photo_id for photo_id in unread if photo_id not in passed_over]
    if not left:
        return TextPlan((), len(unread))
    scores = likeliness(
        store.reads, row.key, partial(embed_queries, context, row), left, DESCRIPTIONS
    )
    lowest = min(scores.values(), default=0.0) - 1.0
    ranked = sorted(left, key=lambda photo_id: (-scores.get(photo_id, lowest), photo_id))
    uncertain = (each for each in ranked if scores.get(each, lowest) < CERTAIN)
    to_look_at = frozenset[int]() if everything else frozenset(uncertain)
    return TextPlan(tuple(ranked), len(unread) - len(left), to_look_at)


class _TextWork:
    """Reads the photos that are left, the likeliest first; implements `PhotoWork`."""

    def __init__(self, context: IndexingContext, unfinished: UnfinishedJob | None) -> None:
        """Look at all photos, or go on with a job that was not finished."""
        self._context = context
        self._unfinished = unfinished
        self._to_look_at: set[int] = set()
        self._planned_to = 0  # the highest id of a photo that was considered

    def renew(self, everything: bool) -> None:
        if everything:
            self._planned_to = 0

    def plan(self, store: Store, left: deque[int], report: TextReport) -> TextReport:
        last_id = store.photos.last_id()
        row = store.reads.encoders.current()
        plan = TextPlan((), 0)  # nothing was indexed yet
        if row is not None:
            plan = self._plan(store, row)
        if self._planned_to == 0:
            left.clear()
        left.extend(plan.photo_ids)
        self._to_look_at |= plan.to_look_at
        self._planned_to = last_id
        return replace(report, below_gate=plan.below_gate)

    def _plan(self, store: Store, row: EncoderRow) -> TextPlan:
        job = self._unfinished
        if job is None:
            return plan_reading(self._context, store, row, after_id=self._planned_to)
        folders = [str(folder) for folder in job.folders]
        return plan_reading(
            self._context,
            store,
            row,
            everything=job.everything,
            again=job.again,
            within=ids_below(store.reads, folders) if folders else None,
            after_id=self._planned_to,
        )

    def look_at(
        self, store: Store, photos: Sequence[tuple[Photo, Path]]
    ) -> Generator[Progress, None, TextReport]:
        report = yield from read_texts(self._context, store, photos, self._to_look_at)
        self._to_look_at.difference_update(photo.id for photo, _ in photos)
        return report

    def end(self, store: Store, report: TextReport) -> None:
        """Do nothing: each text was recorded as it was read."""


def backlog(
    context: IndexingContext, unfinished: UnfinishedJob | None
) -> PhotoBacklog[TextReport] | None:
    """Return what a watcher reads when idle: the rest of a job, or new photos if set so."""
    if unfinished is None and not context.settings.read_text:
        return None
    reader_of(context)  # raises without its package
    nothing = TextReport(0, 0, 0, 0)
    return PhotoBacklog(context, DOING, "text", _TextWork(context, unfinished), nothing)


def told(report: TextReport) -> tuple[dict[str, int], str]:
    """Return what a watcher says of the text that it has read: numbers by name, and a sentence."""
    numbers = {"read": report.read, "none": report.none, "failed": report.failed}
    return numbers, f"Found text in {format_count(report.read, 'photo')}"


def read_texts(
    context: IndexingContext,
    store: Store,
    photos: Sequence[tuple[Photo, Path]],
    to_look_at: Collection[int],
) -> Generator[Progress, None, TextReport]:
    """Read the text of these photos of the library and record it: see `read_pictures`."""
    settings = context.settings
    return read_pictures(
        reader_of(context),
        store.picture_text,
        photos,
        to_look_at,
        partial(load_picture, max_megapixels=settings.max_megapixels),
        settings.thread_count,
    )


class TextRecord(Protocol):
    """Records the results of reading, as `PictureTextStore` does, which describes the methods."""

    def record(self, photo_id: int, reader: str, lines: Sequence[TextLine]) -> None: ...

    def record_failure(self, photo_id: int, reader: str, message: str) -> None: ...

    def pass_over(self, photo_id: int, reader: str) -> None: ...


def load_picture(
    photo: Photo, path: Path, side_px: int, max_megapixels: float
) -> Image | PhotoError | None:
    """Decode the file of a photo with a short side of at least `side_px`, if it has as much.

    Returns the error of a file that cannot be decoded, and None for one that has changed since it
    was indexed, or cannot be reached now.
    """
    try:
        if path.stat().st_size != photo.size_bytes:
            return None
        return decode(path, side_px, max_megapixels).image
    except OSError:
        return None
    except PhotoError as error:
        return None if error.reason in _TRANSIENT else error


def read_pictures(
    reader: TextReader,
    record: TextRecord,
    photos: Sequence[tuple[Photo, Path]],
    to_look_at: Collection[int],
    load: LoadPicture,
    threads: int,
    look_side_px: int = LOOK_SIDE_PX,
) -> Generator[Progress, None, TextReport]:
    """Read the text of these photos, each with one of its paths; one Progress a photo.

    Of those in `to_look_at`, a small copy is looked at first; if it shows no text, the photo is
    passed over and counted as `below_gate`. A photo that cannot be decoded is recorded as failed,
    with the reason. One that has changed or cannot be reached stays unread: it is counted, and left
    to the next run.

    `load` is called in `threads` threads. With a `look_side_px` as large as `MIN_SIDE_PX`, a photo
    is loaded once, for both.
    """
    started_s = time.monotonic()

    def load_first(photo: Photo, path: Path) -> tuple[Photo, Path, Image | PhotoError | None]:
        side_px = look_side_px if photo.id in to_look_at else MIN_SIDE_PX
        return photo, path, load(photo, path, side_px)

    def outcome(photo: Photo, path: Path, image: Image | PhotoError | None) -> str:
        """Return the field of `TextReport` that counts this photo, once it is recorded."""
        try:
            if photo.id in to_look_at and not isinstance(image, PhotoError) and image is not None:
                if reader.look(image) < LOOK_THRESHOLD:
                    record.pass_over(photo.id, reader.id)
                    return "below_gate"
                if look_side_px < MIN_SIDE_PX:
                    image = load(photo, path, MIN_SIDE_PX)
            if isinstance(image, PhotoError):
                raise image
            if image is None:
                return "unreached"
            lines = reader.read(image)
            record.record(photo.id, reader.id, lines)
            return "read" if lines else "none"
        except PhotoError as error:
            record.record_failure(photo.id, reader.id, str(error))
            return "failed"

    counts: Counter[str] = Counter()
    tasks = (partial(load_first, *item) for item in photos)
    with prefetch(threads + _AHEAD, threads, tasks) as loaded:
        for done, (photo, path, image) in enumerate(loaded, 1):
            counts[outcome(photo, path, image)] += 1
            yield Progress(done, len(photos), path)
    seconds = round(time.monotonic() - started_s, 3)
    return TextReport(
        counts["read"],
        counts["none"],
        counts["failed"],
        counts["unreached"],
        counts["below_gate"],
        seconds,
    )
