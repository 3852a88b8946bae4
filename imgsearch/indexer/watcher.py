"""Which folders have changed, soon after they did: a hint to look there, never the truth.

watchdog tells of events. They may be lost, doubled or late, so whoever is told looks for himself.
Where no event can be trusted to come (network drives, too many folders, a watcher that fell
silent), whole folders are named again and again instead.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from watchdog import events
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from imgsearch.records.files import FileStat

STEP_S = 0.2  # how long it takes at most to notice anything: an event, an end
CANARY = "watch-canary"
_ON_LINUX = sys.platform.startswith("linux")
_KINDS: list[type[events.FileSystemEvent]] = [
    *(events.FileCreatedEvent, events.FileDeletedEvent, events.FileMovedEvent),
    *(events.DirCreatedEvent, events.DirDeletedEvent, events.DirMovedEvent),
    # Where a file being closed gives an event, there need be none for each block written to it.
    events.FileClosedEvent if _ON_LINUX else events.FileModifiedEvent,
]
_QUEUE_LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")


@dataclass(frozen=True, slots=True)
class WatchTiming:
    """How patient to be."""

    quiet_ms: int = 2_000  # a folder has been quiet for so long, and its new files unchanged
    patience_ms: int = 20_000  # a folder that is never quiet is looked at all the same
    tick_s: float = 5.0  # how often drives are looked for
    poll_s: float = 300.0  # how often to look where no events come from
    canary_s: float = 300.0  # how often to check that events still come
    burst: int = 500  # events on one root that make it one look at the whole root


@dataclass(frozen=True, slots=True)
class Hint:
    """Something has changed in `folder`; with `deep`, perhaps anywhere inside it."""

    folder: str
    deep: bool = False


class Watcher:
    """Tells which folders to look at again. Use it as a context manager.

    `is_photo` and `is_ignored` judge names. `canary_dir` is a folder of our own: a file that is
    changed there now and then must give an event.
    """

    def __init__(
        self,
        pace: WatchTiming,
        is_photo: Callable[[str], bool],
        is_ignored: Callable[[str], bool],
        canary_dir: Path,
    ) -> None:
        self._pace = pace
        self._dirty = PendingFolders(pace, is_photo, is_ignored)
        self._canary = canary_dir / CANARY
        self._observer: BaseObserver | None = None
        self._worries = LostEventHandler(self._dirty.lose)
        self._roots: dict[str, str] = {}  # root: its real path
        self._asked: tuple[tuple[str, ...], tuple[str, ...], object] | None = None
        self._checked_s = self._polled_s = time.monotonic()
        self.stopped = threading.Event()
        self.unwatched: dict[str, str] = {}  # root that is polled instead: why

    def __enter__(self) -> Self:
        logging.getLogger("watchdog").addHandler(self._worries)
        return self

    def __exit__(self, *exception: object) -> None:
        self._end_observer()  # while its last words are still heard: else they go to the screen
        logging.getLogger("watchdog").removeHandler(self._worries)
        with suppress(OSError):
            self._canary.rmdir()

    def follow(self, roots: Sequence[str], without_events: Sequence[str] = ()) -> None:
        """Watch exactly these roots from now on; those `without_events` are polled.

        What changed in them before is not told. `unwatched` says which are polled, and why.
        """
        asked = (tuple(roots), tuple(without_events), tuple(map(_identity, roots)))
        if asked == self._asked:
            return
        self._asked = asked
        self._end_observer()
        self._roots = {root: os.path.realpath(root) for root in roots}
        self.unwatched = dict.fromkeys(without_events, "changes by other machines give no event")
        self._dirty.roots = tuple(roots)
        self._begin_observer([root for root in roots if root not in self.unwatched])

    def touched(self) -> Iterator[frozenset[Hint]]:
        """Folders to look at, once they are quiet; an empty set at least every `tick_s`.

        Ends when `stopped` is set.
        """
        ticked_s = time.monotonic()
        while not self.stopped.wait(STEP_S):
            self._check_canary()
            self._poll()
            hints = self._dirty.due(time.monotonic())
            if hints or time.monotonic() - ticked_s >= self._pace.tick_s:
                yield hints
                ticked_s = time.monotonic()

    def again(self, hints: frozenset[Hint]) -> None:
        """Name these folders once more, after another quiet period."""
        for hint in hints:
            self._dirty.mark(hint)

    def settled(self, files: Sequence[FileStat]) -> frozenset[str]:
        """The paths of those files that are the same after a quiet period as they were before it.

        Waits for it only where no earlier look was taken. The folders of the others are named
        again.
        """
        quiet_s = self._pace.quiet_ms / 1_000
        looks = self._dirty.looks(files)
        now = time.monotonic()
        young = [one for one in files if now - looks.get(one.path, now) < quiet_s]
        if young and self.stopped.wait(quiet_s):
            return frozenset()
        moving = {one.path for one in young if not _is_same(one)}
        self.again(frozenset(Hint(os.path.dirname(path)) for path in moving))  # noqa: PTH120
        return frozenset(one.path for one in files) - moving

    # ------------------------------------------------------------------ the observer

    def _begin_observer(self, roots: Sequence[str]) -> None:
        # watchdog says so when the event of a new folder and its own walk meet: no harm is done.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        try:
            self._observer = Observer()
            self._observer.start()
        except OSError as error:
            self._observer = None
            self.unwatched.update(dict.fromkeys(roots, _why(error)))
            return
        for root in roots:
            if why := self._schedule(root, self._roots[root]):
                self.unwatched[root] = why
        self._canary.mkdir(parents=True, exist_ok=True)
        self._schedule("", str(self._canary))
        self._probe()
        self._dirty.heard_canary = True

    def _schedule(self, root: str, real: str) -> str:
        """Watch a root; why that cannot be done, if so."""
        assert self._observer is not None
        handler = _Handler(self._dirty, root, real)
        try:
            self._observer.schedule(handler, real, recursive=True, event_filter=_KINDS)
        except OSError as error:
            return _why(error)
        return ""

    def _probe(self) -> None:
        """See whether one more folder could be watched: watchdog hides that one inside was not."""
        assert self._observer is not None
        probe = self._canary / "probe"
        with suppress(OSError):
            probe.mkdir(exist_ok=True)
        try:
            handler = _Handler(self._dirty, "", str(probe))
            watch = self._observer.schedule(handler, str(probe), event_filter=_KINDS)
            self._observer.unschedule(watch)
        except OSError as error:
            self.unwatched.update(dict.fromkeys(self._roots, _why(error)))
        with suppress(OSError):
            probe.rmdir()

    def _end_observer(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    # ------------------------------------------------------------------ mistrust

    def _check_canary(self) -> None:
        """Make an event of our own now and then: if it does not come, none does."""
        if self._observer is None or time.monotonic() - self._checked_s < self._pace.canary_s:
            return
        self._checked_s = time.monotonic()
        if not self._dirty.heard_canary:
            roots, without_events, _ = self._asked or ((), (), None)
            self._asked = None
            self.follow(roots, without_events)
            self._dirty.lose()
        self._dirty.heard_canary = False
        self._probe()  # its folder comes and goes, which gives two events

    def _poll(self) -> None:
        if self.unwatched and time.monotonic() - self._polled_s >= self._pace.poll_s:
            self._polled_s = time.monotonic()
            self.again(frozenset(Hint(root, deep=True) for root in self.unwatched))


class PendingFolders:
    """Folders in which something has happened, and when. Safe in any thread."""

    def __init__(
        self, pace: WatchTiming, is_photo: Callable[[str], bool], is_ignored: Callable[[str], bool]
    ) -> None:
        self.roots: tuple[str, ...] = ()
        self.heard_canary = True
        self._pace = pace
        self._is_photo = is_photo
        self._is_ignored = is_ignored
        self._lock = threading.Lock()
        self._since: dict[Hint, tuple[float, float]] = {}  # first and last event
        self._events: dict[str, int] = {}  # by root, since it was last quiet
        self._looks: dict[str, tuple[FileStat, float]] = {}
        self._limit = min(pace.burst, _queue_limit() // 8)

    def heard(self, root: str, path: str, is_folder: bool) -> None:
        """An event came. So many of them that some may be missing mark the whole root."""
        if not root:
            self.heard_canary = True
            return
        with self._lock:
            self._events[root] = self._events.get(root, 0) + 1
            too_many = self._events[root] > self._limit
        if too_many:
            self.mark(Hint(root, deep=True))
        elif not any(map(self._is_ignored, Path(path[len(root) :].strip(os.sep)).parts)):
            if is_folder:
                self.mark(Hint(path, deep=True))
            elif self._is_photo(os.path.basename(path)):  # noqa: PTH119
                self._look(path)
                self.mark(Hint(os.path.dirname(path)))  # noqa: PTH120

    def lose(self) -> None:
        """Events were lost: anything may have changed anywhere."""
        for root in self.roots:
            self.mark(Hint(root, deep=True))

    def mark(self, hint: Hint) -> None:
        """Name a folder once it has been quiet for a while."""
        now = time.monotonic()
        with self._lock:
            first, _ = self._since.get(hint, (now, now))
            self._since[hint] = (first, now)

    def due(self, now: float) -> frozenset[Hint]:
        """The folders that have been quiet for long enough, or never will be."""
        quiet_s, patience_s = self._pace.quiet_ms / 1_000, self._pace.patience_ms / 1_000
        with self._lock:
            due = frozenset(
                hint
                for hint, (first, last) in self._since.items()
                if now - last >= quiet_s or now - first >= patience_s
            )
            for hint in due:
                del self._since[hint]
            if not self._since:
                self._events.clear()
        return due

    def looks(self, files: Sequence[FileStat]) -> dict[str, float]:
        """Since when these files have been as they are now, as far as was seen. Forgets it."""
        with self._lock:
            found = {one.path: self._looks.pop(one.path, None) for one in files}
        return {
            one.path: look[1]
            for one in files
            if (look := found[one.path]) is not None
            and (look[0].size_bytes, look[0].mtime_ns) == (one.size_bytes, one.mtime_ns)
        }

    def _look(self, path: str) -> None:
        with self._lock:
            if len(self._looks) > 2 * self._pace.burst:  # files that were gone again at once
                self._looks.clear()
        if (found := _stat(path)) is not None:
            with self._lock:
                self._looks[path] = (found, time.monotonic())


class _Handler(events.FileSystemEventHandler):
    """Takes the events of one root from watchdog, and gives them the root's own spelling."""

    def __init__(self, dirty: PendingFolders, root: str, real: str) -> None:
        self._dirty = dirty
        self._root = root
        self._real = real

    def dispatch(self, event: events.FileSystemEvent) -> None:
        """Called by watchdog, in a thread of its own, for every event."""
        for path in (os.fsdecode(event.src_path), os.fsdecode(event.dest_path)):
            if path.startswith(self._real):
                mine = self._root + path[len(self._real) :]
                self._dirty.heard(self._root, mine, event.is_directory)


