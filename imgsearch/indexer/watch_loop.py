"""Keeps a library in sync with the disk: scans where there is a hint, and everything every hour."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.sidecars import is_sidecar_name
from imgsearch.errors import DiskError, LibraryLocked, MissingPackage, UsageError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.indexer.backlogs import Backlog
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.diff import Scope, add_folders, all_scopes, compare, merge_scopes
from imgsearch.indexer.folders import prune_store
from imgsearch.indexer.ignored import is_ignored
from imgsearch.indexer.roots import follow_moved_drives, is_available
from imgsearch.indexer.scan import folder_identity
from imgsearch.indexer.successor import take_over
from imgsearch.indexer.sync import apply_changes, check_folders
from imgsearch.indexer.watcher import Hint, Watcher, WatchTiming
from imgsearch.progress import FeatureReport, Progress, WatchEvent, Watching
from imgsearch.records.status import UnfinishedJob
from imgsearch.store.database import DATABASE_FILE, Database
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.reads import Reads
from imgsearch.store.store import Store
from imgsearch.store.unfinished import UnfinishedStore


class WatchSchedule(Struct, frozen=True):
    """When to do what."""

    timing: WatchTiming = field(default_factory=WatchTiming)
    reconcile_s: float = 3600.0  # between scans of everything
    idle_s: float = 600.0  # without new photos, after which the model is unloaded
    text_s: float = 2.0  # for which text and faces are looked for before the next look at the disk
    retry_s: float = 5.0  # before another attempt, if another process writes or the disk is full


def watch(
    context: IndexingContext,
    folders: Sequence[str],
    stop: threading.Event,
    schedule: WatchSchedule | None = None,
    create_observer: Callable[[], BaseObserver] = Observer,
) -> Iterator[WatchEvent]:
    """Add `folders`, then keep all roots in sync until `stop` is set.

    Photos are only read. The writer's lock is held only while there is something to do.
    `create_observer` makes the source of events, by default that of the operating system. Raises
    what `check_folders` raises, at once.
    """
    check_folders(context, folders)
    return _watch(context, folders, stop, schedule or WatchSchedule(), create_observer)


def _watch(
    context: IndexingContext,
    folders: Sequence[str],
    stop: threading.Event,
    schedule: WatchSchedule,
    create_observer: Callable[[], BaseObserver],
) -> Iterator[WatchEvent]:
    with Watcher(
        schedule.timing, _is_photo_or_sidecar, is_ignored, context.data_dir, stop, create_observer
    ) as watcher:
        loop = WatchLoop(context, schedule, watcher, stop)
        with closing(loop):
            yield from loop.start(folders)
            for hints in watcher.hints():
                yield from loop.step(hints)


class WatchLoop:
    """The state of a watch: the drives as last seen, and what still has to be scanned."""

    def __init__(
        self,
        context: IndexingContext,
        schedule: WatchSchedule,
        watcher: Watcher,
        stop: threading.Event,
    ) -> None:
        self._context = context
        # A scan finds the same problems each time, and each of them is told once.
        self._scanning = replace(context, notify=self._notify_once)
        self._backlogs = list(_backlogs(context))
        jobs = _unfinished_jobs(context)  # what somebody began, until it is done
        self._once = list(_unfinished_backlogs(context, jobs))
        self._of_features: dict[str, Generator[Progress, None, object]] = {
            name: self._begun(job.steps)
            for name, job in installed.jobs().items()
            if name in jobs and job.steps is not None
        }
        self._schedule = schedule
        self._watcher = watcher
        self._stop = stop
        self._reads: Reads | None = None
        self._drives: object = None
        self._notified: set[str] = set()
        self._pending: set[Hint] = set()
        self._scan_all = True
        self._unfinished = [*self._once, *self._backlogs]
        self._not_before_s = 0.0
        self._scanned_all_s = self._indexed_s = time.monotonic()

    def close(self) -> None:
        """Close the database, and leave the jobs of features unfinished."""
        for steps in self._of_features.values():
            steps.close()
        if self._reads is not None:
            self._reads.close()

    def start(self, folders: Sequence[str]) -> Iterator[WatchEvent]:
        """Add folders, watch all roots, then scan them: so no change in between is missed.

        Raises UsageError if there is no folder to watch, and DiskError if the data folder cannot be
        written; later the loop only notifies of that, and tries again.
        """
        while not self._stop.is_set():
            try:
                with writing(self._context.data_dir) as store:
                    add_folders(store, folders)
                break
            except LibraryLocked as error:
                if not folders:
                    break
                self._notify_once(error.sentence)
                self._stop.wait(self._schedule.retry_s)
        if self._stop.is_set():
            return
        self._reads = Reads.open(self._context.data_dir)
        all_scopes(self._reads)  # raises if there are none
        yield from self.step(())

    def step(self, hints: Iterable[Hint]) -> Iterator[WatchEvent]:
        """Scan these folders; all roots if that is due or a drive was connected or removed."""
        self._pending.update(hints)
        if self._drives_changed():
            self._scan_all = True
            self._notified.clear()
            yield self._watch_roots()
        now = time.monotonic()
        if now - self._scanned_all_s >= self._schedule.reconcile_s:
            self._scan_all = True
        if (self._pending or self._scan_all) and now >= self._not_before_s:
            yield from self._scan_pending()
        elif self._unfinished and now >= self._not_before_s:
            yield from self._work_off(self._unfinished[0])
        elif self._of_features and now >= self._not_before_s:
            yield from self._go_on(*next(iter(self._of_features.items())))
        elif now - self._indexed_s >= self._schedule.idle_s:
            self._indexed_s = now
            self._context.encoders.release()
            self._context.models.release()

    # ------------------------------------------------------------------ drives

    def _drives_changed(self) -> bool:
        """Return whether anything was mounted or unmounted, or a root came, went or was replaced.

        A root that was paused went, and one that was resumed appeared.
        """
        drives = (
            tuple((root, is_available(root), folder_identity(root)) for root in self._roots()),
            self._context.mounts.cheap_mounts(),
        )
        changed, self._drives = drives != self._drives, drives
        return changed

    def _watch_roots(self) -> Watching:
        mounts = self._context.mounts
        roots = [root for root in self._roots() if os.path.isdir(root)]  # noqa: PTH112
        remote = [root for root in roots if (mount := mounts.mount_of(root)) and mount.is_network]
        self._watcher.watch(roots, remote)
        return Watching(
            roots=tuple(map(Path, roots)),
            polled=tuple((Path(root), why) for root, why in self._watcher.polled.items()),
            poll_s=self._schedule.timing.poll_s,
        )

    def _roots(self) -> tuple[str, ...]:
        """Return the folders to watch.

        They are read anew each time: others may pause and resume them.
        """
        return () if self._reads is None else tuple(self._reads.roots.active().values())

    # ------------------------------------------------------------------ scanning

    def _scan_pending(self) -> Iterator[WatchEvent]:
        scan_all, self._scan_all = self._scan_all, False
        hints, self._pending = self._pending, set()
        finished = False
        try:
            with writing(self._context.data_dir) as store:
                if scan_all:
                    follow_moved_drives(store, self._notify_once, self._context.mounts)
                    scopes = all_scopes(store.reads)
                    self._scanned_all_s = time.monotonic()
                else:
                    scopes = scopes_of_hints(store.reads, hints)
                finished = yield from self._sync(store, scopes, scan_all)
                if scan_all and finished:
                    prune_store(self._context, store)
                    yield from self._take_over(store)
        except (LibraryLocked, DiskError) as error:
            self._notify_once(error.sentence)
            self._not_before_s = time.monotonic() + self._schedule.retry_s
        finally:
            if not finished:  # what was committed stays; the rest has to be scanned again
                self._scan_all = self._scan_all or scan_all
                self._pending |= hints

    def _sync(
        self, store: Store, scopes: Sequence[Scope], always_report: bool
    ) -> Generator[WatchEvent, None, bool]:
        """Bring these scopes up to date; returns whether that was completed."""
        changes = compare(self._scanning, store, scopes)
        if changes.upserts:  # leave out files that are still being written
            changes = changes.limited_to(self._watcher.complete_files(changes.upserts))
        if self._stop.is_set():
            return False
        if not (always_report or changes.changes_library):
            return True
        with closing(apply_changes(self._context, store, changes)) as job:
            while not self._stop.is_set():
                try:
                    yield next(job)
                except StopIteration as end:
                    if changes.changes_photos:
                        self._indexed_s = time.monotonic()
                    if changes.changes_photos or always_report:
                        self._renew_backlogs(everything=always_report)
                    yield end.value
                    return True
        return False

    def _take_over(self, store: Store) -> Iterator[WatchEvent]:
        """Get the encoder that the library awaits; after a failure, the next full scan tries again.

        What changes on the disk meanwhile is seen afterwards.
        """
        with closing(take_over(self._scanning, store)) as job:
            while not self._stop.is_set():
                try:
                    yield next(job)
                except StopIteration:
                    self._indexed_s = time.monotonic()
                    return

    # ------------------------------------------------------------------ text, faces, features

    def _renew_backlogs(self, everything: bool) -> None:
        for backlog in self._backlogs:
            backlog.renew(everything)
        self._unfinished = [*self._once, *self._backlogs]

    def _work_off(self, backlog: Backlog) -> Iterator[WatchEvent]:
        """Look at some photos of a backlog, for a moment: changes on the disk come first."""
        until = time.monotonic() + self._schedule.text_s
        try:
            with (
                writing(self._context.data_dir) as store,
                closing(
                    publish_progress(self._context.data_dir, backlog.doing, backlog.steps(store))
                ) as steps,
            ):
                while time.monotonic() < until and not self._stop.is_set():
                    try:
                        yield next(steps)
                    except StopIteration as end:
                        self._unfinished.remove(backlog)
                        if backlog in self._once:
                            self._once.remove(backlog)
                        store.unfinished.end(backlog.job)
                        self._indexed_s = time.monotonic()
                        yield from _reported(backlog.job, end.value)
                        return
        except (LibraryLocked, DiskError) as error:
            self._notify_once(error.sentence)
            self._not_before_s = time.monotonic() + self._schedule.retry_s

    def _begun(self, named: str) -> Generator[Progress, None, object]:
        """Begin a job of a feature, by the name of the function that returns its steps."""
        steps: Generator[Progress, None, object] = load(named)(self._context)
        return steps

    def _go_on(self, name: str, steps: Generator[Progress, None, object]) -> Iterator[WatchEvent]:
        """Go on with a job of a feature for a moment: it takes no lock, so it may pause."""
        until = time.monotonic() + self._schedule.text_s
        try:
            while time.monotonic() < until and not self._stop.is_set():
                yield next(steps)
        except StopIteration as end:
            del self._of_features[name]
            self._indexed_s = time.monotonic()
            yield FeatureReport(name, *load(installed.jobs()[name].told)(end.value))
        except (UsageError, MissingPackage) as error:  # it would be raised again
            del self._of_features[name]
            self._notify_once(error.sentence)
        except (LibraryLocked, DiskError) as error:
            self._of_features[name] = self._begun(str(installed.jobs()[name].steps))
            self._notify_once(error.sentence)
            self._not_before_s = time.monotonic() + self._schedule.retry_s

    def _notify_once(self, sentence: str) -> None:
        """Notify, but not again at every scan. A change of drives starts afresh."""
        if sentence not in self._notified:
            self._notified.add(sentence)
            self._context.notify(sentence)


def _backlogs(context: IndexingContext) -> Iterator[Backlog]:
    """Yield the photos to look at while there is nothing else to do."""
    for job in installed.jobs().values():
        if job.backlog is not None:
            yield from _backlog(context, job.backlog, None)


def _unfinished_backlogs(
    context: IndexingContext, jobs: Mapping[str, UnfinishedJob]
) -> Iterator[Backlog]:
    """Yield the photos that a job has left, as it was begun."""
    for name, job in installed.jobs().items():
        if name in jobs and job.backlog is not None:
            yield from _backlog(context, job.backlog, jobs[name])


def _backlog(
    context: IndexingContext, named: str, unfinished: UnfinishedJob | None
) -> Iterator[Backlog]:
    """Yield the backlog of a job, if there is any; where a package is missing, the user is told."""
    try:
        backlog: Backlog | None = load(named)(context, unfinished)
    except MissingPackage as error:
        context.notify(error.sentence)
        return
    if backlog is not None:
        yield backlog


def _reported(job: str, report: object) -> Iterator[WatchEvent]:
    """Yield the event of a backlog that was worked off, if it has changed anything."""
    values, sentence = load(installed.jobs()[job].told)(report)
    if any(values.values()):
        yield FeatureReport(job, values, sentence)


def _unfinished_jobs(context: IndexingContext) -> dict[str, UnfinishedJob]:
    """Return the unfinished jobs by name."""
    if not (context.data_dir / DATABASE_FILE).exists():
        return {}
    with closing(Database.open(context.data_dir)) as database:
        return {job.job: job for job in UnfinishedStore(database).all()}


def scopes_of_hints(reads: Reads, hints: Iterable[Hint]) -> list[Scope]:
    """Return the scopes to scan for these hints, without folders outside all roots or paused."""
    roots = sorted(reads.roots.active().items(), key=lambda item: -len(item[1]))
    scopes = []
    for hint in hints:
        for root_id, root in roots:
            if Path(hint.folder).is_relative_to(root):
                scopes.append(Scope(root_id, hint.folder, hint.recursive))
                break
    return merge_scopes(scopes)


def _is_photo_or_sidecar(name: str) -> bool:
    return is_photo_name(name) or is_sidecar_name(name)
