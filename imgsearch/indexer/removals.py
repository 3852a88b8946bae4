"""Removes the files that are gone from the library, unless too many disappeared at once.

A mistake or a sync tool may empty a folder in a moment. Such removals are held until the files are
back or the user confirms them.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from imgsearch.errors import CommandLine, Sentence
from imgsearch.indexer.diff import LibraryDiff
from imgsearch.store.store import Store

# A root that loses at least this many of its photos, and more than this share, has them held.
HELD_FROM = 50
HELD_SHARE = 0.2


class RemovalCounts(Struct, frozen=True):
    """The number of photos that left the library, and of files held as missing."""

    gone: int
    missing: int


def apply_removals(
    store: Store, changes: LibraryDiff, accept_removals: bool, notify: Callable[[str], None]
) -> RemovalCounts:
    """Remove files that are gone. Call it after the upserts are recorded.

    Only then is a photo that moved, also to another root, known at its new path and not lost. If a
    root loses more than a fifth of its photos, and at least 50, within ten minutes, the removals
    are held instead, unless `accept_removals`.
    """
    gone: dict[int, set[str]] = {}
    for scope_diff in changes.scopes:
        root_id = scope_diff.scope.root_id
        gone.setdefault(root_id, set()).update(scope_diff.changes.gone)
        if scope_diff.reappeared:
            store.files.release(root_id, scope_diff.reappeared)
    last_paths = store.files.last_paths(gone) if any(gone.values()) else {}
    removed = 0
    for root_id, paths in gone.items():
        lost = last_paths.get(root_id, set())
        to_remove = paths - lost
        if accept_removals:
            to_remove |= lost
        elif lost:
            to_remove |= _confirmed(store, root_id, lost, notify)
        removed += store.files.forget(root_id, to_remove)
    return RemovalCounts(removed, sum(store.reads.roots.held_counts().values()))


def _confirmed(
    store: Store, root_id: int, lost: set[str], notify: Callable[[str], None]
) -> set[str]:
    """Hold these last paths of photos if they are too many; returns those to remove now."""
    held = store.files.held(root_id)
    lost = lost - held
    recent = store.files.recent_losses(root_id)
    count = len(lost) + len(held) + recent
    total = store.reads.roots.photo_counts().get(root_id, 0) + recent
    if lost and count >= HELD_FROM and count > HELD_SHARE * total:
        store.files.hold(root_id, lost)
        root = store.reads.roots.all()[root_id]
        stay = f"The last {count - recent} of them stay" if recent else "They stay"
        notify(
            Sentence(
                f"{count} of the {total} photos of {root} disappeared within a short time. "
                f"{stay} in the library, marked as missing, until they are back. If you "
                "removed them on purpose: ",
                CommandLine("index --accept-removals"),
            )
        )
        return set()
    if lost:
        store.files.add_losses(root_id, len(lost))
    return lost
