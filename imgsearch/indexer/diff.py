"""Compares a library with the disk.

The disk is authoritative, but a file that cannot be found has not always been deleted: its drive
may be unplugged or replaced by another one, and its folder may be unreadable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.sidecars import is_sidecar_name
from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.roots import is_available, is_on_other_drive
from imgsearch.indexer.scan import ScanResult, find_changes, folder_identity, is_inside, scan
from imgsearch.indexer.sidecars import SidecarChanges, compare_sidecars
from imgsearch.indexer.volumes import MountTable
from imgsearch.records.files import Changes, FileStat
from imgsearch.store.reads import Reads
from imgsearch.store.store import Store


class Scope(Struct, frozen=True):
    """A folder of a root to scan: with its subfolders if `recursive`, else only its own files."""

    root_id: int
    folder: str
    recursive: bool = True


class ScopeDiff(Struct, frozen=True):
    """The changes in one scope."""

    scope: Scope
    changes: Changes
    unchanged_files: tuple[FileStat, ...] = ()  # only if they were asked for
    reappeared: tuple[str, ...] = ()  # paths that were held as missing and exist again
    sidecars: SidecarChanges = field(default_factory=SidecarChanges)
    left: tuple[str, ...] = ()  # files of a run that was killed while it wrote beside photos


class LibraryDiff(Struct, frozen=True):
    """The changes in each scope, and the number of known files that are offline."""

    scopes: tuple[ScopeDiff, ...]
    offline: int = 0

    @property
    def upserts(self) -> list[FileStat]:
        """Every new or changed file."""
        return [file for scope in self.scopes for file in scope.changes.upserts]

    @property
    def unchanged(self) -> int:
        """The number of unchanged files."""
        return sum(scope.changes.unchanged for scope in self.scopes)

    @property
    def changes_photos(self) -> bool:
        """Whether photo files were added, changed or removed."""
        return any(scope.changes.upserts or scope.changes.gone for scope in self.scopes)

    @property
    def changes_library(self) -> bool:
        """Whether anything has to be done, for sidecar files and held removals, too."""
        return self.changes_photos or any(
            scope.reappeared or scope.sidecars for scope in self.scopes
        )

    def with_upserts(self, changed: Iterable[FileStat]) -> LibraryDiff:
        """Return the same diff with some of the unchanged files as changed ones."""
        by_path = {file.path: file for file in changed}
        scopes = []
        for scope in self.scopes:
            more = tuple(
                by_path[file.path] for file in scope.unchanged_files if file.path in by_path
            )
            changes = replace(
                scope.changes,
                upserts=scope.changes.upserts + more,
                unchanged=scope.changes.unchanged - len(more),
            )
            scopes.append(replace(scope, changes=changes))
        return replace(self, scopes=tuple(scopes))

    def limited_to(self, paths: Collection[str]) -> LibraryDiff:
        """Return the same diff without the new and changed files that are not among these paths."""
        scopes = []
        for scope in self.scopes:
            upserts = tuple(file for file in scope.changes.upserts if file.path in paths)
            scopes.append(replace(scope, changes=replace(scope.changes, upserts=upserts)))
        return replace(self, scopes=tuple(scopes))


# ------------------------------------------------------------------------- scopes


def add_folders(store: Store, folders: Sequence[str]) -> list[Scope]:
    """Return the scopes of these folders, which become roots unless they are part of one."""
    return merge_scopes(Scope(store.files.add_root(folder), folder) for folder in folders)


def all_scopes(reads: Reads) -> list[Scope]:
    """Return the scopes of all roots that are not paused.

    Raises UsageError if there are no roots.
    """
    if not reads.roots.all():
        raise UsageError(
            Sentence("No photo folder is known yet. Name one: ", CommandLine("index FOLDER"))
        )
    return [Scope(root_id, root) for root_id, root in reads.roots.active().items()]


def merge_scopes(scopes: Iterable[Scope]) -> list[Scope]:
    """Return these scopes without those that another one covers, sorted by root and folder."""
    merged: list[Scope] = []
    recursive: set[tuple[int, str]] = set()
    for scope in sorted(scopes, key=lambda s: (s.root_id, s.folder, not s.recursive)):
        covering = [scope.folder, *map(str, Path(scope.folder).parents)]
        if any((scope.root_id, folder) in recursive for folder in covering):
            continue
        if scope in merged[-1:]:
            continue
        merged.append(scope)
        if scope.recursive:
            recursive.add((scope.root_id, scope.folder))
    return merged


# ------------------------------------------------------------------------- comparing


def compare(
    context: IndexingContext,
    store: Store,
    scopes: Sequence[Scope],
    list_unchanged: bool = False,
) -> LibraryDiff:
    """Scan these scopes and compare them with what the library knows.

    Files that failed before count as changed if another attempt may succeed. A root
    is offline if it does not exist, is empty but was not, or is on another drive: then its known
    files are counted, and nothing about them changes. Unreadable folders and the volumes of roots
    are recorded in the store, nothing else.
    """
    roots = store.reads.roots.all()
    row = store.reads.encoders.current()
    outdated = {str(path) for path in store.photos.unembedded(row.key).values()} if row else set()
    outdated |= store.failures.to_retry(context.fingerprint)
    offline = 0
    diffs = []
    for scope in scopes:
        root = roots[scope.root_id]
        known = store.files.known(scope.root_id, scope.folder, scope.recursive)
        result, offline_reason = _scan_scope(store, scope, root, known, context.mounts)
        if offline_reason:
            offline += len(known)
            context.notify(
                Sentence(
                    f"{root} {offline_reason}. Its photos stay in the library, marked as offline, "
                    "until it is back. To remove them: ",
                    CommandLine("forget FOLDER"),
                )
            )
            continue
        _record_unreadable(store, scope, _unreadable_folders(result, known), context.notify)
        changes = find_changes(result, known, outdated)
        unchanged: tuple[FileStat, ...] = ()
        if list_unchanged:
            upserts = {file.path for file in changes.upserts}
            unchanged = tuple(file for path, file in result.files.items() if path not in upserts)
        held = store.files.held(scope.root_id)
        reappeared = tuple(path for path in held if path in result.files)
        known_sidecars = store.files.sidecars(scope.root_id, scope.folder, scope.recursive)
        sidecars = compare_sidecars(result, known_sidecars, changes)
        diffs.append(ScopeDiff(scope, changes, unchanged, reappeared, sidecars, result.left))
    return LibraryDiff(tuple(diffs), offline)


def diff_of_files(reads: Reads, files: Sequence[FileStat]) -> LibraryDiff:
    """Return a diff in which exactly these files of the library have changed. Nothing is scanned.

    Files of paused roots are left out.
    """
    scopes = []
    for root_id, root in reads.roots.active().items():
        upserts = tuple(file for file in files if is_inside(file.path, (root,)))
        scopes.append(ScopeDiff(Scope(root_id, root), Changes(upserts)))
    return LibraryDiff(tuple(scopes))


def _scan_scope(
    store: Store, scope: Scope, root: str, known: Mapping[str, FileStat], mounts: MountTable
) -> tuple[ScanResult, str]:
    """Return the files of a scope, and why its root counts as offline; "" if it is online."""
    identity = folder_identity(root)
    result = scan(scope.folder, is_photo_name, scope.recursive, is_sidecar_name)
    other_drive = is_on_other_drive(root, store.reads.roots.volumes().get(scope.root_id), mounts)
    if scope.recursive and scope.folder == root and any(path in known for path in result.files):
        other_drive = False  # the photos were moved or restored to a new drive
    if known and (identity is None or folder_identity(root) != identity):
        return result, "is not available"
    if known and not result.files and not is_available(root):
        return result, "is empty, like the mount point of a drive that is not connected"
    if other_drive:
        return result, "is now on another drive"
    _record_volume(store, scope.root_id, root, mounts)
    return result, ""


def _record_volume(store: Store, root_id: int, root: str, mounts: MountTable) -> None:
    place = mounts.volume_path(root)
    if place is not None and store.reads.roots.volumes().get(root_id) != (place.volume, place.path):
        store.files.set_volume(root_id, place.volume, place.path)


def _unreadable_folders(result: ScanResult, known: Iterable[str]) -> dict[str, str]:
    """Return the folders, and links to known folders, that could not be read: path to message."""
    messages = dict.fromkeys(result.unreadable, "The folder cannot be read; check its permissions.")
    for link in result.dangling:
        if any(is_inside(path, (link,)) for path in known):
            messages[link] = "The folder that this link leads to is not available."
    return messages


def _record_unreadable(
    store: Store, scope: Scope, messages: Mapping[str, str], notify: Callable[[str], None]
) -> None:
    for folder, message in messages.items():
        notify(f"{folder}: {message} Its photos stay in the library.")
    recorded = {str(failure.path) for failure in store.failures.of_folders()}
    if messages or (
        scope.recursive and any(Path(path).is_relative_to(scope.folder) for path in recorded)
    ):
        store.failures.set_folders(scope.root_id, scope.folder, messages)
