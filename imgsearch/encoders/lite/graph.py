"""The two towers of `lite` as ONNX graphs.

The graphs are built node by node rather than traced from torch: they are then the same under every
version of torch, need no exporter, and can use integer operators, which a trace never yields.

**The image tower** is EfficientNet-Lite2 (Tan and Le 2019, arXiv 1905.11946, in its Lite form: no
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

**The text tower** is all-MiniLM-L6-v2: BERT (Devlin et al. 2018, arXiv 1810.04805), six layers of
384, twelve heads; pooled as sentence-transformers does (Reimers and Gurevych 2019, arXiv
1908.10084). Its last layer was trained to represent a sentence as a whole; the third layer and the
embeddings, pooled in the same way, still represent the words. There is one kind of segment, so its
embedding is folded into the positions. Large weights are stored as float16, which halves the file;
all arithmetic is in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import onnx
from msgspec import Struct
from numpy.typing import ArrayLike, DTypeLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from imgsearch.encoders.lite.spec import (
    CLASSES,
    CONTEXT_LENGTH,
    FEATURES,
    SIDE_PX,
    TEXT_FEATURES,
    TEXT_LAYERS,
    TEXT_WIDTH,
)

if TYPE_CHECKING:
    from imgsearch.encoders.lite.weights import Tensors

    Floats = NDArray[np.float32]

_OPSET = 20  # the first with Gelu as an operator; onnxruntime has it since 1.17
_IR_VERSION = 9
_UINT8, _INT64, _FLOAT = TensorProto.UINT8, TensorProto.INT64, TensorProto.FLOAT

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
        """Return the checked model. Inputs have type and shape, outputs a shape (float32)."""
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
        onnx.checker.check_model(model)
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
    """The network as a sequence of convolutions, in the order they run."""
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
    """The model from uint8 pixels (n, 3, 260, 260) to `features` (n, 2048) and `logits` (n, 1000).

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
    """The model of `image_model_float32` in int8.

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


# ---------------------------------------------------------------------------- the text tower

_LAYERS, _TEXT_HEADS = 6, 12
_LAYER_NORM_EPSILON = 1e-12


def text_model(tensors: Tensors) -> onnx.ModelProto:
    """`tokens` and `mask` (n, t) int64, mask 1 for a token and 0 for padding, to `texts` (n, 1152).

    A row is the mean over the tokens of the last layer, then of each of TEXT_LAYERS, each scaled
    to length 1.
    """
    builder = _BertBuilder(tensors)
    graph = builder.graph
    hiddens = [builder.embeddings()]
    padding = graph.node(
        "Sub", graph.constant(1), graph.node("Cast", "mask", attributes={"to": _FLOAT})
    )
    mask_bias = graph.node("Mul", padding, graph.constant(-1e9))
    mask_bias = graph.node("Unsqueeze", mask_bias, graph.constant([1, 2], np.int64))
    for number in range(_LAYERS):
        hiddens.append(builder.layer(f"encoder.layer.{number}.", hiddens[-1], mask_bias))
    means = [builder.mean(hiddens[layer]) for layer in (_LAYERS, *TEXT_LAYERS)]
    graph.name(graph.node("Concat", *means, attributes={"axis": 1}), "texts")
    return graph.finish(
        {"tokens": (_INT64, ["n", "t"]), "mask": (_INT64, ["n", "t"])},
        {"texts": ["n", TEXT_FEATURES]},
    )


class _BertBuilder:
    """Adds BERT's parts to a graph. Each method returns the name of a value."""

    def __init__(self, tensors: Tensors) -> None:
        self.graph = Graph()
        self._tensors = tensors

    def embeddings(self) -> str:
        graph, table = self.graph, "embeddings.{}_embeddings.weight"
        words = graph.constant(self._tensors[table.format("word")], np.float16)
        words = graph.node("Cast", graph.node("Gather", words, "tokens"), attributes={"to": _FLOAT})
        positions = self._tensors[table.format("position")][:CONTEXT_LENGTH]
        positions = positions + self._tensors[table.format("token_type")][0]
        length = graph.node("Shape", "tokens", attributes={"start": 1, "end": 2})
        start, axis = graph.constant([0], np.int64), graph.constant([0], np.int64)
        used = graph.node("Slice", graph.constant(positions), start, length, axis)
        total = graph.node("Add", words, used)
        return self._norm("embeddings.LayerNorm", total)

    def layer(self, prefix: str, hidden: str, mask_bias: str) -> str:
        graph = self.graph
        attended = self._attention(prefix + "attention.self.", hidden, mask_bias)
        attended = self._dense(prefix + "attention.output.dense", attended)
        hidden = self._norm(
            prefix + "attention.output.LayerNorm", graph.node("Add", attended, hidden)
        )
        wide = graph.node("Gelu", self._dense(prefix + "intermediate.dense", hidden))
        narrow = self._dense(prefix + "output.dense", wide)
        return self._norm(prefix + "output.LayerNorm", graph.node("Add", narrow, hidden))

    def mean(self, hidden: str) -> str:
        graph = self.graph
        last, middle = graph.constant([-1], np.int64), graph.constant([1], np.int64)
        mask = graph.node("Unsqueeze", graph.node("Cast", "mask", attributes={"to": _FLOAT}), last)
        # The sum suffices: it has the direction of the mean, and its length becomes 1.
        total = graph.node(
            "ReduceSum", graph.node("Mul", hidden, mask), middle, attributes={"keepdims": 0}
        )
        return graph.node("LpNormalization", total, attributes={"axis": 1, "p": 2})

    def _attention(self, prefix: str, hidden: str, mask_bias: str) -> str:
        graph = self.graph
        split = graph.constant([0, 0, _TEXT_HEADS, TEXT_WIDTH // _TEXT_HEADS], np.int64)
        query, key, value = (
            graph.node("Reshape", self._dense(prefix + part, hidden), split)
            for part in ("query", "key", "value")
        )
        query = graph.node("Transpose", query, attributes={"perm": [0, 2, 1, 3]})
        key = graph.node("Transpose", key, attributes={"perm": [0, 2, 3, 1]})
        value = graph.node("Transpose", value, attributes={"perm": [0, 2, 1, 3]})
        scale = graph.constant((TEXT_WIDTH // _TEXT_HEADS) ** -0.5)
        scores = graph.node("Mul", graph.node("MatMul", query, key), scale)
        weights = graph.node(
            "Softmax", graph.node("Add", scores, mask_bias), attributes={"axis": -1}
        )
        mixed = graph.node(
            "Transpose", graph.node("MatMul", weights, value), attributes={"perm": [0, 2, 1, 3]}
        )
        return graph.node("Reshape", mixed, graph.constant([0, 0, TEXT_WIDTH], np.int64))

    def _dense(self, prefix: str, value: str) -> str:
        weight = self.graph.constant(self._tensors[prefix + ".weight"].T, np.float16)
        # The cast is done once, when the model loads.
        weight = self.graph.node("Cast", weight, attributes={"to": _FLOAT})
        bias = self.graph.constant(self._tensors[prefix + ".bias"])
        return self.graph.node("Add", self.graph.node("MatMul", value, weight), bias)

    def _norm(self, prefix: str, value: str) -> str:
        gain = self.graph.constant(self._tensors[prefix + ".weight"])
        bias = self.graph.constant(self._tensors[prefix + ".bias"])
        return self.graph.node(
            "LayerNormalization",
            value,
            gain,
            bias,
            attributes={"axis": -1, "epsilon": _LAYER_NORM_EPSILON},
        )
