"""Builds the graphs of both towers of CLIP from its weights, without torch.

This is CLIP as open_clip lays it out: a vision transformer whose class token is read, and a causal
transformer that is read at the end mark of a text. Sizes follow from the shapes of the weights.
uint8 pixels or token ids go in, rows of length 1 come out, as from a graph that torch exports.
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
    norm_shapes,
)
from imgsearch.errors import EncoderError

# Of the photos that CLIP was trained with: open_clip's constants.py.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_EPSILON = 1e-5  # of layer norms: torch's default
_HIDDEN = -1e9  # added to the score of a token that another one may not attend to
_BLOCK = BlockNames("ln_1", "attn.in_proj_", "attn.out_proj.", "ln_2", "mlp.c_fc.", "mlp.c_proj.")
_VISION_BLOCKS, _TEXT_BLOCKS = "visual.transformer.resblocks.", "transformer.resblocks."


def write_graphs(weights: Weights, shapes: Shapes, image: Path, text: Path) -> TowerSizes:
    """Write the image tower to `image` and the text tower to `text`; return their sizes.

    Raises EncoderError if the model lacks a weight, or has one that CLIP does not have.
    """
    sizes = _ClipSizes(shapes)
    _write_image_graph(weights, sizes, image)
    _write_text_graph(weights, sizes, text)
    return TowerSizes(sizes.side_px, sizes.dim, sizes.context_length)


class _ClipSizes:
    """The sizes of a CLIP model, from the shapes of its weights."""

    def __init__(self, shapes: Shapes) -> None:
        try:
            self.vision_width, _, self.patch_px, _ = shapes["visual.conv1.weight"]
            self.tokens, _ = shapes["visual.positional_embedding"]
            self.context_length, self.text_width = shapes["positional_embedding"]
            self.vocabulary, _ = shapes["token_embedding.weight"]
            _, self.dim = shapes["visual.proj"]
        except (KeyError, ValueError) as error:
            raise EncoderError(f"its weights are not laid out as in CLIP: {error}") from error
        self.side_px = math.isqrt(self.tokens - 1) * self.patch_px
        self.vision_blocks = count_blocks(shapes, _VISION_BLOCKS)
        self.text_blocks = count_blocks(shapes, _TEXT_BLOCKS)
        check_shapes(shapes, self._shapes())

    def _shapes(self) -> Shapes:
        vision, text = self.vision_width, self.text_width
        shapes: dict[str, tuple[int, ...]] = {
            "logit_scale": (),
            "visual.class_embedding": (vision,),
            "visual.positional_embedding": (self.tokens, vision),
            "visual.proj": (vision, self.dim),
            "visual.conv1.weight": (vision, 3, self.patch_px, self.patch_px),
            "positional_embedding": (self.context_length, text),
            "text_projection": (text, self.dim),
            "token_embedding.weight": (self.vocabulary, text),
            **norm_shapes("visual.ln_pre", vision),
            **norm_shapes("visual.ln_post", vision),
            **norm_shapes("ln_final", text),
        }
        shapes |= block_shapes(_VISION_BLOCKS, _BLOCK, vision, self.vision_blocks)
        return shapes | block_shapes(_TEXT_BLOCKS, _BLOCK, text, self.text_blocks)


def _write_image_graph(weights: Weights, sizes: _ClipSizes, path: Path) -> None:
    """Write the image tower: pixels (n, 3, side_px, side_px) to rows (n, dim)."""
    graph, width = GraphBuilder(weights, _EPSILON), sizes.vision_width
    pixels = graph.pixels(MEAN, STD)
    patches = graph.patches(pixels, "visual.conv1.weight", width, sizes.patch_px)
    first = graph.repeated(weights["visual.class_embedding"])
    tokens = graph.add("Concat", first, patches, axis=1)
    tokens = graph.add("Add", tokens, graph.weight("visual.positional_embedding"))
    tokens = graph.norm(tokens, "visual.ln_pre")
    tokens = graph.blocks(tokens, _VISION_BLOCKS, _BLOCK, width, sizes.vision_blocks)
    tokens = graph.norm(tokens, "visual.ln_post")
    read = graph.add("Gather", tokens, graph.constant(np.array(0, np.int64)), axis=1)
    rows = graph.add("MatMul", read, graph.weight("visual.proj"))
    shape = ("n", 3, sizes.side_px, sizes.side_px)
    graph.write(rows, TensorProto.UINT8, shape, sizes.dim, path)


def _write_text_graph(weights: Weights, sizes: _ClipSizes, path: Path) -> None:
    """Write the text tower: token ids (n, length) to rows (n, dim), for any length in its context.

    A text's highest id is its end mark; what stands behind it has no influence.
    """
    graph, whole = GraphBuilder(weights, _EPSILON), sizes.context_length
    start, rows, columns = graph.integers(0), graph.integers(0), graph.integers(1)
    length = graph.add("Shape", "input", start=1, end=2)
    places = graph.add("Slice", graph.weight("positional_embedding"), start, length, rows)
    mask = graph.constant(np.triu(np.full((whole, whole), _HIDDEN, np.float32), 1))
    mask = graph.add("Slice", mask, start, length, rows)
    mask = graph.add("Slice", mask, start, length, columns)
    tokens = graph.add("Gather", graph.weight("token_embedding.weight"), "input")
    tokens = graph.add("Add", tokens, places)
    tokens = graph.blocks(tokens, _TEXT_BLOCKS, _BLOCK, sizes.text_width, sizes.text_blocks, mask)
    tokens = graph.norm(tokens, "ln_final")
    ends = graph.add("ArgMax", "input", axis=1, keepdims=1)
    read = graph.add("GatherND", tokens, ends, batch_dims=1)
    product = graph.add("MatMul", read, graph.weight("text_projection"))
    graph.write(product, TensorProto.INT64, ("n", "length"), sizes.dim, path)
