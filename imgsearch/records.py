"""Every type that crosses a boundary between modules: frozen records and array aliases.

Arrays: `Vectors` are C-contiguous float32 of shape (n, dim), every row of length 1; `Ids` are
int64 of shape (n,). A score is a cosine similarity, float32 in [-1, 1], higher is better.
Times are aware or naive as the camera wrote them; sizes are bytes; sides are pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:  # numpy and Pillow cost start-up time that `--help` need not pay
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imgsearch.errors import Reason
    from imgsearch.findings import Level, Verdict
    from imgsearch.terms import Filter, Share

    Vectors: TypeAlias = NDArray[np.float32]  # (n, dim), rows of length 1
    Vector: TypeAlias = NDArray[np.float32]  # (dim,), length 1
    Ids: TypeAlias = NDArray[np.int64]  # (n,)
    Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # (3, side_px, side_px)
    PixelBatch: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # (n, 3, side_px, side_px)

Result = TypeVar("Result")


# ---------------------------------------------------------------------------- files


@dataclass(frozen=True, slots=True)
class FileStat:
    """What the file system says of one file, without reading it.

    `path` is absolute text, not a Path: a hundred thousand of them are compared at every run.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between the disk and the library."""

    upserts: tuple[FileStat, ...]  # new files, and known ones that changed
    gone: tuple[str, ...]  # known files that are no longer there
    unchanged: int = 0


# ---------------------------------------------------------------------------- photos


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
class Decoded:
    """An upright sRGB image, perhaps scaled down, with the facts of its file.

    Of a video, `image` is the frame that stands for all of it, `others` are more of its frames,
    and `times_s` says when each is seen, in seconds; of a photo both are empty.
    """

    image: Image
    facts: Facts
    others: tuple[Image, ...] = ()
    times_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """What was embedded of one photo: `vectors` (parts, dim), the first of the whole.

    A photo's score is that of its best part. `times_s` says when in a video each is seen, in
    seconds; it is empty for a photo.
    """

    vectors: Vectors
    times_s: tuple[float, ...] = ()

    def best(self, query: Vector) -> int:
        """Which part is most like a query (dim,)."""
        return int((self.vectors @ query).argmax())


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
class Failure:
    """A file that could not be indexed, and why.

    `extra` is the extra of imgsearch-photos that it wants, where nothing else is amiss. `read_by`
    says what decided how it was read: once that has changed, the file is worth another try.
    """

    path: Path
    reason: Reason
    message: str
    extra: str | None = None
    read_by: str | None = None
    failed_at: datetime | None = None  # UTC; None of a folder, which is looked into every time


@dataclass(frozen=True, slots=True)
class Want:
    """Files of one format that wait for an extra which is not installed."""

    extra: str
    format: str  # as people call it: "JPEG XL"
    files: int

    @property
    def cure(self) -> str:
        """The command that installs it."""
        return f"pip install 'imgsearch-photos[{self.extra}]'"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: a photo with its vectors, known content, or a failure.

    Known content has a hash alone; a photo new to the library has facts and `vectors`, shape
    (parts, dim), with the times of a video's; a failure has a reason and a message.
    """

    stat: FileStat
    content_hash: bytes | None = None
    facts: Facts | None = None
    vectors: Vectors | None = None
    failure: Failure | None = None
    times_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Root:
    """A photo folder the library follows. Offline when it is not there now."""

    id: int
    path: Path
    online: bool
    photos: int
    missing: int = 0  # of these photos: vanished with many others at once, and held


# ---------------------------------------------------------------------------- search


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest vectors of one query: `ids` (m,) int64, `scores` (m,) float32 descending."""

    ids: Ids
    scores: Vector


@dataclass(frozen=True, slots=True)
class Hit:
    """One photo of an answer: where it lies now and how well it fits (cosine, higher is better).

    Without words or examples to fit there is no score. `date` is when it was taken, or, where no
    metadata tells, its file's time of modification; `dated_by` says which ("file" for the latter).
    """

    photo: Photo
    paths: tuple[Path, ...]
    score: float | None
    offline: bool = False  # none of its paths can be reached now
    missing: bool = False  # it vanished from the disk with many others, and is held
    date: datetime | None = None
    dated_by: str | None = None
    level: Level | None = None  # how far to trust it; None where there is no verdict
    at_s: float | None = None  # when in a video what was asked for is seen, in seconds

    @property
    def path(self) -> Path:
        return self.paths[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of hits. `cursor` asks for the page after it; None where there is no more.

    A cursor stays good while the library changes: nothing is shown twice or left out for it.
    There is no `verdict` without words or examples, nor in a library too small to judge.
    """

    hits: tuple[Hit, ...]
    cursor: str | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, by id, and how alike they are (cosine)."""

    a: int
    b: int
    score: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of photos that are alike by at least `min_score`, best first."""

    min_score: float
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many photos of the library have what. Unknown is left out; keys are in order."""

    cameras: dict[str, int]
    formats: dict[str, int]
    months: dict[str, int]  # taken, "2023-06"
    added: dict[str, int]  # to the library, "2026-11-24"
    folders: dict[Path, int]  # files right below each root


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a photo is where it is in an answer, or why it is not there.

    `reason` says in a sentence why it cannot be found at all, else it is None. `rank` counts from
    1 among the photos that pass all filters; None where this one does not or there are no terms.
    """

    path: Path
    reason: str | None = None
    photo: Photo | None = None
    rank: int | None = None
    score: float | None = None
    shares: tuple[Share, ...] = ()
    filters: tuple[tuple[Filter, bool], ...] = ()  # each with whether the photo passes it


# ---------------------------------------------------------------------------- the library


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """One choice of model, as `imgsearch encoders` shows it."""

    name: str  # what --encoder takes: "lite", "openclip:ARCH/PRETRAINED"
    dim: int
    size_mb: int  # download, in megabytes
    licence: str
    accuracy: str  # published or measured, with what it was measured on
    weights_here: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """An encoder that a library has vectors of. `key` stands for its id in the database."""

    key: int
    encoder_id: str
    name: str
    dim: int


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """One immutable index file: all vectors up to `last_seq`, with its size and checksum."""

    file_name: str
    encoder_id: str
    kind: str  # which VectorIndex wrote it
    last_seq: int
    vectors: int
    size_bytes: int
    sha256: str
    built_at: datetime
    details: dict[str, float | int | str] = field(default_factory=dict)  # nprobe, recall, …


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a library at one moment."""

    data_dir: Path
    roots: tuple[Root, ...]
    photos: int
    vectors: int
    encoder: str | None
    snapshot: SnapshotInfo | None
    tail: int  # vectors not yet in the snapshot
    failures: tuple[Failure, ...]
    wants: tuple[Want, ...]  # what some of them wait for
    disk_bytes: int
