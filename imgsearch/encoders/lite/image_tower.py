"""EfficientNet-Lite2 as an ONNX graph, in integers for use and in floats to calibrate it.

Architecture: Tan and Le 2019 (arXiv 1905.11946) in its Lite form: no squeeze-and-excite, ReLU6
for swish, stem and head not widened, all so that it quantises well. Batch normalisation is folded
into the convolutions. Padding is TensorFlow's SAME.

The integer form: weights int8, one scale a channel; activations uint8, one scale a layer
(Jacob et al. 2018, arXiv 1712.05877). Pixels enter as they are, because (pixel - 127) / 128 is
itself a scale and a zero point. ReLU6 costs nothing: [0, 6] is the whole range of the uint8. Only
the layers without ReLU6 need measured ranges.

Features are means over the image: of the last layer, and of what the last block of each of the
four late stages projects. Captions speak of colours, places and numbers, which the last layer,
trained to tell classes, has partly forgotten: with the stages R@1 on Flickr8k's dev split is 26.9,
without them 24.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from numpy.typing import NDArray

from imgsearch.encoders.lite.graph import FLOAT, UINT8, Graph
from imgsearch.encoders.lite.towers import SIDE_PX

if TYPE_CHECKING:
    from imgsearch.encoders.lite.weights import Tensors

    Floats = NDArray[np.float32]

FEATURES = 1280 + 88 + 120 + 208 + 352
CLASSES = 1000

_BLOCK_STRIDES = (1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1)
_STAGE_ENDS = (10, 14, 19, 20)  # the last blocks of the stages that give features
_BATCH_NORM_EPSILON = 1e-3
_PIXEL_SCALE, _PIXEL_ZERO = 1 / 128, 127
_SPATIAL_AXES = (2, 3)


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution with its batch normalisation folded in."""

    weight: Floats  # (out, in / groups, k, k)
    bias: Floats
    stride: int
    relu6: bool = True
    opens_block: bool = False
    adds_input: bool = False  # a residual connection from where the block opened
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


def layers(tensors: Tensors) -> Iterator[Layer]:
    """The network as a row of convolutions, in the order they run."""
    yield Layer(*_folded(tensors, "_conv_stem", "_bn0"), stride=2)
    for number, stride in enumerate(_BLOCK_STRIDES):
        block = f"_blocks.{number}."
        expands = block + "_expand_conv.weight" in tensors
        if expands:
            weight, bias = _folded(tensors, block + "_expand_conv", block + "_bn0")
            yield Layer(weight, bias, stride=1, opens_block=True)
        width = weight.shape[1] if expands else 0
        weight, bias = _folded(tensors, block + "_depthwise_conv", block + "_bn1")
        yield Layer(weight, bias, stride=stride, opens_block=not expands)
        weight, bias = _folded(tensors, block + "_project_conv", block + "_bn2")
        same = stride == 1 and width == len(weight)
        ends = number in _STAGE_ENDS
        yield Layer(weight, bias, 1, relu6=False, adds_input=same, gives_features=ends)
    yield Layer(*_folded(tensors, "_conv_head", "_bn1"), stride=1)


def _folded(tensors: Tensors, conv: str, norm: str) -> tuple[Floats, Floats]:
    gain = tensors[norm + ".weight"] / np.sqrt(
        tensors[norm + ".running_var"] + np.float32(_BATCH_NORM_EPSILON)
    )
    weight = tensors[conv + ".weight"] * gain[:, None, None, None]
    return weight, tensors[norm + ".bias"] - tensors[norm + ".running_mean"] * gain


# ---------------------------------------------------------------------------- floats


def float_model(tensors: Tensors, *, with_ranges: bool = False) -> onnx.ModelProto:
    """uint8 pixels (n, 3, 260, 260) to `features` (n, 2048) and `logits` (n, 1000), in float32.

    `with_ranges` adds `lows` and `highs`, (n, 35): the extremes, image by image, of every value
    that `integer_model` needs a range for.
    """
    graph = Graph()
    value = graph.node("Cast", "pixels", attributes={"to": FLOAT})
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
            found = [graph.node(op, v, axes, attributes={"keepdims": 0}) for v in unbounded]
            last = graph.constant([1], np.int64)
            columns = [graph.node("Unsqueeze", v, last) for v in found]
            graph.name(graph.node("Concat", *columns, attributes={"axis": 1}), name)
    return _finished(graph, [value, *stages], tensors, ("lows", "highs") if with_ranges else ())


# ---------------------------------------------------------------------------- integers


@dataclass(frozen=True, slots=True)
class _Quantised:
    """A uint8 value of the graph: real = scale · (value - zero)."""

    value: str
    scale: np.float32
    zero: int

    def parameters(self, graph: Graph) -> tuple[str, str]:
        return graph.constant(self.scale), graph.constant(self.zero, np.uint8)

    def real(self, graph: Graph) -> str:
        return graph.node("DequantizeLinear", self.value, *self.parameters(graph))


def integer_model(tensors: Tensors, ranges: Floats) -> onnx.ModelProto:
    """The same as `float_model`, in int8. `ranges` is (35, 2): low and high, in running order."""
    graph, unbounded = Graph(), iter(ranges)
    now = _Quantised("pixels", np.float32(_PIXEL_SCALE), _PIXEL_ZERO)
    block_input, stages = now, []
    for layer in layers(tensors):
        if layer.opens_block:
            block_input = now
        target = (np.float32(6 / 255), 0) if layer.relu6 else _scale_and_zero(next(unbounded))
        now = _convolved(graph, now, layer, target)
        if layer.gives_features:
            stages.append(now.real(graph))
        if layer.adds_input:
            total = graph.node("Add", block_input.real(graph), now.real(graph))
            now = _Quantised("", *_scale_and_zero(next(unbounded)))
            added = graph.node("QuantizeLinear", total, *now.parameters(graph))
            now = _Quantised(added, now.scale, now.zero)
    return _finished(graph, [now.real(graph), *stages], tensors)


def _convolved(
    graph: Graph, source: _Quantised, layer: Layer, target: tuple[np.float32, int]
) -> _Quantised:
    strongest = np.abs(layer.weight).max(axis=(1, 2, 3))
    # A channel that is all but dead would get a scale so small that its bias overflows int32.
    scale = np.maximum(strongest, strongest.max() * 1e-4) / np.float32(127)
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
    graph: Graph, values: list[str], tensors: Tensors, more: tuple[str, ...] = ()
) -> onnx.ModelProto:
    axes = graph.constant(_SPATIAL_AXES, np.int64)
    pooled = [graph.node("ReduceMean", value, axes, attributes={"keepdims": 0}) for value in values]
    weight, bias = graph.constant(tensors["_fc.weight"]), graph.constant(tensors["_fc.bias"])
    graph.name(graph.node("Concat", *pooled, attributes={"axis": 1}), "features")
    graph.name(graph.node("Gemm", pooled[0], weight, bias, attributes={"transB": 1}), "logits")
    outputs: dict[str, list[int | str]] = {"features": ["n", FEATURES], "logits": ["n", CLASSES]}
    outputs |= {name: ["n", "values"] for name in more}
    return graph.finish({"pixels": (UINT8, ["n", 3, SIDE_PX, SIDE_PX])}, outputs)
