"""One worker of a fleet: fetches, hashes, decodes and embeds listed files, as the indexer does.

Threads fetch and decode ahead while the model works on the previous batch. A worker records
nothing: if it dies, another worker repeats its work.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from msgspec import Struct, field
from msgspec.structs import replace

from imgsearch.addresses import as_path
from imgsearch.archive.fleet.base import FileOutcome, KnownContents, ListedFile, patiently
from imgsearch.archive.fleet.objects import is_object
from imgsearch.archive.fleet.sources import Fetcher
from imgsearch.concurrency import prefetch, write_behind
from imgsearch.config import default_cache_dir
from imgsearch.decode.motion import is_live_photo_video
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.registry import open_encoder
from imgsearch.errors import EncoderMismatch, PhotoError
from imgsearch.gazetteer import Gazetteer
from imgsearch.indexer.reading import (
    VANISHED,
    ModelInput,
    PhotoDecoder,
    PhotoReader,
    content_hash_of,
    embed,
)
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts, PhotoVectors
from imgsearch.records.status import Failure


class WorkPlan(Struct, frozen=True):
    """The picklable instructions that every worker gets to embed photos.

    The functions are called in the worker. `encoder_id` is the encoder of the archive.
    """

    encoder_id: str
    open_encoder: Callable[[], Encoder]
    open_known: Callable[[], KnownContents]
    max_megapixels: float
    cache_dir: Path | None = None  # None: the default of each machine
    make_thumbnails: bool = True
    decoder: PhotoDecoder = field(default_factory=PhotoDecoder)

    @property
    def fingerprint(self) -> str:
        """Identifies the decoders of this machine."""
        return self.decoder.fingerprint_with(self.max_megapixels)


def open_named_encoder(name: str, cache_dir: Path | None, device: str, batch_size: int) -> Encoder:
    """Open the encoder with this name on a worker's machine; for `WorkPlan.open_encoder`."""
    return open_encoder(name, cache_dir or default_cache_dir(), device, None, batch_size)


def given_encoder(encoder: Encoder) -> Encoder:
    """Return a picklable encoder of the program; for `WorkPlan.open_encoder`."""
    return encoder


class _Fetched(Struct, frozen=True):
    """A fetched and hashed file, or the reason of its failure."""

    number: int
    file: ListedFile
    stat: FileStat | None = None  # of the readable file
    content_hash: bytes | None = None
    failure: Failure | None = None
    is_gone: bool = False
    facts: Facts | None = None
    model_input: ModelInput | None = None


