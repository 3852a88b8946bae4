"""The image tower of `lite` as an ONNX graph.

The graphs are built node by node rather than traced from torch: they are then the same under every
version of torch, need no exporter, and can use integer operators, which a trace never yields.

The tower is EfficientNet-Lite2 (Tan and Le 2019, arXiv 1905.11946, in its Lite form: no
squeeze-and-excite, ReLU6 for swish, stem and head not widened, all so that it quantises well).
Batch normalisation is folded into the convolutions. Padding is TensorFlow's SAME.

Its integer form has int8 weights with one scale a channel and uint8 activations with one scale a
layer (Jacob et al. 2018, arXiv 1712.05877). Pixels enter as they are, because (pixel - 127) / 128
is itself a scale and a zero point. ReLU6 costs nothing: [0, 6] is the whole range of the uint8.
Only the layers without ReLU6 need measured ranges.

Its features are means over the image: of the last layer, and of the projection of the last block of
each of the four late stages. Captions speak of colours, places and numbers, which the last layer,
trained to tell classes apart, has partly lost: R@1 on Flickr8k's dev split is 26.9 with the stages
and 24.5 without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import onnx
from msgspec import Struct
from numpy.typing import ArrayLike, DTypeLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from imgsearch.encoders.lite.spec import CLASSES, FEATURES, SIDE_PX

if TYPE_CHECKING:
    from imgsearch.encoders.lite.weights import Tensors

    Floats = NDArray[np.float32]

_OPSET = 20  # the first with Gelu as an operator; onnxruntime has it since 1.17
_IR_VERSION = 9
_UINT8, _FLOAT = TensorProto.UINT8, TensorProto.FLOAT

Attribute: TypeAlias = "int | float | str | Sequence[int]"


class Graph:
    """Collects nodes and constants of an ONNX graph. Values go by name, as in ONNX."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: ArrayLike, dtype: DTypeLike = np.float32) -> str:
        """Add a constant array and return its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def constant_outside(self, file: str, offset: int, shape: Sequence[int]) -> str:
        """Add a constant int8 array whose bytes are in another file, and return its name."""
        name = f"c{len(self._constants)}"
        constant = TensorProto(
            name=name, data_type=TensorProto.INT8, dims=shape, data_location=TensorProto.EXTERNAL
        )
        place = {"location": file, "offset": offset, "length": prod(shape)}
        for key, value in place.items():
            constant.external_data.add(key=key, value=str(value))
        self._constants.append(constant)
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

    def nodes(self, op: str, *inputs: str, outputs: int) -> list[str]:
        """Add one operator with several outputs and return their names."""
        names = [f"v{len(self._nodes)}.{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), names))
        return names

    def name(self, value: str, name: str) -> None:
        """Name a value, as the outputs of a model need."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def finish(
        self,
        inputs: dict[str, tuple[int, list[int | str]]],
        outputs: dict[str, list[int | str]],
    ) -> onnx.ModelProto:
        """Return the model. Inputs have type and shape, outputs a shape (float32)."""
        graph = helper.make_graph(
            self._nodes,
            "tower",
            [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(n, _FLOAT, shape) for n, shape in outputs.items()],
            self._constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )
        if not any(constant.external_data for constant in self._constants):
            onnx.checker.check_model(model)  # looks for other files in the working folder
        return model


# ---------------------------------------------------------------------------- the image tower

_BLOCK_STRIDES = (1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1)
_STAGE_ENDS = (10, 14, 19, 20)  # the last blocks of the stages that give features
_BATCH_NORM_EPSILON = 1e-3
_PIXEL_SCALE, _PIXEL_ZERO = 1 / 128, 127
_SPATIAL_AXES = (2, 3)


class ConvLayer(Struct, frozen=True):
    """One convolution with its batch normalisation folded in."""

    weight: Floats  # (out, in / groups, k, k)
    bias: Floats
    stride: int
    relu6: bool = True
    opens_block: bool = False
    adds_input: bool = False  # a residual connection from the start of the block
    gives_features: bool = False

    @property
    def attributes(self) -> dict[str, int | str | list[int]]:
        out, per_group, side, _ = self.weight.shape
        return {
            "kernel_shape": [side, side],
            "strides": [self.stride, self.stride],
            "group": out if per_group == 1 else 1,
            "auto_pad": "SAME_UPPER",
        }


def layers(tensors: Tensors) -> Iterator[ConvLayer]:
    """Yield the network as a sequence of convolutions, in the order they run."""
    yield ConvLayer(*_folded(tensors, "_conv_stem", "_bn0"), stride=2)
    for number, stride in enumerate(_BLOCK_STRIDES):
        block = f"_blocks.{number}."
        expands = block + "_expand_conv.weight" in tensors
        if expands:
            weight, bias = _folded(tensors, block + "_expand_conv", block + "_bn0")
            yield ConvLayer(weight, bias, stride=1, opens_block=True)
        width = weight.shape[1] if expands else 0
        weight, bias = _folded(tensors, block + "_depthwise_conv", block + "_bn1")
        yield ConvLayer(weight, bias, stride=stride, opens_block=not expands)
        weight, bias = _folded(tensors, block + "_project_conv", block + "_bn2")
        same = stride == 1 and width == len(weight)
        ends = number in _STAGE_ENDS
        yield ConvLayer(weight, bias, 1, relu6=False, adds_input=same, gives_features=ends)
    yield ConvLayer(*_folded(tensors, "_conv_head", "_bn1"), stride=1)


def _folded(tensors: Tensors, conv: str, norm: str) -> tuple[Floats, Floats]:
    deviation: Floats = np.sqrt(tensors[norm + ".running_var"] + np.float32(_BATCH_NORM_EPSILON))
    gain = tensors[norm + ".weight"] / deviation
    weight = tensors[conv + ".weight"] * gain[:, None, None, None]
    return weight, tensors[norm + ".bias"] - tensors[norm + ".running_mean"] * gain


