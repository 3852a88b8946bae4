"""Finds the faces in a picture and makes their vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from PIL.Image import Transpose

from imgsearch.errors import PhotoError, Reason
from imgsearch.features.people.detector import Detections, Detector, apart
from imgsearch.features.people.models import DETECTOR, RECOGNISER
from imgsearch.features.people.quality import is_surely_upright
from imgsearch.features.people.recogniser import Features, Recogniser, aligned
from imgsearch.records.faces import FoundFace

if TYPE_CHECKING:
    from PIL.Image import Image

ID = "yunet-2023mar+sface-2021dec/2"  # changes with everything that changes faces or vectors
LOOK_SIDE_PX = 640  # long side of the copy in which faces are looked for
CLOSE_SIDE_PX = 1280  # the same at a closer look, which takes four times as long
MOST_FACES = 200  # of a picture: those with the best scores
_LEAST_SCORE = 0.75  # research/notes/faces.md has the measurements
_LEAST_SIDE_PX = 10.0  # of a box in that copy; YuNet was trained with faces of 10 px and more
_LARGEST_FACTOR = 4.0  # by which a small picture is enlarged
_LARGE_FACE_PX = 400  # side of a copy up to which YuNet finds a face that fills it
_LARGE_SIDE_PX = 80.0  # of a box in a smaller copy; the larger copy has the smaller ones
_BILINEAR, _BICUBIC = 2, 3  # of Pillow's filters
_QUARTER_TURNS = (Transpose.ROTATE_90, Transpose.ROTATE_180, Transpose.ROTATE_270)
# A face in a turned copy counts from this score on, if its feature is at least so long, and by so
# much longer than that of a face at the same place upright (research/notes/faces.md).
_TURNED_SCORE = 0.78
_TURNED_LENGTH = 6.0
_UPRIGHT_BONUS = 1.0


class FaceReader(Protocol):
    """Finds faces. `id` changes with every version that finds others or makes other vectors."""

    @property
    def id(self) -> str: ...

    def read(
        self, image: Image, at_s: float | None = None, closely: bool = False
    ) -> tuple[FoundFace, ...]:
        """Find the faces in an RGB image, the largest first, at most `MOST_FACES`.

        `closely` finds smaller ones in a large image, and ones that lie or stand on their heads, in
        up to five times the time. Raises PhotoError if this image cannot be read.
        """


OpenFaceReader: TypeAlias = Callable[[Path], FaceReader]


def open_reader(cache_dir: Path) -> FaceReader:
    """Open the reader of faces, for use by any number of threads.

    The models are prepared in the cache folder at the first time, in two seconds. Raises
    MissingPackage without the package that has them, EncoderError if they are not those that are
    known, and DiskError.
    """
    return OnnxFaceReader(cache_dir)


class OnnxFaceReader:
    """YuNet and SFace on ONNX Runtime. Holds about 120 MB of memory.

    A call uses one core: photos are read side by side.
    """

    id = ID

    def __init__(self, cache_dir: Path) -> None:
        self._detector = Detector(DETECTOR.prepared(cache_dir), threads=1)
        self._recogniser = Recogniser(RECOGNISER.prepared(cache_dir), threads=1)

    def read(
        self, image: Image, at_s: float | None = None, closely: bool = False
    ) -> tuple[FoundFace, ...]:
        """See `FaceReader.read`."""
        try:
            found, features = self._looked_closely(image) if closely else self.look(image)
        except Exception as error:  # the errors of ONNX Runtime have no class in common
            reason = (str(error) or type(error).__name__).strip().splitlines()[-1][:120]
            raise PhotoError(Reason.CRASHED, f"Looking for faces failed ({reason}).") from error
        sides = np.array((image.width, image.height) * 2, np.float32)
        return tuple(
            FoundFace(
                x=round(float(box[0]), 5),
                y=round(float(box[1]), 5),
                width=round(float(box[2]), 5),
                height=round(float(box[3]), 5),
                score=round(float(score), 3),
                size_px=round(float((box * sides)[2:].min()), 1),
                vector=vector,
                at_s=at_s,
                quality=round(float(length), 2),
                turn=round(float(turn), 2),
            )
            for box, score, vector, length, turn in zip(
                found.boxes / sides,
                found.scores,
                features.vectors(),
                features.lengths,
                found.turns(),
                strict=True,
            )
        )

    def look(self, image: Image, side_px: int = LOOK_SIDE_PX) -> tuple[Detections, Features]:
        """Find faces in a copy of this long side, the largest first, in pixels of the image."""
        found = self._detect(image, side_px)
        return found, self._recogniser.features([aligned(image, each) for each in found.landmarks])

    def _looked_closely(self, image: Image) -> tuple[Detections, Features]:
        """Find smaller faces, and turned ones if none of those found is surely upright."""
        found, features = self.look(image, CLOSE_SIDE_PX if _is_large(image) else LOOK_SIDE_PX)
        if any(map(is_surely_upright, found.scores, features.lengths)):
            return found, features
        # Of boxes that overlap, the one counts whose face can be made out best.
        preference = features.lengths + _UPRIGHT_BONUS
        for turns, transpose in enumerate(_QUARTER_TURNS, 1):
            turned, of_turned = self.look(image.transpose(transpose))
            plausible = (turned.scores >= _TURNED_SCORE) & (turned.turns() <= 1)
            rows = np.flatnonzero(plausible & (of_turned.lengths >= _TURNED_LENGTH))
            found = found.beside(turned.taken(rows).turned_back(turns, *image.size))
            features = features.beside(of_turned.taken(rows))
            preference = np.concatenate((preference, of_turned.lengths[rows]))
        best = np.argsort(-preference, kind="stable")
        best = best[apart(found.boxes[best])][:MOST_FACES]
        best = best[np.argsort(-found.boxes[best, 2:].prod(axis=1), kind="stable")]
        return found.taken(best), features.taken(best)

    def _detect(self, image: Image, side_px: int) -> Detections:
        """Find faces, the largest first, in pixels of the image.

        YuNet misses faces of more than 400 px, so they are looked for in a copy of half the size,
        which adds a quarter to the time.
        """
        factor = min(side_px / max(image.size), _LARGEST_FACTOR)
        copy = _scaled(image.convert("RGB"), factor)
        found = self._detected(copy, factor, _LEAST_SIDE_PX)
        while max(copy.size) > _LARGE_FACE_PX:
            copy, factor = _scaled(copy, 0.5), factor / 2
            found = found.plus(self._detected(copy, factor, _LARGE_SIDE_PX))
        found = found.taken(np.arange(min(len(found.scores), MOST_FACES)))
        return found.taken(np.argsort(-found.boxes[:, 2:].prod(axis=1), kind="stable"))

    def _detected(self, copy: Image, factor: float, least_px: float) -> Detections:
        """Return the faces in a copy `factor` times as large, from `least_px` of the copy on."""
        found = self._detector.detect(np.asarray(copy), _LEAST_SCORE)
        large = np.flatnonzero(found.boxes[:, 2:].min(axis=1) >= least_px)
        return found.taken(large).scaled(1 / factor)


def _is_large(image: Image) -> bool:
    return max(image.size) > LOOK_SIDE_PX


def _scaled(image: Image, factor: float) -> Image:
    if factor == 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, _BICUBIC if factor > 1 else _BILINEAR, reducing_gap=2.0)
