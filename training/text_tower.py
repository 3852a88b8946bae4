"""Writes the graph of the text tower: `python -m training.text_tower`.

The tower is all-MiniLM-L6-v2: BERT (Devlin et al. 2018, arXiv 1810.04805), six layers of 384,
twelve heads; pooled as sentence-transformers does (Reimers and Gurevych 2019, arXiv 1908.10084).
Its last layer was trained to represent a sentence as a whole; the third layer and the embeddings,
pooled in the same way, still represent the words. There is one kind of segment, so its embedding is
folded into the positions.

The package with the weights has an ONNX file of its own, with the last layer as its only output
and matrices that it turns into float32 when it is opened. This graph takes the matrices, int8 with
one scale a column, out of that file where they lie, so that opening it maps the file and computes
nothing, and multiplies integers. An activation is turned into bytes with one scale a token, so
that the vector of a text does not depend on the other texts of a batch. Bytes are too coarse for
the input of attention: there, the remainder becomes a second byte. Everything else is in float32.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from msgspec import Struct
from onnx import TensorProto, numpy_helper

from imgsearch.encoders.checksums import sha256_of
from imgsearch.encoders.lite import weights
from imgsearch.encoders.lite.graph import Graph
from imgsearch.encoders.lite.spec import CONTEXT_LENGTH, TEXT_FEATURES, TEXT_LAYERS, TEXT_WIDTH

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    Floats = NDArray[np.float32]

_LAYERS, _HEADS = 6, 12
_DEPTH = TEXT_WIDTH // _HEADS
_EPSILON = 1e-12
_FILE = Path(weights.TEXT.inside).name
_QUERY = "attention.self.query"
_MATRICES = (  # of a layer, in the order of the file
    _QUERY,
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
_LARGEST, _ZERO = 127, 128  # bytes are 1 to 255 with 0 at 128
_REMAINDERS = 254  # steps of a remainder in one step of a byte
_FLOAT, _INT64, _UINT8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.UINT8


class Matrix(Struct, frozen=True):
    """An int8 matrix in the file of the package."""

    values: NDArray[np.int8]
    offset: int  # bytes
    scales: Floats

    @property
    def real(self) -> Floats:
        return self.values.astype(np.float32) * self.scales


class PackageTensors:
    """The weights in the file of the package, by the names of BERT's parts."""

    def __init__(self, file: Path) -> None:
        content = file.read_bytes()
        self._arrays: dict[str, NDArray[np.generic]] = {}
        self._offsets: dict[str, int] = {}
        for tensor in onnx.load_model_from_string(content).graph.initializer:
            array = numpy_helper.to_array(tensor)
            self._arrays[tensor.name] = array
            if array.dtype == np.int8:
                self._offsets[tensor.name] = content.index(tensor.raw_data)
        unnamed = [name for name in self._offsets if name.startswith("val_")]
        self._matrices = sorted(unnamed, key=lambda name: int(name.split("_")[1]))

    def floats(self, name: str) -> Floats:
        """A small tensor, such as a bias."""
        return np.asarray(self._arrays[f"inner.{name}"], np.float32)

    def table(self, part: str) -> Matrix:
        """The embeddings of words or positions, with a scale for each row."""
        return self._matrix(f"inner.embeddings.{part}_embeddings.weight_q")

    def matrix(self, layer: int, name: str) -> Matrix:
        """A matrix of a layer, (in, out), with a scale for each column."""
        return self._matrix(self._matrices[len(_MATRICES) * layer + _MATRICES.index(name)])

    def bias(self, layer: int, name: str) -> Floats:
        """The bias of that matrix, (out,)."""
        return self.floats(f"encoder.layer.{layer}.{name}.bias")

    def _matrix(self, name: str) -> Matrix:
        scales = self._arrays[name.removesuffix("_q") + "_scale"]
        values = np.asarray(self._arrays[name], np.int8)
        return Matrix(values, self._offsets[name], np.asarray(scales, np.float32))


