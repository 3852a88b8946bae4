"""Brings a replica up to date with its archive: the first copy, and the changes since.

A run that is stopped or killed anywhere goes on with what is left: photos that it has taken are not
read again unless they have changed since.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch import c_memory
from imgsearch.archive.replica.applying import PersonsOf, ReplicaRows
from imgsearch.archive.replica.people import forget_people, take_people
from imgsearch.archive.replica.state import ReplicaState, read_state, write_state
from imgsearch.errors import DiskError, EncoderMismatch
from imgsearch.indexer.derived import encoder_may_lack, refresh_derived, update_index
from imgsearch.progress import Progress, ReplicaReport
from imgsearch.store.database import DATABASE_FILE, connect

if TYPE_CHECKING:
    from imgsearch.archive.replica.changes import ArchiveVersion, Reached
    from imgsearch.indexer.context import IndexingContext
    from imgsearch.records.index import EncoderRow
    from imgsearch.store.store import Store

COPYING = "Copying the archive"
_GONE = timedelta(days=30)  # until a photo that left the archive is deleted
_PHOTO_BYTES = 2_500  # of a photo in the database, beside its vector


def take_changes(
    context: IndexingContext, store: Store, version: ArchiveVersion
) -> Generator[Progress, None, ReplicaReport]:
    """Take everything that has changed in an archive since its replica was brought up to date.

    The caller holds the writer's lock. Raises DiskError where the first copy has no room, and
    EncoderMismatch for an archive that was made anew with another encoder.
    """
    started_s = time.monotonic()
    state = read_state(store.database, version.address)
    row = _encoder(store, version)
    file = store.data_dir / DATABASE_FILE
    with (
        closing(connect(file, writable=True)) as connection,
        closing(connect(file, writable=True)) as unbound,
    ):
        unbound.execute("PRAGMA foreign_keys = OFF")
        rows = ReplicaRows(connection, version.encoder)
        since, is_other = _since(state, version)
        if is_other:
            forget_people(unbound)
        passed_over = set[str]()
        reached = version.reached()
        if state.underway is not None and _goes_on(state.underway, version, reached, is_other):
            passed_over = rows.contents(state.run) - version.changed_hashes(state.underway)
        else:
            state = replace(state, run=state.run + 1)
        total = version.count_changed(since)
        _check_room(store, version.encoder, total - len(passed_over))
        # Before persons were taken for the first time, all come at the end.
        persons_of = version.persons_of if since.people.revision else _nobody
        write_state(connection, version.address, replace(state, underway=reached))
        done = changed = 0
        yield Progress(0, total, part=COPYING)
        for looked_at, photos in version.changed_photos(since, passed_over):
            changed += rows.put(photos, state.run, persons_of)
            done += looked_at
            yield Progress(done, max(done, total), part=COPYING)
        gone = _take_the_rest(rows, version, since, state.run, persons_of)
        take_people(unbound, version, since.people)
        # Here, with the photos there, is the place to exchange what people make: albums, marks.
        store.photos.prune(datetime.now(UTC) - _GONE)
        c_memory.give_back()  # the index is built next
        if changed or gone or not state.is_complete:
            with encoder_may_lack(context, "The archive was copied"):
                update_index(context, store, row)
                refresh_derived(context, store, row)
        write_state(connection, version.address, ReplicaState(reached, None, state.run))
    return ReplicaReport(changed, gone, round(time.monotonic() - started_s, 3))


def _encoder(store: Store, version: ArchiveVersion) -> EncoderRow:
    """The encoder of the replica, which gets that of the archive."""
    wanted = version.encoder
    known = store.vectors.all_encoders()
    if known and wanted.encoder_id not in {each.encoder_id for each in known}:
        others = ", ".join(each.encoder_id for each in known)
        raise EncoderMismatch(
            f"The archive {version.address} was made anew with vectors of {wanted.encoder_id}, and "
            f"its copy in {store.data_dir} has those of {others}. Delete that folder: the archive "
            "is copied again."
        )
    return store.vectors.adopt_encoder(wanted.encoder_id, wanted.name, wanted.dim)


def _goes_on(underway: Reached, version: ArchiveVersion, reached: Reached, is_other: bool) -> bool:
    """Whether what a run has taken that did not come to its end needs no other look."""
    same_faces = underway.people.epoch in ("", reached.people.epoch)
    return version.follows(underway) and same_faces and not is_other


def _since(state: ReplicaState, version: ArchiveVersion) -> tuple[Reached, bool]:
    """From where on changes are to be taken, and whether faces and persons are others now.

    Of an archive that was made anew, or went back to an earlier version, everything is compared.
    """
    taken, head = state.taken, version.reached().people
    if not state.is_complete:
        return taken, False
    if not version.follows(taken):
        taken = replace(taken, tables={})
    before = taken.people
    is_other = (
        taken.identity != version.identity
        or before.epoch not in ("", head.epoch)
        or before.revision > head.revision
    )
    if is_other:
        tables = {name: each for name, each in taken.tables.items() if name != "faces"}
        taken = replace(taken, tables=tables, people=replace(before, epoch="", revision=0))
    return taken, is_other


def _nobody(face_ids: Iterable[int]) -> Mapping[int, int]:
    return {}


def _take_the_rest(
    rows: ReplicaRows, version: ArchiveVersion, since: Reached, run: int, persons_of: PersonsOf
) -> int:
    """Take failures, and what was removed; returns the number of photos that are gone.

    All that the archive has is in the replica by now. So where the numbers are equal, nothing was
    removed, and no list of all photos has to be read.
    """
    for files in version.changed_failures(since):
        rows.put_failures(files)
    if rows.failure_count() != version.failure_count():
        rows.keep_failures(version.failed_paths())
    gone = 0
    if rows.photo_count() != version.photo_count():
        there, here = version.all_hashes(), rows.contents()
        for _, photos in version.photos_with(there - here):
            rows.put(photos, run, persons_of)
        gone = rows.remove(map(bytes.fromhex, sorted(here - there)))
    return gone


def _check_room(store: Store, encoder: EncoderRow, photos: int) -> None:
    """Raise DiskError unless the disk has room for so many photos more."""
    needed = photos * (_PHOTO_BYTES + 2 * encoder.dim)
    free = shutil.disk_usage(store.data_dir).free
    if needed > free:
        raise DiskError(
            f"The copy of the archive needs {needed / 1e9:,.1f} GB in {store.data_dir}, and that "
            f"disk has {free / 1e9:,.1f} GB left. Free some space, or choose another cache folder "
            "with IMGSEARCH_CACHE."
        )
