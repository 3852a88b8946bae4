"""Which photos are one shot: what a camera wrote as RAW and, beside it, as JPEG or HEIF."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass

from imgsearch.store.connected import Connected

RAW = "RAW"
DEVELOPED = ("JPEG", "HEIF")

_FILES = (
    "SELECT root_id, name, photos.id, format, taken_at FROM paths "
    "JOIN photos ON photos.id = photo_id WHERE "
)
_OF_PHOTOS = _FILES + "photos.id IN (SELECT value FROM json_each(?))"
# In ASCII "." and "/" are neighbours: of all names that begin alike, these have a suffix next.
_OF_ONE_NAME = _FILES + "root_id = ? AND name >= ? AND name < ?"
_SECOND = len("2023-06-15T14:30:00")


class ShotReading(Connected):
    """The part of the store that knows what belongs to one shot."""

    def shots(self, ids: Iterable[int]) -> list[tuple[int, int]]:
        """Pairs of photos (developed, RAW) that are one shot, and of which one is among `ids`.

        They lie in one folder, by one name up to the suffix; and were taken in the same second,
        where both say when.
        """
        pairs: dict[tuple[int, int], None] = {}
        with self._reading() as connection:
            rows = connection.execute(_OF_PHOTOS, (json.dumps(list(ids)),)).fetchall()
            for one in (_File(*row) for row in rows):
                span = (one.root_id, one.stem + b".", one.stem + b"/")
                for other in (_File(*row) for row in connection.execute(_OF_ONE_NAME, span)):
                    developed, raw = (one, other) if other.format == RAW else (other, one)
                    if _are_one_shot(developed, raw):
                        pairs[developed.id, raw.id] = None
        return list(pairs)


@dataclass(frozen=True, slots=True)
class _File:
    root_id: int
    name: bytes  # as the file system spells it
    id: int
    format: str
    taken_at: str | None

    @property
    def stem(self) -> bytes:
        return os.path.splitext(self.name)[0]  # noqa: PTH122  # as in scan


def _are_one_shot(developed: _File, raw: _File) -> bool:
    moments = {each.taken_at[:_SECOND] for each in (developed, raw) if each.taken_at is not None}
    return (
        raw.format == RAW
        and developed.format in DEVELOPED
        and developed.stem == raw.stem
        and len(moments) <= 1
    )