def image_model_float32(tensors: Tensors, *, with_ranges: bool = False) -> onnx.ModelProto:
    """Return the model: uint8 pixels (n, 3, 260, 260) to `features` (n, 2048), `logits` (n, 1000).

    It computes in float32. `with_ranges` adds `lows` and `highs`, (n, 35): for each image, the
    extremes of every value that `image_model_int8` needs a range for.
    """
    graph = Graph()
    value = graph.node("Cast", "pixels", attributes={"to": _FLOAT})
    value = graph.node("Sub", value, graph.constant(_PIXEL_ZERO))
    value = graph.node("Mul", value, graph.constant(_PIXEL_SCALE))
    zero, six = graph.constant(0), graph.constant(6)
    block_input, unbounded, stages = value, [], []
    for layer in layers(tensors):
        if layer.opens_block:
            block_input = value
        weight, bias = graph.constant(layer.weight), graph.constant(layer.bias)
        value = graph.node("Conv", value, weight, bias, attributes=layer.attributes)
        if layer.relu6:
            value = graph.node("Clip", value, zero, six)
            continue
        unbounded.append(value)
        if layer.gives_features:
            stages.append(value)
        if layer.adds_input:
            value = graph.node("Add", block_input, value)
            unbounded.append(value)
    if with_ranges:
        for op, name in (("ReduceMin", "lows"), ("ReduceMax", "highs")):
            axes = graph.constant((1, 2, 3), np.int64)
            extremes = [graph.node(op, v, axes, attributes={"keepdims": 0}) for v in unbounded]
            last = graph.constant([1], np.int64)
            columns = [graph.node("Unsqueeze", v, last) for v in extremes]
            graph.name(graph.node("Concat", *columns, attributes={"axis": 1}), name)
    return _finished(graph, [value, *stages], tensors, ("lows", "highs") if with_ranges else ())


class _Quantised(Struct, frozen=True):
    """A uint8 value of the graph: real = scale · (value - zero)."""

    value: str
    scale: np.float32
    zero: int

    def parameters(self, graph: Graph) -> tuple[str, str]:
        return graph.constant(self.scale), graph.constant(self.zero, np.uint8)

    def real(self, graph: Graph) -> str:
        return graph.node("DequantizeLinear", self.value, *self.parameters(graph))


def image_model_int8(tensors: Tensors, ranges: Floats) -> onnx.ModelProto:
    """Return the model of `image_model_float32` in int8.

    `ranges`, (35, 2), has low and high of each value without ReLU6, in order of computation.
    """
    graph, unbounded = Graph(), iter(ranges)
    value = _Quantised("pixels", np.float32(_PIXEL_SCALE), _PIXEL_ZERO)
    block_input, stages = value, []
    for layer in layers(tensors):
        if layer.opens_block:
            block_input = value
        target = (np.float32(6 / 255), 0) if layer.relu6 else _scale_and_zero(next(unbounded))
        value = _convolved(graph, value, layer, target)
        if layer.gives_features:
            stages.append(value.real(graph))
        if layer.adds_input:
            total = graph.node("Add", block_input.real(graph), value.real(graph))
            value = _Quantised("", *_scale_and_zero(next(unbounded)))
            added = graph.node("QuantizeLinear", total, *value.parameters(graph))
            value = _Quantised(added, value.scale, value.zero)
    return _finished(graph, [value.real(graph), *stages], tensors)


def _convolved(
    graph: Graph, source: _Quantised, layer: ConvLayer, target: tuple[np.float32, int]
) -> _Quantised:
    largest = np.abs(layer.weight).max(axis=(1, 2, 3))
    # An almost dead channel would get a scale so small that its bias overflows int32.
    scale = np.maximum(largest, largest.max() * 1e-4) / np.float32(127)
    weight = np.rint(layer.weight / scale[:, None, None, None])
    result = _Quantised("", *target)
    value = graph.node(
        "QLinearConv",
        source.value,
        *source.parameters(graph),
        graph.constant(weight, np.int8),
        graph.constant(scale),
        graph.constant(np.zeros(len(scale)), np.int8),
        *result.parameters(graph),
        graph.constant(np.rint(layer.bias / (scale * source.scale)), np.int32),
        attributes=layer.attributes,
    )
    return _Quantised(value, result.scale, result.zero)


def _scale_and_zero(bounds: Floats) -> tuple[np.float32, int]:
    low, high = min(float(bounds[0]), 0.0), max(float(bounds[1]), 0.0)  # zero must be exact
    scale = (high - low) / 255
    return np.float32(scale), round(-low / scale)


def _finished(
    graph: Graph, values: list[str], tensors: Tensors, range_outputs: tuple[str, ...] = ()
) -> onnx.ModelProto:
    axes = graph.constant(_SPATIAL_AXES, np.int64)
    pooled = [graph.node("ReduceMean", value, axes, attributes={"keepdims": 0}) for value in values]
    weight, bias = graph.constant(tensors["_fc.weight"]), graph.constant(tensors["_fc.bias"])
    graph.name(graph.node("Concat", *pooled, attributes={"axis": 1}), "features")
    graph.name(graph.node("Gemm", pooled[0], weight, bias, attributes={"transB": 1}), "logits")
    outputs: dict[str, list[int | str]] = {"features": ["n", FEATURES], "logits": ["n", CLASSES]}
    outputs |= {name: ["n", "values"] for name in range_outputs}
    return graph.finish({"pixels": (_UINT8, ["n", 3, SIDE_PX, SIDE_PX])}, outputs)
