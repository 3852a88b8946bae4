"""Reads text in pictures (OCR). Hides RapidOCR, which runs PP-OCR's models on ONNX Runtime.

RapidOCR is the extra `ocr`; its models are in its package. Given the paths of these, it downloads
nothing (docs/decisions/0022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from imgsearch.encoders.onnx import import_onnxruntime
from imgsearch.errors import EncoderError, MissingPackage, PhotoError, Reason
from imgsearch.installation import install_command, pip_reinstall
from imgsearch.records.picture_text import MOST_LINES, TextLine, words_in_text

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

PACKAGE = "rapidocr"
LOOK_SIDE_PX = 640  # long side of the small copy that `TextReader.look` looks at
# A photo is worth reading from here on: research/notes/text-in-pictures.md.
LOOK_THRESHOLD = 0.4
MIN_SIDE_PX = 1000  # of a picture's short side, if it has as much: small text stays legible
_MAX_SIDE_PX = 2000  # of the long side of what is read at once; RapidOCR scales more down to that
_MAX_PIECES = 12
_MODELS = {
    "Det.model_path": "PP-OCRv6_det_small.onnx",
    "Rec.model_path": "PP-OCRv6_rec_small.onnx",
    "Cls.model_path": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
}
# What is recognised with less confidence is mostly texture. A single character is often the shape
# of a thing: a wheel is an 0.
_MIN_CONFIDENCE = 0.6
_MIN_CONFIDENCE_OF_ONE = 0.9
# At a look less is enough: what is hardly legible in a small copy may be in the photo.
_MIN_BOX_SCORE_OF_LOOK = 0.4
_NO_LIMIT_PX = 32  # a picture of this side or more is looked at as it is
_BILINEAR = 2  # of Pillow's filters


class TextReader(Protocol):
    """Reads the text in a picture. `id` changes with every version that may read differently."""

    @property
    def id(self) -> str: ...

    def read(self, image: Image) -> tuple[TextLine, ...]:
        """Return the lines of text in an upright RGB image, from top to bottom, left to right.

        Raises PhotoError if this image cannot be read.
        """

    def look(self, image: Image) -> float:
        """Return rate a small copy of an upright RGB image for legible text, 0 to 1.

        From `LOOK_THRESHOLD` on it is worth reading. Takes a fraction of the time of `read` for a
        large image. Raises PhotoError if this image cannot be read.
        """


def is_installed(package: str = PACKAGE) -> bool:
    """Return whether the extra `ocr` is installed. Nothing is loaded."""
    return find_spec(package) is not None


def open_reader(threads: int, package: str = PACKAGE) -> TextReader:
    """Return the reader of the extra `ocr`, for use by one thread at a time.

    Raises MissingPackage without the extra, and EncoderError if one of its models is missing.
    """
    if not is_installed(package):
        raise MissingPackage(
            f"Reading text in pictures needs one more package: {install_command('ocr')}"
        )
    return RapidOcrReader(threads)


class RapidOcrReader:
    """RapidOCR with the models of its package, which it loads at the first picture.

    It holds about 140 MB of memory, and up to 400 MB while it reads a large picture.
    """

    def __init__(self, threads: int) -> None:
        import_onnxruntime()  # with its telemetry off, before RapidOCR imports it
        import rapidocr

        folder = Path(rapidocr.__file__).parent / "models"
        paths = {name: folder / file for name, file in _MODELS.items()}
        missing = [path for path in paths.values() if not path.is_file()]
        if missing:
            raise EncoderError(
                f"A model of the package {PACKAGE} is missing ({missing[0]}). Install it again: "
                f"{pip_reinstall(PACKAGE)}"
            )
        parameters = {
            **{name: str(path) for name, path in paths.items()},
            # Its logger prints to standard error, a warning for each picture without text.
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        # Each loads its models at the first picture.
        self._engine: Any = rapidocr.RapidOCR(
            params={**parameters, "Global.text_score": _MIN_CONFIDENCE}
        )
        self._looking_engine: Any = rapidocr.RapidOCR(
            params={
                **parameters,
                "Global.text_score": LOOK_THRESHOLD,
                "Det.limit_side_len": _NO_LIMIT_PX,
                "Det.box_thresh": _MIN_BOX_SCORE_OF_LOOK,
            }
        )

    @property
    def id(self) -> str:
        return f"{PACKAGE} {version(PACKAGE)}"

    def read(self, image: Image) -> tuple[TextLine, ...]:
        """See `TextReader.read`. A long picture, such as a long screenshot, is read in pieces.

        Returns at most `MOST_LINES`.
        """
        image = _scaled_down(image)
        lines: list[TextLine] = []
        for top, bottom, own_top, own_bottom in _pieces(image.height, image.width):
            for left, right, own_left, own_right in _pieces(image.width, image.height):
                pixels = np.asarray(image.crop((left, top, right, bottom)).convert("RGB"))
                for box, text, confidence in self._recognise(pixels, self._engine):
                    corners = box + np.array((left, top), np.float32)
                    x, y = corners.mean(axis=0)
                    if own_left <= x < own_right and own_top <= y < own_bottom:
                        lines.append(_line(text, corners, confidence, image.size))
        return tuple(lines[:MOST_LINES])

    def look(self, image: Image) -> float:
        """See `TextReader.look`: the confidence of the best line of two characters or more."""
        factor = LOOK_SIDE_PX / max(image.size)
        width, height = (max(_NO_LIMIT_PX, round(side * factor)) for side in image.size)
        small = image.resize((width, height), _BILINEAR).convert("RGB")
        lines = self._recognise(np.asarray(small), self._looking_engine)
        return max(
            (confidence for _, text, confidence in lines if len("".join(words_in_text(text))) > 1),
            default=0.0,
        )

    def _recognise(
        self, pixels: NDArray[np.uint8], engine: Any
    ) -> Iterator[tuple[NDArray[np.float32], str, float]]:
        """Yield corners (4, 2) in pixels, text and confidence of each line in RGB pixels."""
        try:
            result = engine(pixels[:, :, ::-1])  # it expects BGR, as OpenCV does
        except Exception as error:  # the errors of its three libraries have no class in common
            reason = (str(error) or type(error).__name__).strip().splitlines()[-1][:120]
            raise PhotoError(Reason.CRASHED, f"Reading its text failed ({reason}).") from error
        if result.boxes is None or result.txts is None:
            return
        for box, text, confidence in zip(result.boxes, result.txts, result.scores, strict=True):
            word = "".join(words_in_text(text))
            if word and (len(word) > 1 or confidence >= _MIN_CONFIDENCE_OF_ONE):
                yield box, text, float(confidence)


def _scaled_down(image: Image) -> Image:
    """Return the image, its long side `_MAX_SIDE_PX`, or a very long one's short side half.

    A smaller image stays as it is.
    """
    short, long = sorted(image.size)
    factor = max(_MAX_SIDE_PX / long, MIN_SIDE_PX / short)
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, reducing_gap=2.0)


def _pieces(side: int, other: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield pieces of a long side: begin and end of each piece, and of the part that only it reads.

    Neighbours overlap by a fifth, so that each line is whole in one of them.
    """
    length = max(_MAX_SIDE_PX, math.ceil(1.25 * side / _MAX_PIECES))
    if side <= length or side <= other:
        yield 0, side, 0, side
        return
    count = math.ceil((side - length) / (0.8 * length)) + 1
    starts = [round(number * (side - length) / (count - 1)) for number in range(count)]
    borders = [0, *((a + length + b) // 2 for a, b in pairwise(starts)), side]
    for number, start in enumerate(starts):
        yield start, start + length, borders[number], borders[number + 1]


def _line(
    text: str, corners: NDArray[np.float32], confidence: float, size_px: tuple[int, int]
) -> TextLine:
    left, top = (corners.min(axis=0) / size_px).clip(0, 1).tolist()
    right, bottom = (corners.max(axis=0) / size_px).clip(0, 1).tolist()
    return TextLine(
        " ".join(text.split()),
        x=round(left, 4),
        y=round(top, 4),
        width=round(right - left, 4),
        height=round(bottom - top, 4),
        confidence=round(confidence, 3),
    )
