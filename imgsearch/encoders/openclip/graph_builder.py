"""Builds the graph of a transformer from its weights, operation by operation, without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from msgspec import Struct
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_OPSET = 17  # the first with a layer norm
_IR_VERSION = 9  # of the file
_HEAD_WIDTH = 64  # in all trained models of these layouts
_SMALLEST_LENGTH = 1e-12  # a row is divided by no less, as in torch's `normalize`
_LEAST_EXTERNAL_BYTES = 1024  # smaller constants are in the graph's own file

Weights: TypeAlias = Mapping[str, NDArray[np.float32]]


class BlockNames(Struct, frozen=True):
    """The names of the weights of a residual block, after the name of the block."""

    norm_1: str
    mixed: str  # of the matrix for queries, keys and values, with its separator: "attn.qkv."
    joined: str
    norm_2: str
    wide: str
    narrow: str


class GraphBuilder:
    """A graph in the making. Its methods add operations and return the name of their result.

    `epsilon` is that of all layer norms; with `tanh`, GELU is computed by its approximation.
    """

    def __init__(self, weights: Weights, epsilon: float, *, tanh: bool = False) -> None:
        self._weights, self._epsilon, self._tanh = weights, epsilon, tanh
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, values: NDArray[Any]) -> str:
        """Add a constant."""
        name = f"constant_{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def integers(self, *values: int) -> str:
        """Add a constant row of integers."""
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        """Add a constant number."""
        return self.constant(np.array(value, np.float32))

    def weight(self, name: str, *, transposed: bool = False) -> str:
        """Add a weight, or its transpose. Each weight is used in one of the two forms only."""
        if name not in self._constants:
            values = self._weights[name]
            values = np.asarray(values.T if transposed else values, order="C")
            self._constants[name] = numpy_helper.from_array(values, name)
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation with one result."""
        return self.split(operator, inputs, 1, **attributes)[0]

    def split(
        self, operator: str, inputs: Sequence[str], count: int, **attributes: Any
    ) -> tuple[str, ...]:
        """Add an operation with several results."""
        start = f"{operator}_{len(self._nodes)}"
        results = (start, *(f"{start}.{place}" for place in range(1, count)))
        self._nodes.append(helper.make_node(operator, inputs, results, **attributes))
        return results

    # ------------------------------------------------------------------------ layers

    def pixels(self, mean: Sequence[float], std: Sequence[float]) -> str:
        """Add the normalisation of the input: (x / 255 - mean) / std for each channel."""
        shift, scale = (
            self.constant(np.array(values, np.float32).reshape(3, 1, 1) * 255)
            for values in (mean, std)
        )
        whole = self.add("Cast", "input", to=TensorProto.FLOAT)
        return self.add("Div", self.add("Sub", whole, shift), scale)

    def patches(self, pixels: str, weight: str, width: int, patch_px: int, *bias: str) -> str:
        """Add a row for each patch of a photo, (n, patches, width)."""
        sides = [patch_px, patch_px]
        inputs = [self.weight(name) for name in (weight, *bias)]
        grid = self.add("Conv", pixels, *inputs, kernel_shape=sides, strides=sides)
        return self.add(
            "Transpose", self.add("Reshape", grid, self.integers(0, width, -1)), perm=[0, 2, 1]
        )

    def repeated(self, row: NDArray[np.float32]) -> str:
        """Add a token, the same for each row of the input: (n, 1, width)."""
        rows = self.add("Shape", "input", start=0, end=1)
        shape = self.add("Concat", rows, self.integers(1, row.size), axis=0)
        return self.add("Expand", self.constant(row.reshape(1, 1, -1)), shape)

    def norm(self, rows: str, name: str) -> str:
        """Add a layer norm."""
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", rows, scale, shift, axis=-1, epsilon=self._epsilon)

    def linear(self, rows: str, name: str) -> str:
        """Add a product with the matrix NAMEweight, (outputs, inputs) as in torch, and NAMEbias."""
        product = self.add("MatMul", rows, self.weight(f"{name}weight", transposed=True))
        return self.add("Add", product, self.weight(f"{name}bias"))

    def blocks(
        self, rows: str, start: str, names: BlockNames, width: int, count: int, mask: str = ""
    ) -> str:
        """Add residual blocks, numbered after `start`. `mask` is added to scores of attention."""
        for number in range(count):
            block = f"{start}{number}."
            inner = self.norm(rows, block + names.norm_1)
            mixed = self.linear(inner, block + names.mixed)
            queries, keys, values = self.split("Split", [mixed], 3, axis=-1)
            attended = self.attend(queries, keys, values, width, mask)
            rows = self.add("Add", rows, self.linear(attended, block + names.joined))
            inner = self.norm(rows, block + names.norm_2)
            inner = self.two_layers(inner, block + names.wide, block + names.narrow)
            rows = self.add("Add", rows, inner)
        return rows

    def attend(self, queries: str, keys: str, values: str, width: int, mask: str = "") -> str:
        """Add attention of several heads between rows, (n, tokens, width)."""
        shape = self.integers(0, -1, width // _HEAD_WIDTH, _HEAD_WIDTH)
        queries, keys, values = (
            self.add("Transpose", self.add("Reshape", rows, shape), perm=perm)
            for rows, perm in (
                (queries, [0, 2, 1, 3]),
                (keys, [0, 2, 3, 1]),
                (values, [0, 2, 1, 3]),
            )
        )
        scores = self.add("Mul", self.add("MatMul", queries, keys), self.number(_HEAD_WIDTH**-0.5))
        if mask:
            scores = self.add("Add", scores, mask)
        joined = self.add("MatMul", self.add("Softmax", scores, axis=-1), values)
        joined = self.add("Transpose", joined, perm=[0, 2, 1, 3])
        return self.add("Reshape", joined, self.integers(0, -1, width))

    def two_layers(self, rows: str, wide: str, narrow: str) -> str:
        """Add two products with GELU between them."""
        return self.linear(self._gelu(self.linear(rows, wide)), narrow)

    def _gelu(self, rows: str) -> str:
        """Add GELU: Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415."""
        if self._tanh:  # x/2 · (1 + tanh(√(2/π) · (x + .044715 x³)))
            cube = self.add("Mul", self.add("Mul", rows, rows), rows)
            inner = self.add("Add", rows, self.add("Mul", cube, self.number(0.044715)))
            inner = self.add("Mul", inner, self.number(math.sqrt(2 / math.pi)))
            part = self.add("Add", self.add("Tanh", inner), self.number(1.0))
        else:  # x/2 · (1 + erf(x/√2))
            inner = self.add("Div", rows, self.number(math.sqrt(2)))
            part = self.add("Add", self.add("Erf", inner), self.number(1.0))
        return self.add("Mul", self.add("Mul", rows, part), self.number(0.5))

    # ------------------------------------------------------------------------ the file

    def write(self, rows: str, kind: int, shape: Sequence[int | str], dim: int, path: Path) -> None:
        """Write the graph, and its constants beside it: the output is `rows`, of length 1 each.

        `kind` and `shape` are those of the input.
        """
        length = self.add("ReduceL2", rows, axes=[-1], keepdims=1)
        length = self.add("Max", length, self.number(_SMALLEST_LENGTH))
        self._nodes.append(helper.make_node("Div", [rows, length], ["output"]))
        graph = helper.make_graph(
            self._nodes,
            path.stem,
            [helper.make_tensor_value_info("input", kind, shape)],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", dim])],
            list(self._constants.values()),
        )
        opset = helper.make_opsetid("", _OPSET)
        onnx.save_model(
            helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION),
            path,
            save_as_external_data=True,
            location=f"{path.name}.weights",
            size_threshold=_LEAST_EXTERNAL_BYTES,
        )
