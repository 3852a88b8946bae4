"""Which photos must be asked again what is known of them, because of the XMP files beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from imgsearch.decode.formats import sidecar_paths
from imgsearch.indexer import scan
from imgsearch.records.files import Changes, FileStat


@dataclass(frozen=True, slots=True)
class SidecarChanges:
    """The XMP files that came, changed or went, and the paths of the photos that this concerns.

    Photos that came to an XMP file, or left one behind, are among them.
    """

    sidecars: Changes
    photos: tuple[str, ...]

    @property
    def is_news(self) -> bool:
        return bool(self.sidecars.upserts or self.sidecars.gone or self.photos)


def compare_sidecars(
    seen: scan.ScanResult, known: Mapping[str, FileStat], changes: Changes
) -> SidecarChanges:
    """What one look tells, where `known` are the XMP files as they were read last."""
    if not seen.sidecars and not known:
        return SidecarChanges(Changes((), ()), ())
    sidecars = scan.diff(replace(seen, files=seen.sidecars), known)
    news = {one.path for one in sidecars.upserts} | set(sidecars.gone)
    moved = [*(one.path for one in changes.upserts), *changes.gone]
    photos = [
        path
        for path in moved
        if any(it in seen.sidecars or it in known for it in sidecar_paths(path))
    ]
    if news:
        photos += [path for path in seen.files if not news.isdisjoint(sidecar_paths(path))]
    return SidecarChanges(sidecars, tuple(dict.fromkeys(photos)))