def text_model(tensors: PackageTensors, *, in_float32: bool = False) -> onnx.ModelProto:
    """`tokens` and `mask` (n, t) int64, mask 1 for a token and 0 for padding, to `texts` (n, 1152).

    A row is the mean over the tokens of the last layer, then of each of TEXT_LAYERS, each scaled
    to length 1. `in_float32`, the graph has its matrices in itself, as real numbers.
    """
    builder = _BertBuilder(tensors, in_float32)
    graph = builder.graph
    hiddens = [builder.embeddings()]
    mask = graph.node("Cast", "mask", attributes={"to": _FLOAT})
    padding = graph.node("Sub", builder.constant(1), mask)
    bias = graph.node("Mul", padding, builder.constant(-1e9))
    bias = graph.node("Unsqueeze", bias, builder.constant([1, 2], np.int64))
    for number in range(_LAYERS):
        hiddens.append(builder.layer(number, hiddens[-1], bias))
    by_token = graph.node("Unsqueeze", mask, builder.constant([-1], np.int64))
    means = [builder.mean(hiddens[layer], by_token) for layer in (_LAYERS, *TEXT_LAYERS)]
    graph.name(graph.node("Concat", *means, attributes={"axis": 1}), "texts")
    return graph.finish(
        {"tokens": (_INT64, ["n", "t"]), "mask": (_INT64, ["n", "t"])},
        {"texts": ["n", TEXT_FEATURES]},
    )


class _Bytes(Struct, frozen=True):
    """Activations as uint8 with a scale a token; with a remainder, stacked on a new first axis."""

    value: str
    scale: str
    has_remainder: bool


