"""Makes the vector of a face with SFace: equal persons have near vectors.

A face is turned and scaled first, so that its five landmarks lie as near as possible to those of a
template of 112 × 112 pixels, that of ArcFace (Deng et al. 2019), which SFace was trained with
(https://github.com/opencv/opencv/blob/4.x/modules/objdetect/src/face_recognize.cpp). The similarity
transform is that of Umeyama 1991, "Least-squares estimation of transformation parameters between
two point patterns".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL.Image import Resampling, Transform

from imgsearch.encoders.onnx import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Floats = NDArray[np.float32]

SIDE_PX = 112
DIM = 128
TEMPLATE = np.array(
    (
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    )
)


class Recogniser:
    """The prepared model of `models.RECOGNISER`, for use by any number of threads."""

    def __init__(self, path: Path, threads: int) -> None:
        self._session = open_session(path, threads)

    def vectors(self, faces: Sequence[NDArray[np.uint8]]) -> Floats:
        """Make the vectors of aligned faces, RGB (112, 112, 3): rows of length 1, (n, 128).

        Takes about 20 ms of a core a face.
        """
        rows = np.empty((len(faces), DIM), np.float32)
        for row, face in zip(rows, faces, strict=True):
            batch = np.ascontiguousarray(face.transpose(2, 0, 1)[None], np.float32)
            row[:] = self._session.run(None, {"data": batch})[0][0]
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-9))


def aligned(image: Image, landmarks: Floats) -> NDArray[np.uint8]:
    """The face with these landmarks (5, 2) in pixels of the image, upright: RGB (112, 112, 3)."""
    to_picture = similarity(TEMPLATE, np.asarray(landmarks, np.float64))
    scale = float(np.hypot(*to_picture[0, :2]))  # pixels of the picture for one of the face
    picture = image
    if scale > 1.5:  # a bilinear transform would skip pixels: shrink the surroundings first
        corners = np.array(((0, 0), (SIDE_PX, 0), (0, SIDE_PX), (SIDE_PX, SIDE_PX)))
        around = corners @ to_picture[:, :2].T + to_picture[:, 2]
        low = np.floor(around.min(axis=0)).clip(0)
        high = np.ceil(around.max(axis=0)).clip(low + 1)
        high = np.maximum(np.minimum(high, image.size), low + 1)
        size = np.maximum(1, np.rint((high - low) / scale)).astype(int)
        picture = image.resize(tuple(size.tolist()), Resampling.BOX, (*low, *high))
        shrunk = size / (high - low)
        to_picture = (to_picture - np.array(((0, 0, low[0]), (0, 0, low[1])))) * shrunk[:, None]
    size = (SIDE_PX, SIDE_PX)
    matrix = tuple(to_picture.ravel().tolist())
    made = picture.transform(size, Transform.AFFINE, matrix, Resampling.BILINEAR)
    return np.asarray(made.convert("RGB"), np.uint8)


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (2, 3) matrix of rotation, scale and shift that takes points nearest to others."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    from_mean, to_mean = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(to_mean.T @ from_mean / len(source))
    signs = np.array((1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0))
    rotation = u @ np.diag(signs) @ vt
    scale = (singular * signs).sum() / max(from_mean.var(axis=0).sum(), 1e-12)
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * rotation
    matrix[:, 2] = target_mean - matrix[:, :2] @ source_mean
    return matrix
