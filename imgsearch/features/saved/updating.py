"""Brings the links, the list and the command of a saved search up to date with its photos."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from threading import Event

from imgsearch.features.saved.records import OutputsReport, SavedSearchOutputs
from imgsearch.features.saved.store import SavedSearchStore
from imgsearch.features.saved.telling import check_command, tell
from imgsearch.outputs.links import LinkChanges, update_links
from imgsearch.outputs.places import refuse_inside
from imgsearch.outputs.playlist import write_playlist
from imgsearch.records.answer import Hit


def update_outputs(
    outputs: SavedSearchOutputs,
    hits: Sequence[Hit],
    store: SavedSearchStore,
    roots: Collection[str],
    own_folders: Collection[Path],
    stop: Event,
) -> OutputsReport:
    """Bring everything in step with these hits of the search; returns what was done.

    Photos that cannot be reached now are neither listed nor announced, and links to them stay.
    `roots` are the indexed folders and `own_folders` those of imgsearch: nothing is written there.
    Raises UsageError, DiskError, and ImgsearchError if the command fails.
    """
    for place in (outputs.links, outputs.playlist):
        if place is not None:
            refuse_inside(place, roots, own_folders)
    if outputs.command:
        check_command(outputs.command)
    reached = {hit.photo.id: hit.path for hit in hits if not (hit.offline or hit.missing)}
    changes = LinkChanges()
    if outputs.links is not None:
        kept = {hit.photo.id for hit in hits} - reached.keys()
        changes = update_links(outputs.links, outputs.name, reached, kept, store.names())
    is_listed = outputs.playlist is not None and write_playlist(
        outputs.playlist, outputs.name, list(reached.values())
    )
    announced = 0
    if outputs.command:
        known = store.announced(outputs.name)
        new = [photo_id for photo_id in reached if photo_id not in known]
        if new:
            paths = [reached[photo_id] for photo_id in new]
            tell(outputs.command, outputs.name, paths, outputs.nul, stop)
            store.set_announced(outputs.name, known.union(new))
            announced = len(new)
    return OutputsReport(
        outputs.name, len(hits), changes.made, changes.removed, is_listed, announced
    )
