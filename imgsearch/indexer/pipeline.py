"""Applies new and changed files to the library: hash, decode, embed, record.

A file goes through three stages: `Preparation` makes it a `Candidate`, `embed_batch` makes a
`Batch` of candidates the results to store, and `Recording` stores them. Threads prepare the next
batch while the model embeds this one, and another thread records the one before. The photos that a
batch has of one folder are one transaction, so an interrupted run loses at most the batches in
work, and the next run continues from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.concurrency import ClaimedHashes, prefetch, write_behind
from imgsearch.decode.motion import is_live_photo_video
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.speeds import Speeds
from imgsearch.errors import PhotoError
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.reading import VANISHED, ModelInput, PhotoReader, content_hash_of, embed
from imgsearch.indexer.scan import stat_of
from imgsearch.indexer.thumbnails import ThumbnailKeeper
from imgsearch.process import peak_memory_bytes
from imgsearch.progress import Progress, SyncReport
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Facts, PhotoVectors
from imgsearch.records.status import Failure
from imgsearch.search.baseline import GrowingBaseline
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore

MAX_FILES_PER_BATCH = 500  # moved files need no model, so they would never fill its batch


class EmbeddingRun(Struct, frozen=True):
    """A run that embeds photos of a library with one encoder.

    `thumbnails` keeps a small picture of each photo; None if the settings keep none.
    """

    context: IndexingContext
    store: Store
    encoder: Encoder
    row: EncoderRow
    thumbnails: ThumbnailKeeper | None

    @classmethod
    def begin(
        cls,
        context: IndexingContext,
        store: Store,
        encoder: Encoder,
        thumbnails: ThumbnailStore | None,
    ) -> Self:
        """Start a run; the encoder is added to the library if it is new."""
        name = context.encoders.name_of(encoder)
        row = store.vectors.add_encoder(encoder.id, name, encoder.dim)
        keeper = None
        if thumbnails is not None and context.settings.thumbnails_mb:
            keeper = ThumbnailKeeper(thumbnails, context.settings, context.notify)
        return cls(context, store, encoder, row, keeper)

    def reader(self) -> PhotoReader:
        """Return what reads the photos of this run."""
        context = self.context
        return PhotoReader(
            self.encoder,
            context.decoder.decode,
            context.gazetteer,
            context.settings.max_megapixels,
        )

    @property
    def threads(self) -> int:
        """The number of threads that hash and decode."""
        return self.context.settings.thread_count

    @property
    def ahead(self) -> int:
        """The number of photos that may be decoded in advance. It limits the memory of a run."""
        return self.encoder.batch_size + self.threads

    def note_speed(self, photos: int, seconds: float) -> None:
        """Note how fast so many photos were embedded, for this machine."""
        speeds = Speeds(self.context.settings.cache_dir)
        speeds.note(self.row.name, photos, seconds, peak_memory_bytes())

    def keep(self, thumbnails: Mapping[bytes, bytes]) -> None:
        """Store these small pictures, by the hash of their photo's content, if any are kept."""
        if thumbnails and self.thumbnails is not None:
            self.thumbnails.keep(thumbnails)


# ------------------------------------------------------------------------- new and changed files


class Candidate(Struct, frozen=True):
    """A file that was hashed and, if its content is new, decoded.

    A candidate with neither a hash nor a failure is the video of a Live Photo, which has no entry
    of its own.
    """

    stat: FileStat
    content_hash: bytes | None = None
    facts: Facts | None = None
    model_input: ModelInput | None = None
    failure: Failure | None = None
    is_copy: bool = False  # of a file in the same run
    vanished: bool = False  # removed since it was scanned; the next scan finds where it went


class Batch(Struct, frozen=True):
    """Candidates to embed and to record together, with the results of copies of earlier files."""

    candidates: tuple[Candidate, ...]
    copies: tuple[IngestResult, ...]

    @property
    def thumbnails(self) -> dict[bytes, bytes]:
        """The small pictures to keep, by the hash of their photo's content."""
        return {
            each.content_hash: each.model_input.thumbnail
            for each in self.candidates
            if each.content_hash is not None
            and each.model_input is not None
            and each.model_input.thumbnail is not None
        }


class EmbeddedBatch(Struct, frozen=True):
    """The results of a batch, and the small pictures to keep by the hash of the content."""

    results: tuple[IngestResult, ...]
    thumbnails: dict[bytes, bytes]


def ingest(
    run: EmbeddingRun,
    files: Sequence[FileStat],
    *,
    retry_failures: bool = False,
    baseline: GrowingBaseline | None = None,
) -> Generator[Progress, None, SyncReport]:
    """Apply new and changed files; one Progress a file.

    Returns the numbers of `new`, `moved` and `failed` files. A file that cannot be read becomes a
    failure with a reason. It is stored with the fingerprint of the decoders and expected to repeat
    for the same content until that changes, unless `retry_failures` is set. Moved and copied files
    are not embedded again. `baseline` counts the new photos.
    """
    started_s = time.monotonic()
    preparation = Preparation(run, retry_failures)
    batches = Batches(preparation, run.encoder.batch_size)
    recording = Recording(run, baseline)
    with (
        write_behind(run.encoder.batches_at_once) as model,
        prefetch(run.ahead, run.threads, preparation.tasks(files)) as candidates,
    ):

        def embed_and_record(batch: Batch) -> None:
            model.submit(lambda: embed_batch(run.encoder, batch), recording.record)

        for done, candidate in enumerate(candidates, 1):
            for batch in batches.add(candidate):
                embed_and_record(batch)
            yield Progress(done, len(files), Path(candidate.stat.path))
        embed_and_record(batches.take())
    run.note_speed(recording.report.new, time.monotonic() - started_s)
    return recording.report


