"""An image tower with its weights in int8, written from the one in float32.

Each group of weights of a row has a scale of its own, the largest of them divided by 127, and
so have the activations when the graph runs: what is large in a few places, as in trained vision
transformers, coarsens nothing but its own group. Rounding in groups like that is what
llama.cpp's Q8_0 does with groups of 32 (ggml-quants.c).

Where patches of the photo do not overlap, the convolution that takes them in is a product, too, and
is written as one.

The graph says so in operators that every runtime has (weights · scales, in a constant): OpenVINO
sees through them and multiplies whole numbers; ONNX Runtime works out the float32 weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from imgsearch.encoders.openclip.runtime import INT8_GROUP as GROUP

_LEAST_WEIGHTS = 2**16  # of a smaller matrix, nothing is gained
_LARGEST = 127


def write(source: Path, target: Path) -> int:
    """Write the graph `source` with its large matrices in int8; returns how many those are."""
    model = onnx.load(source)
    graph = model.graph
    _patches_as_product(graph)
    constants = {each.name: each for each in graph.initializer}
    rewritten: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        name = _matrix_of(node)
        if name not in constants or name in rewritten:
            continue
        weights = numpy_helper.to_array(constants[name])
        axis = 1 if _is_transposed(node) else 0  # along which products are summed
        if (
            weights.ndim == 2
            and weights.size >= _LEAST_WEIGHTS
            and weights.shape[axis] % GROUP == 0
        ):
            rewritten[name] = _in_groups(graph, name, weights, axis)
    for name in rewritten:
        graph.initializer.remove(constants[name])
    _set_nodes(graph, [*(node for made in rewritten.values() for node in made), *graph.node])
    onnx.save(
        model,
        target,
        save_as_external_data=True,  # large models do not fit into one file of this format
        location=f"{target.stem}.weights",
        size_threshold=1024,
    )
    return len(rewritten)


def _patches_as_product(graph: onnx.GraphProto) -> None:
    """Write the convolution of patches side by side as a product of each patch with a matrix."""
    constants = {each.name: each for each in graph.initializer}
    side_px = graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        kernels = constants.get(node.input[1]) if node.op_type == "Conv" else None
        if kernels is None or not _tiles(node, kernels.dims, side_px):
            nodes.append(node)
            continue
        nodes += _product(graph, node, numpy_helper.to_array(kernels), side_px)
        graph.initializer.remove(kernels)
    _set_nodes(graph, nodes)


def _product(
    graph: onnx.GraphProto, conv: onnx.NodeProto, kernels: np.ndarray, side_px: int
) -> list[onnx.NodeProto]:
    """Put what the product needs into the graph; the nodes that take the convolution's place."""
    name, (width, channels, patch_px, _) = conv.output[0], kernels.shape
    patches = side_px // patch_px
    parts = {
        "grid": np.array([0, channels, patches, patch_px, patches, patch_px]),  # 0: as many as come
        "patches": np.array([0, patches**2, channels * patch_px**2]),
        "matrix": np.ascontiguousarray(kernels.reshape(width, -1).T),
        "image": np.array([0, width, patches, patches]),
    }
    _add_constants(graph, name, parts)
    steps: list[tuple[str, list[str], dict[str, Any]]] = [
        ("Reshape", [f"{name}.grid"], {}),
        ("Transpose", [], {"perm": [0, 2, 4, 1, 3, 5]}),
        ("Reshape", [f"{name}.patches"], {}),
        ("MatMul", [f"{name}.matrix"], {}),
        *(("Add", [bias], {}) for bias in conv.input[2:]),
        ("Transpose", [], {"perm": [0, 2, 1]}),
        ("Reshape", [f"{name}.image"], {}),
    ]
    names = [conv.input[0], *(f"{name}.{place}" for place in range(1, len(steps))), name]
    return [
        helper.make_node(kind, [names[place], *others], [names[place + 1]], **how)
        for place, (kind, others, how) in enumerate(steps)
    ]


def _tiles(conv: onnx.NodeProto, dims: Sequence[int], side_px: int) -> bool:
    """Whether a convolution with kernels of these `dims` takes each pixel of a photo just once,
    and patches are whole groups."""
    how = {each.name: helper.get_attribute_value(each) for each in conv.attribute}
    patch_px = dims[-1]
    return (
        len(dims) == 4
        and list(dims[2:]) == list(how.get("strides", [])) == [patch_px, patch_px]
        and side_px % patch_px == 0
        and dims[1] * patch_px**2 % GROUP == 0
        and not any(how.get("pads", []))
        and set(how.get("dilations", [1])) == {1}
        and how.get("group", 1) == 1
    )


def _matrix_of(node: onnx.NodeProto) -> str:
    """The name of what the node multiplies by, "" where it does no such thing."""
    return node.input[1] if node.op_type in ("MatMul", "Gemm") else ""


def _is_transposed(node: onnx.NodeProto) -> bool:
    return any(each.name == "transB" and each.i for each in node.attribute)


def _in_groups(
    graph: onnx.GraphProto, name: str, weights: np.ndarray, axis: int
) -> list[onnx.NodeProto]:
    """Put the weights into the graph as whole numbers and scales; the nodes that join them."""
    rows, columns = weights.shape
    by_group = (rows, columns // GROUP, GROUP) if axis else (rows // GROUP, GROUP, columns)
    grouped = weights.reshape(by_group)
    scales = np.abs(grouped).max(axis=axis + 1, keepdims=True) / _LARGEST
    scales[scales == 0] = 1
    parts = {
        "whole": np.rint(grouped / scales).astype(np.int8),
        "scales": scales.astype(np.float32),
        "shape": np.array(weights.shape, np.int64),
    }
    _add_constants(graph, name, parts)
    floats, scaled = f"{name}.floats", f"{name}.scaled"
    return [
        helper.make_node("Cast", [f"{name}.whole"], [floats], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [floats, f"{name}.scales"], [scaled]),
        helper.make_node("Reshape", [scaled, f"{name}.shape"], [name]),
    ]


def _add_constants(graph: onnx.GraphProto, name: str, parts: Mapping[str, np.ndarray]) -> None:
    """Put arrays into the graph, each called `name` and its key."""
    graph.initializer.extend(
        numpy_helper.from_array(part, f"{name}.{kind}") for kind, part in parts.items()
    )


def _set_nodes(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)
