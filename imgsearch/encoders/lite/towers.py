"""The two towers ready to run: exported when needed, then plain ONNX Runtime sessions.

After the export nothing here imports torch, onnx or transformers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgsearch.encoders.lite import weights
from imgsearch.encoders.lite.export import Recipe, exported
from imgsearch.encoders.onnx import OnnxModel, open_session, prepare
from imgsearch.encoders.tokenizer import FastPathTokenizer, TokenizerSpec, WholeWordVocabulary
from imgsearch.errors import EncoderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    Floats = NDArray[np.float32]

SIDE_PX = 260
TEXT_WIDTH = 384
CONTEXT_LENGTH = 128  # what the text tower was trained with, and what its tokenizer file asks for

_TEXTS_AT_ONCE = 32
# WordPiece takes the longest entry that fits, so a whole word where it can.
BERTS = TokenizerSpec(re.compile(r"[a-z0-9]+|[^\sa-z0-9]"), "", ("[CLS]", "[SEP]"), lower=True)
# Raise one when its graph changes: exports of another revision are then not used again.
_IMAGE_REVISION, _TEXT_REVISION = 2, 2


def open_image_tower(cache_dir: Path, ranges: Floats, threads: int) -> OnnxModel:
    """uint8 `pixels` (n, 3, 260, 260) to `features` (n, 2048) and `logits` (n, 1000)."""

    def build(path: Path) -> None:
        from imgsearch.encoders.lite.image_tower import integer_model

        model = integer_model(weights.image_tensors(), ranges)
        path.write_bytes(model.SerializeToString())

    ingredients: dict[str, str | int] = {
        "revision": _IMAGE_REVISION,
        "weights": weights.IMAGE.sha256,
        "ranges": hashlib.sha256(np.ascontiguousarray(ranges, "<f4").tobytes()).hexdigest(),
    }
    return OnnxModel(exported(Recipe("image", ingredients, build), cache_dir), threads=threads)


def open_text_tower(cache_dir: Path, threads: int) -> InferenceSession:
    """int64 `tokens` and `mask` (n, t) to `texts` (n, 384), rows of length 1."""

    def build(path: Path) -> None:
        from imgsearch.encoders.lite.text_tower import model

        prepare(model(weights.text_tensors()).SerializeToString(), path)

    ingredients: dict[str, str | int] = {"revision": _TEXT_REVISION, "weights": weights.TEXT.sha256}
    return open_session(exported(Recipe("text", ingredients, build), cache_dir), threads, lean=True)


class WordPieces:
    """The word pieces of the text tower, lower-cased, neither padded nor cut off.

    Raises EncoderError where the file is not the one that `lite` was made with.
    """

    def __init__(self) -> None:
        path = weights.TOKENIZER.verified()
        self._tokens = FastPathTokenizer(WholeWordVocabulary(path, BERTS), lambda: _read(path))

    def ids(self, text: str) -> list[int]:
        """The tokens of a text, begin and end marks included."""
        # A file name may carry bytes that are no text.
        return self._tokens.ids(text.encode("utf-8", "replace").decode("utf-8"))


def _read(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower class
        raise EncoderError(
            f"{path} cannot be read by the installed `tokenizers`: {error}. "
            "Bring it up to date: pip install -U tokenizers"
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def encode(tower: InferenceSession, pieces: WordPieces, texts: Sequence[str]) -> Floats:
    """The text tower's vectors of `texts`, (n, 384), rows of length 1, in the order given."""
    tokens = [cut(pieces.ids(text)) for text in texts]
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))  # like lengths, little padding
    rows = np.empty((len(tokens), TEXT_WIDTH), np.float32)
    for start in range(0, len(order), _TEXTS_AT_ONCE):
        chosen = order[start : start + _TEXTS_AT_ONCE]
        (rows[chosen],) = tower.run(["texts"], _padded([tokens[i] for i in chosen]))
    return rows


def cut(tokens: list[int]) -> list[int]:
    """At most CONTEXT_LENGTH tokens, the end mark kept."""
    return tokens if len(tokens) <= CONTEXT_LENGTH else [*tokens[: CONTEXT_LENGTH - 1], tokens[-1]]


def _padded(tokens: Sequence[list[int]]) -> dict[str, NDArray[np.int64]]:
    longest = max(len(row) for row in tokens)
    padded = np.zeros((len(tokens), longest), np.int64)
    mask = np.zeros_like(padded)
    for row, ids in enumerate(tokens):
        padded[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return {"tokens": padded, "mask": mask}