class Preparation:
    """Hashes files and decodes those with new content. Safe in any thread."""

    def __init__(self, run: EmbeddingRun, retry_failures: bool) -> None:
        self.claims = ClaimedHashes()
        self._reader = run.reader()
        self._vectors = run.store.reads.vectors
        self._encoder_key = run.row.key
        self._failures = run.store.failures
        self._fingerprint = run.context.fingerprint
        self._makes_thumbnails = run.thumbnails is not None
        self._retry_failures = retry_failures

    def tasks(self, files: Iterable[FileStat]) -> Iterator[Callable[[], Candidate]]:
        """Yield a task for each file, which prepares it."""
        for stat in files:
            yield self._task(stat)

    def _task(self, stat: FileStat) -> Callable[[], Candidate]:
        return lambda: self.prepare(stat)

    def prepare(self, stat: FileStat) -> Candidate:
        """Hash a file and, if its content is new, decode it."""
        if is_live_photo_video(Path(stat.path)):
            return Candidate(stat)
        try:
            content_hash = content_hash_of(stat)
        except VANISHED:
            return Candidate(stat, vanished=True)
        except PhotoError as error:
            return Candidate(stat, failure=self._failure(stat, error))
        if not self.claims.claim(content_hash):
            return Candidate(stat, content_hash, is_copy=True)
        if self._vectors.has(content_hash, self._encoder_key):
            return Candidate(stat, content_hash)
        known = self._known_failure(stat, content_hash)
        if known is not None:
            return Candidate(stat, content_hash, failure=known)
        try:
            facts, model_input = self._reader.read(stat, self._makes_thumbnails)
        except VANISHED:
            return Candidate(stat, content_hash, vanished=True)
        except PhotoError as error:
            return Candidate(stat, content_hash, failure=self._failure(stat, error))
        return Candidate(stat, content_hash, facts, model_input)

    def _failure(self, stat: FileStat, error: PhotoError) -> Failure:
        reason, message, extra = error.reason, str(error), error.extra
        return Failure(Path(stat.path), reason, message, extra, self._fingerprint)

    def _known_failure(self, stat: FileStat, content_hash: bytes) -> Failure | None:
        """Return the failure of this content at any path, if it will likely repeat at this one."""
        if self._retry_failures:
            return None
        known = self._failures.known(content_hash, stat.path, self._fingerprint)
        return None if known is None else replace(known, path=Path(stat.path))


class Batches:
    """Collects candidates into batches, with the copies of files that have a result by then."""

    def __init__(self, preparation: Preparation, batch_size: int) -> None:
        self._preparation = preparation
        self._batch_size = batch_size
        self._candidates: list[Candidate] = []
        self._parts = 0  # images that the model has to embed
        self._copies: list[Candidate] = []  # of files without a result yet
        self._results: dict[bytes, Failure | None] = {}  # by content; None is success

    def add(self, candidate: Candidate) -> Iterator[Batch]:
        """Add a file; yields a batch as soon as one is full."""
        if candidate.is_copy and candidate.content_hash not in self._preparation.claims:
            # Its original has vanished since.
            candidate = self._preparation.prepare(candidate.stat)
        if candidate.vanished:
            yield from self._replace_by_copies(candidate)
            return
        (self._copies if candidate.is_copy else self._candidates).append(candidate)
        if candidate.model_input is not None:
            self._parts += len(candidate.model_input.pixels)
        if (
            self._parts >= self._batch_size
            or len(self._candidates) + len(self._copies) >= MAX_FILES_PER_BATCH
        ):
            yield self.take()

    def take(self) -> Batch:
        """Return the files so far as a batch, with the copies whose original has a result."""
        candidates, self._candidates, self._parts = tuple(self._candidates), [], 0
        for candidate in candidates:
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
        return Batch(candidates, tuple(copies))

    def _replace_by_copies(self, vanished: Candidate) -> Iterator[Batch]:
        """Let a waiting copy of a file that vanished take its place."""
        if vanished.content_hash is None:
            return
        self._preparation.claims.release(vanished.content_hash)
        copies = [copy for copy in self._copies if copy.content_hash == vanished.content_hash]
        self._copies = [copy for copy in self._copies if copy not in copies]
        for copy in copies:
            yield from self.add(self._preparation.prepare(copy.stat))


