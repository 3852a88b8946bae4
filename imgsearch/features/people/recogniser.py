"""Makes the vector of a face with SFace: faces of one person have near vectors.

A face is turned and scaled first, so that its five landmarks lie as near as possible to those of a
template of 112 × 112 pixels, that of ArcFace (Deng et al. 2019), which SFace was trained with
(https://github.com/opencv/opencv/blob/4.x/modules/objdetect/src/face_recognize.cpp). The similarity
transform is that of Umeyama 1991, "Least-squares estimation of transformation parameters between
two point patterns".

SFace's features share a direction: many pairs of strangers who are children, wear glasses or are
seen from the side have a cosine of .5. So `mean_feature.MEAN`, the mean over strangers in everyday
photos, is subtracted (Mu and Viswanath 2018, "All-but-the-Top", do so with vectors of words).

The length of a feature says how much of a face could be made out: it is short for faces that are
blurred, turned away or covered (Meng et al. 2021, "MagFace").
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from PIL.Image import Resampling, Transform

from imgsearch.encoders.onnx import open_session
from imgsearch.features.people.mean_feature import MEAN

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


class Features(Struct, frozen=True):
    """Faces as a recogniser sees them, by rows.

    `directions` are features of length 1, (n, 128); `lengths` (n,) are those that they had, about 5
    for a face that can hardly be made out and 13 for a good portrait.
    """

    directions: Floats
    lengths: Floats

    def taken(self, rows: NDArray[np.intp]) -> Features:
        """Return the faces of these rows, in their order."""
        return Features(self.directions[rows], self.lengths[rows])

    def beside(self, other: Features) -> Features:
        """Return the faces of this, then those of the other."""
        return Features(
            np.concatenate((self.directions, other.directions)),
            np.concatenate((self.lengths, other.lengths)),
        )

    def vectors(self) -> Floats:
        """Return the vectors to compare faces with, of length 1: directions without their mean."""
        centred = self.directions - MEAN
        return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True).clip(1e-9))


class Recogniser:
    """The prepared model of `models.RECOGNISER`, for use by any number of threads."""

    def __init__(self, path: Path, threads: int) -> None:
        self._session = open_session(path, threads)

    def features(self, faces: Sequence[NDArray[np.uint8]]) -> Features:
        """Make the features of aligned faces, RGB (112, 112, 3).

        Takes about 20 ms of a core a face.
        """
        rows = np.empty((len(faces), DIM), np.float32)
        for row, face in zip(rows, faces, strict=True):
            batch = np.ascontiguousarray(face.transpose(2, 0, 1)[None], np.float32)
            row[:] = self._session.run(None, {"data": batch})[0][0]
        lengths = np.linalg.norm(rows, axis=1)
        return Features(rows / lengths[:, None].clip(1e-9), lengths)


def aligned(image: Image, landmarks: Floats) -> NDArray[np.uint8]:
    """Return the face with these landmarks (5, 2, in pixels), upright: RGB (112, 112, 3)."""
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
    """Return the (2, 3) matrix of rotation, scale and shift that takes points nearest to others."""
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
