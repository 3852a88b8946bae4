"""Finds faces in a picture with YuNet: boxes, five landmarks each, and scores.

The decoding of the outputs is that of OpenCV's `FaceDetectorYN`
(https://github.com/opencv/opencv/blob/4.x/modules/objdetect/src/face_detect.cpp).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from imgsearch.encoders.onnx import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_STRIDES = (8, 16, 32)
_MULTIPLE_PX = 32  # of the sides of the input
_MOST_CANDIDATES = 2000  # before overlapping ones are left out; a crowd of 200 gives about 1,500
_OVERLAP = 0.3  # intersection over union from which on two boxes are one face


class Detections(Struct, frozen=True):
    """Faces in a picture, the best score first, in its pixels.

    `boxes` is (n, 4): left, top, width, height; `landmarks` (n, 5, 2): the eye on the left of the
    picture, the other eye, the tip of the nose, the corners of the mouth; `scores` (n,), 0 to 1.
    """

    boxes: Floats
    landmarks: Floats
    scores: Floats

    def taken(self, rows: NDArray[np.intp]) -> Detections:
        """Return the faces of these rows, in their order."""
        return Detections(self.boxes[rows], self.landmarks[rows], self.scores[rows])

    def turns(self) -> Floats:
        """Return how far each face is turned aside, (n,): 0 from the front, 1 in half profile.

        At 1 the tip of the nose lies on the line from the nearer eye to the corner of the mouth;
        beyond, the face is seen from the side, and the landmarks of its far half are guesses.
        """
        eye, other_eye, nose, mouth, other_mouth = self.landmarks.transpose(1, 0, 2)
        left, right = (eye + mouth) / 2, (other_eye + other_mouth) / 2
        across = right - left
        width = np.maximum((across**2).sum(axis=1), 1e-9)
        place = ((nose - left) * across).sum(axis=1) / width  # 0 on the left line, 1 on the right
        return np.asarray(np.abs(2 * place - 1), np.float32)

    def plus(self, other: Detections) -> Detections:
        """Return the faces of both, each once, the best score first."""
        both = self.beside(other)
        order = np.argsort(-both.scores, kind="stable")
        return both.taken(order[apart(both.boxes[order])])

    def beside(self, other: Detections) -> Detections:
        """Return the faces of this, then those of the other."""
        return Detections(
            np.concatenate((self.boxes, other.boxes)),
            np.concatenate((self.landmarks, other.landmarks)),
            np.concatenate((self.scores, other.scores)),
        )

    def turned_back(self, turns: int, width: int, height: int) -> Detections:
        """Return the same faces in a picture (width, height) of which a copy was looked at.

        The copy was turned by so many quarter turns, anticlockwise.
        """
        boxes, landmarks = self.boxes, self.landmarks
        for turn in range(turns, 0, -1):
            # The width of the picture before this turn is the height of the one after it.
            side = width if turn % 2 else height
            left, top, across, down = boxes.T
            boxes = np.stack((side - top - down, left, down, across), axis=1)
            x, y = landmarks[..., 0], landmarks[..., 1]
            landmarks = np.stack((side - y, x), axis=-1)
        return Detections(boxes, landmarks, self.scores)

    def scaled(self, factor: float) -> Detections:
        """Return the same faces in the pixels of a picture that is `factor` times as large."""
        return Detections(self.boxes * factor, self.landmarks * factor, self.scores)


class Detector:
    """The prepared model of `models.DETECTOR`, for use by any number of threads."""

    def __init__(self, path: Path, threads: int) -> None:
        self._session = open_session(path, threads)

    def detect(self, pixels: NDArray[np.uint8], threshold: float) -> Detections:
        """Find the faces with scores from `threshold` on in RGB pixels (height, width, 3).

        The time grows with the number of pixels: about 25 ms of a core for 640 × 480.
        """
        height, width = pixels.shape[:2]
        sides = tuple(-(-side // _MULTIPLE_PX) * _MULTIPLE_PX for side in (height, width))
        batch = np.zeros((1, 3, *sides), np.float32)
        batch[0, :, :height, :width] = pixels.transpose(2, 0, 1)[::-1]  # the model takes BGR
        outputs = self._session.run(None, {"input": batch})
        by_kind = [outputs[start : start + len(_STRIDES)] for start in range(0, 12, 3)]
        parts = [
            _decoded([kind[level][0] for kind in by_kind], stride, sides[1] // stride, threshold)
            for level, stride in enumerate(_STRIDES)
        ]
        boxes, landmarks, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
        best = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
        found = Detections(boxes[best], landmarks[best], scores[best])
        return found.taken(apart(found.boxes))


def _decoded(
    outputs: Sequence[Floats], stride: int, columns: int, threshold: float
) -> tuple[Floats, Floats, Floats]:
    """Boxes, landmarks and scores of the cells of one level whose scores reach the threshold."""
    classes, objects, boxes, landmarks = outputs
    scores = np.sqrt(classes[:, 0].clip(0, 1) * objects[:, 0].clip(0, 1))
    cells = np.flatnonzero(scores >= threshold)
    at = np.stack((cells % columns, cells // columns), axis=1).astype(np.float32)
    centres = (at + boxes[cells, :2]) * stride
    sizes = np.exp(boxes[cells, 2:].clip(max=20)) * stride
    points = (landmarks[cells].reshape(-1, 5, 2) + at[:, None]) * stride
    return np.hstack((centres - sizes / 2, sizes)), points, scores[cells]


def apart(boxes: Floats) -> NDArray[np.intp]:
    """Return the rows of the boxes that no better box overlaps (non-maximum suppression)."""
    kept: list[int] = []
    left = np.arange(len(boxes))
    while len(left):
        best, rest = left[0], left[1:]
        kept.append(int(best))
        left = rest[overlaps(boxes[best], boxes[rest]) <= _OVERLAP]
    return np.array(kept, np.intp)


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of a box with each of some boxes (left, top, width, height)."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    common = (high - low).clip(0).prod(axis=1)
    union = box[2:].prod() + boxes[:, 2:].prod(axis=1) - common
    return np.asarray(common / np.maximum(union, 1e-12), np.float32)
