"""Compares the library with the disk: which folders are there, and what changed in them.

The disk is the truth, but not every absence is a deletion: a drive may be unplugged, another may
be in its place, a folder may be locked, and a mistake or a sync tool may empty one at a stroke.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.decode.formats import is_photo_name, is_sidecar_name
from imgsearch.errors import FolderError, UsageError
from imgsearch.indexer import scan, volumes
from imgsearch.indexer.sidecars import SidecarChanges, compare_sidecars
from imgsearch.indexer.volumes import VolumePath, is_other_drive, is_there, online_roots
from imgsearch.records.files import Changes, FileStat
from imgsearch.records.status import Root

if TYPE_CHECKING:
    from imgsearch.store.reads import Reads
    from imgsearch.store.store import Store

# A root that is there and loses this many of its photos at once, and this share, gets them held.
HELD_FROM = 50
HELD_SHARE = 0.2

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scope:
    """A folder to look at: with all inside it, or (not `deep`) its own files only."""

    root_id: int
    folder: str
    deep: bool = True


@dataclass(frozen=True, slots=True)
class ScopeDiff:
    """What a look at one scope has found."""

    scope: Scope
    changes: Changes
    same: tuple[FileStat, ...]  # files of the size and time that are known, if asked for
    back: tuple[str, ...]  # files that were held as missing, and are there
    sidecars: SidecarChanges  # what the XMP files tell anew


@dataclass(frozen=True, slots=True)
class LibraryDiff:
    """What was found in each scope, and how many known files are out of reach."""

    found: tuple[ScopeDiff, ...]
    offline: int

    def with_upserts(self, changed: Iterable[FileStat]) -> LibraryDiff:
        """The same, with files that turned out to differ after all among the changes."""
        news = {one.path: one for one in changed}
        found = []
        for each in self.found:
            mine = tuple(news[one.path] for one in each.same if one.path in news)
            changes = replace(
                each.changes,
                upserts=each.changes.upserts + mine,
                unchanged=each.changes.unchanged - len(mine),
            )
            found.append(replace(each, changes=changes))
        return replace(self, found=tuple(found))

    @property
    def work(self) -> list[tuple[int, Changes]]:
        """Root id and changes of each scope."""
        return [(each.scope.root_id, each.changes) for each in self.found]


@dataclass(frozen=True, slots=True)
class Settled:
    """How many photos left the library, and how many files are held as missing."""

    gone: int
    missing: int


# ------------------------------------------------------------------------- which folders


def scopes_of(store: Store, folders: Sequence[str]) -> list[Scope]:
    """These folders, added as roots if need be; all roots when none is named.

    Raises UsageError when there is no folder to look at.
    """
    if folders:
        return merged(Scope(store.files.add_root(folder), folder) for folder in folders)
    scopes = [Scope(root_id, root) for root_id, root in store.reads.roots().items()]
    if not scopes:
        raise UsageError("No photo folder is known yet. Name one: imgsearch index FOLDER")
    return scopes


def merged(scopes: Iterable[Scope]) -> list[Scope]:
    """These scopes without those that another one covers, in the order of their folders."""
    kept: list[Scope] = []
    deep: set[tuple[int, str]] = set()
    for scope in sorted(scopes, key=lambda one: (one.root_id, one.folder, not one.deep)):
        above = [scope.folder, *map(str, Path(scope.folder).parents)]
        if any((scope.root_id, folder) in deep for folder in above) or scope in kept[-1:]:
            continue
        kept.append(scope)
        if scope.deep:
            deep.add((scope.root_id, scope.folder))
    return kept


def follow_volumes(store: Store, tell: Tell) -> None:
    """Find the roots whose drive is mounted elsewhere now: the library goes where they went."""
    roots = store.reads.roots()
    for root_id, (volume, inside) in store.reads.volumes().items():
        here, home = roots[root_id], VolumePath(volume, inside)
        if volumes.place_of(here) == home and is_there(here):
            continue
        there = volumes.find(home)
        others = [path for other_id, path in roots.items() if other_id != root_id]
        if there is None or there == here or _overlaps(there, others):
            continue
        store.files.move_root(root_id, there)
        roots[root_id] = there
        tell(f"The drive of {here} is mounted elsewhere now; its photos are at {there}.")


def check_folder(folder: str, roots: Sequence[str]) -> None:
    """Raise FolderError unless `folder` can be read, or lies in a root that may be offline."""
    path = Path(folder)
    if path.is_dir():
        try:
            with os.scandir(folder):
                return
        except OSError as error:
            raise FolderError(
                f"The folder {folder} cannot be read ({error.strerror}). Check its permissions."
            ) from error
    if path.exists():
        raise FolderError(f"{folder} is not a folder. Name the folder that it lies in.")
    if not any(path.is_relative_to(root) for root in roots):
        raise FolderError(f"The folder {folder} does not exist. Check its name.")


def root_at(reads: Reads, folder: str) -> int:
    """The id of the root at `folder`. Raises UsageError when there is none."""
    roots = reads.roots()
    for root_id, root in roots.items():
        if root == folder:
            return root_id
    names = ", ".join(roots.values()) or "none"
    raise UsageError(f"{folder} is not a folder of the library. Its folders: {names}")


def roots_of(reads: Reads) -> tuple[Root, ...]:
    """The photo folders of the library, and whether each can be reached now."""
    counts, missing = reads.photo_counts(), reads.held_counts()
    online = online_roots(reads)
    return tuple(
        Root(
            id=root_id,
            path=Path(path),
            online=online.get(root_id, False),
            photos=counts.get(root_id, 0),
            missing=missing.get(root_id, 0),
        )
        for root_id, path in reads.roots().items()
    )


# ------------------------------------------------------------------------- what changed


def compare(
    store: Store, scopes: Sequence[Scope], tell: Tell, reading: str, list_same: bool = False
) -> LibraryDiff:
    """Look at the disk, and say what differs from what the library knows.

    Files that failed count as changed where another try may help: `reading` says what reads now.

    A root that is not there, is empty while it was full, or has another drive in its place is
    offline: its files are counted, and nothing about them changes. Only what the store knows
    about folders is written: their volumes, and which cannot be read.
    """
    roots = store.reads.roots()
    row = store.reads.current_encoder()
    unfinished = {str(path) for path in store.photos.unembedded(row.key).values()} if row else set()
    unfinished |= store.failures.to_retry(reading)
    offline = 0
    found = []
    for scope in scopes:
        known = store.files.known(scope.root_id, scope.folder, scope.deep)
        seen, absent = _look(store, scope, roots[scope.root_id], known)
        if absent:
            offline += len(known)
            tell(
                f"{roots[scope.root_id]} {absent}. Its photos stay in the library, marked "
                "offline, and come back by themselves. To let them go: imgsearch forget FOLDER"
            )
            continue
        _note_unreadable(store, scope, _closed(seen, known), tell)
        changes = scan.diff(seen, known, unfinished)
        held = store.files.held(scope.root_id)
        same: tuple[FileStat, ...] = ()
        if list_same:
            upserts = {one.path for one in changes.upserts}
            same = tuple(one for path, one in seen.files.items() if path not in upserts)
        back = tuple(path for path in held if path in seen.files)
        told = compare_sidecars(
            seen, store.files.sidecars(scope.root_id, scope.folder, scope.deep), changes
        )
        found.append(ScopeDiff(scope, changes, same, back, told))
    return LibraryDiff(tuple(found), offline)


def diff_of_files(store: Store, files: Sequence[FileStat]) -> LibraryDiff:
    """These files of the library as if they had changed; nothing else is looked at."""
    found = []
    for root_id, root in store.reads.roots().items():
        mine = tuple(one for one in files if scan.is_inside(one.path, (root,)))
        nothing = SidecarChanges(Changes((), ()), ())
        found.append(ScopeDiff(Scope(root_id, root), Changes(mine, ()), (), (), nothing))
    return LibraryDiff(tuple(found), offline=0)


def _look(
    store: Store, scope: Scope, root: str, known: dict[str, FileStat]
) -> tuple[scan.ScanResult, str]:
    """What a folder holds, and why that must not be believed, if so."""
    before = _identity(root)
    seen = scan.scan(scope.folder, is_photo_name, scope.deep, is_sidecar_name)
    other_drive = is_other_drive(root, store.reads.volumes().get(scope.root_id))
    if scope.deep and scope.folder == root and any(path in known for path in seen.files):
        other_drive = False  # the photos have moved to a new drive, or were restored to one
    if known and (before is None or _identity(root) != before):
        return seen, "is not there now"
    if known and not seen.files and not is_there(root):
        return seen, "is empty now, as a mount point without its drive is"
    if other_drive:
        return seen, "holds another drive now"
    _note_volume(store, scope.root_id, root)
    return seen, ""


def _identity(folder: str) -> tuple[int, int] | None:
    """Which folder this is; None when it is not there. One that we may not see never changes."""
    try:
        about = os.stat(folder)  # noqa: PTH116  # as in scan
    except PermissionError:
        return (0, 0)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def _note_volume(store: Store, root_id: int, root: str) -> None:
    place = volumes.place_of(root)
    if place is not None and store.reads.volumes().get(root_id) != (place.volume, place.path):
        store.files.set_volume(root_id, place.volume, place.path)


def _closed(seen: scan.ScanResult, known: Iterable[str]) -> dict[str, str]:
    """Folders that could not be looked into, and why."""
    closed = dict.fromkeys(seen.unreadable, "The folder cannot be read; check its permissions.")
    for link in seen.dangling:
        if any(scan.is_inside(path, (link,)) for path in known):
            closed[link] = "This link leads to a folder that is not there now."
    return closed


def _note_unreadable(store: Store, scope: Scope, closed: dict[str, str], tell: Tell) -> None:
    for folder, message in closed.items():
        tell(f"{folder}: {message} What is known of its photos is kept.")
    noted = {str(failure.path) for failure in store.failures.of_folders()}
    if closed or (scope.deep and any(Path(path).is_relative_to(scope.folder) for path in noted)):
        store.failures.set_folders(scope.root_id, scope.folder, closed)


# ------------------------------------------------------------------------- what is gone


def apply_removals(store: Store, seen: LibraryDiff, accept_removals: bool, tell: Tell) -> Settled:
    """Let go of the files that are gone. Call it once the new ones are in.

    Only then is a photo that moved, within a root or to another one, known at its new path, and
    no loss. Of a root that loses more than a fifth of its photos, and 50 or more, within ten
    minutes, they are held as missing instead, unless `accept_removals`.
    """
    gone: dict[int, set[str]] = {}
    for found in seen.found:
        gone.setdefault(found.scope.root_id, set()).update(found.changes.gone)
        if found.back:
            store.files.release(found.scope.root_id, found.back)
    last = store.files.last_paths(gone) if any(gone.values()) else {}
    left = 0
    for root_id, paths in gone.items():
        lost = last.get(root_id, set())
        if lost and not accept_removals:
            lost = _hold(store, root_id, lost, tell)
        left += store.files.forget(root_id, paths - last.get(root_id, set()) | lost)
    return Settled(left, sum(store.reads.held_counts().values()))


def _hold(store: Store, root_id: int, lost: set[str], tell: Tell) -> set[str]:
    """Hold these lost files if they are too many to believe; the ones to be let go."""
    held = store.files.held(root_id)
    lost = lost - held
    lately = store.files.recent_losses(root_id)
    count = len(lost) + len(held) + lately
    total = store.reads.photo_counts().get(root_id, 0) + lately
    if lost and count >= HELD_FROM and count > HELD_SHARE * total:
        store.files.hold(root_id, lost)
        tell(
            f"{len(lost) + len(held)} of the {total} photos of {store.reads.roots()[root_id]} went "
            "missing all at once. They stay in the library, marked missing, and come back by "
            "themselves. If you removed them on purpose: imgsearch index --accept-removals"
        )
        return set()
    if lost:
        store.files.add_losses(root_id, len(lost))
    return lost


def _overlaps(folder: str, others: Iterable[str]) -> bool:
    path = Path(folder)
    return any(path.is_relative_to(other) or Path(other).is_relative_to(path) for other in others)
