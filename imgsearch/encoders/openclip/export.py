"""Both towers written as ONNX graphs: uint8 pixels or token ids in, rows of length 1 out.

Each graph is run against the torch tower it came from before anyone may use it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import open_clip
import torch

from imgsearch.encoders.onnx import ExportFacts, OnnxModel, prepare
from imgsearch.encoders.openclip.runtime import IMAGE, TEXT, TOKENIZER, without_padding
from imgsearch.encoders.openclip.tokens import PROBES
from imgsearch.encoders.openclip.towers import Towers, first_line
from imgsearch.errors import EncoderError, EncoderUnavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vectors

LEAST_COSINE = 0.9999  # between a row of torch and the same row of ONNX Runtime
_OPSET = 17


def export(towers: Towers, folder: Path) -> ExportFacts:
    """Write both graphs and the tokenizer into `folder`; return what a reader needs besides.

    Raises EncoderError where a graph cannot be written, run, or does not agree with torch.
    """
    pixels = _probe_pixels(towers.preprocess.side_px)
    _write(_ImageGraph(towers), pixels[:2], folder / IMAGE)
    _agree(OnnxModel(folder / IMAGE), pixels, towers.images(pixels))
    try:
        ids = towers.tokens.ids(PROBES)
        tokenizer = towers.tokens.write(folder / TOKENIZER)
    except EncoderUnavailable:  # its vocabulary is not here; the graph has no need of it
        ids, tokenizer = np.ones((4, towers.context_length), np.int64), None
    cuts = cuts_padding(towers.model)
    _write(_CausalTextGraph(towers) if cuts else _TextGraph(towers), ids[:2], folder / TEXT, cuts)
    text_tower = OnnxModel(folder / TEXT, lean=True)
    expected = towers.texts(ids)
    _agree(text_tower, ids, expected)
    for row in range(len(ids)) if cuts else ():
        _agree(text_tower, without_padding(ids[[row, row]]), expected[[row, row]])
    return {
        "weights_id": towers.weights_id,
        "dim": towers.dim,
        "logit_scale": towers.logit_scale,
        "context_length": towers.context_length,
        "preprocess": asdict(towers.preprocess),
        "cuts_padding": cuts,
        "tokenizer": tokenizer,
    }


class _ImageGraph(torch.nn.Module):
    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.model, self.normalise = towers.model, towers.normalise

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.model.encode_image(self.normalise(pixels))  # type: ignore[operator]
        return torch.nn.functional.normalize(features, dim=-1)


class _TextGraph(torch.nn.Module):
    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.model = towers.model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        features = self.model.encode_text(tokens)  # type: ignore[operator]
        return torch.nn.functional.normalize(features, dim=-1)


class _CausalTextGraph(torch.nn.Module):
    """The same for a tower that looks back only: it takes tokens of any length, not of one."""

    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.model: Any = towers.model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        model, length = self.model, tokens.shape[1]
        seen = model.token_embedding(tokens) + model.positional_embedding[:length]
        for block in model.transformer.resblocks:
            seen = seen + block.ls_1(_attend(block.attn, block.ln_1(seen), model.attn_mask))
            seen = seen + block.ls_2(block.mlp(block.ln_2(seen)))
        marks = model.ln_final(seen)[torch.arange(tokens.shape[0]), tokens.argmax(dim=-1)]
        projection = model.text_projection
        linear = isinstance(projection, torch.nn.Linear)
        features = projection(marks) if linear else marks @ projection
        return torch.nn.functional.normalize(features, dim=-1)


def _attend(
    attention: torch.nn.MultiheadAttention, rows: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Attention over rows (n, length, width). Traced, torch's own knows one length only."""
    n, length, width = rows.shape
    mixed = torch.nn.functional.linear(rows, attention.in_proj_weight, attention.in_proj_bias)
    heads = mixed.reshape(n, length, 3, attention.num_heads, attention.head_dim)
    queries, keys, values = heads.permute(2, 0, 3, 1, 4)
    scores = queries @ keys.transpose(-1, -2) * attention.head_dim**-0.5
    weights = torch.softmax(scores + mask[:length, :length], dim=-1)
    read = (weights @ values).transpose(1, 2).reshape(n, length, width)
    return torch.nn.functional.linear(read, attention.out_proj.weight, attention.out_proj.bias)


def cuts_padding(model: torch.nn.Module) -> bool:
    """Whether what follows a text's closing mark, the highest of its tokens, changes nothing.

    So it is in CLIP as it was published: each token sees those before it alone, and the closing
    mark's place is read. Towers of other kinds are run at their full length.
    """
    transformer: Any = getattr(model, "transformer", None)
    return (
        type(model) is open_clip.model.CLIP
        and getattr(model, "text_pool_type", None) == "argmax"
        and getattr(model, "attn_mask", None) is not None
        and getattr(model, "text_projection", None) is not None
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
        prepare(traced, path)
        traced.unlink()
    except Exception as error:  # the exporter raises whatever a layer makes it stumble over
        raise EncoderError(f"torch cannot export {path.name}: {first_line(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter by tracing warns of its age and prints what it cannot do; the newer one needs
    a package more, onnxscript."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _traceable_attention() -> Iterator[None]:
    """Attention in plain operators: ONNX has none for torch's fused one."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _agree(model: OnnxModel, batch: NDArray[np.generic], expected: Vectors) -> None:
    try:
        found = np.concatenate([model(batch[:1]), model(batch[1:])])
    except Exception as error:  # onnxruntime's errors have no class in common but this
        raise EncoderError(f"ONNX Runtime cannot run it: {first_line(error)}") from error
    cosine = float((found * expected).sum(axis=1).min())
    if not cosine >= LEAST_COSINE:
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