class LostEventHandler(logging.Handler):
    """watchdog reports a queue that overflowed, or a watch that it lost, as a warning only."""

    def __init__(self, lose: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._lose = lose

    def emit(self, record: logging.LogRecord) -> None:
        """Mistrust everything seen so far."""
        self._lose()


def _queue_limit() -> int:
    """How many events Linux keeps for us. When it drops one, it has given us as many before."""
    try:
        return int(_QUEUE_LIMIT.read_text())
    except (OSError, ValueError):
        return 16_384


def _why(error: OSError) -> str:
    """Why no events can be had, and the cure."""
    why = f"the system cannot watch it ({error.strerror or error})"
    if error.errno == errno.ENOSPC and _ON_LINUX:
        why += "; allow more with: sysctl fs.inotify.max_user_watches=1048576"
    return why


def _stat(path: str) -> FileStat | None:
    try:
        about = os.stat(path)  # noqa: PTH116  # one a file event
    except OSError:
        return None
    return FileStat(path, about.st_size, about.st_mtime_ns, about.st_ino)


def _identity(folder: str) -> tuple[int, int] | None:
    """Which folder lies at this path now: watches are on folders, not on paths."""
    try:
        about = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    return about.st_dev, about.st_ino


def _is_same(one: FileStat) -> bool:
    now = _stat(one.path)
    return now is not None and (now.size_bytes, now.mtime_ns) == (one.size_bytes, one.mtime_ns)
