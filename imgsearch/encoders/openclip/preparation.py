"""Prepares a recommended model from its files alone, without torch and open_clip.

The graphs are built from the weights. A test compares them with open_clip's own for each layout,
and a file whose weights have other names or shapes is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict
from numpy.typing import NDArray

from imgsearch.encoders.onnx import ExportFacts, OnnxModel, optimise
from imgsearch.encoders.openclip import clip_graphs, hub, siglip_graphs
from imgsearch.encoders.openclip.catalogue import Layout
from imgsearch.encoders.openclip.graph_builder import Weights
from imgsearch.encoders.openclip.spec import IMAGE, TEXT, TOKENIZER, Preprocess
from imgsearch.encoders.openclip.tokenizer_files import write_clip_tokens, write_siglip_tokens
from imgsearch.encoders.openclip.weight_shapes import Shapes, TowerSizes
from imgsearch.errors import EncoderError

_LENGTH_ERROR = 1e-3  # of a row of length 1, by rounding


class _Form(Struct, frozen=True):
    """The preparation of models of one layout."""

    write_graphs: Callable[[Weights, Shapes, Path, Path], TowerSizes]
    write_tokens: Callable[[Path, Path], int]  # returns the id that fills up short texts
    resize_mode: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    cleaner: str
    cuts_padding: bool


_FORMS: Mapping[Layout, _Form] = {
    "clip": _Form(
        clip_graphs.write_graphs,
        write_clip_tokens,
        "shortest",
        clip_graphs.MEAN,
        clip_graphs.STD,
        "lower",
        cuts_padding=True,
    ),
    "siglip": _Form(
        siglip_graphs.write_graphs,
        write_siglip_tokens,
        "squash",
        siglip_graphs.MEAN,
        siglip_graphs.STD,
        "canonicalize",
        cuts_padding=False,
    ),
}


def prepare(
    layout: Layout, weights: Path, tokenizer: Path, folder: Path, tell: Callable[[str], None]
) -> ExportFacts:
    """Write both graphs and the tokenizer into `folder`; return the facts that a reader needs.

    `weights` is a safetensors file in the hub's cache, `tokenizer` the model's tokenizer.json.
    `tell` is called with the name of each step before it begins. Raises EncoderError if a file has
    another layout.
    """
    form = _FORMS[layout]
    tell("converting its towers")
    drafts = {name: (folder / name).with_suffix(".draft") for name in (IMAGE, TEXT)}
    with _stored(weights) as stored:
        sizes = form.write_graphs(stored, stored.shapes, drafts[IMAGE], drafts[TEXT])
        logit_scale = math.exp(float(stored["logit_scale"]))
    for name, draft in drafts.items():
        optimise(draft, folder / name)
        draft.unlink()
        draft.with_name(f"{draft.name}.weights").unlink()
    pad_id = form.write_tokens(tokenizer, folder / TOKENIZER)
    tell("trying both towers")
    side, length = sizes.side_px, sizes.context_length
    _try(OnnxModel(folder / IMAGE), np.zeros((1, 3, side, side), np.uint8), sizes.dim)
    _try(OnnxModel(folder / TEXT, lean=True), np.ones((1, length), np.int64), sizes.dim)
    look = Preprocess(side, form.resize_mode, "bicubic", form.mean, form.std)
    return {
        "weights_id": hub.sha256_of(weights)[:16],
        "dim": sizes.dim,
        "logit_scale": logit_scale,
        "context_length": length,
        "preprocess": asdict(look),
        "cuts_padding": form.cuts_padding,
        "tokenizer": {"cleaner": form.cleaner, "pad_id": pad_id, "context_length": length},
    }


class _StoredWeights(Mapping[str, "NDArray[np.float32]"]):
    """The weights of a safetensors file, each read when it is asked for."""

    def __init__(self, file: Any) -> None:
        self._file = file
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        self.shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
        self._kinds = {name: str(part.get_dtype()) for name, part in slices.items()}

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        if self._kinds[name] not in ("F16", "F32"):
            raise EncoderError(f"its weight {name} is stored as {self._kinds[name]}")
        values: NDArray[np.float32] = self._file.get_tensor(name).astype(np.float32, copy=False)
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


@contextmanager
def _stored(path: Path) -> Iterator[_StoredWeights]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            yield _StoredWeights(file)
    except SafetensorError as error:
        raise EncoderError(f"{path} cannot be read ({error})") from error


def _try(tower: OnnxModel, batch: NDArray[np.generic], dim: int) -> None:
    """Raise EncoderError unless a tower gives a row of length 1."""
    try:
        rows = tower(batch)
    except Exception as error:  # onnxruntime's errors have no narrower class in common
        raise EncoderError(f"ONNX Runtime cannot run it: {error}") from error
    if rows.shape != (1, dim) or not abs(float(np.linalg.norm(rows)) - 1) < _LENGTH_ERROR:
        raise EncoderError("one of its towers gives no row of length 1; are its weights damaged?")
