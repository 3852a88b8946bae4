"""Reads the text in photos of the library and records it: photos that look like it first.

The text of each photo is committed by itself, so a run can be stopped at any photo, and the next
one continues from there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.concurrency import prefetch
from imgsearch.decode.reader import decode
from imgsearch.errors import PhotoError, Reason
from imgsearch.indexer import text_gate
from imgsearch.ocr import MIN_SIDE_PX, TextReader
from imgsearch.progress import Job, Progress, TextReport

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.config import Settings
    from imgsearch.indexer.text_gate import EmbedTexts
    from imgsearch.records.index import EncoderRow
    from imgsearch.records.photo import Photo
    from imgsearch.store.store import Store

DOING = "Reading text"
_OVERSAMPLING = 2  # `decode` gives at least twice the side that it is asked for
_AHEAD = 2  # photos decoded in advance, besides those that threads are decoding
# What may pass by itself: the photo stays unread, and the next run tries again.
_TRANSIENT = (Reason.UNREADABLE, Reason.CHANGED)


@dataclass(frozen=True, slots=True)
class TextPlan:
    """The photos to read, the likeliest first, and how many are left out because of the gate."""

    photo_ids: tuple[int, ...]
    below_gate: int


def plan(
    store: Store,
    row: EncoderRow,
    reader_id: str,
    embed: EmbedTexts,
    *,
    everything: bool = False,
    again: bool = False,
    within: Collection[int] | None = None,
    after_id: int = 0,
) -> TextPlan:
    """Choose the photos whose text is to be read; with `within`, only among these ids.

    Photos with ids up to `after_id` are left out.

    `everything` adds those that the gate leaves out, after the others; `again` adds those that
    another reader has read. Photos without a vector have no score and count as left out.
    """
    unread = [each for each in store.picture_text.unread(reader_id, again) if each > after_id]
    if within is not None:
        unread = [photo_id for photo_id in unread if photo_id in within]
    if not unread:
        return TextPlan((), 0)
    scores = text_gate.gate_scores(store.reads, row.key, embed, unread)
    lowest = min(scores.values(), default=0.0) - 1.0
    ranked = sorted(unread, key=lambda photo_id: (-scores.get(photo_id, lowest), photo_id))
    if everything:
        return TextPlan(tuple(ranked), 0)
    passed = [each for each in ranked if scores.get(each, lowest) >= text_gate.THRESHOLD]
    return TextPlan(tuple(passed), len(ranked) - len(passed))


class TextBacklog:
    """Photos whose text is still to be read, for a program that does so when it is idle.

    `make_plan(store, after_id)` chooses them among the photos with higher ids, and `read` reads the
    text of some, as `read_texts` does.
    """

    def __init__(
        self,
        make_plan: Callable[[Store, int], TextPlan],
        read: Callable[[Store, Sequence[int]], Generator[Progress, None, TextReport]],
    ) -> None:
        self._make_plan = make_plan
        self._read = read
        self._left: deque[int] = deque()
        self._done = 0
        self._planned_to = 0  # the highest id of a photo that was considered
        self._is_due = True
        self._report = TextReport(0, 0, 0, 0)

    def renew(self, everything: bool) -> None:
        """Look for photos before the next is read: among new ones, or in the whole library."""
        self._is_due = True
        if everything:
            self._planned_to = 0

    def steps(self, store: Store) -> Generator[Progress, None, TextReport]:
        """Read all that is left, the likeliest first; one Progress a photo.

        It may be closed at any step; the next call continues there. The report covers all calls
        since the last one that came to its end.
        """
        if self._is_due:
            last_id = store.photos.last_id()
            plan = self._make_plan(store, self._planned_to)
            if self._planned_to == 0:
                self._left.clear()
            self._left.extend(plan.photo_ids)
            self._planned_to, self._is_due = last_id, False
            self._report = replace(self._report, below_gate=plan.below_gate)
        while self._left:
            report = Job(self._read(store, [self._left[0]])).run()
            self._left.popleft()
            self._done += 1
            self._report = self._report.plus(report)
            yield Progress(self._done, self._done + len(self._left), None, DOING)
        self._done = 0
        report, self._report = self._report, TextReport(0, 0, 0, 0)
        return report


def read_texts(
    store: Store,
    reader: TextReader,
    photos: Sequence[tuple[Photo, Path]],
    settings: Settings,
) -> Generator[Progress, None, TextReport]:
    """Read the text of these photos, each with one of its paths; one Progress a photo.

    A photo that cannot be decoded is recorded as failed, with the reason. One that has changed or
    cannot be reached stays unread: it is counted, and left to the next run.
    """
    started_s = time.monotonic()
    read = none = failed = unreached = 0

    def load(item: tuple[Photo, Path]) -> tuple[int, Path, Image | PhotoError | None]:
        photo, path = item
        try:
            if path.stat().st_size != photo.size_bytes:
                return photo.id, path, None
            image = decode(path, MIN_SIDE_PX // _OVERSAMPLING, settings.max_megapixels).image
        except OSError:
            return photo.id, path, None
        except PhotoError as error:
            return photo.id, path, None if error.reason in _TRANSIENT else error
        return photo.id, path, image

    threads = settings.thread_count
    with prefetch(threads + _AHEAD, threads, load, photos) as loaded:
        for done, (photo_id, path, image) in enumerate(loaded, 1):
            try:
                if isinstance(image, PhotoError):
                    raise image
                if image is None:
                    unreached += 1
                else:
                    lines = reader.read(image)
                    store.picture_text.record(photo_id, reader.id, lines)
                    read, none = read + bool(lines), none + (not lines)
            except PhotoError as error:
                store.picture_text.record_failure(photo_id, reader.id, str(error))
                failed += 1
            yield Progress(done, len(photos), path)
    seconds = round(time.monotonic() - started_s, 3)
    return TextReport(read, none, failed, unreached, seconds=seconds)
