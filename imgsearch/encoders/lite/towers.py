"""The two towers ready to run: exported when needed, then plain ONNX Runtime sessions.

After the export nothing here imports torch, onnx or transformers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgsearch.encoders.lite import weights
from imgsearch.encoders.lite.export import Recipe, exported
from imgsearch.encoders.onnx_cache import OnnxModel, open_session, prepare
from imgsearch.errors import EncoderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    Floats = NDArray[np.float32]

SIDE_PX = 260
TEXT_WIDTH = 384
CONTEXT_LENGTH = 128  # what the text tower was trained with, and what its tokenizer file asks for

_TEXTS_AT_ONCE = 32
# Raise one when its graph changes: exports of another revision are then not used again.
_IMAGE_REVISION, _TEXT_REVISION = 2, 2


def require() -> None:
    """Raise EncoderUnavailable when a weight file is not installed. Reads nothing."""
    for file in (weights.IMAGE, weights.TEXT, weights.TOKENIZER):
        file.path()


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


def open_tokenizer() -> Tokenizer:
    """The word pieces of the text tower, lower-cased, neither padded nor cut off."""
    from tokenizers import Tokenizer

    path = weights.TOKENIZER.verified()
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


def count(tokenizer: Tokenizer, text: str) -> int:
    """How many tokens a text has, begin and end marks included."""
    return len(tokenizer.encode(_valid(text)).ids)


def encode(tower: InferenceSession, tokenizer: Tokenizer, texts: Sequence[str]) -> Floats:
    """The text tower's vectors of `texts`, (n, 384), rows of length 1, in the order given."""
    tokens = [cut(e.ids) for e in tokenizer.encode_batch([_valid(text) for text in texts])]
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))  # like lengths, little padding
    rows = np.empty((len(tokens), TEXT_WIDTH), np.float32)
    for start in range(0, len(order), _TEXTS_AT_ONCE):
        chosen = order[start : start + _TEXTS_AT_ONCE]
        (rows[chosen],) = tower.run(["texts"], _padded([tokens[i] for i in chosen]))
    return rows


def _valid(text: str) -> str:
    """The text with what is no Unicode (bytes of a file name, say) made into question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


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
