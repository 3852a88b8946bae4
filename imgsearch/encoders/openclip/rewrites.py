"""Rewrites the graph of an image tower: the same results with fewer operations.

If the patches of a photo do not overlap, the convolution that embeds them becomes a matrix product.
Computations of the last layers for tokens without influence on the output are removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


def patches_as_product(graph: onnx.GraphProto, group: int) -> None:
    """Replace a convolution over patches that do not overlap by a product with each patch.

    If a patch does not consist of whole groups, the convolution stays.
    """
    constants = {constant.name: constant for constant in graph.initializer}
    side_px = graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        kernels = constants.get(node.input[1]) if node.op_type == "Conv" else None
        if kernels is None or not _has_disjoint_patches(node, kernels.dims, side_px, group):
            nodes.append(node)
            continue
        nodes += _product(graph, node, numpy_helper.to_array(kernels), side_px)
        graph.initializer.remove(kernels)
    set_nodes(graph, nodes)


def keep_one_token(graph: onnx.GraphProto) -> None:
    """If the output depends on one token, compute the last layers for it alone.

    These are the layers behind the last attention, which take each token by itself. In a tower
    of twelve blocks they are a twentieth of the work. The results stay the same.
    """
    constants = {constant.name: constant for constant in graph.initializer}
    users = consumers(graph)
    chosen = next((node for node in graph.node if _takes_first_token(node, constants)), None)
    if chosen is None:
        return
    outputs = {output.name for output in graph.output}
    alone = {chosen.output[0]}  # values computed for one token
    for node in reversed(graph.node):
        needed_by = users.get(node.output[0], [])
        if (
            needed_by
            and node.output[0] not in outputs
            and all(user.output[0] in alone for user in needed_by)
            and _takes_each_token_by_itself(node, constants)
        ):
            alone.add(node.output[0])
    before = {  # values computed for all tokens that are inputs of values for one
        name
        for node in graph.node
        if node.output[0] in alone and node is not chosen
        for name in node.input
        if name and name not in constants and name not in alone
    }
    index = f"{chosen.output[0]}.token"
    graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), index))
    nodes: list[onnx.NodeProto] = []
    selected: dict[str, str] = {}
    for node in graph.node:
        if node.output[0] in alone and node is not chosen:
            for place, name in enumerate(node.input):
                if name not in before:
                    continue
                if name not in selected:
                    selected[name] = f"{name}.token"
                    nodes.append(
                        helper.make_node("Gather", [name, index], [selected[name]], axis=1)
                    )
                node.input[place] = selected[name]
        nodes.append(node)
    set_nodes(graph, nodes)


def _takes_first_token(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> bool:
    """Return whether the node selects the first of the tokens, as the output of a tower does."""
    if node.op_type != "Gather" or node.input[1] not in constants:
        return False
    index = numpy_helper.to_array(constants[node.input[1]])
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    return axis == 1 and index.ndim == 0 and int(index) == 0 and node.input[0] not in constants


def _takes_each_token_by_itself(
    node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]
) -> bool:
    """Return whether each row of the result, (n, tokens, width), depends only on that input row."""
    dims = [len(constants[name].dims) for name in node.input[1:] if name in constants]
    if node.op_type == "LayerNormalization":
        return is_along_channels(node)
    if node.op_type == "MatMul":
        return dims == [2]
    if node.op_type in ("BiasGelu", "FastGelu", "Gelu", "QuickGelu", "Sigmoid", "Tanh", "Erf"):
        return all(count == 1 for count in dims)
    if node.op_type in ("Add", "Mul", "Sub", "Div"):
        return all(len(constants[name].dims) <= 1 for name in node.input if name in constants)
    return False


def _product(
    graph: onnx.GraphProto, conv: onnx.NodeProto, kernels: np.ndarray, side_px: int
) -> list[onnx.NodeProto]:
    """Add the constants of the product; return the nodes that replace the convolution."""
    name, (width, channels, patch_px, _) = conv.output[0], kernels.shape
    patches = side_px // patch_px
    parts = {
        "grid": np.array([0, channels, patches, patch_px, patches, patch_px]),  # 0: the batch
        "patches": np.array([0, patches**2, channels * patch_px**2]),
        "matrix": np.ascontiguousarray(kernels.reshape(width, -1).T),
        "image": np.array([0, width, patches, patches]),
    }
    add_constants(graph, name, parts)
    steps: list[tuple[str, list[str], dict[str, Any]]] = [  # operator, further inputs, attributes
        ("Reshape", [f"{name}.grid"], {}),
        ("Transpose", [], {"perm": [0, 2, 4, 1, 3, 5]}),
        ("Reshape", [f"{name}.patches"], {}),
        ("MatMul", [f"{name}.matrix"], {}),
        *(("Add", [bias], {}) for bias in conv.input[2:]),
        ("Transpose", [], {"perm": [0, 2, 1]}),
        ("Reshape", [f"{name}.image"], {}),
    ]
    names = [conv.input[0], *(f"{name}.{step}" for step in range(1, len(steps))), name]
    return [
        helper.make_node(op, [names[step], *inputs], [names[step + 1]], **attributes)
        for step, (op, inputs, attributes) in enumerate(steps)
    ]


def _has_disjoint_patches(
    conv: onnx.NodeProto, dims: Sequence[int], side_px: int, group: int
) -> bool:
    """Return whether kernels of `dims` take each pixel once, and patches are whole groups."""
    attributes = {a.name: helper.get_attribute_value(a) for a in conv.attribute}
    patch_px = dims[-1]
    return (
        len(dims) == 4
        and list(dims[2:]) == list(attributes.get("strides", [])) == [patch_px, patch_px]
        and side_px % patch_px == 0
        and dims[1] * patch_px**2 % group == 0
        and not any(attributes.get("pads", []))
        and set(attributes.get("dilations", [1])) == {1}
        and attributes.get("group", 1) == 1
    )


# ---------------------------------------------------------------------------- the graph


def is_along_channels(norm: onnx.NodeProto) -> bool:
    """Return whether a layer norm is over the last axis."""
    return next((a.i for a in norm.attribute if a.name == "axis"), -1) == -1


def consumers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the nodes that take each value, by its name."""
    by_name: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            by_name.setdefault(name, []).append(node)
    return by_name


def add_constants(graph: onnx.GraphProto, name: str, parts: Mapping[str, np.ndarray]) -> None:
    """Add arrays to the graph, each named by `name` and its key."""
    graph.initializer.extend(
        numpy_helper.from_array(part, f"{name}.{kind}") for kind, part in parts.items()
    )


def set_nodes(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Replace all nodes of the graph by these."""
    del graph.node[:]
    graph.node.extend(nodes)
