"""Carries a library on one machine over into an archive, with nothing embedded again."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from imgsearch.archive.fleet.base import ArchiveWriter, patiently
from imgsearch.archive.items.of_library import copy_people
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.archive.lance.people_tables import PeopleTables
from imgsearch.errors import CommandLine, EncoderMismatch, Sentence, UsageError
from imgsearch.progress import CopyReport, Progress
from imgsearch.records.arrays import Vectors
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.picture_text import PhotoText

if TYPE_CHECKING:
    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.indexer.reading import KeepThumbnails
    from imgsearch.records.pack import PackedPhoto, PackedVectors
    from imgsearch.store.store import Store
    from imgsearch.store.thumbnails import ThumbnailStore

_EVERYWHERE = "/"  # the folder that all files are below
_PHOTOS_AT_ONCE = 5000
FACES = "Copying faces"

PutTexts = Callable[[Mapping[bytes, "PhotoText"]], None]


class StayingContents(Struct, frozen=True):
    """Tells what an archive has, where that is to stay.

    `contents_at` are the contents at some paths, and `newer_texts` the readings among some that are
    later than those of the archive.
    """

    contents_at: Callable[[Sequence[str]], Mapping[str, bytes]]
    newer_texts: Callable[[Mapping[bytes, PhotoText]], Mapping[bytes, PhotoText]]


def check_encoder(store: Store, encoder: EncoderRow) -> None:
    """Raise EncoderMismatch unless the library has vectors of this encoder."""
    names = {row.encoder_id: row.name for row in store.vectors.all_encoders()}
    if not names:
        raise UsageError(
            Sentence("The library is empty. Index photos first: ", CommandLine("index FOLDER"))
        )
    if encoder.encoder_id not in names:
        raise EncoderMismatch(
            Sentence(
                f"The archive has vectors of {encoder.encoder_id}, and the library has none "
                "of them. Embed the library with that encoder: ",
                CommandLine(f"rebuild --encoder {encoder.name}"),
            )
        )


def copy_library(
    store: Store,
    writer: ArchiveWriter,
    encoder: EncoderRow,
    put_texts: PutTexts | None = None,
    thumbnails: ThumbnailStore | None = None,
    keep_thumbnails: KeepThumbnails | None = None,
    photos_at_once: int = _PHOTOS_AT_ONCE,
    staying: StayingContents | None = None,
    copy_marks: Callable[[], int] | None = None,
) -> Generator[Progress, None, CopyReport]:
    """Put all photos of a library into an archive of this encoder, and settle that.

    Vectors, facts, paths and failures are carried over; with `put_texts` also the text that was
    read in pictures, with `copy_marks` the marks of photos (it returns of how many), and small
    pictures with `thumbnails` and `keep_thumbnails`. What the archive has is not put again, but
    for facts that have changed, so a run that was stopped goes on where it was. With `staying`,
    facts of known photos, their files and older texts are not put either.
    Raises EncoderMismatch.
    """
    started = time.monotonic()
    check_encoder(store, encoder)
    report = CopyReport()
    ids = store.packs.photo_ids(_EVERYWHERE)
    for start in range(0, len(ids), photos_at_once):
        photos = store.packs.photos(ids[start : start + photos_at_once].tolist(), _EVERYWHERE)
        embedded = [(photo, _of_encoder(photo, encoder)) for photo in photos]
        known = writer.known([photo.content_hash for photo, _ in embedded])
        new = [
            photo
            for photo, vectors in embedded
            if vectors is not None and photo.content_hash not in known
        ]
        if thumbnails is not None and keep_thumbnails is not None:
            keep_thumbnails(_thumbnails_of(new, thumbnails))
        results = [
            result
            for photo, vectors in embedded
            for result in _results_of(photo, vectors, photo.content_hash in known)
        ]
        if staying is not None:
            there = staying.contents_at([result.stat.path for result in results])
            results = [
                result
                for result in results
                if result.vectors is not None or result.stat.path not in there
            ]
        # New photos first: another file of one needs it.
        results.sort(key=lambda result: result.vectors is None)
        writer.put(results)
        facts = {photo.content_hash: photo.facts for photo in photos if photo.content_hash in known}
        unread = {photo.content_hash: photo.unread_facts for photo in photos}
        reread = 0 if staying is not None else writer.put_facts(facts, unread)
        texts: Mapping[bytes, PhotoText] = {
            photo.content_hash: photo.text
            for photo, vectors in embedded
            if photo.text is not None and (vectors is not None or photo.content_hash in known)
        }
        if staying is not None:
            texts = staying.newer_texts(texts)
        if put_texts is not None and texts:
            put_texts(texts)
        lacking = sum(
            vectors is None and photo.content_hash not in known for photo, vectors in embedded
        )
        report = report.plus(
            CopyReport(
                photos=len(photos),
                new=len(new),
                files=len(results),
                texts=len(texts) if put_texts is not None else 0,
                lacking=lacking,
                reread=reread,
            )
        )
        yield Progress(min(start + photos_at_once, len(ids)), len(ids))
    failures = list(_failures(store))
    for start in range(0, len(failures), photos_at_once):
        writer.put(failures[start : start + photos_at_once])
    marked = 0 if copy_marks is None else copy_marks()
    writer.settle()
    seconds = round(time.monotonic() - started, 3)
    return report.plus(CopyReport(failures=len(failures), marked=marked, seconds=seconds))


def copy_faces(
    store: Store,
    writer: LanceWriter,
    tables: PeopleTables,
    photos_at_once: int = _PHOTOS_AT_ONCE,
) -> Generator[Progress, None, CopyReport]:
    """Carry the faces of a library over, and what people decided about them, as a pack does.

    They are those of photos that the archive has and in which nobody has looked there. Faces of
    another model than the archive's are left out, since they cannot be compared. A person of the
    same name is the same person. A run that was stopped goes on where it was.
    """
    started = time.monotonic()
    model = tables.model() or store.faces.model()
    ids, copied = store.packs.photo_ids(_EVERYWHERE), 0
    for start in range(0, len(ids), photos_at_once):
        readings = store.faces.readings(ids[start : start + photos_at_once].tolist())
        known = writer.known(list(readings))
        looked_at = tables.looked_at([each.hex() for each in known])
        new = {
            content_hash: reading
            for content_hash, reading in readings.items()
            if content_hash in known
            and content_hash.hex() not in looked_at
            and reading.model == model
        }
        if new:
            patiently(partial(writer.put_faces, new))
        copied += sum(len(reading.faces) for reading in new.values())
        yield Progress(min(start + photos_at_once, len(ids)), len(ids), None, FACES)
    copy_people(store.database, ArchiveItems(writer.address), writer.known)
    return CopyReport(faces=copied, seconds=round(time.monotonic() - started, 3))


def _of_encoder(photo: PackedPhoto, encoder: EncoderRow) -> PackedVectors | None:
    return next((each for each in photo.vectors if each.encoder_id == encoder.encoder_id), None)


def _results_of(
    photo: PackedPhoto, vectors: PackedVectors | None, is_known: bool
) -> Iterator[IngestResult]:
    """Yield results that record a photo and all its files; none for a photo without vectors."""
    if vectors is None and not is_known:
        return
    for number, file in enumerate(photo.files):
        stat = FileStat(_EVERYWHERE + file.path, file.size_bytes, file.mtime_ns, 0)
        if vectors is None or is_known or number:
            yield IngestResult(stat, photo.content_hash)
        else:
            yield IngestResult(
                stat,
                photo.content_hash,
                photo.facts,
                _float32(vectors.vectors),
                times_s=vectors.times_s,
                unread_facts=photo.unread_facts,
            )


def _float32(halves: Sequence[bytes]) -> Vectors:
    rows = np.frombuffer(b"".join(halves), "<f2").astype(np.float32)
    return rows.reshape(len(halves), -1)


def _thumbnails_of(
    photos: Iterable[PackedPhoto], thumbnails: ThumbnailStore
) -> Mapping[bytes, bytes]:
    found = {photo.content_hash: thumbnails.get(photo.content_hash) for photo in photos}
    return {content_hash: image for content_hash, image in found.items() if image is not None}


def _failures(store: Store) -> Iterator[IngestResult]:
    """Yield results that record the files that could not be read."""
    by_folder = defaultdict(list)
    for failure in store.failures.of_files():
        by_folder[failure.path.parent].append(failure)
    roots = store.reads.roots.all().items()
    for folder, failures in by_folder.items():
        root_id = next(number for number, root in roots if folder.is_relative_to(Path(root)))
        known = store.files.known(root_id, str(folder), recursive=False)
        for failure in failures:
            stat = known.get(str(failure.path))
            if stat is not None:
                yield IngestResult(stat, failure=failure)