class PhotoWorker:
    """Embeds files with `threads` threads. Use it as a context manager, in one thread at a time.

    Raises EncoderMismatch if this machine has an encoder other than the archive's, and the errors
    of opening the encoder and the archive.
    """

    def __init__(self, plan: WorkPlan, threads: int) -> None:
        self._plan = plan
        self._threads = threads
        self._encoder = plan.open_encoder()
        if self._encoder.id != plan.encoder_id:
            raise EncoderMismatch(
                f"The library was made with {plan.encoder_id}, and a machine of the fleet has "
                f"{self._encoder.id}: their vectors cannot be compared. Install the same version "
                "of imgsearch on every machine."
            )
        self._catalogue = plan.open_known()
        self._reader = PhotoReader(
            self._encoder,
            plan.decoder.decode,
            Gazetteer(plan.cache_dir or default_cache_dir()),
            plan.max_megapixels,
        )
        self._folder = tempfile.TemporaryDirectory(prefix="imgsearch-")
        self._fetcher = Fetcher(Path(self._folder.name), connections=2 * threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._folder.cleanup()

    def embed(self, files: Sequence[ListedFile]) -> list[FileOutcome]:
        """Return the outcome of each file. Equal contents are embedded once."""
        if any(is_object(file.path) for file in files):
            self._fetcher.prepare()
        outcomes: list[FileOutcome] = []
        known: set[bytes] = set()
        ahead = self._encoder.batch_size + self._threads
        fetching = (partial(self._fetch, *item) for item in enumerate(files))
        with (
            write_behind(self._encoder.batches_at_once) as model,
            prefetch(ahead, self._threads, fetching) as fetched,
            prefetch(ahead, self._threads, self._reading(fetched, known)) as read,
        ):

            def embed_and_add(batch: Sequence[_Fetched]) -> None:
                model.submit(lambda: self._embed(batch), outcomes.extend)

            batch: list[_Fetched] = []
            parts = 0
            for each in read:
                batch.append(each)
                parts += 0 if each.model_input is None else len(each.model_input.pixels)
                if parts >= self._encoder.batch_size:
                    embed_and_add(batch)
                    batch, parts = [], 0
            embed_and_add(batch)
        return _with_results_of_copies(outcomes, known)

    # ------------------------------------------------------------------ one file

    def _fetch(self, number: int, file: ListedFile) -> _Fetched:
        fetched = _Fetched(number, file)
        try:
            stat = self._fetcher.fetch(file, number)
            if is_live_photo_video(Path(stat.path)):
                return fetched
            return replace(fetched, stat=stat, content_hash=content_hash_of(stat))
        except VANISHED:
            return replace(fetched, is_gone=True)
        except PhotoError as error:
            return replace(fetched, failure=self._failure(file, error))

    def _reading(
        self, fetched: Iterator[_Fetched], known: set[bytes]
    ) -> Iterator[Callable[[], _Fetched]]:
        """Return a task for each file that reads it."""
        return (partial(self._read, *item) for item in self._to_read(fetched, known))

    def _to_read(
        self, fetched: Iterator[_Fetched], known: set[bytes]
    ) -> Iterator[tuple[_Fetched, bool]]:
        """Yield each file, and whether to decode it: only the first with a new content.

        Contents that the archive knows are added to `known`.
        """
        claimed: set[bytes] = set()
        waiting: list[_Fetched] = []

        def asked() -> Iterator[tuple[_Fetched, bool]]:
            hashes = {each.content_hash for each in waiting if each.content_hash is not None}
            if hashes - claimed:
                new = list(hashes - claimed)
                known.update(patiently(lambda: self._catalogue.known(new)))
            for each in waiting:
                content_hash = each.content_hash
                yield each, content_hash is not None and content_hash not in known | claimed
                if content_hash is not None:
                    claimed.add(content_hash)
            waiting.clear()

        for each in fetched:
            waiting.append(each)
            if len(waiting) >= self._encoder.batch_size:
                yield from asked()
        yield from asked()

    def _read(self, fetched: _Fetched, is_new: bool) -> _Fetched:
        try:
            if fetched.stat is not None and is_new:
                facts, model_input = self._reader.read(fetched.stat, self._plan.make_thumbnails)
                return replace(fetched, facts=facts, model_input=model_input)
            if fetched.stat is not None and fetched.file.is_done:
                return replace(fetched, facts=self._reader.read_facts(fetched.stat))
            return fetched
        except VANISHED:
            return replace(fetched, is_gone=True)
        except PhotoError as error:
            return replace(fetched, failure=self._failure(fetched.file, error))
        finally:
            self._fetcher.release(fetched.number)

    def _failure(self, file: ListedFile, error: PhotoError) -> Failure:
        fingerprint = self._plan.fingerprint
        return Failure(as_path(file.path), error.reason, str(error), error.extra, fingerprint)

    # ------------------------------------------------------------------ one batch

    def _embed(self, batch: Sequence[_Fetched]) -> list[FileOutcome]:
        inputs = {each.number: each.model_input for each in batch if each.model_input is not None}
        embedded = embed(self._encoder, inputs)
        return [_outcome(each, embedded.get(each.number)) for each in batch]


def _outcome(fetched: _Fetched, embedded: PhotoVectors | None) -> FileOutcome:
    if fetched.is_gone or (fetched.file.is_done and fetched.failure is not None):
        # The archive keeps its facts of a photo that is unreadable now.
        return FileOutcome(fetched.file, is_gone=True)
    if fetched.content_hash is None and fetched.failure is None:
        return FileOutcome(fetched.file)
    file = fetched.file
    result = IngestResult(
        FileStat(file.path, file.size_bytes, file.mtime_ns, 0),
        fetched.content_hash,
        fetched.facts,
        failure=fetched.failure,
    )
    if embedded is None:
        return FileOutcome(file, result)
    result = replace(result, vectors=embedded.vectors, times_s=embedded.times_s)
    assert fetched.model_input is not None
    return FileOutcome(file, result, fetched.model_input.thumbnail)


def _with_results_of_copies(
    outcomes: Sequence[FileOutcome], known: set[bytes]
) -> list[FileOutcome]:
    """Give each copy of a failed file the same failure.

    A copy of a file that was deleted before decoding counts as gone: the next run decodes it.
    """
    results = {
        outcome.result.content_hash: outcome.result
        for outcome in outcomes
        if outcome.result is not None
        and (outcome.result.vectors is not None or outcome.result.failure is not None)
    }
    final = []
    for outcome in outcomes:
        result = outcome.result
        if result is None or result.content_hash is None or result.content_hash in known:
            final.append(outcome)
            continue
        first = results.get(result.content_hash)
        if first is None:
            final.append(FileOutcome(outcome.file, is_gone=True))
        elif first.failure is not None and result.failure is None:
            failure = replace(first.failure, path=as_path(result.stat.path))
            final.append(replace(outcome, result=replace(result, failure=failure)))
        else:
            final.append(outcome)
    return final