def embed_batch(encoder: Encoder, batch: Batch) -> EmbeddedBatch:
    """Embed the candidates of a batch. Several batches may be embedded at the same time."""
    inputs = {
        number: candidate.model_input
        for number, candidate in enumerate(batch.candidates)
        if candidate.model_input is not None
    }
    embedded = embed(encoder, inputs)
    results = tuple(
        _result_of(candidate, embedded.get(number))
        for number, candidate in enumerate(batch.candidates)
    )
    return EmbeddedBatch((*results, *batch.copies), batch.thumbnails)


def _result_of(candidate: Candidate, photo: PhotoVectors | None) -> IngestResult:
    result = IngestResult(
        candidate.stat, candidate.content_hash, candidate.facts, failure=candidate.failure
    )
    if photo is None:
        return result
    return replace(result, vectors=photo.vectors, times_s=photo.times_s)


class Recording:
    """Stores the results of batches, one after another, and counts them."""

    def __init__(self, run: EmbeddingRun, baseline: GrowingBaseline | None) -> None:
        self.report = SyncReport()
        self._run = run
        self._baseline = baseline

    def record(self, batch: EmbeddedBatch) -> None:
        """Store a batch. Used by one thread at a time."""
        # First: what a kill leaves without its photo is replaced when the photo is read again.
        self._run.keep(batch.thumbnails)
        self._run.store.put(self._run.row.key, batch.results)
        failed = sum(result.failure is not None for result in batch.results)
        new = sum(result.vectors is not None for result in batch.results)
        readable = sum(
            result.failure is None and result.content_hash is not None for result in batch.results
        )
        self.report = replace(
            self.report,
            new=self.report.new + new,
            failed=self.report.failed + failed,
            moved=self.report.moved + readable - new,
        )
        if self._baseline is not None:
            self._baseline.add(new)


# ------------------------------------------------------------------------- known photos


class KnownBatch(Struct, frozen=True):
    """Photos to embed again, by id; `thumbnails` are small pictures by the hash of the content."""

    inputs: dict[int, ModelInput]
    thumbnails: dict[bytes, bytes]


class EmbeddedKnownBatch(Struct, frozen=True):
    """The vectors of photos by id, and small pictures by the hash of the content."""

    vectors: dict[int, PhotoVectors]
    thumbnails: dict[bytes, bytes]


def embed_again(run: EmbeddingRun, photos: Mapping[int, Path]) -> Generator[Progress, None, int]:
    """Embed known photos (id to path) with the encoder; returns how many could not be read.

    A file that is gone, or whose content is no longer that of the photo, is left to the next
    indexing run. Photos without a small picture get one, if any are kept.
    """
    started_s = time.monotonic()
    known = run.store.reads.photos.records(photos).values()
    hashes = {photo.id: bytes.fromhex(photo.content_hash) for photo in known}
    reader = run.reader()
    with_thumbnail = set() if run.thumbnails is None else run.thumbnails.hashes()

    def prepare(photo_id: int, path: Path) -> tuple[int, Path, ModelInput | None]:
        try:
            stat = stat_of(path)
            content_hash = content_hash_of(stat)
            if content_hash != hashes[photo_id]:
                return photo_id, path, None
            make_thumbnail = run.thumbnails is not None and content_hash not in with_thumbnail
            _, model_input = reader.read(stat, make_thumbnail)
            return photo_id, path, model_input
        except (PhotoError, OSError):
            return photo_id, path, None

    unread = parts = 0
    batch: dict[int, ModelInput] = {}
    tasks = (partial(prepare, *item) for item in photos.items())
    with (
        write_behind(run.encoder.batches_at_once) as model,
        prefetch(run.ahead, run.threads, tasks) as prepared,
    ):

        def embed_and_record(known_batch: KnownBatch) -> None:
            model.submit(
                lambda: _embed_known(run.encoder, known_batch),
                lambda embedded: _record_known(run, embedded),
            )

        for done, (photo_id, path, model_input) in enumerate(prepared, 1):
            if model_input is None:
                unread += 1
            else:
                batch[photo_id] = model_input
                parts += len(model_input.pixels)
            if batch and (parts >= run.encoder.batch_size or done == len(photos)):
                thumbnails = {
                    hashes[photo_id]: each.thumbnail
                    for photo_id, each in batch.items()
                    if each.thumbnail is not None
                }
                embed_and_record(KnownBatch(batch, thumbnails))
                batch, parts = {}, 0
            yield Progress(done, len(photos), path)
    run.note_speed(len(photos) - unread, time.monotonic() - started_s)
    return unread


def _embed_known(encoder: Encoder, photos: KnownBatch) -> EmbeddedKnownBatch:
    return EmbeddedKnownBatch(embed(encoder, photos.inputs), photos.thumbnails)


def _record_known(run: EmbeddingRun, photos: EmbeddedKnownBatch) -> None:
    run.keep(photos.thumbnails)
    run.store.vectors.add(run.row.key, photos.vectors)


# ------------------------------------------------------------------------- unchanged files


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
    tasks = (partial(is_changed, stat) for stat in files)
    with prefetch(2 * threads, threads, tasks) as results:
        for done, (stat, differs) in enumerate(zip(files, results, strict=True), 1):
            if differs:
                changed.append(stat)
            yield Progress(done, len(files), Path(stat.path))
    return changed
