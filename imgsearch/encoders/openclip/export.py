"""Exports both towers to ONNX graphs: uint8 pixels or token ids in, rows of length 1 out.

Each graph is compared with the torch tower it came from before it is used.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import open_clip
import torch
from msgspec.structs import asdict

from imgsearch.encoders.onnx import ExportFacts, OnnxModel, optimise
from imgsearch.encoders.openclip.spec import IMAGE, TEXT, TOKENIZER
from imgsearch.encoders.openclip.tokens import PROBES, without_padding
from imgsearch.encoders.openclip.torch import TorchModel, first_line
from imgsearch.errors import EncoderError, EncoderUnavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vectors

_MIN_COSINE = 0.9999  # between a row from torch and the same row from ONNX Runtime
_OPSET = 17


def export(model: TorchModel, folder: Path, tell: Callable[[str], None]) -> ExportFacts:
    """Write both graphs and the tokenizer into `folder`; return the facts that a reader needs.

    `tell` is called with the name of each step before it begins. Raises EncoderError if a graph
    cannot be written or run, or does not agree with torch.
    """
    tell("converting and checking its image tower")
    pixels = _probe_pixels(model.preprocess.side_px)
    _write(_ImageGraph(model), pixels[:2], folder / IMAGE)
    _check(OnnxModel(folder / IMAGE), pixels, model.images(pixels))
    tell("converting and checking its text tower")
    try:
        ids = model.tokens.ids(PROBES)
        tokenizer = model.tokens.write(folder / TOKENIZER)
    except EncoderUnavailable:  # its vocabulary is not on this machine; the graph does not need it
        ids, tokenizer = np.ones((4, model.context_length), np.int64), None
    cuts = cuts_padding(model.module)
    text_graph = _CausalTextGraph(model) if cuts else _TextGraph(model)
    _write(text_graph, ids[:2], folder / TEXT, any_length=cuts)
    text_tower = OnnxModel(folder / TEXT, lean=True)
    expected = model.texts(ids)
    _check(text_tower, ids, expected)
    for row in range(len(ids)) if cuts else ():
        _check(text_tower, without_padding(ids[[row, row]]), expected[[row, row]])
    return {
        "weights_id": model.weights_id,
        "dim": model.dim,
        "logit_scale": model.logit_scale,
        "context_length": model.context_length,
        "preprocess": asdict(model.preprocess),
        "cuts_padding": cuts,
        "tokenizer": tokenizer,
    }


class _ImageGraph(torch.nn.Module):
    def __init__(self, model: TorchModel) -> None:
        super().__init__()
        self.module, self.normalise = model.module, model.normalise

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.module.encode_image(self.normalise(pixels))  # type: ignore[operator]
        return torch.nn.functional.normalize(features, dim=-1)


class _TextGraph(torch.nn.Module):
    def __init__(self, model: TorchModel) -> None:
        super().__init__()
        self.module = model.module

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        features = self.module.encode_text(tokens)  # type: ignore[operator]
        return torch.nn.functional.normalize(features, dim=-1)


class _CausalTextGraph(torch.nn.Module):
    """A _TextGraph of a causal tower, which takes tokens of any length, not of one only."""

    def __init__(self, model: TorchModel) -> None:
        super().__init__()
        self.module: Any = model.module

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        module, length = self.module, tokens.shape[1]
        hidden = module.token_embedding(tokens) + module.positional_embedding[:length]
        for block in module.transformer.resblocks:
            attended = _attend(block.attn, block.ln_1(hidden), module.attn_mask)
            hidden = hidden + block.ls_1(attended)
            hidden = hidden + block.ls_2(block.mlp(block.ln_2(hidden)))
        ends = module.ln_final(hidden)[torch.arange(tokens.shape[0]), tokens.argmax(dim=-1)]
        projection = module.text_projection
        linear = isinstance(projection, torch.nn.Linear)
        features = projection(ends) if linear else ends @ projection
        return torch.nn.functional.normalize(features, dim=-1)


def _attend(
    attention: torch.nn.MultiheadAttention, rows: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Attention over rows (n, length, width). A trace of torch's own is fixed to one length."""
    n, length, width = rows.shape
    mixed = torch.nn.functional.linear(rows, attention.in_proj_weight, attention.in_proj_bias)
    heads = mixed.reshape(n, length, 3, attention.num_heads, attention.head_dim)
    queries, keys, values = heads.permute(2, 0, 3, 1, 4)
    scores = queries @ keys.transpose(-1, -2) * attention.head_dim**-0.5
    weights = torch.softmax(scores + mask[:length, :length], dim=-1)
    joined = (weights @ values).transpose(1, 2).reshape(n, length, width)
    return torch.nn.functional.linear(joined, attention.out_proj.weight, attention.out_proj.bias)


def cuts_padding(module: torch.nn.Module) -> bool:
    """Return whether tokens after a text's end mark, its highest token, have no influence.

    They have none in CLIP as published: each token attends to earlier ones only, and the output at
    the end mark is used. Other towers run at their full length.
    """
    transformer: Any = getattr(module, "transformer", None)
    return (
        type(module) is open_clip.model.CLIP
        and getattr(module, "text_pool_type", None) == "argmax"
        and getattr(module, "attn_mask", None) is not None
        and getattr(module, "text_projection", None) is not None
        and all(
            type(block) is open_clip.transformer.ResidualAttentionBlock
            and type(block.attn) is torch.nn.MultiheadAttention
            for block in transformer.resblocks
        )
    )


def _write(
    graph: torch.nn.Module, example: NDArray[np.generic], path: Path, any_length: bool = False
) -> None:
    traced = path.with_suffix(".traced")
    axes = {0: "n", 1: "length"} if any_length else {0: "n"}
    try:
        with _quiet(), _traceable_attention(), torch.no_grad():
            torch.onnx.export(
                graph.eval(),
                (torch.from_numpy(example),),
                str(traced),
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": axes, "output": {0: "n"}},
                opset_version=_OPSET,
                dynamo=False,
            )
        optimise(traced, path)
        traced.unlink()
    except Exception as error:  # the exporter raises errors of any class
        raise EncoderError(f"torch cannot export {path.name}: {first_line(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the tracing exporter quiet, which prints, and warns that it is old.

    The newer one needs onnxscript.
    """
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _traceable_attention() -> Iterator[None]:
    """Attention in plain operators: ONNX has none for torch's fused attention."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _check(model: OnnxModel, batch: NDArray[np.generic], expected: Vectors) -> None:
    try:
        rows = np.concatenate([model(batch[:1]), model(batch[1:])])
    except Exception as error:  # onnxruntime's errors have no narrower class in common
        raise EncoderError(f"ONNX Runtime cannot run the export: {first_line(error)}") from error
    cosine = float((rows * expected).sum(axis=1).min())
    if not cosine >= _MIN_COSINE:
        raise EncoderError(f"ONNX Runtime and torch disagree: cosine {cosine:.5f}")


def _probe_pixels(side_px: int) -> NDArray[np.uint8]:
    """Five pictures of different kinds: noise, two ramps, grey, stripes."""
    noise = np.random.default_rng(0).integers(0, 256, (3, side_px, side_px), dtype=np.uint8)
    ramp = np.broadcast_to(np.linspace(0, 255, side_px).astype(np.uint8), noise.shape)
    stripes = np.where(np.arange(side_px) // 16 % 2 == 0, 30, 220).astype(np.uint8)
    return np.stack(
        [
            noise,
            ramp,
            ramp.transpose(0, 2, 1),
            np.full_like(noise, 128),
            np.broadcast_to(stripes, noise.shape),
        ]
    )
