"""Keeps a library equal to the disk for months: looks whenever there is a hint, and every hour."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgsearch.decode.formats import is_photo_name, is_sidecar_name
from imgsearch.errors import DiskError, LibraryLocked
from imgsearch.indexer import scan, volumes
from imgsearch.indexer.diff import (
    LibraryDiff,
    Scope,
    Tell,
    compare,
    follow_volumes,
    merged,
    scopes_of,
)
from imgsearch.indexer.volumes import is_there
from imgsearch.indexer.watcher import Hint, Watcher, WatchTiming
from imgsearch.progress import Progress, SyncReport, WatchEvent, Watching
from imgsearch.store.lock import writing
from imgsearch.store.store import Store


@dataclass(frozen=True, slots=True)
class WatchSchedule:
    """When to do what, in seconds."""

    watch: WatchTiming = field(default_factory=WatchTiming)
    reconcile_s: float = 3600.0  # a look at everything, whatever the events say
    idle_s: float = 600.0  # the model is let go when it was not needed for so long
    retry_s: float = 5.0  # when another process writes, or the disk is full


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the work is done with: `take_in` brings a library up to date with what was seen."""

    data_dir: Path
    sync: Callable[[Store, LibraryDiff], Generator[Progress, None, SyncReport]]
    release_encoder: Callable[[], None]  # lets the model go
    prune: Callable[[Store], object]
    notify: Tell
    fingerprint: str  # what decides how files are decoded


def watch_library(
    hands: Callbacks, folders: Sequence[str], rhythm: WatchSchedule, stop: threading.Event
) -> Iterator[WatchEvent]:
    """Add `folders`, bring all roots up to date, and keep them so until `stop` is set.

    Originals are only read. The writer's lock is held only while there is something to do.
    """
    with Watcher(rhythm.watch, _is_of_interest, scan.is_ignored, hands.data_dir) as watcher:
        watcher.stopped = stop
        keeper = WatchLoop(hands, rhythm, watcher)
        with closing(keeper):
            yield from keeper.begin(folders)
            for hints in watcher.touched():
                yield from keeper.step(hints)


