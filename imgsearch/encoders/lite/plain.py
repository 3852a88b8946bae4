"""The forms `lite` and `lite+views`: one image tower."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imgsearch.encoders.lite import heads, towers, views, weights
from imgsearch.encoders.lite.heads import CURRENT, Floats, HeadsFile
from imgsearch.encoders.lite.spec import CONTEXT_LENGTH, SIDE_PX, VIEWS_SIDE_PX
from imgsearch.records.arrays import PixelBatch, Vectors


class PlainForm:
    """A LiteForm of EfficientNet-Lite2 and its heads.

    `has_views`: the vector of a photo is that of both its views (see `views`).
    """

    def __init__(self, heads_file: HeadsFile = CURRENT, has_views: bool = False) -> None:
        """Read the heads.

        Raises EncoderUnavailable if a weight package is missing, EncoderError if a file is not the
        one that `lite` was made with.
        """
        weights.require(weights.LITE_FILES)
        self._heads_file, self._heads = heads_file, heads.load(heads_file.verified())
        self._has_views = has_views

    @property
    def id(self) -> str:
        suffix = "+views" if self._has_views else ""
        return (
            f"lite/{self._heads_file.generation}{suffix}:efficientnet-lite2-int8-{SIDE_PX}-squash"
            f"+all-minilm-l6-v2-{CONTEXT_LENGTH}+heads-{self._heads_file.trained}"
        )

    @property
    def dim(self) -> int:
        return self._heads.dim

    @property
    def side_px(self) -> int:
        return VIEWS_SIDE_PX if self._has_views else SIDE_PX

    @property
    def logit_scale(self) -> float:
        return self._heads.logit_scale

    def text_vectors(self, rows: Floats) -> Vectors:
        return self._heads.text_vectors(rows)

    def open_images(self, cache_dir: Path, threads: int) -> Callable[[PixelBatch], Vectors]:
        tower = towers.open_image_tower(cache_dir, self._heads.ranges, threads)
        image_vectors = self._heads.image_vectors

        def embed(batch: PixelBatch) -> Vectors:
            return image_vectors(*tower.outputs(batch))

        return views.of_both(embed) if self._has_views else embed