class _BertBuilder:
    """Adds BERT's parts to a graph. Each method returns the name of a value."""

    def __init__(self, tensors: PackageTensors, in_float32: bool) -> None:
        self.graph, self._in_float32 = Graph(), in_float32
        self._tensors = tensors
        self._constants: dict[tuple[str, object], str] = {}

    def constant(self, value: ArrayLike, dtype: DTypeLike = np.float32) -> str:
        """A small constant, which the graph has once."""
        key = (str(value), dtype)
        if key not in self._constants:
            self._constants[key] = self.graph.constant(value, dtype)
        return self._constants[key]

    def embeddings(self) -> str:
        graph, words = self.graph, self._tensors.table("word")
        rows = graph.node("Gather", self._outside(words), "tokens")
        rows = graph.node("Cast", rows, attributes={"to": _FLOAT})
        scales = graph.node("Gather", graph.constant(words.scales), "tokens")
        segment = self._tensors.floats("embeddings.token_type_embeddings.weight")[0]
        positions = self._tensors.table("position").real[:CONTEXT_LENGTH] + segment
        length = graph.node("Shape", "tokens", attributes={"start": 1, "end": 2})
        zero = self.constant([0], np.int64)
        used = graph.node("Slice", graph.constant(positions), zero, length, zero)
        total = graph.node("Add", graph.node("Mul", rows, scales), used)
        return self._norm("embeddings.LayerNorm", total)

    def layer(self, number: int, hidden: str, mask_bias: str) -> str:
        graph, prefix = self.graph, f"encoder.layer.{number}."
        mixed = self._bytes(self._attention(number, hidden, mask_bias))
        attended = self._dense(number, "attention.output.dense", mixed)
        total = graph.node("Add", attended, hidden)
        hidden = self._norm(prefix + "attention.output.LayerNorm", total)
        wide = self._dense(number, "intermediate.dense", self._bytes(hidden))
        wide = graph.node("Gelu", wide)
        narrow = self._dense(number, "output.dense", self._bytes(wide))
        return self._norm(prefix + "output.LayerNorm", graph.node("Add", narrow, hidden))

    def mean(self, hidden: str, mask: str) -> str:
        # The sum suffices: it has the direction of the mean, and its length becomes 1.
        masked, tokens = self.graph.node("Mul", hidden, mask), self.constant([1], np.int64)
        total = self.graph.node("ReduceSum", masked, tokens, attributes={"keepdims": 0})
        return self.graph.node("LpNormalization", total, attributes={"axis": 1, "p": 2})

    def _attention(self, number: int, hidden: str, mask_bias: str) -> str:
        graph = self.graph
        split = self.constant([0, 0, _HEADS, _DEPTH], np.int64)
        read = self._bytes(hidden, with_remainder=True)
        query, key, value = (
            graph.node("Reshape", self._dense(number, f"attention.self.{part}", read), split)
            for part in ("query", "key", "value")
        )
        query = graph.node("Transpose", query, attributes={"perm": [0, 2, 1, 3]})
        key = graph.node("Transpose", key, attributes={"perm": [0, 2, 3, 1]})
        value = graph.node("Transpose", value, attributes={"perm": [0, 2, 1, 3]})
        scores = graph.node("Add", graph.node("MatMul", query, key), mask_bias)
        shares = graph.node("Softmax", scores, attributes={"axis": -1})
        mixed = graph.node("MatMul", shares, value)
        mixed = graph.node("Transpose", mixed, attributes={"perm": [0, 2, 1, 3]})
        return graph.node("Reshape", mixed, self.constant([0, 0, TEXT_WIDTH], np.int64))

    def _bytes(self, value: str, with_remainder: bool = False) -> _Bytes | str:
        """Activations as a product of integers takes them; in float32, as they are."""
        if self._in_float32:
            return value
        graph, last = self.graph, self.constant([-1], np.int64)
        largest = graph.node(
            "ReduceMax", graph.node("Abs", value), last, attributes={"keepdims": 1}
        )
        scale = graph.node("Mul", largest, self.constant(1 / _LARGEST))
        steps = graph.node("Div", value, scale)
        if with_remainder:
            whole = graph.node("Round", steps)
            rest = graph.node("Sub", steps, whole)
            rest = graph.node("Mul", rest, self.constant(_REMAINDERS))
            first = self.constant([0], np.int64)
            parts = [graph.node("Unsqueeze", part, first) for part in (whole, rest)]
            steps = graph.node("Concat", *parts, attributes={"axis": 0})
            of_both = np.array([1, 1 / _REMAINDERS]).reshape(2, 1, 1, 1)
            scale = graph.node("Mul", scale, self.constant(of_both))
        # A cast cuts off, so a half more rounds.
        shifted = graph.node("Add", steps, self.constant(_ZERO + 0.5))
        value = graph.node("Cast", shifted, attributes={"to": _UINT8})
        return _Bytes(value, scale, with_remainder)

    def _dense(self, number: int, name: str, read: _Bytes | str) -> str:
        graph, matrix = self.graph, self._tensors.matrix(number, name)
        # The scale of attention is that of the queries.
        factor = np.float32(_DEPTH**-0.5 if name == _QUERY else 1)
        bias = graph.constant(self._tensors.bias(number, name) * factor)
        if isinstance(read, str):
            total = graph.node("MatMul", read, graph.constant(matrix.real * factor))
            return graph.node("Add", total, bias)
        zero = self.constant(_ZERO, np.uint8)
        total = graph.node("MatMulInteger", read.value, self._outside(matrix), zero)
        total = graph.node("Cast", total, attributes={"to": _FLOAT})
        total = graph.node("Mul", total, read.scale)
        if read.has_remainder:
            first = self.constant([0], np.int64)
            total = graph.node("ReduceSum", total, first, attributes={"keepdims": 0})
        total = graph.node("Mul", total, graph.constant(matrix.scales[0] * factor))
        return graph.node("Add", total, bias)

    def _norm(self, prefix: str, value: str) -> str:
        gain = self.graph.constant(self._tensors.floats(prefix + ".weight"))
        bias = self.graph.constant(self._tensors.floats(prefix + ".bias"))
        attributes = {"axis": -1, "epsilon": _EPSILON}
        return self.graph.node("LayerNormalization", value, gain, bias, attributes=attributes)

    def _outside(self, matrix: Matrix) -> str:
        if self._in_float32:
            return self.graph.constant(matrix.values, np.int8)
        return self.graph.constant_outside(_FILE, matrix.offset, matrix.values.shape)


def main() -> int:
    """Write the graph into the package, and print its checksum, which `weights.py` pins."""
    file = weights.TEXT_GRAPH.path
    model = text_model(PackageTensors(weights.TEXT.verified()))
    file.write_bytes(model.SerializeToString(deterministic=True))
    sys.stdout.write(f"{file}\nsha256 {sha256_of(file)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
