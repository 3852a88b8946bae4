"""Records for the order `sort:best`: which photos are most worth keeping, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from msgspec import Struct, field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Ids, Vector

    Numbers: TypeAlias = NDArray[np.float64]

ReasonName: TypeAlias = Literal["light", "sharpness", "size", "compression", "twins", "favourites"]
MEASURE_COLUMNS = (
    *("id", "format", "width_px", "height_px", "size_bytes"),
    *("lightness", "detail", "sharpness"),
)
_LOSSY = "JPEG"  # the format whose bytes for each pixel say how much was lost
_BITS = 8


class WorthReason(Struct, frozen=True):
    """One reason for the place of a photo in the order `sort:best`, with its points.

    `text` says it for people: "well lit", "blurred", "12.2 megapixels".
    """

    name: ReasonName
    points: float
    text: str


class Worth(Struct, frozen=True):
    """How much a photo is worth keeping: `points` are the sum of those of its reasons.

    `better_twin` is the path of a photo of the same answer that is nearly the same and has more
    points. Photos with one come after those without.
    """

    points: float
    reasons: tuple[WorthReason, ...]
    better_twin: Path | None = None

    def __str__(self) -> str:
        twin = [] if self.better_twin is None else [f"{self.better_twin.name} is better"]
        return ", ".join([*twin, *(reason.text for reason in self.reasons)])


class PictureMeasures(Struct, frozen=True, eq=False):
    """What a library has stored about some pictures, an array (n,) each; NaN where it is unknown.

    `lightness`, `detail` and `sharpness` are those facts. `bits` are the bits for each pixel of a
    JPEG.
    """

    ids: Ids
    lightness: Numbers
    detail: Numbers
    sharpness: Numbers
    megapixels: Numbers
    bits: Numbers

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[Any]]) -> Self:
        """The measures of pictures, from rows of `MEASURE_COLUMNS`, in their order."""
        import numpy as np

        columns = list(zip(*rows, strict=True)) or [()] * len(MEASURE_COLUMNS)
        ids, formats, widths, heights, sizes, lightness, detail, sharpness = columns
        pixels = np.array(widths, np.float64) * np.array(heights, np.float64)
        pixels[pixels <= 0] = np.nan
        is_lossy = np.array([each == _LOSSY for each in formats], bool)
        bits = _BITS * np.array(sizes, np.float64) / pixels
        return cls(
            np.array(ids, np.int64),
            np.array(lightness, np.float64),
            np.array(detail, np.float64),
            np.array(sharpness, np.float64),
            pixels / 1e6,
            np.where(is_lossy & (bits > 0), bits, np.nan),
        )


class Taste(Struct, frozen=True, eq=False):
    """The favourites of a library, and how a vector is compared with them.

    The score of a vector (dim,) along `direction` is compared with the `mean` and the `deviation`
    of other photos. There is no direction where the favourites are too few to learn from.
    """

    favourites: frozenset[int]
    direction: Vector | None = None
    mean: float = 0.0
    deviation: float = 1.0


class BestOrder(Struct, frozen=True, eq=False):
    """Photos in the order `sort:best`, with what the vectors of the first of them say.

    `twins` maps a photo to the better one that is nearly the same. `tastes` are the points of
    photos for their closeness to favourites, `softer` those that they lose to a sharper photo that
    is nearly the same.
    """

    ids: tuple[int, ...] = ()
    twins: Mapping[int, int] = field(default_factory=dict)
    tastes: Mapping[int, float] = field(default_factory=dict)
    softer: Mapping[int, float] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """About as many bytes as it takes in memory: of Python, a number and its place have 40."""
        return 40 * len(self.ids)
