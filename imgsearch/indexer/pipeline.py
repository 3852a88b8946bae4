"""Brings the library up to date with changes on the disk: hash, decode, embed, record.

Threads hash and decode the next batch while the model works on this one, and a thread records the
one before. Every batch is one transaction, so an interrupted run loses at most the batches in
hand, and the next run goes on from there.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import FileIO
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast

from imgsearch.concurrency import ClaimedHashes, WriteBehind, prefetch, write_behind
from imgsearch.decode.motion import is_live_photo_video
from imgsearch.decode.reader import decode
from imgsearch.decode.tiles import images_to_embed
from imgsearch.errors import ImgsearchError, PhotoError, Reason
from imgsearch.progress import Progress, SyncReport
from imgsearch.records.files import Changes, FileStat, IngestResult
from imgsearch.records.photo import Facts, PhotoVectors
from imgsearch.records.status import Failure

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch
    from imgsearch.store.store import Store

_VANISHED = (FileNotFoundError, NotADirectoryError)  # a folder on the way may be a file now
RECORD_AT_MOST = 500  # files in one transaction: moves cost no batch of the model


@dataclass(frozen=True, slots=True)
class IngestContext:
    """What an indexing run works with.

    `fingerprint` identifies what decides how files are decoded. A failure is stored with it and
    expected to repeat for the same content until it changes, unless `retry_failures` is set.
    """

    store: Store
    encoder: Encoder
    encoder_key: int
    max_megapixels: float
    threads: int
    fingerprint: str
    retry_failures: bool = False

    @property
    def ahead(self) -> int:
        """How many photos may wait decoded beside the batch that fills: never all."""
        return self.encoder.batch_size + self.threads


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What the model is to see of one photo: `pixels` (parts, 3, side_px, side_px), the whole
    first; and for a video when each is seen, in seconds."""

    pixels: PixelBatch
    times_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file after hashing: to be embedded, known already, a copy of one in hand, bad, or gone.

    One with neither a hash nor a failure is the video of a Live Photo, which its still stands for.
    """

    root_id: int
    stat: FileStat
    content_hash: bytes | None = None
    facts: Facts | None = None
    seen: ModelInput | None = None
    failure: Failure | None = None
    copy: bool = False
    vanished: bool = False  # deleted or moved since it was seen: the next look finds out where to


def ingest(
    context: IngestContext, work: Sequence[tuple[int, Changes]]
) -> Generator[Progress, None, SyncReport]:
    """Take in the upserts of several roots (root id, changes); one Progress a file.

    Returns what became of them: `new`, `moved` and `failed`. A file that cannot be read becomes a
    failure with a reason. Moves and copies embed nothing.
    """
    files = [(root_id, found) for root_id, changes in work for found in changes.upserts]
    with write_behind(context.encoder.batches_at_once) as model:
        run = _IngestRun(context, model)
        with prefetch(context.ahead, context.threads, run.examine, files) as examined:
            for done, one in enumerate(examined, 1):
                run.take(one)
                yield Progress(done, len(files), Path(one.stat.path))
            run.flush()
    return run.report


def embed_again(context: IngestContext, photos: dict[int, Path]) -> Generator[Progress, None, int]:
    """Embed known photos (id: path) with another encoder; returns how many could not be read.

    A file that is gone or whose bytes are no longer those of the photo is left for the next
    indexing run to find out.
    """
    hashes = {
        photo.id: bytes.fromhex(photo.content_hash)
        for photo in context.store.reads.photos(photos).values()
    }

    def prepare(item: tuple[int, Path]) -> tuple[int, Path, ModelInput | None]:
        photo_id, path = item
        try:
            found = stat_of(path)
            if _hash(found) != hashes[photo_id]:
                return photo_id, path, None
            return photo_id, path, _decode(context, found)[1]
        except (PhotoError, OSError):
            return photo_id, path, None

    keep = partial(context.store.vectors.add, context.encoder_key)
    unread = parts = 0
    batch: dict[int, ModelInput] = {}
    with (
        write_behind(context.encoder.batches_at_once) as model,
        prefetch(context.ahead, context.threads, prepare, list(photos.items())) as prepared,
    ):
        for done, (photo_id, path, seen) in enumerate(prepared, 1):
            if seen is None:
                unread += 1
            else:
                batch[photo_id] = seen
                parts += len(seen.pixels)
            if batch and (parts >= context.encoder.batch_size or done == len(photos)):
                model.submit(partial(_embed, context, batch), keep)
                batch, parts = {}, 0
            yield Progress(done, len(photos), path)
    return unread


def changed_contents(
    files: Sequence[FileStat], hashes: Mapping[str, bytes], threads: int
) -> Generator[Progress, None, list[FileStat]]:
    """Read all of these files, and return those whose bytes are not those of `hashes` (by path).

    A file without a hash counts as changed; one that cannot be read keeps what is known of it.
    """

    def differs(found: FileStat) -> bool:
        try:
            return _hash(found) != hashes.get(found.path)
        except (PhotoError, OSError):
            return found.path not in hashes

    changed = []
    with prefetch(2 * threads, threads, differs, files) as answers:
        for done, (found, differing) in enumerate(zip(files, answers, strict=True), 1):
            if differing:
                changed.append(found)
            yield Progress(done, len(files), Path(found.path))
    return changed


class _IngestRun:
    """One indexing run: what is in hand, and what became of each content so far."""

    def __init__(self, context: IngestContext, model: WriteBehind) -> None:
        self.report = SyncReport()
        self._context = context
        self._model = model
        self._batch: list[_Candidate] = []
        self._parts = 0  # that the model is to see of the batch
        self._copies: list[_Candidate] = []
        self._claims = ClaimedHashes()
        self._results: dict[bytes, Failure | None] = {}

    def examine(self, item: tuple[int, FileStat]) -> _Candidate:
        """Hash a file and, when its content is news, decode it. Runs in any thread."""
        root_id, found = item
        if is_live_photo_video(Path(found.path)):
            return _Candidate(root_id, found)
        try:
            content_hash = _hash(found)
        except _VANISHED:
            return _Candidate(root_id, found, vanished=True)
        except PhotoError as error:
            return _Candidate(root_id, found, failure=self._failure(found, error))
        if not self._claims.claim(content_hash):
            return _Candidate(root_id, found, content_hash, copy=True)
        if self._context.store.reads.has_vectors(content_hash, self._context.encoder_key):
            return _Candidate(root_id, found, content_hash)
        known = self._known_failure(found, content_hash)
        if known is not None:
            return _Candidate(root_id, found, content_hash, failure=known)
        try:
            facts, seen = _decode(self._context, found)
        except _VANISHED:
            return _Candidate(root_id, found, content_hash, vanished=True)
        except PhotoError as error:
            return _Candidate(root_id, found, content_hash, failure=self._failure(found, error))
        return _Candidate(root_id, found, content_hash, facts, seen)

    def _failure(self, found: FileStat, error: PhotoError) -> Failure:
        fingerprint = self._context.fingerprint
        return Failure(Path(found.path), error.reason, str(error), error.extra, fingerprint)

    def _known_failure(self, found: FileStat, content_hash: bytes) -> Failure | None:
        """What this content failed of at some path, if it would fail of it here."""
        if self._context.retry_failures:
            return None
        store, fingerprint = self._context.store, self._context.fingerprint
        known = store.failures.known(content_hash, found.path, fingerprint)
        return None if known is None else replace(known, path=Path(found.path))

    def take(self, one: _Candidate) -> None:
        """Add a file to what is in hand, and record all of that once it fills a batch."""
        if one.copy and one.content_hash not in self._claims:
            one = self.examine((one.root_id, one.stat))  # its original vanished before its turn
        if one.vanished:
            self._promote_copies(one)
            return
        (self._copies if one.copy else self._batch).append(one)
        self._parts += 0 if one.seen is None else len(one.seen.pixels)
        waiting = len(self._batch) + len(self._copies)
        if self._parts >= self._context.encoder.batch_size or waiting >= RECORD_AT_MOST:
            self.flush()

    def _promote_copies(self, vanished: _Candidate) -> None:
        """A copy of a file that vanished takes its place."""
        if vanished.content_hash is None:
            return
        self._claims.release(vanished.content_hash)
        copies = [one for one in self._copies if one.content_hash == vanished.content_hash]
        self._copies = [one for one in self._copies if one not in copies]
        for one in copies:
            self.take(self.examine((one.root_id, one.stat)))

    def flush(self) -> None:
        """Embed and record what is in hand; a copy waits until its original is settled."""
        batch, self._batch, self._parts = self._batch, [], 0
        for one in batch:
            if one.content_hash is not None:
                self._results[one.content_hash] = one.failure
        settled = [one for one in self._copies if one.content_hash in self._results]
        self._copies = [one for one in self._copies if one.content_hash not in self._results]
        copies = []
        for one in settled:
            assert one.content_hash is not None
            failure = self._results[one.content_hash]
            if failure is not None:
                failure = replace(failure, path=Path(one.stat.path))
            copies.append((one.root_id, IngestResult(one.stat, one.content_hash, failure=failure)))
        self._model.submit(
            partial(self._embedded, batch), lambda outcomes: self._record([*outcomes, *copies])
        )

    def _embedded(self, batch: Sequence[_Candidate]) -> list[tuple[int, IngestResult]]:
        """What became of each file, with its vectors. Runs beside other batches."""
        parts = _embed(
            self._context, {at: one.seen for at, one in enumerate(batch) if one.seen is not None}
        )
        outcomes = []
        for at, one in enumerate(batch):
            outcome = IngestResult(one.stat, one.content_hash, one.facts, failure=one.failure)
            if at in parts:
                outcome = replace(outcome, vectors=parts[at].vectors, times_s=parts[at].times_s)
            outcomes.append((one.root_id, outcome))
        return outcomes

    def _record(self, outcomes: Sequence[tuple[int, IngestResult]]) -> None:
        # New photos of all roots first: a copy in one root may have its original in another.
        def order(each: tuple[int, IngestResult]) -> tuple[bool, int]:
            return each[1].vectors is None, each[0]

        for (_, root_id), group in groupby(sorted(outcomes, key=order), order):
            mine = [outcome for _, outcome in group]
            self._context.store.record(root_id, self._context.encoder_key, mine)
        self._count([outcome for _, outcome in outcomes])

    def _count(self, outcomes: Sequence[IngestResult]) -> None:
        failed = sum(outcome.failure is not None for outcome in outcomes)
        new = sum(outcome.vectors is not None for outcome in outcomes)
        readable = sum(
            outcome.failure is None and outcome.content_hash is not None for outcome in outcomes
        )
        self.report = replace(
            self.report,
            new=self.report.new + new,
            failed=self.report.failed + failed,
            moved=self.report.moved + readable - new,
        )


def _embed(context: IngestContext, photos: Mapping[int, ModelInput]) -> dict[int, PhotoVectors]:
    """The parts of each photo, all embedded together."""
    import numpy as np

    if not photos:
        return {}
    vectors = context.encoder.encode_pixels(np.concatenate([one.pixels for one in photos.values()]))
    ends = np.cumsum([len(seen.pixels) for seen in photos.values()])
    each = zip(photos.items(), np.split(vectors, ends[:-1]), strict=True)
    return {key: PhotoVectors(rows, seen.times_s) for (key, seen), rows in each}


# ------------------------------------------------------------------------- reading one file


def _hasher() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=32)


def _hash(found: FileStat) -> bytes:
    if found.size_bytes == 0:
        raise PhotoError(Reason.EMPTY, "The file has no bytes.")
    with _reading(), open_regular(found.path) as stream:
        return hashlib.file_digest(stream, _hasher).digest()


def _decode(context: IngestContext, found: FileStat) -> tuple[Facts, ModelInput]:
    """Decode and prepare one photo, and make sure that it stayed the same meanwhile."""
    import numpy as np

    try:
        with _reading():
            side_px = context.encoder.side_px
            decoded = decode(Path(found.path), side_px, context.max_megapixels, all_frames=True)
            images, times_s = images_to_embed(decoded)
            each = [context.encoder.prepare(image) for image in images]
            pixels = cast("PixelBatch", np.stack(each))  # all of one dtype
            now = stat_of(Path(found.path))
    except _VANISHED:
        raise
    except PhotoError as error:
        if isinstance(error.__cause__, _VANISHED):
            raise error.__cause__ from error
        raise
    except ImgsearchError:  # not the photo's fault: a decoder is not installed as it should be
        raise
    except Exception as error:  # whatever a photo does, it never ends the run
        raise PhotoError(
            Reason.DAMAGED, f"The image cannot be decoded ({type(error).__name__}: {error})."
        ) from error
    if (now.size_bytes, now.mtime_ns) != (found.size_bytes, found.mtime_ns):
        raise PhotoError(
            Reason.CHANGED, "The file changed while it was read; the next run reads it again."
        )
    return decoded.facts, ModelInput(pixels, times_s)


@contextmanager
def _reading() -> Iterator[None]:
    """A file that cannot be read is a PhotoError; one that vanished is not the photo's fault."""
    try:
        yield
    except _VANISHED:
        raise
    except OSError as error:
        raise PhotoError(
            Reason.UNREADABLE, f"The file cannot be read: {error.strerror}."
        ) from error


def stat_of(path: Path) -> FileStat:
    """What the file system says of `path` now."""
    about = path.stat()
    return FileStat(str(path), about.st_size, about.st_mtime_ns, about.st_ino)


@contextmanager
def open_regular(path: str) -> Iterator[FileIO]:
    """Open a regular file for reading; anything else (a pipe would block) is an OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(0, "it is not a regular file")
        yield stream


def _failure(found: FileStat, error: PhotoError) -> Failure:
    return Failure(Path(found.path), error.reason, str(error))
