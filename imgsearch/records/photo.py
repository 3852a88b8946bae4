"""A photo of the library, what its file tells of it, and what was embedded of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector, Vectors


@dataclass(frozen=True, slots=True)
class Facts:
    """What a photo's file tells about it. Unknown is None, never a guess.

    `taken_at` is the camera's local time, with its offset where the file gives one; `dated_by`
    says who told it: "exif", "xmp", "iptc", "video" for a video's container, or "sidecar" for an
    XMP file beside the photo.
    `lat` and `lon` are degrees (WGS 84), south and west negative. Sides are of the upright image.
    """

    format: str  # Pillow's name: JPEG, PNG, HEIF, …; or RAW, VIDEO
    width_px: int
    height_px: int
    taken_at: datetime | None = None
    camera: str | None = None  # maker and model, the maker not said twice
    lens: str | None = None
    lat: float | None = None
    lon: float | None = None
    dated_by: str | None = None
    rating: int | None = None  # 0 to 5 stars, -1 rejected
    keywords: tuple[str, ...] = ()  # as written, hierarchical ones with their levels: A|B|C
    duration_s: float | None = None  # of a video
    motion: str | None = None  # a video of its moment lies "inside" its file, or "beside" it
    animated: bool = False  # several frames, of which the first stands for all


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of the library: its bytes. Where it lies is a matter of paths."""

    id: int
    content_hash: str  # hexadecimal
    size_bytes: int
    facts: Facts

    @property
    def taken_at(self) -> datetime | None:
        return self.facts.taken_at

    @property
    def width_px(self) -> int:
        return self.facts.width_px

    @property
    def height_px(self) -> int:
        return self.facts.height_px


@dataclass(frozen=True, slots=True)
class PhotoVectors:
    """What was embedded of one photo: `vectors` (parts, dim), the first of the whole.

    A photo's score is that of its best part. `times_s` says when in a video each is seen, in
    seconds; it is empty for a photo.
    """

    vectors: Vectors
    times_s: tuple[float, ...] = ()

    def best(self, query: Vector) -> int:
        """Which part is most like a query (dim,)."""
        return int((self.vectors @ query).argmax())
