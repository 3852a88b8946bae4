"""Applies new and changed files to the library: hash, decode, embed, record.

Threads hash and decode the next batch while the model embeds this one, and another thread records
the one before. The photos that a batch has of one folder are one transaction, so an interrupted run
loses at most the batches in work, and the next run continues from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.catalogue.local_writer import LocalWriter
from imgsearch.concurrency import ClaimedHashes, WriteBehind, prefetch, write_behind
from imgsearch.decode.motion import is_live_photo_video
from imgsearch.errors import PhotoError
from imgsearch.indexer.reading import VANISHED, PhotoReader, content_hash_of, embed
from imgsearch.indexer.scan import stat_of
from imgsearch.progress import Progress, SyncReport
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.status import Failure

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.gazetteer import Gazetteer
    from imgsearch.indexer.reading import DecodeFile, KeepThumbnails, ModelInput
    from imgsearch.records.photo import Facts, PhotoVectors
    from imgsearch.store.store import Store

MAX_FILES_PER_BATCH = 500  # moved files need no model, so they would never fill its batch


class IngestContext(Struct, frozen=True):
    """What an indexing run works with.

    `fingerprint` identifies how files are decoded. A failure is stored with it and expected to
    repeat for the same content until it changes, unless `retry_failures` is set. `on_recorded` is
    called after each batch, in the thread that records.
    """

    store: Store
    encoder: Encoder
    encoder_key: int
    decode: DecodeFile
    fingerprint: str
    gazetteer: Gazetteer
    max_megapixels: float
    threads: int
    retry_failures: bool = False
    keep_thumbnails: KeepThumbnails | None = None  # None: none are made
    on_recorded: Callable[[int], None] = lambda new: None  # the number of photos just added

    @property
    def reader(self) -> PhotoReader:
        """Reads the photos of this run."""
        return PhotoReader(self.encoder, self.decode, self.gazetteer, self.max_megapixels)

    @property
    def makes_thumbnails(self) -> bool:
        """Whether a small picture of each photo is kept."""
        return self.keep_thumbnails is not None

    @property
    def writer(self) -> LocalWriter:
        """Records the results of this run."""
        return LocalWriter(self.store, self.encoder_key)

    @property
    def ahead(self) -> int:
        """How many photos may be decoded in advance. It limits the memory of a run."""
        return self.encoder.batch_size + self.threads

    def keep(self, thumbnails: Mapping[bytes, bytes]) -> None:
        """Store these thumbnails, if any are kept."""
        if thumbnails and self.keep_thumbnails is not None:
            self.keep_thumbnails(thumbnails)


class _Candidate(Struct, frozen=True):
    """A file that was hashed and, if its content is new, decoded.

    One with neither a hash nor a failure is the video of a Live Photo, which has no entry of its
    own.
    """

    stat: FileStat
    content_hash: bytes | None = None
    facts: Facts | None = None
    model_input: ModelInput | None = None
    failure: Failure | None = None
    is_copy: bool = False  # of a file in the same run
    vanished: bool = False  # removed since it was scanned; the next scan finds where it went


def ingest(
    context: IngestContext, files: Sequence[FileStat]
) -> Generator[Progress, None, SyncReport]:
    """Apply new and changed files; one Progress a file.

    Returns the numbers of `new`, `moved` and `failed` files. A file that cannot be read becomes a
    failure with a reason. Moved and copied files are not embedded again.
    """
    with write_behind(context.encoder.batches_at_once) as model:
        run = _IngestRun(context, model)
        with prefetch(context.ahead, context.threads, run.prepare, files) as candidates:
            for done, candidate in enumerate(candidates, 1):
                run.add(candidate)
                yield Progress(done, len(files), Path(candidate.stat.path))
            run.submit_batch()
    return run.report


def embed_again(
    context: IngestContext, photos: Mapping[int, Path], kept: Collection[bytes] = ()
) -> Generator[Progress, None, int]:
    """Embed known photos (id to path) with another encoder; returns how many could not be read.

    A file that is gone, or whose content is no longer that of the photo, is left to the next
    indexing run. `kept` are the contents that have a thumbnail already.
    """
    hashes = {
        photo.id: bytes.fromhex(photo.content_hash)
        for photo in context.store.reads.photos(photos).values()
    }

    def prepare(item: tuple[int, Path]) -> tuple[int, Path, ModelInput | None]:
        photo_id, path = item
        try:
            stat = stat_of(path)
            content_hash = content_hash_of(stat)
            if content_hash != hashes[photo_id]:
                return photo_id, path, None
            makes_one = context.makes_thumbnails and content_hash not in kept
            _, model_input = context.reader.read(stat, makes_one)
            return photo_id, path, model_input
        except (PhotoError, OSError):
            return photo_id, path, None

    unread = parts = 0
    batch: dict[int, ModelInput] = {}
    with (
        write_behind(context.encoder.batches_at_once) as model,
        prefetch(context.ahead, context.threads, prepare, list(photos.items())) as prepared,
    ):
        for done, (photo_id, path, model_input) in enumerate(prepared, 1):
            if model_input is None:
                unread += 1
            else:
                batch[photo_id] = model_input
                parts += len(model_input.pixels)
            if batch and (parts >= context.encoder.batch_size or done == len(photos)):
                thumbnails = {
                    hashes[photo_id]: each.thumbnail
                    for photo_id, each in batch.items()
                    if each.thumbnail is not None
                }
                record = partial(_record_again, context, thumbnails)
                model.submit(partial(embed, context.encoder, batch), record)
                batch, parts = {}, 0
            yield Progress(done, len(photos), path)
    return unread


def _record_again(
    context: IngestContext, thumbnails: Mapping[bytes, bytes], vectors: Mapping[int, PhotoVectors]
) -> None:
    context.keep(thumbnails)
    context.store.vectors.add(context.encoder_key, vectors)


def changed_contents(
    files: Sequence[FileStat], hashes: Mapping[str, bytes], threads: int
) -> Generator[Progress, None, list[FileStat]]:
    """Read all of these files; returns those whose content does not have the hash of their path.

    A file without a hash counts as changed. One that has a hash and cannot be read does not.
    """

    def is_changed(stat: FileStat) -> bool:
        try:
            return content_hash_of(stat) != hashes.get(stat.path)
        except (PhotoError, OSError):
            return stat.path not in hashes

    changed = []
    with prefetch(2 * threads, threads, is_changed, files) as results:
        for done, (stat, differs) in enumerate(zip(files, results, strict=True), 1):
            if differs:
                changed.append(stat)
            yield Progress(done, len(files), Path(stat.path))
    return changed


class _IngestRun:
    """The state of one run: the current batch, waiting copies, and the results so far."""

    def __init__(self, context: IngestContext, model: WriteBehind) -> None:
        self.report = SyncReport()
        self._context = context
        self._model = model
        self._batch: list[_Candidate] = []
        self._batch_parts = 0  # images that the model has to embed
        self._copies: list[_Candidate] = []  # of files without a result yet
        self._claims = ClaimedHashes()
        self._results: dict[bytes, Failure | None] = {}  # by content; None is success

    def prepare(self, stat: FileStat) -> _Candidate:
        """Hash a file and, if its content is new, decode it. Safe in any thread."""
        if is_live_photo_video(Path(stat.path)):
            return _Candidate(stat)
        try:
            content_hash = content_hash_of(stat)
        except VANISHED:
            return _Candidate(stat, vanished=True)
        except PhotoError as error:
            return _Candidate(stat, failure=self._failure(stat, error))
        if not self._claims.claim(content_hash):
            return _Candidate(stat, content_hash, is_copy=True)
        if self._context.writer.known([content_hash]):
            return _Candidate(stat, content_hash)
        known = self._known_failure(stat, content_hash)
        if known is not None:
            return _Candidate(stat, content_hash, failure=known)
        try:
            facts, model_input = self._context.reader.read(stat, self._context.makes_thumbnails)
        except VANISHED:
            return _Candidate(stat, content_hash, vanished=True)
        except PhotoError as error:
            return _Candidate(stat, content_hash, failure=self._failure(stat, error))
        return _Candidate(stat, content_hash, facts, model_input)

    def _failure(self, stat: FileStat, error: PhotoError) -> Failure:
        fingerprint = self._context.fingerprint
        return Failure(Path(stat.path), error.reason, str(error), error.extra, fingerprint)

    def _known_failure(self, stat: FileStat, content_hash: bytes) -> Failure | None:
        """The failure of this content at any path, if it is expected to repeat at this one."""
        if self._context.retry_failures:
            return None
        store, fingerprint = self._context.store, self._context.fingerprint
        known = store.failures.known(content_hash, stat.path, fingerprint)
        return None if known is None else replace(known, path=Path(stat.path))

    def add(self, candidate: _Candidate) -> None:
        """Add a file to the batch, and submit the batch when it is full."""
        if candidate.is_copy and candidate.content_hash not in self._claims:
            # Its original has vanished since.
            candidate = self.prepare(candidate.stat)
        if candidate.vanished:
            self._replace_by_copies(candidate)
            return
        (self._copies if candidate.is_copy else self._batch).append(candidate)
        if candidate.model_input is not None:
            self._batch_parts += len(candidate.model_input.pixels)
        if (
            self._batch_parts >= self._context.encoder.batch_size
            or len(self._batch) + len(self._copies) >= MAX_FILES_PER_BATCH
        ):
            self.submit_batch()

    def _replace_by_copies(self, vanished: _Candidate) -> None:
        """Let a waiting copy of a file that vanished take its place."""
        if vanished.content_hash is None:
            return
        self._claims.release(vanished.content_hash)
        copies = [copy for copy in self._copies if copy.content_hash == vanished.content_hash]
        self._copies = [copy for copy in self._copies if copy not in copies]
        for copy in copies:
            self.add(self.prepare(copy.stat))

    def submit_batch(self) -> None:
        """Have the batch embedded and recorded, with the copies whose original has a result."""
        batch, self._batch, self._batch_parts = self._batch, [], 0
        for candidate in batch:
            if candidate.content_hash is not None:
                self._results[candidate.content_hash] = candidate.failure
        copies = []
        waiting = []
        for copy in self._copies:
            if copy.content_hash not in self._results:
                waiting.append(copy)
                continue
            failure = self._results[copy.content_hash]
            if failure is not None:
                failure = replace(failure, path=Path(copy.stat.path))
            copies.append(IngestResult(copy.stat, copy.content_hash, failure=failure))
        self._copies = waiting
        thumbnails = {
            candidate.content_hash: candidate.model_input.thumbnail
            for candidate in batch
            if candidate.model_input is not None
            and candidate.content_hash is not None
            and candidate.model_input.thumbnail is not None
        }

        def record(results: Sequence[IngestResult]) -> None:
            # First: what a kill leaves without its photo is replaced when the photo is read again.
            self._context.keep(thumbnails)
            self._record([*results, *copies])

        self._model.submit(partial(self._embed_batch, batch), record)

    def _embed_batch(self, batch: Sequence[_Candidate]) -> list[IngestResult]:
        """The result of each file. Several batches may be embedded at the same time."""
        inputs = {
            number: candidate.model_input
            for number, candidate in enumerate(batch)
            if candidate.model_input is not None
        }
        embedded = embed(self._context.encoder, inputs)
        results = []
        for number, candidate in enumerate(batch):
            result = IngestResult(
                candidate.stat,
                candidate.content_hash,
                candidate.facts,
                failure=candidate.failure,
            )
            if number in embedded:
                photo = embedded[number]
                result = replace(result, vectors=photo.vectors, times_s=photo.times_s)
            results.append(result)
        return results

    def _record(self, results: Sequence[IngestResult]) -> None:
        before = self.report.new
        self._context.writer.put(results)
        self._count(results)
        self._context.on_recorded(self.report.new - before)

    def _count(self, results: Sequence[IngestResult]) -> None:
        failed = sum(result.failure is not None for result in results)
        new = sum(result.vectors is not None for result in results)
        readable = sum(
            result.failure is None and result.content_hash is not None for result in results
        )
        self.report = replace(
            self.report,
            new=self.report.new + new,
            failed=self.report.failed + failed,
            moved=self.report.moved + readable - new,
        )
