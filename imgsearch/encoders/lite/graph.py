"""A thin pen for drawing ONNX graphs: constants, nodes, and the finished, checked model.

The towers are drawn rather than traced from torch: the graph is then the same under every
version of torch, needs no exporter, and can use integer operators that a trace never yields.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

OPSET = 20  # Gelu is an operator from here on; onnxruntime has it since 1.17
IR_VERSION = 9

UINT8, INT64, FLOAT = TensorProto.UINT8, TensorProto.INT64, TensorProto.FLOAT
Attribute: TypeAlias = "int | float | str | Sequence[int]"


class Graph:
    """Collects nodes and constants. Values are named by strings, as ONNX does."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: ArrayLike, dtype: DTypeLike = np.float32) -> str:
        """Add a constant array and return its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(
        self, op: str, *inputs: str, attributes: Mapping[str, Attribute] = MappingProxyType({})
    ) -> str:
        """Add one operator and return the name of its only output."""
        name = f"v{len(self._nodes)}"
        node = helper.make_node(op, list(inputs), [name])
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in attributes)
        self._nodes.append(node)
        return name

    def name(self, value: str, name: str) -> None:
        """Give a value a name of its own, as the outputs of a model have."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def finish(
        self,
        inputs: dict[str, tuple[int, list[int | str]]],
        outputs: dict[str, list[int | str]],
    ) -> onnx.ModelProto:
        """The checked model. Inputs have a type and a shape, outputs are float32 of a shape."""
        graph = helper.make_graph(
            self._nodes,
            "tower",
            [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(n, FLOAT, shape) for n, shape in outputs.items()],
            self._constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        onnx.checker.check_model(model)
        return model
