"""Builds the graphs of both towers of SigLIP 2 from its weights, without torch.

This is SigLIP 2 as open_clip and timm lay it out: a vision transformer that a learnt token attends
to, and a text transformer without a mask that is read at its last token. Sizes follow from the
shapes of the weights. uint8 pixels or token ids go in, rows of length 1 come out.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from onnx import TensorProto

from imgsearch.encoders.openclip.graph_builder import BlockNames, GraphBuilder, Weights
from imgsearch.encoders.openclip.weight_shapes import (
    Shapes,
    TowerSizes,
    block_shapes,
    check_shapes,
    count_blocks,
    linear_shapes,
    norm_shapes,
)
from imgsearch.errors import EncoderError

MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)  # of the pixels
_EPSILON = 1e-6  # of layer norms
_VISION_BLOCK = BlockNames("norm1", "attn.qkv.", "attn.proj.", "norm2", "mlp.fc1.", "mlp.fc2.")
_TEXT_BLOCK = BlockNames(
    "ln_1", "attn.in_proj_", "attn.out_proj.", "ln_2", "mlp.c_fc.", "mlp.c_proj."
)
_VISION_BLOCKS, _TEXT_BLOCKS = "visual.trunk.blocks.", "text.transformer.resblocks."
_POOL = "visual.trunk.attn_pool"


def write_graphs(weights: Weights, shapes: Shapes, image: Path, text: Path) -> TowerSizes:
    """Write the image tower to `image` and the text tower to `text`; return their sizes.

    Raises EncoderError if the model lacks a weight, or has one that SigLIP 2 does not have.
    """
    sizes = _SigLipSizes(shapes)
    _write_image_graph(weights, sizes, image)
    _write_text_graph(weights, sizes, text)
    return TowerSizes(sizes.side_px, sizes.dim, sizes.context_length)


class _SigLipSizes:
    """The sizes of a SigLIP 2 model, from the shapes of its weights."""

    def __init__(self, shapes: Shapes) -> None:
        try:
            self.vision_width, _, self.patch_px, _ = shapes["visual.trunk.patch_embed.proj.weight"]
            _, self.tokens, _ = shapes["visual.trunk.pos_embed"]
            self.context_length, self.text_width = shapes["text.positional_embedding"]
            self.vocabulary, _ = shapes["text.token_embedding.weight"]
            self.dim, _ = shapes["text.text_projection.weight"]
        except (KeyError, ValueError) as error:
            raise EncoderError(f"its weights are not laid out as in SigLIP 2: {error}") from error
        self.side_px = math.isqrt(self.tokens) * self.patch_px
        self.vision_blocks = count_blocks(shapes, _VISION_BLOCKS)
        self.text_blocks = count_blocks(shapes, _TEXT_BLOCKS)
        check_shapes(shapes, self._shapes())

    def _shapes(self) -> Shapes:
        vision, text = self.vision_width, self.text_width
        shapes: dict[str, tuple[int, ...]] = {
            "logit_scale": (),
            "logit_bias": (),
            "visual.trunk.pos_embed": (1, self.tokens, vision),
            "visual.trunk.patch_embed.proj.weight": (vision, 3, self.patch_px, self.patch_px),
            "visual.trunk.patch_embed.proj.bias": (vision,),
            f"{_POOL}.latent": (1, 1, vision),
            "text.positional_embedding": (self.context_length, text),
            "text.token_embedding.weight": (self.vocabulary, text),
            **norm_shapes("visual.trunk.norm", vision),
            **linear_shapes(f"{_POOL}.q.", vision, vision),
            **linear_shapes(f"{_POOL}.kv.", 2 * vision, vision),
            **linear_shapes(f"{_POOL}.proj.", vision, vision),
            **norm_shapes(f"{_POOL}.norm", vision),
            **linear_shapes(f"{_POOL}.mlp.fc1.", 4 * vision, vision),
            **linear_shapes(f"{_POOL}.mlp.fc2.", vision, 4 * vision),
            **norm_shapes("text.ln_final", text),
            **linear_shapes("text.text_projection.", self.dim, text),
        }
        shapes |= block_shapes(_VISION_BLOCKS, _VISION_BLOCK, vision, self.vision_blocks)
        return shapes | block_shapes(_TEXT_BLOCKS, _TEXT_BLOCK, text, self.text_blocks)


def _write_image_graph(weights: Weights, sizes: _SigLipSizes, path: Path) -> None:
    """Write the image tower: pixels (n, 3, side_px, side_px) to rows (n, dim)."""
    graph, width = GraphBuilder(weights, _EPSILON), sizes.vision_width
    embed = "visual.trunk.patch_embed.proj"
    pixels = graph.pixels(MEAN, STD)
    tokens = graph.patches(pixels, f"{embed}.weight", width, sizes.patch_px, f"{embed}.bias")
    tokens = graph.add("Add", tokens, graph.weight("visual.trunk.pos_embed"))
    tokens = graph.blocks(tokens, _VISION_BLOCKS, _VISION_BLOCK, width, sizes.vision_blocks)
    tokens = graph.norm(tokens, "visual.trunk.norm")
    query = graph.linear(graph.repeated(weights[f"{_POOL}.latent"]), f"{_POOL}.q.")
    mixed = graph.linear(tokens, f"{_POOL}.kv.")
    keys, values = graph.split("Split", [mixed], 2, axis=-1)
    read = graph.linear(graph.attend(query, keys, values, width), f"{_POOL}.proj.")
    inner = graph.norm(read, f"{_POOL}.norm")
    read = graph.add("Add", read, graph.two_layers(inner, f"{_POOL}.mlp.fc1.", f"{_POOL}.mlp.fc2."))
    rows = graph.add("Gather", read, graph.constant(np.array(0, np.int64)), axis=1)
    shape = ("n", 3, sizes.side_px, sizes.side_px)
    graph.write(rows, TensorProto.UINT8, shape, sizes.dim, path)


def _write_text_graph(weights: Weights, sizes: _SigLipSizes, path: Path) -> None:
    """Write the text tower: token ids (n, context_length), padded, to rows (n, dim)."""
    graph, width = GraphBuilder(weights, _EPSILON, tanh=True), sizes.text_width
    tokens = graph.add("Gather", graph.weight("text.token_embedding.weight"), "input")
    tokens = graph.add("Add", tokens, graph.weight("text.positional_embedding"))
    tokens = graph.blocks(tokens, _TEXT_BLOCKS, _TEXT_BLOCK, width, sizes.text_blocks)
    tokens = graph.norm(tokens, "text.ln_final")
    last = graph.constant(np.array(sizes.context_length - 1, np.int64))
    rows = graph.linear(graph.add("Gather", tokens, last, axis=1), "text.text_projection.")
    graph.write(rows, TensorProto.INT64, ("n", sizes.context_length), sizes.dim, path)
