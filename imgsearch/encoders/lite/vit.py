"""The second image tower of `lite+dino` as an ONNX graph: DINOv2 ViT-S/14, in int8.

DINOv2 (Oquab et al. 2023, arXiv 2304.07193) was trained on pictures alone, so it knows things that
ImageNet's 1,000 classes do not name. The package that has its weights puts a decoder behind it;
only the tensors of the tower are read, and the graph is built here, as those of the others are.

A photo of 224 px gives 256 patches of 14 px and a class token, which twelve layers transform (ViT,
Dosovitskiy et al. 2020, arXiv 2010.11929). The features are the class token of several layers, and
the mean of their patches: late layers tell things apart, earlier ones tell where and how many.

Products with weights are in int8: one scale for each output of a matrix, and one for all
activations of a run, found while it is computed, so a run has one photo. Weights have seven bits:
processors without VNNI add pairs of products in 16 bits, which these never overflow, so that all
get the same result at full speed. Attention, norms and sums are in float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from imgsearch.encoders.lite.graph import Graph
from imgsearch.encoders.lite.spec import (
    DINO_FEATURES,
    DINO_LAYERS,
    DINO_SIDE_PX,
    DINO_WIDTH,
)
from imgsearch.encoders.onnx import import_onnxruntime

if TYPE_CHECKING:
    from imgsearch.encoders.lite.weights import Tensors

    Floats = NDArray[np.float32]

_TOWER = "backbone."
_PATCH_PX, _HEADS, _BLOCKS = 14, 6, 12
_LAYER_NORM_EPSILON = 1e-6
_LARGEST_WEIGHT = 63  # 2 · 63 · 255 fits into 16 bits
# The mean and deviation of ImageNet's pixels, with which DINOv2 was trained.
_PIXEL_MEAN = 255 * np.array([0.485, 0.456, 0.406])
_PIXEL_DEVIATION = 255 * np.array([0.229, 0.224, 0.225])
_TOKENS = "/backbone/embeddings/Concat_1_output_0"  # in the file: what the positions are added to


# ---------------------------------------------------------------------------- the file


def read_tensors(path: Path) -> Tensors:
    """Read the tensors of the tower, float32, by the names of DINOv2 in `transformers`.

    Matrices are (in, out). `positions` (1, 257, 384) are those of a photo of DINO_SIDE_PX: the
    file has those of larger photos, and the nodes that interpolate them.
    """
    model = onnx.load(path)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    tensors = {
        name: numpy_helper.to_array(tensor)
        for name, tensor in stored.items()
        if name.startswith(_TOWER)
    }
    # The exporter named no matrix, but each is multiplied just before its bias is added.
    made_by = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        for bias in node.input if node.op_type == "Add" else ():
            if bias.startswith(_TOWER) and bias.endswith(".bias"):
                (product,) = (made_by[name] for name in node.input if name != bias)
                if product.op_type == "MatMul":
                    matrix = numpy_helper.to_array(stored[product.input[1]])
                    tensors[bias.removesuffix("bias") + "weight"] = matrix
    tensors["positions"] = _positions(model)
    return tensors


def _positions(model: onnx.ModelProto) -> Floats:
    """Compute the positions that the file adds to the tokens of a photo of DINO_SIDE_PX."""
    (added,) = (n for n in model.graph.node if n.op_type == "Add" and _TOKENS in n.input)
    (wanted,) = (name for name in added.input if name != _TOKENS)
    needed, nodes = {wanted}, []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    part = helper.make_graph(
        nodes[::-1],
        "positions",
        list(model.graph.input),
        [helper.make_tensor_value_info(wanted, TensorProto.FLOAT, None)],
        [tensor for tensor in model.graph.initializer if tensor.name in needed],
    )
    own = helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
    session = import_onnxruntime().InferenceSession(
        own.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    pixels = np.zeros((1, 3, DINO_SIDE_PX, DINO_SIDE_PX), np.float32)
    (positions,) = session.run(None, {model.graph.input[0].name: pixels})
    return np.asarray(positions, np.float32)


# ---------------------------------------------------------------------------- the graph


def model_int8(tensors: Tensors) -> onnx.ModelProto:
    """Return the model from uint8 `pixels` (n, 3, 224, 224) to `features` (n, DINO_FEATURES)."""
    return _VitBuilder(tensors, int8=True).model()


def model_float32(tensors: Tensors) -> onnx.ModelProto:
    """Return the same model with all products in float32."""
    return _VitBuilder(tensors, int8=False).model()


class _VitBuilder:
    """Adds the parts of the tower to a graph. Each method returns the name of a value."""

    def __init__(self, tensors: Tensors, int8: bool) -> None:
        self.graph = Graph()
        self._tensors = tensors
        self._int8 = int8

    def model(self) -> onnx.ModelProto:
        hidden = self.tokens()
        layers = []
        for number in range(_BLOCKS):
            hidden = self.block(f"{_TOWER}encoder.layer.{number}.", hidden)
            layers.append(hidden)
        layers.append(self.norm(_TOWER + "layernorm", hidden))
        chosen = [layers[number] for number in DINO_LAYERS]
        features = [*map(self.class_token, chosen), *map(self.mean_patch, chosen)]
        graph = self.graph
        graph.name(graph.node("Concat", *features, attributes={"axis": 1}), "features")
        side: list[int | str] = ["n", 3, DINO_SIDE_PX, DINO_SIDE_PX]
        return graph.finish(
            {"pixels": (TensorProto.UINT8, side)}, {"features": ["n", DINO_FEATURES]}
        )

    def tokens(self) -> str:
        """Return the class token and the patches, with their positions: (n, 257, 384)."""
        graph, name = self.graph, _TOWER + "embeddings.patch_embeddings.projection."
        weight, bias = self._tensors[name + "weight"], self._tensors[name + "bias"]
        # The pixels enter as they are: mean and deviation go into the convolution.
        own = weight / _PIXEL_DEVIATION[:, None, None]
        bias = bias - (own * _PIXEL_MEAN[:, None, None]).sum(axis=(1, 2, 3))
        patches = graph.node(
            "Conv",
            graph.node("Cast", "pixels", attributes={"to": TensorProto.FLOAT}),
            graph.constant(own),
            graph.constant(bias),
            attributes={
                "kernel_shape": [_PATCH_PX, _PATCH_PX],
                "strides": [_PATCH_PX, _PATCH_PX],
            },
        )
        rows = graph.node("Reshape", patches, graph.constant([0, DINO_WIDTH, -1], np.int64))
        rows = graph.node("Transpose", rows, attributes={"perm": [0, 2, 1]})
        positions = self._tensors["positions"]
        rows = graph.node("Add", rows, graph.constant(positions[:, 1:]))
        first = self._tensors[_TOWER + "embeddings.cls_token"] + positions[:, :1]
        photos = graph.node("Shape", "pixels", attributes={"start": 0, "end": 1})
        shape = graph.constant([1, DINO_WIDTH], np.int64)
        shape = graph.node("Concat", photos, shape, attributes={"axis": 0})
        first_rows = graph.node("Expand", graph.constant(first), shape)
        return graph.node("Concat", first_rows, rows, attributes={"axis": 1})

    def block(self, prefix: str, hidden: str) -> str:
        graph = self.graph
        attended = self._attention(prefix, self.norm(prefix + "norm1", hidden))
        hidden = graph.node("Add", hidden, attended)
        wide = self._dense(prefix + "mlp.fc1", self.norm(prefix + "norm2", hidden))
        scale = self._tensors[prefix + "layer_scale2.lambda1"]
        narrow = self._dense(prefix + "mlp.fc2", graph.node("Gelu", wide), scale)
        return graph.node("Add", hidden, narrow)

    def norm(self, name: str, value: str) -> str:
        graph = self.graph
        return graph.node(
            "LayerNormalization",
            value,
            graph.constant(self._tensors[name + ".weight"]),
            graph.constant(self._tensors[name + ".bias"]),
            attributes={"axis": -1, "epsilon": _LAYER_NORM_EPSILON},
        )

    def class_token(self, hidden: str) -> str:
        first = self.graph.constant(0, np.int64)
        return self.graph.node("Gather", hidden, first, attributes={"axis": 1})

    def mean_patch(self, hidden: str) -> str:
        graph, axis = self.graph, self.graph.constant([1], np.int64)
        end = graph.constant([np.iinfo(np.int64).max], np.int64)
        patches = graph.node("Slice", hidden, axis, end, axis)
        return graph.node("ReduceMean", patches, axis, attributes={"keepdims": 0})

    def _attention(self, prefix: str, value: str) -> str:
        graph, depth = self.graph, DINO_WIDTH // _HEADS
        names = [f"{prefix}attention.attention.{part}." for part in ("query", "key", "value")]
        scales = (depth**-0.5, 1.0, 1.0)  # of the queries: it would else divide the scores
        weight = np.concatenate(
            [scale * self._tensors[n + "weight"] for scale, n in zip(scales, names, strict=True)], 1
        )
        bias = np.concatenate(
            [scale * self._tensors[n + "bias"] for scale, n in zip(scales, names, strict=True)]
        )
        parts = graph.constant([0, 0, 3, _HEADS, depth], np.int64)
        joined = graph.node("Reshape", self._product(value, weight, bias), parts)
        joined = graph.node("Transpose", joined, attributes={"perm": [2, 0, 3, 1, 4]})
        query, key, values = (
            graph.node("Gather", joined, graph.constant(part, np.int64), attributes={"axis": 0})
            for part in range(3)
        )
        key = graph.node("Transpose", key, attributes={"perm": [0, 1, 3, 2]})
        shares = graph.node("Softmax", graph.node("MatMul", query, key), attributes={"axis": -1})
        mixed = graph.node("MatMul", shares, values)
        mixed = graph.node("Transpose", mixed, attributes={"perm": [0, 2, 1, 3]})
        mixed = graph.node("Reshape", mixed, graph.constant([0, 0, DINO_WIDTH], np.int64))
        scale = self._tensors[prefix + "layer_scale1.lambda1"]
        return self._dense(prefix + "attention.output.dense", mixed, scale)

    def _dense(self, name: str, value: str, scale: Floats | None = None) -> str:
        """Return a matrix and its bias; the scale of the layer, if it has one, goes into both."""
        weight, bias = self._tensors[name + ".weight"], self._tensors[name + ".bias"]
        if scale is not None:
            weight, bias = weight * scale, bias * scale
        return self._product(value, weight, bias)

    def _product(self, value: str, weight: Floats, bias: Floats) -> str:
        graph = self.graph
        if not self._int8:
            product = graph.node("MatMul", value, graph.constant(weight))
            return graph.node("Add", product, graph.constant(bias))
        scales = np.abs(weight).max(axis=0) / np.float32(_LARGEST_WEIGHT)
        rounded = graph.constant(np.rint(weight / scales), np.int8)
        no_zero = graph.constant(np.zeros(len(scales)), np.int8)
        bytes_, scale, zero = graph.nodes("DynamicQuantizeLinear", value, outputs=3)
        total = graph.node("MatMulInteger", bytes_, rounded, zero, no_zero)
        total = graph.node("Cast", total, attributes={"to": TensorProto.FLOAT})
        factor = graph.node("Mul", scale, graph.constant(scales))
        return graph.node("Add", graph.node("Mul", total, factor), graph.constant(bias))
