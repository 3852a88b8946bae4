"""The forms `lite+dino` and `lite+dino+views`: a second image tower, DINOv2, finds more photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imgsearch.encoders.lite import dino_heads, towers, views, weights
from imgsearch.encoders.lite.dino_heads import CURRENT
from imgsearch.encoders.lite.heads import Floats, HeadsFile
from imgsearch.encoders.lite.pixels import shrunk
from imgsearch.encoders.lite.spec import (
    CONTEXT_LENGTH,
    DINO_SIDE_PX,
    SIDE_PX,
    VIEWS_SIDE_PX,
)
from imgsearch.records.arrays import PixelBatch, Vectors


class DinoForm:
    """A LiteForm of EfficientNet-Lite2, DINOv2 and the heads of both.

    The text tower is that of `lite`, so a text takes no longer. `has_views`: the vector of a photo
    is that of both its views (see `views`).
    """

    def __init__(self, heads_file: HeadsFile = CURRENT, has_views: bool = False) -> None:
        """Read the heads.

        Raises EncoderUnavailable if a weight package is missing, EncoderError if a file is not the
        one that `lite+dino` was made with.
        """
        weights.require(weights.DINO_FILES)
        self._heads_file, self._heads = heads_file, dino_heads.load(heads_file.verified())
        self._has_views = has_views

    @property
    def id(self) -> str:
        suffix = "+dino+views" if self._has_views else "+dino"
        return (
            f"lite/{self._heads_file.generation}{suffix}:efficientnet-lite2-int8-{SIDE_PX}-squash"
            f"+dinov2-vits14-int8-{DINO_SIDE_PX}+all-minilm-l6-v2-{CONTEXT_LENGTH}"
            f"+heads-{self._heads_file.trained}"
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
        first = towers.open_image_tower(cache_dir, self._heads.ranges, threads)
        second = towers.open_dino_tower(cache_dir, threads)
        image_vectors = self._heads.image_vectors

        def embed(batch: PixelBatch) -> Vectors:
            features, logits = first.outputs(batch)
            return image_vectors(features, second(shrunk(batch, DINO_SIDE_PX)), logits)

        return views.of_both(embed) if self._has_views else embed
