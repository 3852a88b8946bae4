"""Which photos must be asked again what is known of them, because of the XMP files beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from imgsearch import scan
from imgsearch.decode import sidecars_of
from imgsearch.records import Changes, FileStat


@dataclass(frozen=True, slots=True)
class Beside:
    """The XMP files that came, changed or went, and the paths of the photos that this concerns.

    Photos that came to an XMP file, or left one behind, are among them.
    """

    sidecars: Changes
    photos: tuple[str, ...]

    @property
    def is_news(self) -> bool:
        return bool(self.sidecars.upserts or self.sidecars.gone or self.photos)


def beside(seen: scan.Seen, known: Mapping[str, FileStat], changes: Changes) -> Beside:
    """What one look tells, where `known` are the XMP files as they were read last."""
    if not seen.sidecars and not known:
        return Beside(Changes((), ()), ())
    sidecars = scan.diff(replace(seen, files=seen.sidecars), known)
    news = {one.path for one in sidecars.upserts} | set(sidecars.gone)
    moved = [*(one.path for one in changes.upserts), *changes.gone]
    photos = [
        path
        for path in moved
        if any(it in seen.sidecars or it in known for it in sidecars_of(path))
    ]
    if news:
        photos += [path for path in seen.files if not news.isdisjoint(sidecars_of(path))]
    return Beside(sidecars, tuple(dict.fromkeys(photos)))
