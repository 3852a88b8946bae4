"""Finds the photos whose metadata must be read again because an XMP file beside them changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from imgsearch.decode.formats import sidecar_paths
from imgsearch.indexer.scan import ScanResult, find_changes
from imgsearch.records.files import Changes, FileStat


@dataclass(frozen=True, slots=True)
class SidecarChanges:
    """The XMP files that were added, changed or removed, and the paths of the photos affected.

    These include photos that were moved to an XMP file or away from one.
    """

    sidecars: Changes = field(default_factory=Changes)
    photos: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sidecars.upserts or self.sidecars.gone or self.photos)


def compare_sidecars(
    result: ScanResult, known: Mapping[str, FileStat], photo_changes: Changes
) -> SidecarChanges:
    """The changes found by a scan; `known` are the XMP files as they were last read."""
    if not result.sidecars and not known:
        return SidecarChanges()
    sidecars = find_changes(replace(result, files=result.sidecars), known)
    changed = {sidecar.path for sidecar in sidecars.upserts} | set(sidecars.gone)
    moved = [*(photo.path for photo in photo_changes.upserts), *photo_changes.gone]
    photos = [
        path
        for path in moved
        if any(sidecar in result.sidecars or sidecar in known for sidecar in sidecar_paths(path))
    ]
    if changed:
        photos += [path for path in result.files if not changed.isdisjoint(sidecar_paths(path))]
    return SidecarChanges(sidecars, tuple(dict.fromkeys(photos)))
