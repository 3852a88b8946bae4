"""Finds the photos whose metadata must be read again because a file beside them changed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from imgsearch.decode.sidecars import sidecar_paths
from imgsearch.decode.takeout import SUFFIX as JSON_SUFFIX
from imgsearch.indexer.scan import ScanResult, find_changes
from imgsearch.records.files import Changes, FileStat


class SidecarChanges(Struct, frozen=True):
    """The sidecar files that were added, changed or removed, and the photos affected, by path.

    These include photos that were moved to a sidecar file or away from one.
    """

    sidecars: Changes = field(default_factory=Changes)
    photos: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sidecars.upserts or self.sidecars.gone or self.photos)


def compare_sidecars(
    result: ScanResult, known: Mapping[str, FileStat], photo_changes: Changes
) -> SidecarChanges:
    """Return the changes found by a scan; `known` are the sidecar files as they were last read."""
    if not result.sidecars and not known:
        return SidecarChanges()
    sidecars = find_changes(replace(result, files=_of_photos(result)), known)
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


def _of_photos(result: ScanResult) -> dict[str, FileStat]:
    """Return the XMP files, and those JSON files that can belong to a photo: most others do not."""
    if not any(path.endswith(JSON_SUFFIX) for path in result.sidecars):
        return dict(result.sidecars)
    of_photos = {sidecar for photo in result.files for sidecar in sidecar_paths(photo)}
    return {
        path: stat
        for path, stat in result.sidecars.items()
        if path in of_photos or not path.endswith(JSON_SUFFIX)
    }