class WatchLoop:
    """The state of one `follow`: what was seen of the drives, and what is still to be done."""

    def __init__(self, hands: Callbacks, rhythm: WatchSchedule, watcher: Watcher) -> None:
        self._hands = hands
        self._rhythm = rhythm
        self._watcher = watcher
        self._reader: Store | None = None
        self._drives: object = None
        self._said: set[str] = set()
        self._todo: set[Hint] = set()
        self._everything = True
        self._not_before_s = 0.0
        self._looked_s = self._worked_s = time.monotonic()

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def begin(self, folders: Sequence[str]) -> Iterator[WatchEvent]:
        """Add folders, watch all, and only then look at all: so no change falls in between."""
        while folders and not self._watcher.stopped.is_set():
            try:
                with writing(self._hands.data_dir) as store:
                    scopes_of(store, folders)
                break
            except LibraryLocked as error:
                self._tell(str(error))
                self._watcher.stopped.wait(self._rhythm.retry_s)
        if self._watcher.stopped.is_set():
            return
        self._reader = Store.open(self._hands.data_dir, writable=False)
        scopes_of(self._reader, ())  # says so when there is nothing to watch
        yield from self.step(frozenset())

    def step(self, hints: Iterable[Hint]) -> Iterator[WatchEvent]:
        """Look where there is a hint to; at everything, when it is time or a drive has changed."""
        self._todo.update(hints)
        if self._notice_drives():
            self._everything = True
            self._said.clear()
            yield self._watch()
        now = time.monotonic()
        if now - self._looked_s >= self._rhythm.reconcile_s:
            self._everything = True
        if (self._todo or self._everything) and now >= self._not_before_s:
            yield from self._round()
        elif now - self._worked_s >= self._rhythm.idle_s:
            self._worked_s = now
            self._hands.release_encoder()

    # ------------------------------------------------------------------ drives

    def _notice_drives(self) -> bool:
        """Whether a root came, went or was replaced, or something was mounted, since last time."""
        drives = (
            tuple((root, is_there(root), _identity(root)) for root in self._roots()),
            volumes.mounts() if volumes.MOUNT_TABLE.exists() else (),
        )
        changed, self._drives = drives != self._drives, drives
        return changed

    def _watch(self) -> Watching:
        roots = [root for root in self._roots() if os.path.isdir(root)]  # noqa: PTH112
        remote = [root for root in roots if (mount := volumes.mount_of(root)) and mount.is_network]
        self._watcher.follow(roots, remote)
        polled = self._watcher.unwatched
        return Watching(
            roots=tuple(map(Path, roots)),
            polled=tuple((Path(root), why) for root, why in polled.items()),
            poll_s=self._rhythm.watch.poll_s,
        )

    def _roots(self) -> tuple[str, ...]:
        return () if self._reader is None else tuple(self._reader.reads.roots().values())

    # ------------------------------------------------------------------ one round

    def _round(self) -> Iterator[WatchEvent]:
        everything, self._everything = self._everything, False
        hints, self._todo = self._todo, set()
        finished = False
        try:
            with writing(self._hands.data_dir) as store:
                if everything:
                    follow_volumes(store, self._tell)
                    scopes = scopes_of(store, ())
                    self._looked_s = time.monotonic()
                else:
                    scopes = _scopes_at(store, hints)
                finished = yield from self._look(store, scopes, everything)
                if everything and finished:
                    self._hands.prune(store)
        except (LibraryLocked, DiskError) as error:
            self._tell(str(error))
            self._not_before_s = time.monotonic() + self._rhythm.retry_s
        finally:
            if not finished:  # what was committed stays; the rest is to be looked at again
                self._everything = self._everything or everything
                self._todo |= hints

    def _look(
        self, store: Store, scopes: list[Scope], everything: bool
    ) -> Generator[WatchEvent, None, bool]:
        """Bring some folders up to date; whether that came to its end."""
        stopped = self._watcher.stopped
        seen = self._settled(compare(store, scopes, self._tell, self._hands.fingerprint))
        work = any(changes.upserts or changes.gone for _, changes in seen.work)
        if stopped.is_set():
            return False
        if not (everything or work or any(one.back or one.sidecars.is_news for one in seen.found)):
            return True
        with closing(self._hands.sync(store, seen)) as job:
            while not stopped.is_set():
                try:
                    yield next(job)
                except StopIteration as done:
                    if work:
                        self._worked_s = time.monotonic()
                    yield done.value
                    return True
        return False

    def _settled(self, seen: LibraryDiff) -> LibraryDiff:
        """The same, without files that somebody may still be writing."""
        candidates = [one for _, changes in seen.work for one in changes.upserts]
        if not candidates:
            return seen
        settled = self._watcher.settled(candidates)
        found = [
            replace(
                each,
                changes=replace(
                    each.changes,
                    upserts=tuple(one for one in each.changes.upserts if one.path in settled),
                ),
            )
            for each in seen.found
        ]
        return replace(seen, found=tuple(found))

    def _tell(self, sentence: str) -> None:
        """Say it, but not every hour again."""
        if sentence not in self._said:
            self._said.add(sentence)
            self._hands.notify(sentence)


def _scopes_at(store: Store, hints: Iterable[Hint]) -> list[Scope]:
    roots = sorted(store.reads.roots().items(), key=lambda item: -len(item[1]))
    scopes = []
    for hint in hints:
        for root_id, root in roots:
            if Path(hint.folder).is_relative_to(root):
                scopes.append(Scope(root_id, hint.folder, hint.deep))
                break
    return merged(scopes)


def _is_of_interest(name: str) -> bool:
    return is_photo_name(name) or is_sidecar_name(name)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        about = os.stat(folder)  # noqa: PTH116  # as in scan
    except OSError:
        return None
    return about.st_dev, about.st_ino
