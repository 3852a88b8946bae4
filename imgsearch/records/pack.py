"""Packs: photos of a library with all that is known of them, in a file for other machines."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from imgsearch.records.photo import Facts
from imgsearch.records.picture_text import PhotoText


class PackedFile(Struct, frozen=True):
    """A file of a photo: its path below the folder of the pack, and its stat there."""

    path: str
    size_bytes: int
    mtime_ns: int


class PackedVectors(Struct, frozen=True):
    """The embeddings of one photo by one encoder, one a part, the whole image first.

    Each is fp16, little-endian. `times_s` are the moments of a video's parts, in seconds; it is
    empty for a photo.
    """

    encoder_id: str
    vectors: tuple[bytes, ...]
    times_s: tuple[float, ...] = ()


class PackedPhoto(Struct, frozen=True):
    """One photo of a pack. `thumbnail` is WebP."""

    content_hash: bytes
    size_bytes: int
    facts: Facts
    facts_at: datetime  # when the facts were read, UTC
    files: tuple[PackedFile, ...]
    vectors: tuple[PackedVectors, ...] = ()
    text: PhotoText | None = None  # None: not tried yet
    thumbnail: bytes | None = None


class PackEncoder(Struct, frozen=True):
    """An encoder whose vectors a pack has; one of them answered the queries of its library."""

    encoder_id: str
    name: str
    dim: int
    is_current: bool


class PackedSearch(Struct, frozen=True):
    """A saved search. `photos` has the content hashes of the photos that its line names by id."""

    name: str
    line: str
    k: int | None
    include_weak: bool
    saved_at: datetime
    photos: dict[int, str]


class PackedExample(Struct, frozen=True):
    """An example of a concept; `picture` is WebP, of an example that is no photo of the library."""

    content_hash: str  # hexadecimal
    is_like: bool
    picture: bytes | None = None


class PackedConcept(Struct, frozen=True):
    """A concept that was taught, and the words that describe it, if any."""

    name: str
    words: str | None
    examples: tuple[PackedExample, ...]


class PackInfo(Struct, frozen=True):
    """What a pack states about itself.

    `folder` is the name of the folder that the paths are below, without its parents; `volume` and
    `volume_path` say where it is if its drive can be identified. `fact_names` are the facts that
    the pack knows: an older imgsearch knew fewer. `searches` and `concepts` are those of the whole
    library.
    """

    made_by: str
    made_at: datetime  # UTC
    folder: str
    volume: str | None
    volume_path: str | None
    encoders: tuple[PackEncoder, ...]
    fact_names: tuple[str, ...]
    photos: int = 0
    files: int = 0
    searches: tuple[PackedSearch, ...] = ()
    concepts: tuple[PackedConcept, ...] = ()


class MergeCounts(Struct, frozen=True):
    """What merging photos of a pack changed."""

    new: int = 0  # photos
    newer_facts: int = 0  # known photos whose facts were older than those of the pack
    embedded: int = 0  # photos that got vectors
    texts: int = 0  # photos whose text was read later than here, or only there
    files: int = 0  # that the library did not have

    def plus(self, other: MergeCounts) -> MergeCounts:
        """The counts of both."""
        return MergeCounts(
            self.new + other.new,
            self.newer_facts + other.newer_facts,
            self.embedded + other.embedded,
            self.texts + other.texts,
            self.files + other.files,
        )
