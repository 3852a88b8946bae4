"""Records for the order `sort:best`: which photos are most worth keeping, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from msgspec import Struct, field
from msgspec.structs import astuple

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
LOSSY = "JPEG"  # the format whose bytes for each pixel say how much was lost
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
    """Stored measurements of some pictures, an array (n,) each; NaN where one is unknown.

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
        """Return the measures of pictures, from rows of `MEASURE_COLUMNS`, in their order."""
        import numpy as np

        columns = list(zip(*rows, strict=True)) or [()] * len(MEASURE_COLUMNS)
        ids, formats, *numbers = columns
        is_lossy = np.array([each == LOSSY for each in formats], bool)
        return cls.of_columns(
            np.array(ids, np.int64), is_lossy, *(np.array(each, np.float64) for each in numbers)
        )

    @classmethod
    def of_columns(
        cls,
        ids: Ids,
        is_lossy: NDArray[np.bool_],
        widths: Numbers,
        heights: Numbers,
        sizes: Numbers,
        lightness: Numbers,
        detail: Numbers,
        sharpness: Numbers,
    ) -> Self:
        """Return the measures of pictures (`is_lossy`: JPEGs) from one array (n,) a fact."""
        import numpy as np

        pixels = widths * heights
        pixels[pixels <= 0] = np.nan
        bits = _BITS * sizes / pixels
        bits = np.where(is_lossy & (bits > 0), bits, np.nan)
        return cls(ids, lightness, detail, sharpness, pixels / 1e6, bits)

    def of(self, rows: Ids) -> Self:
        """Return the measures of some pictures, by their rows."""
        return type(self)(*(array[rows] for array in astuple(self)))


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
    is nearly the same. `evened` are the points for light that they gain, to have as many as the
    best lit of their frames.
    """

    ids: tuple[int, ...] = ()
    twins: Mapping[int, int] = field(default_factory=dict)
    tastes: Mapping[int, float] = field(default_factory=dict)
    softer: Mapping[int, float] = field(default_factory=dict)
    evened: Mapping[int, float] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """About as many bytes as it takes in memory: of Python, a number and its place have 40."""
        return 40 * len(self.ids)
