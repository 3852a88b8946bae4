"""Records of packs: files that carry all data about photos to other machines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from imgsearch.records.marks import PhotoMarks
from imgsearch.records.photo import Facts
from imgsearch.records.picture_text import PhotoText


class PackedFile(Struct, frozen=True):
    """A file of a photo: its path below the folder of the pack, and its stat there."""

    path: str
    size_bytes: int
    mtime_ns: int


class PackedVectors(Struct, frozen=True):
    """The vectors of one photo by one encoder, one per part, the whole image first.

    Each is fp16, little-endian. `times_s` are the moments of a video's parts, in seconds; it is
    empty for a photo.
    """

    encoder_id: str
    vectors: tuple[bytes, ...]
    times_s: tuple[float, ...] = ()


class PackedPhoto(Struct, frozen=True):
    """One photo of a pack. `thumbnail` is WebP.

    It was not read for `unread_facts`, names of facts in order, which are unknown for it.
    """

    content_hash: bytes
    size_bytes: int
    facts: Facts
    facts_at: datetime  # when the facts were read, UTC
    files: tuple[PackedFile, ...]
    vectors: tuple[PackedVectors, ...] = ()
    text: PhotoText | None = None  # None: not read yet
    thumbnail: bytes | None = None
    marks: PhotoMarks = PhotoMarks()
    unread_facts: tuple[str, ...] = ()


class PackEncoder(Struct, frozen=True):
    """An encoder with vectors in a pack; one of them answered the queries of its library."""

    encoder_id: str
    name: str
    dim: int
    is_current: bool


class PackedPerson(Struct, frozen=True):
    """A person of a pack with faces, by its id there; without a name, a group of faces.

    `is_me` is set for the person that the owner of the library is.
    """

    id: int
    name: str | None
    is_hidden: bool
    is_me: bool = False


class PackInfo(Struct, frozen=True):
    """The statements of a pack about itself.

    `folder` is the name, without parents, of the folder that contains all paths; `volume` and
    `volume_path` locate it if its drive can be identified. `fact_names`, the facts that the pack
    knows (an older imgsearch knew fewer), and the numbers of photos and files are counted when it
    is written. With `has_faces` it carries the faces of its photos, with their vectors, and
    `persons`. With `has_marks` it carries marks of its photos. With `has_unread`, some photos were
    not read for all of these facts, which are unknown for them. `of_features` has, by feature, the
    names of the things that people made with them.
    """

    made_by: str
    made_at: datetime  # UTC
    folder: str
    volume: str | None
    volume_path: str | None
    encoders: tuple[PackEncoder, ...]
    fact_names: tuple[str, ...] = ()
    photos: int = 0
    files: int = 0
    has_faces: bool = False
    persons: tuple[PackedPerson, ...] = ()
    has_marks: bool = False
    has_unread: bool = False
    of_features: Mapping[str, tuple[str, ...]] = {}


class MergeCounts(Struct, frozen=True):
    """The changes made by merging photos of a pack."""

    new: int = 0  # photos
    newer_facts: int = 0  # known photos with older facts than the pack
    embedded: int = 0  # photos that got vectors
    texts: int = 0  # photos whose text in the pack is newer, or new
    files: int = 0  # new to the library
    faces: int = 0
    marks: int = 0

    def plus(self, other: MergeCounts) -> MergeCounts:
        """Return the counts of both."""
        return MergeCounts(
            self.new + other.new,
            self.newer_facts + other.newer_facts,
            self.embedded + other.embedded,
            self.texts + other.texts,
            self.files + other.files,
            self.faces + other.faces,
            self.marks + other.marks,
        )
