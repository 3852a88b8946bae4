"""Brings a library up to date with the disk: all folders, some of them, or files that failed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from msgspec.structs import replace

from imgsearch.errors import CommandLine, FolderError, Reason, Sentence
from imgsearch.index import snapshot
from imgsearch.indexer import diff, metadata, roots
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.derived import growing_baseline, refresh_derived, update_index
from imgsearch.indexer.new_encoder import open_new_encoder
from imgsearch.indexer.pipeline import EmbeddingRun, changed_contents, ingest
from imgsearch.indexer.removals import apply_removals
from imgsearch.indexer.scan import stat_of
from imgsearch.indexer.successor import open_meanwhile, take_over
from imgsearch.progress import Progress, SyncReport
from imgsearch.records.files import FileStat
from imgsearch.store.database import DATABASE_FILE
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.reads import Reads
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore
from imgsearch.text import shell_word
from imgsearch.written_beside import recover

_DAY_NS = 24 * 60 * 60 * 10**9


def index(
    context: IndexingContext, folders: Sequence[str], accept_removals: bool, verify: bool
) -> Generator[Progress, None, SyncReport]:
    """Bring folders up to date, adding them if needed; all roots if none is given.

    Raises what `check_folders` raises, and FolderError if no folder can be read.
    """
    started = time.monotonic()
    check_folders(context, folders)
    with writing(context.data_dir) as store:
        roots.follow_moved_drives(store, context.notify, context.mounts)
        if not folders:
            _notify_of_paused(context, store.reads)
        scopes = diff.add_folders(store, folders) if folders else diff.all_scopes(store.reads)
        changes = _compare(context, store, scopes, verify)
        if verify:
            files = [stat for scope in changes.scopes for stat in scope.unchanged_files]
            steps = changed_contents(files, store.files.hashes(), context.settings.thread_count)
            changed = yield from publish_progress(context.data_dir, "Reading every file", steps)
            changes = changes.with_upserts(changed)
        report = yield from apply_changes(context, store, changes, accept_removals)
        awaited = yield from take_over(context, store)
    seconds = round(time.monotonic() - started, 3)
    return replace(report, awaited=awaited, seconds=seconds)


def retry(
    context: IndexingContext, reasons: Sequence[Reason]
) -> Generator[Progress, None, SyncReport]:
    """Index the files that failed again; with `reasons`, only those that failed for these."""
    started = time.monotonic()
    with writing(context.data_dir) as store:
        stats = []
        for failure in store.failures.of_files(reasons):
            with suppress(OSError):  # removed or out of reach: the next scan handles it
                stats.append(stat_of(failure.path))
        changes = diff.diff_of_files(store.reads, stats)
        report = yield from apply_changes(context, store, changes, retry_failures=True)
    return replace(report, seconds=round(time.monotonic() - started, 3))


def check_folders(context: IndexingContext, folders: Sequence[str]) -> None:
    """Raise what can be known before anything is written.

    UsageError if there is neither a folder nor a library and for a paused folder, FolderError
    for a folder that cannot be read, EncoderMismatch if the settings name another encoder than
    the library's.
    """
    known: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    if not folders or (context.data_dir / DATABASE_FILE).exists():
        with closing(Reads.open(context.data_dir)) as reads:
            known = tuple(reads.roots.all().values())
            paused = tuple(reads.roots.paused().values())
            row = reads.encoders.current()
        if row is not None:
            context.encoders.check(row)
    for folder in folders:
        roots.check_not_paused(folder, paused)
        roots.check_folder(folder, known)


def _compare(
    context: IndexingContext, store: Store, scopes: Sequence[diff.Scope], verify: bool
) -> diff.LibraryDiff:
    """Compare with the disk; new folders are noted as unfinished before, which takes a while."""
    filled = store.reads.roots.filled()
    new = {scope.root_id for scope in scopes} - filled - store.unfinished.indexing()
    store.unfinished.begin_index(dict.fromkeys(new))
    try:
        changes = diff.compare(context, store, scopes, list_unchanged=verify)
        _require_readable(store, changes)
    except Exception:  # it would fail again in the same way
        store.unfinished.end_index(new)
        raise
    return changes


def apply_changes(
    context: IndexingContext,
    store: Store,
    changes: diff.LibraryDiff,
    accept_removals: bool = False,
    retry_failures: bool = False,
) -> Generator[Progress, None, SyncReport]:
    """Apply a difference to the library, with progress that other processes can see.

    First the new and changed files, then removals and sidecar files, at last what is made of the
    vectors. With `retry_failures`, files are decoded that failed before in the same way. Until the
    end the library knows that indexing is not finished.
    """
    steps = _apply(context, store, changes, accept_removals, retry_failures)
    noted = _noted(store, changes, steps, is_part=retry_failures)
    return publish_progress(context.data_dir, "Indexing", noted)


def _noted(
    store: Store,
    changes: diff.LibraryDiff,
    steps: Generator[Progress, None, SyncReport],
    is_part: bool,
) -> Generator[Progress, None, SyncReport]:
    """Yield the same job, noted until it has come to its end.

    What is noted of a root counts its files that are left after the last scan of all of it. A job
    for some of its files takes them off that number, and leaves the note if there was one before.
    """
    roots, before = store.reads.roots.all(), store.unfinished.indexing()
    whole = {
        each.scope.root_id
        for each in changes.scopes
        if not is_part and each.scope.recursive and each.scope.folder == roots[each.scope.root_id]
    }
    files: Counter[int] = Counter()
    for each in changes.scopes:
        files[each.scope.root_id] += len(each.changes.upserts)
    begun = {
        root_id: count
        for root_id, count in files.items()
        if count and (root_id in whole or root_id not in before)
    }
    store.unfinished.begin_index(begun)
    report = yield from steps
    store.unfinished.end_index(whole | (begun.keys() - before))
    return report


def _apply(
    context: IndexingContext,
    store: Store,
    changes: diff.LibraryDiff,
    accept_removals: bool,
    retry_failures: bool,
) -> Generator[Progress, None, SyncReport]:
    snapshot.clean(store)  # files that a killed build left behind
    for scope in changes.scopes:
        for left in scope.left:
            recover(Path(left))
    report, last_id = SyncReport(), store.photos.last_id()
    last_path_id = store.files.last_path_id()
    if changes.upserts:
        report = yield from _embed_and_record(context, store, changes.upserts, retry_failures)
    # Before removals are applied: afterwards the paths of removed files are unknown.
    refresh = _metadata_refresh(store, changes, last_id)
    removed = _paths_gone(store, changes) if report.moved else {}
    removals = apply_removals(store, changes, accept_removals, context.notify)
    reread = 0
    if refresh.sidecars or refresh.photo_ids:
        reread = yield from metadata.refresh_metadata(context, store, refresh)
    row = store.reads.encoders.current()
    if row is not None:
        update_index(context, store, row)
        refresh_derived(context, store, row)
    return replace(
        report,
        copied=store.files.count_copies(last_path_id, last_id, removed) if report.moved else 0,
        unchanged=changes.unchanged,
        gone=removals.gone,
        missing=removals.missing,
        reread=reread,
        offline=changes.offline,
        photos=store.reads.photos.count(),
    )


def _embed_and_record(
    context: IndexingContext, store: Store, files: Sequence[FileStat], retry_failures: bool
) -> Generator[Progress, None, SyncReport]:
    """Ingest files with the encoder of the library; the first run chooses it."""
    row = store.reads.encoders.current()
    if row is not None:
        encoder = context.encoders.of(row)
    else:
        chosen = context.encoders.choose_new()
        if context.encoders.is_here(chosen):
            encoder = yield from open_new_encoder(
                context, lambda: [Path(stat.path) for stat in files], chosen
            )
        else:
            encoder = open_meanwhile(context, store, chosen)
    with ThumbnailStore(context.data_dir) as thumbnails:
        run = EmbeddingRun.begin(context, store, encoder, thumbnails)
        baseline = growing_baseline(context, store, run.row)
        # They can be searched batch by batch, and most people look for what is new first. The files
        # of a day stay in their order.
        files = sorted(files, key=lambda file: -(file.mtime_ns // _DAY_NS))
        return (yield from ingest(run, files, retry_failures=retry_failures, baseline=baseline))


def _notify_of_paused(context: IndexingContext, reads: Reads) -> None:
    for root in reads.roots.paused().values():
        context.notify(
            Sentence(
                f"{root} is paused and stays as it is. To resume it: ",
                CommandLine(f"folders --resume {shell_word(root)}"),
            )
        )


def _require_readable(store: Store, changes: diff.LibraryDiff) -> None:
    """Raise FolderError if there are folders to index, and none of them can be read."""
    unreadable = {str(failure.path) for failure in store.failures.of_folders()}
    folders = [scope_diff.scope.folder for scope_diff in changes.scopes]
    if folders and unreadable.issuperset(folders):
        raise FolderError(
            f"No folder could be read, so nothing was updated: {', '.join(folders)}. Check the "
            "permissions."
        )


def _paths_gone(store: Store, changes: diff.LibraryDiff) -> Counter[int]:
    """Return the number of paths of each photo (by id) that are gone.

    Call it before their removal.
    """
    return Counter(
        photo_id
        for scope in changes.scopes
        for photo_id in store.files.photo_ids(scope.scope.root_id, scope.changes.gone).values()
    )


def _metadata_refresh(
    store: Store, changes: diff.LibraryDiff, last_id: int
) -> metadata.MetadataRefresh:
    """Return the photos whose sidecar files changed.

    Those with ids above `last_id` were just read.
    """
    scopes = [scope for scope in changes.scopes if scope.sidecars]
    photo_ids = {
        photo_id
        for scope in scopes
        for photo_id in store.files.photo_ids(scope.scope.root_id, scope.sidecars.photos).values()
        if photo_id <= last_id
    }
    return metadata.MetadataRefresh(
        [(scope.scope.root_id, scope.sidecars.sidecars) for scope in scopes], photo_ids
    )
