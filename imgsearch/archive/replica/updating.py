"""Brings a replica up to date with its archive: the first copy, and the changes since.

A run that is stopped or killed anywhere goes on with what is left: photos that it has taken are not
read again unless they have changed since.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec.structs import replace

from imgsearch import c_memory
from imgsearch.archive.items.carrying import CARRIED_OVER, carry_over, items_before
from imgsearch.archive.items.synchronising import pull
from imgsearch.archive.items.table import ArchiveItems, are_carried_over, items_since
from imgsearch.archive.replica.applying import ReplicaRows
from imgsearch.archive.replica.changes import ArchiveVersion, Reached
from imgsearch.archive.replica.state import ReplicaState, read_state, write_state
from imgsearch.errors import (
    DiskError,
    EncoderMismatch,
    ObjectStorageError,
    StorageUnreachable,
    StoreError,
)
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.derived import (
    GROUPING,
    encoder_may_lack,
    refresh_derived,
    refresh_from_faces,
    update_index,
)
from imgsearch.items import local
from imgsearch.progress import Progress, ReplicaReport
from imgsearch.records.index import EncoderRow
from imgsearch.store.database import DATABASE_FILE, connect
from imgsearch.store.store import Store

COPYING = "Copying the archive"
_GONE = timedelta(days=30)  # until a photo that left the archive is deleted
_PHOTO_BYTES = 2_500  # of a photo in the database, beside its vector


def take_changes(
    context: IndexingContext, store: Store, version: ArchiveVersion, shared: ArchiveItems
) -> Generator[Progress, None, ReplicaReport]:
    """Take everything that has changed in an archive since its replica was brought up to date.

    `shared` is what people make in its replicas. What they make in this one goes there without the
    writer's lock: see `imgsearch.archive.replica.sending`.

    The caller holds the writer's lock. Raises DiskError where the first copy has no room, and
    EncoderMismatch for an archive that was made anew with another encoder.
    """
    started_s = time.monotonic()
    state = read_state(store.database, version.address)
    row = _encoder(store, version)
    local.prepare(store.database)
    with closing(connect(store.data_dir / DATABASE_FILE, writable=True)) as connection:
        rows = ReplicaRows(connection, version.encoder)
        since, is_other = _since(state, version)
        if is_other:
            rows.forget_faces()
        passed_over = set[str]()
        reached = version.reached()
        ungrouped = 0 if state.underway is None else rows.nobodys_faces()
        if state.underway is not None and _goes_on(state.underway, version, is_other):
            passed_over = rows.contents(state.run) - version.changed_hashes(state.underway)
        else:
            state = replace(state, run=state.run + 1)
        total = version.count_changed(since)
        _check_room(store, version.encoder, total - len(passed_over))
        write_state(connection, version.address, replace(state, underway=reached))
        done = changed = 0
        yield Progress(0, total, part=COPYING)
        for looked_at, photos in version.changed_photos(since, passed_over):
            changed += rows.put(photos, state.run)
            done += looked_at
            yield Progress(done, max(done, total), part=COPYING)
        gone = _take_the_rest(rows, version, since, state.run)
        nobodys_faces = rows.nobodys_faces()
        # With the photos there, since what people make is mostly about them.
        has_new_items = _take_items(store, version, shared)
        with store.database.brief_transaction() as transaction:
            local.take_in(transaction)  # of photos that are about to go
        store.photos.prune(datetime.now(UTC) - _GONE)
        ungrouped += rows.new_faces + max(0, rows.nobodys_faces() - nobodys_faces)
        if ungrouped:
            yield Progress(0, 1, part=GROUPING)
            refresh_from_faces(store, ungrouped)
        c_memory.give_back()  # the index is built next
        if changed or gone or has_new_items or not state.is_complete:
            with encoder_may_lack(context, "The archive was copied"):
                update_index(context, store, row)
                refresh_derived(context, store, row)
        write_state(connection, version.address, ReplicaState(reached, None, state.run))
        if is_other:  # forgotten faces are not to stay in the log
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return ReplicaReport(changed, gone, round(time.monotonic() - started_s, 3))


def _take_items(store: Store, version: ArchiveVersion, shared: ArchiveItems) -> bool:
    """Take what people have made in other replicas; returns whether there was something new."""
    view = version.views.get("items")
    if view is not None and are_carried_over(view):
        return pull(store.database, partial(items_since, version.address, view))
    has_older = False
    try:
        carry_over(shared)
    except StorageUnreachable:
        raise
    except (ObjectStorageError, StoreError):
        # Nothing can be written to the archive from here. So its older tables are read once.
        if not local.has_items_of(store.database, CARRIED_OVER):
            for part in items_before(version.address):
                has_older = True
                with store.database.brief_transaction() as connection:
                    local.apply(connection, part)
    return pull(store.database, shared.since) or has_older


def _encoder(store: Store, version: ArchiveVersion) -> EncoderRow:
    """Return the encoder of the archive, as the replica has it from now on."""
    wanted = version.encoder
    known = store.vectors.all_encoders()
    if known and wanted.encoder_id not in {each.encoder_id for each in known}:
        others = ", ".join(each.encoder_id for each in known)
        raise EncoderMismatch(
            f"The archive {version.address} was made anew with vectors of {wanted.encoder_id}, and "
            f"its copy in {store.data_dir} has those of {others}. Delete that folder if nothing "
            "that was made in it is needed, or name another folder with --replica: then the "
            "archive is copied again."
        )
    return store.vectors.adopt_encoder(wanted.encoder_id, wanted.name, wanted.dim)


def _goes_on(underway: Reached, version: ArchiveVersion, is_other: bool) -> bool:
    """Return whether photos that an unfinished run has taken are passed over."""
    same_faces = underway.lineage_of_faces == version.lineage_of_faces
    return version.follows(underway) and same_faces and not is_other


def _since(state: ReplicaState, version: ArchiveVersion) -> tuple[Reached, bool]:
    """Return from where on changes are to be taken, and whether all faces are others now.

    Of an archive that was made anew, or went back to an earlier version, everything is compared.
    """
    taken = state.taken
    if not state.is_complete:
        return taken, False
    is_other = (taken.identity, taken.lineage_of_faces) != (
        version.identity,
        version.lineage_of_faces,
    )
    if not version.follows(taken):
        taken = replace(taken, tables={})
    elif is_other:
        tables = {name: each for name, each in taken.tables.items() if name != "faces"}
        taken = replace(taken, tables=tables)
    return taken, is_other


def _take_the_rest(rows: ReplicaRows, version: ArchiveVersion, since: Reached, run: int) -> int:
    """Take failures, and what was removed; returns the number of photos that are gone.

    All that the archive has is in the replica by now. So where the numbers are equal, nothing was
    removed, and no list of all photos has to be read.
    """
    for files in version.changed_failures(since):
        rows.put_failures(files)
    if version.has_changed("files", since) and rows.failure_count() != version.failure_count():
        rows.keep_failures(version.failed_paths())
    gone = 0
    if version.has_changed("photos", since) and rows.photo_count() != version.photo_count():
        there, here = version.all_hashes(), rows.contents()
        for _, photos in version.photos_with(there - here):
            rows.put(photos, run)
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
