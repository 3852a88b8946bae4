"""all-MiniLM-L6-v2 as an ONNX graph: tokens to the mean of the last layer, at length 1.

Architecture: BERT (Devlin et al. 2018, arXiv 1810.04805), six layers of 384, twelve heads; pooled
as sentence-transformers does (Reimers and Gurevych 2019, arXiv 1908.10084). There is one kind of
segment, so its embedding is folded into the positions. Large weights are kept as float16, which
halves the file, and all arithmetic is float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from imgsearch.encoders.lite.graph import FLOAT, INT64, Graph
from imgsearch.encoders.lite.towers import CONTEXT_LENGTH, TEXT_WIDTH

if TYPE_CHECKING:
    from imgsearch.encoders.lite.weights import Tensors

_LAYERS, _HEADS = 6, 12
_NORM_EPSILON = 1e-12


def model(tensors: Tensors) -> onnx.ModelProto:
    """`tokens` and `mask` (n, t) int64, mask 1 for a token and 0 for padding, to `texts` (n, 384).

    Rows of `texts` have length 1.
    """
    drawing = _Drawing(tensors)
    graph = drawing.graph
    hidden = drawing.embedded()
    shut = graph.node(
        "Sub", graph.constant(1), graph.node("Cast", "mask", attributes={"to": FLOAT})
    )
    shut = graph.node("Mul", shut, graph.constant(-1e9))
    shut = graph.node("Unsqueeze", shut, graph.constant([1, 2], np.int64))
    for number in range(_LAYERS):
        hidden = drawing.layer(f"encoder.layer.{number}.", hidden, shut)
    graph.name(drawing.pooled(hidden), "texts")
    return graph.finish(
        {"tokens": (INT64, ["n", "t"]), "mask": (INT64, ["n", "t"])}, {"texts": ["n", TEXT_WIDTH]}
    )


class _Drawing:
    def __init__(self, tensors: Tensors) -> None:
        self.graph = Graph()
        self._tensors = tensors

    def embedded(self) -> str:
        graph, table = self.graph, "embeddings.{}_embeddings.weight"
        words = graph.constant(self._tensors[table.format("word")], np.float16)
        words = graph.node("Cast", graph.node("Gather", words, "tokens"), attributes={"to": FLOAT})
        places = self._tensors[table.format("position")][:CONTEXT_LENGTH]
        places = places + self._tensors[table.format("token_type")][0]
        length = graph.node("Shape", "tokens", attributes={"start": 1, "end": 2})
        start, axis = graph.constant([0], np.int64), graph.constant([0], np.int64)
        here = graph.node("Slice", graph.constant(places), start, length, axis)
        total = graph.node("Add", words, here)
        return self._norm("embeddings.LayerNorm", total)

    def layer(self, at: str, hidden: str, shut: str) -> str:
        graph = self.graph
        attended = self._attention(at + "attention.self.", hidden, shut)
        attended = self._dense(at + "attention.output.dense", attended)
        hidden = self._norm(at + "attention.output.LayerNorm", graph.node("Add", attended, hidden))
        wide = graph.node("Gelu", self._dense(at + "intermediate.dense", hidden))
        narrow = self._dense(at + "output.dense", wide)
        return self._norm(at + "output.LayerNorm", graph.node("Add", narrow, hidden))

    def pooled(self, hidden: str) -> str:
        graph = self.graph
        last, middle = graph.constant([-1], np.int64), graph.constant([1], np.int64)
        mask = graph.node("Unsqueeze", graph.node("Cast", "mask", attributes={"to": FLOAT}), last)
        # The sum stands for the mean: both have the same direction, and length 1 is what we keep.
        total = graph.node(
            "ReduceSum", graph.node("Mul", hidden, mask), middle, attributes={"keepdims": 0}
        )
        return graph.node("LpNormalization", total, attributes={"axis": 1, "p": 2})

    def _attention(self, at: str, hidden: str, shut: str) -> str:
        graph = self.graph
        split = graph.constant([0, 0, _HEADS, TEXT_WIDTH // _HEADS], np.int64)
        query, key, value = (
            graph.node("Reshape", self._dense(at + part, hidden), split)
            for part in ("query", "key", "value")
        )
        query = graph.node("Transpose", query, attributes={"perm": [0, 2, 1, 3]})
        key = graph.node("Transpose", key, attributes={"perm": [0, 2, 3, 1]})
        value = graph.node("Transpose", value, attributes={"perm": [0, 2, 1, 3]})
        scale = graph.constant((TEXT_WIDTH // _HEADS) ** -0.5)
        scores = graph.node("Mul", graph.node("MatMul", query, key), scale)
        weights = graph.node("Softmax", graph.node("Add", scores, shut), attributes={"axis": -1})
        mixed = graph.node(
            "Transpose", graph.node("MatMul", weights, value), attributes={"perm": [0, 2, 1, 3]}
        )
        return graph.node("Reshape", mixed, graph.constant([0, 0, TEXT_WIDTH], np.int64))

    def _dense(self, at: str, value: str) -> str:
        weight = self.graph.constant(self._tensors[at + ".weight"].T, np.float16)
        weight = self.graph.node(
            "Cast", weight, attributes={"to": FLOAT}
        )  # done once, when the model loads
        bias = self.graph.constant(self._tensors[at + ".bias"])
        return self.graph.node("Add", self.graph.node("MatMul", value, weight), bias)

    def _norm(self, at: str, value: str) -> str:
        gain = self.graph.constant(self._tensors[at + ".weight"])
        bias = self.graph.constant(self._tensors[at + ".bias"])
        return self.graph.node(
            "LayerNormalization",
            value,
            gain,
            bias,
            attributes={"axis": -1, "epsilon": _NORM_EPSILON},
        )
