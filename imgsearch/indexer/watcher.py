"""Tells which folders have changed, soon after they did. Hides watchdog.

Events may be lost, doubled or late, so treat a folder as a hint and scan it. Where no events can
be expected (network drives, too many folders, an observer that went silent), whole roots are named
at regular intervals instead.
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
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msgspec import Struct
from watchdog import events
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from imgsearch import private_files
from imgsearch.errors import DiskError
from imgsearch.indexer.scan import folder_identity, stat_of
from imgsearch.records.files import FileStat

if TYPE_CHECKING:
    from watchdog.observers.inotify import InotifyWatchGroup

STEP_S = 0.2  # how soon an event or the end is noticed
CANARY_FOLDER = "watch-canary"
_ON_LINUX = sys.platform.startswith("linux")
_EVENT_TYPES: list[type[events.FileSystemEvent]] = [
    *(events.FileCreatedEvent, events.FileDeletedEvent, events.FileMovedEvent),
    *(events.DirCreatedEvent, events.DirDeletedEvent, events.DirMovedEvent),
    # Where closing a file causes an event, an event for each block written is not needed.
    events.FileClosedEvent if _ON_LINUX else events.FileModifiedEvent,
]
_EVENT_QUEUE_LENGTH = Path("/proc/sys/fs/inotify/max_queued_events")
_WATCHDOG = logging.getLogger("watchdog")


class WatchTiming(Struct, frozen=True):
    """When folders count as changed, and how often what causes no events is checked."""

    quiet_ms: int = 2_000  # without an event, before a folder is named or a file is complete
    patience_ms: int = 20_000  # after which a folder is named even if it is never quiet
    tick_s: float = 5.0  # between checks for drives that were connected or removed
    poll_s: float = 300.0  # between scans of roots without events
    canary_s: float = 300.0  # between checks that events still arrive
    burst: int = 500  # events in one root after which the whole root is named


class Hint(Struct, frozen=True):
    """Something may have changed in `folder`; if `recursive`, anywhere below it."""

    folder: str
    recursive: bool = False


class Watcher:
    """Watches folders and names those that may have changed. Use it as a context manager.

    `is_photo` and `is_ignored` are given names of files and folders. In `canary_dir`, which must
    not be part of a root, a folder is created at times to check that events arrive. `stop` ends
    every wait.
    """

    def __init__(
        self,
        timing: WatchTiming,
        is_photo: Callable[[str], bool],
        is_ignored: Callable[[str], bool],
        canary_dir: Path,
        stop: threading.Event,
        create_observer: Callable[[], BaseObserver] = Observer,
    ) -> None:
        self._timing = timing
        self._pending = PendingFolders(timing, is_photo, is_ignored)
        self._canary = canary_dir / CANARY_FOLDER
        self._stop = stop
        self._create_observer = create_observer
        self._observer: BaseObserver | None = None
        self._log_handler = LostEventHandler(self._pending.add_all_roots)
        self._roots: tuple[str, ...] = ()
        self._without_events: tuple[str, ...] = ()
        self._identities: tuple[tuple[int, int] | None, ...] = ()
        self._checked_s = self._polled_s = time.monotonic()
        self.polled: dict[str, str] = {}  # root without events to reason

    def __enter__(self) -> Self:
        _WATCHDOG.addHandler(self._log_handler)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop_observer()  # before removing the handler, or its warnings reach stderr
        _WATCHDOG.removeHandler(self._log_handler)
        with suppress(OSError):
            self._canary.rmdir()

    def watch(self, roots: Sequence[str], without_events: Sequence[str] = ()) -> None:
        """Watch exactly these roots from now on; those `without_events` are polled.

        Earlier changes are not reported. `polled` says which roots are polled and why.
        """
        identities = tuple(folder_identity(root) for root in roots)
        if (tuple(roots), tuple(without_events), identities) != (
            self._roots,
            self._without_events,
            self._identities,
        ):
            self._roots, self._without_events = tuple(roots), tuple(without_events)
            self._identities = identities
            self._restart()

    def hints(self) -> Iterator[frozenset[Hint]]:
        """Yield folders to scan, as soon as they are quiet; an empty set at least every `tick_s`.

        Ends when `stop` is set.
        """
        ticked_s = time.monotonic()
        while not self._stop.wait(STEP_S):
            self._check_canary()
            self._poll()
            hints = self._pending.take_due(time.monotonic())
            if hints or time.monotonic() - ticked_s >= self._timing.tick_s:
                yield hints
                ticked_s = time.monotonic()

    def complete_files(self, files: Sequence[FileStat]) -> frozenset[str]:
        """Return the paths of those files that have not changed for a quiet period.

        Waits for one unless each file was already seen unchanged for so long. The folders of the
        other files are named again later.
        """
        quiet_s = self._timing.quiet_ms / 1_000
        since = self._pending.take_unchanged_since(files)
        now = time.monotonic()
        recent = [file for file in files if now - since.get(file.path, now) < quiet_s]
        if recent and self._stop.wait(quiet_s):
            return frozenset()
        changing = {file.path for file in recent if not _is_unchanged(file)}
        for path in changing:
            self._pending.add(Hint(os.path.dirname(path)))  # noqa: PTH120
        return frozenset(file.path for file in files) - changing

    # ------------------------------------------------------------------ the observer

    def _restart(self) -> None:
        self._stop_observer()
        self.polled = dict.fromkeys(self._without_events, "changes by other machines give no event")
        self._pending.roots = self._roots
        self._start_observer([root for root in self._roots if root not in self.polled])

    def _start_observer(self, roots: Sequence[str]) -> None:
        # watchdog warns if the event of a new folder arrives while it scans that folder: harmless.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        try:
            self._observer = self._create_observer()
            self._observer.start()
        except OSError as error:
            self._observer = None
            self.polled.update(dict.fromkeys(roots, _cannot_watch(error)))
            return
        for root in roots:
            try:
                self._schedule(root, os.path.realpath(root))
            except OSError as error:
                self.polled[root] = _cannot_watch(error)
        try:
            private_files.make_folder(self._canary)
        except OSError as error:
            raise DiskError(
                f"The data folder {self._canary.parent} cannot be written ({error.strerror}). "
                "Make it writable, or choose another with --data."
            ) from error
        with suppress(OSError):
            self._schedule("", str(self._canary))
        self._probe()
        self._pending.canary_seen = True

    def _schedule(self, root: str, real_path: str) -> None:
        """Watch a folder; its events are those of `root`. Raises OSError."""
        assert self._observer is not None
        handler = _EventHandler(self._pending, root, real_path)
        self._observer.schedule(handler, real_path, recursive=True, event_filter=_EVENT_TYPES)

    def _probe(self) -> None:
        """Poll all roots if no more folders can be watched: watchdog hides that for subfolders.

        It also causes two events in the canary folder.
        """
        assert self._observer is not None
        probe = self._canary / "probe"
        with suppress(OSError):
            private_files.make_folder(probe)
        try:
            handler = _EventHandler(self._pending, "", str(probe))
            watch = self._observer.schedule(handler, str(probe), event_filter=_EVENT_TYPES)
            self._observer.unschedule(watch)
        except OSError as error:
            self.polled.update(dict.fromkeys(self._roots, _cannot_watch(error)))
        with suppress(OSError):
            probe.rmdir()

    def _stop_observer(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    # ------------------------------------------------------------------ missing events

    def _check_canary(self) -> None:
        """Cause events in our own folder; if the last ones did not arrive, start again."""
        if self._observer is None or time.monotonic() - self._checked_s < self._timing.canary_s:
            return
        self._checked_s = time.monotonic()
        if not self._pending.canary_seen:
            self._restart()
            self._pending.add_all_roots()
        self._pending.canary_seen = False
        if self._observer is not None:
            self._probe()

    def _poll(self) -> None:
        if self.polled and time.monotonic() - self._polled_s >= self._timing.poll_s:
            self._polled_s = time.monotonic()
            for root in self.polled:
                self._pending.add(Hint(root, recursive=True))


class PendingFolders:
    """Folders in which something happened, and when. Safe in any thread."""

    def __init__(
        self,
        timing: WatchTiming,
        is_photo: Callable[[str], bool],
        is_ignored: Callable[[str], bool],
    ) -> None:
        self.roots: tuple[str, ...] = ()
        self.canary_seen = True
        self._timing = timing
        self._is_photo = is_photo
        self._is_ignored = is_ignored
        self._lock = threading.Lock()
        self._times: dict[Hint, tuple[float, float]] = {}  # of the first and last event
        self._event_counts: dict[str, int] = {}  # by root, since nothing was pending
        self._stats: dict[str, tuple[FileStat, float]] = {}  # of files with an event, and when
        # Linux drops events when its queue is full; a burst far below that names the whole root.
        self._max_events = min(timing.burst, _event_queue_length() // 8)

    def add_event(self, root: str, path: str, is_folder: bool) -> None:
        """Record an event; after `burst` events, or as many as may have others lost, the root."""
        if not root:
            self.canary_seen = True
            return
        with self._lock:
            self._event_counts[root] = self._event_counts.get(root, 0) + 1
            is_burst = self._event_counts[root] > self._max_events
        if is_burst:
            self.add(Hint(root, recursive=True))
        elif not any(map(self._is_ignored, Path(path[len(root) :].strip(os.sep)).parts)):
            if is_folder:
                self.add(Hint(path, recursive=True))
            elif self._is_photo(os.path.basename(path)):  # noqa: PTH119
                self._record_stat(path)
                self.add(Hint(os.path.dirname(path)))  # noqa: PTH120

    def add_all_roots(self) -> None:
        """Note that events were lost: anything may have changed."""
        for root in self.roots:
            self.add(Hint(root, recursive=True))

    def add(self, hint: Hint) -> None:
        """Name a folder as soon as it has been quiet for a while from now."""
        now = time.monotonic()
        with self._lock:
            first_s, _ = self._times.get(hint, (now, now))
            self._times[hint] = (first_s, now)

    def take_due(self, now_s: float) -> frozenset[Hint]:
        """Remove and return the folders that are quiet, or have been pending for too long."""
        quiet_s, patience_s = self._timing.quiet_ms / 1_000, self._timing.patience_ms / 1_000
        with self._lock:
            due = frozenset(
                hint
                for hint, (first_s, last_s) in self._times.items()
                if now_s - last_s >= quiet_s or now_s - first_s >= patience_s
            )
            for hint in due:
                del self._times[hint]
            if not self._times:
                self._event_counts.clear()
        return due

    def take_unchanged_since(self, files: Sequence[FileStat]) -> dict[str, float]:
        """Return since when each of these files has matched its stat, if events told.

        Forget them.
        """
        with self._lock:
            recorded = [(file, self._stats.pop(file.path, None)) for file in files]
        return {
            file.path: known[1]
            for file, known in recorded
            if known is not None and file.matches(known[0])
        }

    def _record_stat(self, path: str) -> None:
        with self._lock:
            if len(self._stats) > 2 * self._timing.burst:  # of files that were removed again
                self._stats.clear()
        with suppress(OSError):
            stat = stat_of(path)
            with self._lock:
                self._stats[path] = (stat, time.monotonic())


class _EventHandler(events.FileSystemEventHandler):
    """Passes on the events of one root, with paths as the library spells them."""

    def __init__(self, pending: PendingFolders, root: str, real_path: str) -> None:
        self._pending = pending
        self._root = root
        self._real_path = real_path

    def dispatch(self, event: events.FileSystemEvent) -> None:
        """Note an event; watchdog calls it in a thread of its own."""
        for path in (os.fsdecode(event.src_path), os.fsdecode(event.dest_path)):
            if path.startswith(self._real_path):
                root_path = self._root + path[len(self._real_path) :]
                self._pending.add_event(self._root, root_path, event.is_directory)


class LostEventHandler(logging.Handler):
    """Calls a function when watchdog logs a warning: it lost events or a watch."""

    def __init__(self, on_lost_events: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._on_lost_events = on_lost_events

    def emit(self, record: logging.LogRecord) -> None:
        """Note a warning; `logging` calls it for every one."""
        self._on_lost_events()


def _keep_watches_when_events_are_lost() -> None:
    """Let watchdog only add the watches that are missing after an overflow; a bug of 7.1.

    It removes all of them first. The kernel tells of each removal by an event, so with more folders
    than its queue holds, 16,384, these events overflow it again, and so on without an end.

    For each folder that is watched already it also makes a warning, even if nobody reads it, and
    writes the group into it: by default with all its fields.
    """
    from watchdog.observers.inotify import InotifyWatchGroup

    fields = InotifyWatchGroup.__dataclass_fields__
    if not hasattr(InotifyWatchGroup, "on_queue_overflow") or "_nodes_by_wd" not in fields:
        return  # another version, which a test holds to the same behaviour

    def add_missing(self: InotifyWatchGroup) -> None:
        with self._lock:
            if not self.is_active:
                return
            # A folder may have been deleted and made anew unnoticed: it needs a new watch.
            self._nodes_by_wd.clear()
            self._root = None
            with suppress(OSError):  # the root is gone
                self._add_all_callbacks(self.path)
        # Of folders that had no watch until now, changes were missed.
        _WATCHDOG.warning("All folders below %r are watched again", self.path)

    InotifyWatchGroup.on_queue_overflow = add_missing  # type: ignore[method-assign]
    InotifyWatchGroup.__repr__ = _short_name  # type: ignore[method-assign, assignment]


def _short_name(group: InotifyWatchGroup) -> str:
    return f"InotifyWatchGroup({group.path!r})"


if _ON_LINUX:
    _keep_watches_when_events_are_lost()


def _event_queue_length() -> int:
    """Return the number of events that Linux stores for a process before it drops some."""
    try:
        return int(_EVENT_QUEUE_LENGTH.read_text())
    except (OSError, ValueError):
        return 16_384


def _cannot_watch(error: OSError) -> str:
    """Return a sentence that says why no events can be expected, with the cure."""
    reason = f"the system cannot watch it ({error.strerror or error})"
    if error.errno == errno.ENOSPC and _ON_LINUX:
        reason += "; allow more with: sysctl fs.inotify.max_user_watches=1048576"
    return reason


def _is_unchanged(file: FileStat) -> bool:
    try:
        return stat_of(file.path).matches(file)
    except OSError:
        return False
