"""Converts the graph of an image tower from float32 to int8 weights.

The weights of each output of a matrix have a scale of their own, their largest value divided by
127. At run time the activations of each token have one, too, in groups as wide as the tower. In
trained transformers the activations of a few channels are far larger than all others, and would
leave few of the 255 steps to the others. The output of a layer norm is therefore divided by a
factor for each channel, and the weights of the next product are multiplied by it, so the product is
unchanged (SmoothQuant, Xiao et al. 2023, https://arxiv.org/abs/2211.10438). The factors come from
the activations of a few pictures that this module generates.

The graph uses operators that every runtime has (weights · scales, on constants): OpenVINO
recognises them and multiplies integers; ONNX Runtime computes the float32 weights once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from msgspec import Struct
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from imgsearch.encoders.onnx import open_session
from imgsearch.encoders.openclip.rewrites import (
    add_constants,
    consumers,
    is_along_channels,
    keep_one_token,
    patches_as_product,
    set_nodes,
)

_MIN_WEIGHTS = 2**16  # a smaller matrix gains nothing
_MAX_INT8 = 127
_DEFAULT_GROUP = 128  # of a graph without a large matrix
_SMOOTHING = 0.5  # α in the paper: the weights' part of the differences between channels
_PICTURES = 8  # eight random sentences served MiniLM as well as sixty captions


class Int8Facts(Struct, frozen=True):
    """Facts about a converted graph for its reader: the number of int8 matrices, and the group.

    `group` is the number of activations of a token with one scale.
    """

    matrices: int
    group: int


def convert(source: Path, target: Path, samples: Sequence[NDArray[np.generic]]) -> Int8Facts:
    """Write the graph of `source` to `target`, its large matrices in int8.

    `samples` has an array for each input of the graph, which is run once to find large activations.
    The folder of `target` temporarily holds the graph in float32.
    """
    largest = _largest_activations(source, target, samples)
    model = onnx.load(source)
    for norm, products in _norms_before_products(model.graph):
        _smooth(model.graph, norm, products, largest[norm.output[0]])
    group = _usual_depth(model.graph)
    return Int8Facts(_write(model, target, group), group)


def made_pictures(side_px: int) -> NDArray[np.uint8]:
    """Make a few pictures, (n, 3, side_px, side_px), with the spectrum and contrast of photos.

    Amplitudes fall with the frequency, by a power around 1: Field 1987, "Relations between the
    statistics of natural images and the response properties of cortical cells".
    """
    random = np.random.default_rng(0)
    across, down = np.fft.rfftfreq(side_px), np.fft.fftfreq(side_px)
    frequency = np.hypot(down[:, None], across)
    frequency[0, 0] = 1 / side_px
    pictures = []
    for _ in range(_PICTURES):
        phases = np.exp(2j * np.pi * random.random((4, *frequency.shape)))
        planes = np.fft.irfft2(phases * frequency ** -random.uniform(1.0, 1.6), (side_px, side_px))
        planes /= planes.std(axis=(1, 2), keepdims=True)
        picture = planes[0] + 0.4 * planes[1:]  # colours are mostly one brightness
        brightness, contrast = random.uniform(60, 190), random.uniform(30, 60)
        pictures.append(np.clip(brightness + contrast * picture, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def _write(model: onnx.ModelProto, target: Path, group: int) -> int:
    """Write a graph with its large matrices in int8; returns their count.

    Only matrices whose depth consists of whole groups are converted. Each row of weights has one
    scale.
    """
    graph = model.graph
    patches_as_product(graph, group)
    keep_one_token(graph)
    constants = {constant.name: constant for constant in graph.initializer}
    rewritten: dict[str, list[onnx.NodeProto]] = {}
    for node in _products(graph):
        name, axis = node.input[1], _depth_axis(node)
        weights = numpy_helper.to_array(constants[name])
        depth = weights.shape[axis]
        if name not in rewritten and depth % group == 0:
            rewritten[name] = _quantised(graph, name, weights, axis)
    set_nodes(graph, [*(node for nodes in rewritten.values() for node in nodes), *graph.node])
    _remove_unused_constants(graph)
    _save(model, target)
    return len(rewritten)


# ---------------------------------------------------------------------------- large activations


def _norms_before_products(
    graph: onnx.GraphProto,
) -> list[tuple[onnx.NodeProto, list[onnx.NodeProto]]]:
    """Return each layer norm with an output only for products with large matrices, and these."""
    constants = {constant.name: constant for constant in graph.initializer}
    users = consumers(graph)
    products = {node.output[0]: node.input[1] for node in _products(graph)}
    uses = Counter(products.values())
    outputs = {output.name for output in graph.output}

    def products_of(name: str) -> list[onnx.NodeProto] | None:
        """Return the products that take this value; None if any other node takes it."""
        found: list[onnx.NodeProto] = []
        for user in users.get(name, []):
            matrix = products.get(user.output[0]) if user.input[0] == name else None
            if matrix is not None and uses[matrix] == 1:
                found.append(user)
            elif _keeps_channels(user):
                behind = products_of(user.output[0])
                if behind is None:
                    return None
                found += behind
            else:
                return None
        return None if name in outputs else found

    pairs = []
    for node in graph.node:
        if node.op_type != "LayerNormalization" or not is_along_channels(node):
            continue
        if all(name in constants and len(constants[name].dims) == 1 for name in node.input[1:]):
            found = products_of(node.output[0])
            if found:
                pairs.append((node, found))
    return pairs


def _keeps_channels(node: onnx.NodeProto) -> bool:
    """Return whether a node only rearranges tokens and leaves the input's last axis in place."""
    if node.op_type != "Transpose":
        return False
    order = next(list(a.ints) for a in node.attribute if a.name == "perm")
    return bool(order[-1] == len(order) - 1)


