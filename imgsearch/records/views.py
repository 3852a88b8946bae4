"""What there is to look at beside answers: pairs, counts, reasons, choices, the state of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from imgsearch.records import Failure, Photo, Root, SnapshotInfo, Want
    from imgsearch.terms import Filter, Share


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
