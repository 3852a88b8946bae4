"""An image tower with its weights in int8, written from the one in float32.

Each group of weights of a row has a scale of its own, the largest of them divided by 127, and
so have the activations when the graph runs: what is large in a few places, as in trained vision
transformers, coarsens nothing but its own group. Rounding in groups like that is what
llama.cpp's Q8_0 does with groups of 32 (ggml-quants.c).

The graph says so in operators that every runtime has (weights · scales, in a constant): OpenVINO
sees through them and multiplies whole numbers; ONNX Runtime works out the float32 weights.
"""

from __future__ import annotations

from pathlib import Path

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
    nodes = [node for made in rewritten.values() for node in made] + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(
        model,
        target,
        save_as_external_data=True,  # large models do not fit into one file of this format
        location=f"{target.stem}.weights",
        size_threshold=1024,
    )
    return len(rewritten)


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
    graph.initializer.extend(
        numpy_helper.from_array(part, f"{name}.{kind}") for kind, part in parts.items()
    )
    floats, scaled = f"{name}.floats", f"{name}.scaled"
    return [
        helper.make_node("Cast", [f"{name}.whole"], [floats], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [floats, f"{name}.scales"], [scaled]),
        helper.make_node("Reshape", [scaled, f"{name}.shape"], [name]),
    ]