def _largest_activations(
    source: Path, target: Path, samples: Sequence[NDArray[np.generic]]
) -> dict[str, NDArray[np.float32]]:
    """Return the largest activation of each channel of these layer norms, by the output's name."""
    model = onnx.load(source)
    names = [norm.output[0] for norm, _ in _norms_before_products(model.graph)]
    if not names:
        return {}
    inputs = dict(zip((each.name for each in model.graph.input), samples, strict=True))
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    file = target.with_name(f"watched-{target.name}")
    _save(model, file)
    values = open_session(file).run(names, inputs)
    file.unlink()
    _weights_of(file).unlink()
    return {
        name: np.abs(value.reshape(-1, value.shape[-1])).max(axis=0)
        for name, value in zip(names, values, strict=True)
    }


def _smooth(
    graph: onnx.GraphProto,
    norm: onnx.NodeProto,
    products: Sequence[onnx.NodeProto],
    largest: NDArray[np.float32],
) -> None:
    """Divide each channel of a layer norm by a factor, and multiply the weights behind it by it.

    The factors are powers of two, so that nothing is rounded and the last digits of a processor do
    not matter.
    """
    constants = {constant.name: constant for constant in graph.initializer}
    matrices = [numpy_helper.to_array(constants[node.input[1]]) for node in products]
    axes = [_depth_axis(node) for node in products]
    weights = np.max(
        [np.abs(matrix).max(axis=1 - axis) for matrix, axis in zip(matrices, axes, strict=True)],
        axis=0,
    )
    has_both = (largest > 0) & (weights > 0)
    ratio = np.where(has_both, largest, 1) ** _SMOOTHING / np.where(has_both, weights, 1) ** (
        1 - _SMOOTHING
    )
    factors = np.exp2(np.rint(np.log2(ratio))).astype(np.float32)
    for place in range(1, len(norm.input)):
        parameter = numpy_helper.to_array(constants[norm.input[place]])
        name = f"{norm.output[0]}.{place}"  # layers may share the parameter
        graph.initializer.append(numpy_helper.from_array(parameter / factors, name))
        norm.input[place] = name
    for node, matrix, axis in zip(products, matrices, axes, strict=True):
        smoothed = matrix * (factors if axis else factors[:, None])
        constants[node.input[1]].CopyFrom(numpy_helper.from_array(smoothed, node.input[1]))


def _usual_depth(graph: onnx.GraphProto) -> int:
    """Return the depth of most large matrices, which is the width of the tower."""
    dims = {constant.name: constant.dims for constant in graph.initializer}
    depths = Counter(dims[node.input[1]][_depth_axis(node)] for node in _products(graph))
    return depths.most_common(1)[0][0] if depths else _DEFAULT_GROUP


# ---------------------------------------------------------------------------- the graph


def _products(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield the products with a large matrix of constants."""
    dims = {constant.name: constant.dims for constant in graph.initializer}
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm"):
            of_matrix = dims.get(node.input[1], ())
            if len(of_matrix) == 2 and math.prod(of_matrix) >= _MIN_WEIGHTS:
                yield node


def _depth_axis(product: onnx.NodeProto) -> int:
    """Return the axis of the matrix that products are summed along."""
    return int(any(a.name == "transB" and a.i for a in product.attribute))


def _quantised(
    graph: onnx.GraphProto, name: str, weights: NDArray[np.float32], axis: int
) -> list[onnx.NodeProto]:
    """Add weights as integers, with one scale for all of them along the axis.

    Returns the nodes that multiply the two.
    """
    scales = np.abs(weights).max(axis=axis, keepdims=True) / _MAX_INT8
    scales[scales == 0] = 1
    whole = np.rint(weights / scales).astype(np.int8)
    add_constants(graph, name, {"whole": whole, "scales": scales.astype(np.float32)})
    floats = f"{name}.floats"
    return [
        helper.make_node("Cast", [f"{name}.whole"], [floats], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [floats, f"{name}.scales"], [name]),
    ]


def _remove_unused_constants(graph: onnx.GraphProto) -> None:
    """Remove constants that no node takes, or that a node computes by now."""
    taken = {name for node in graph.node for name in node.input}
    taken -= {name for node in graph.node for name in node.output}
    kept = [constant for constant in graph.initializer if constant.name in taken]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _save(model: onnx.ModelProto, file: Path) -> None:
    """Write a graph and, in a second file, its weights. `model` is without them afterwards."""
    onnx.save(
        model,
        file,
        save_as_external_data=True,  # one file of this format cannot hold a large model
        location=_weights_of(file).name,
        size_threshold=1024,
    )


def _weights_of(file: Path) -> Path:
    return file.with_suffix(".weights")
