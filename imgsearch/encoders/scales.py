"""Rewrites an int8 graph for OpenVINO: the scales of activations are computed in the graph.

OpenVINO's products with int8 weights can scale the activations themselves, group by group. On some
processors its products of plain integers are nearly twice as fast. For these, each group of
activations is divided by its largest value and rounded by operators of the graph, and what a
product gives is multiplied by that value again. Both round alike.

OpenVINO keeps float32 from its result back to the nearest products, though it may compute in
bfloat16. A value that goes around a product, as the largest of each group does, would lead it on
back through the whole graph. So these values pass through a product by one of their own.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

_LEVELS = 255  # from -127 to 127
_SMALLEST = 1e-12  # of what activations are divided by: those that are all 0 stay 0


def with_scales_in_graph(model: Any, group: int) -> Any:
    """Rewrite the products with int8 matrices of an `openvino.Model`, and return it.

    `group` is the number of activations of a row with one scale; a matrix is as deep as some groups
    together. A product with activations of unknown rank stays as it is.
    """
    operators = import_module("openvino.opset13")
    for product in model.get_ordered_ops():
        matrix = _int8_matrix(product)
        if matrix is not None:
            _rewrite(operators, product, *matrix, group)
    model.validate_nodes_and_infer_types()
    return model


def _int8_matrix(product: Any) -> tuple[np.ndarray, Any] | None:
    """Return the integers of a product's matrix and the node of their scales.

    None for other nodes.
    """
    if product.get_type_name() != "MatMul":
        return None
    if product.input_value(0).get_partial_shape().rank.is_dynamic:
        return None
    scaled = product.input_value(1).get_node()
    if scaled.get_type_name() != "Multiply":
        return None
    floats, scales = (scaled.input_value(place).get_node() for place in (0, 1))
    if floats.get_type_name() != "Convert":
        return None
    integers = floats.input_value(0).get_node()
    if integers.get_type_name() != "Constant" or integers.get_element_type().to_dtype() != np.int8:
        return None
    return integers.get_data(), scales


def _rewrite(operators: Any, product: Any, integers: np.ndarray, scales: Any, group: int) -> None:
    transposed = bool(product.get_attributes()["transpose_b"])
    depth_axis = 1 if transposed else 0
    parts = integers.shape[depth_axis] // group
    users = list(product.output(0).get_target_inputs())
    whole, largest = _rounded(operators, product.input_value(0), group, parts)
    sums = []
    for rows, factor, part in zip(
        whole, largest, np.split(integers, parts, depth_axis), strict=True
    ):
        floats = operators.convert(operators.constant(np.ascontiguousarray(part)), "f32")
        matrix = operators.multiply(floats, scales)
        sums.append(operators.multiply(operators.matmul(rows, matrix, False, transposed), factor))
    total = sums[0]
    for each in sums[1:]:
        total = operators.add(total, each)
    for user in users:
        user.replace_source_output(total.output(0))


def _rounded(
    operators: Any, activations: Any, group: int, parts: int
) -> tuple[list[Any], list[Any]]:
    """Return the activations, rounded to 255 values from -1 to 1, and the factors, part by part.

    Each group has a factor of its own.
    """
    number, shape = partial(_number, operators), partial(_shape, operators)
    rank = activations.get_partial_shape().rank.get_length()
    dims_before = [0] * (rank - 1)  # 0: as they are
    if parts > 1:
        activations = operators.reshape(activations, shape([*dims_before, parts, group]), True)
    largest = operators.reduce_max(operators.absolute(activations), shape([-1]), True)
    largest = operators.maximum(largest, number(_SMALLEST))
    whole = operators.fake_quantize(
        operators.divide(activations, largest), *map(number, (-1, 1, -1, 1)), _LEVELS
    )
    one = operators.constant(np.ones((1, 1), np.float32))
    largest = operators.matmul(largest, one, False, False)  # ends what stays in float32
    if parts == 1:
        return [whole], [largest]
    flat = operators.reshape(whole, shape([*dims_before, parts * group]), True)
    split = operators.split(flat, operators.constant(np.int64(rank - 1)), parts)
    by_part = operators.split(largest, operators.constant(np.int64(rank - 1)), parts)
    axis = shape([rank - 1])
    factors = [operators.squeeze(by_part.output(part), axis) for part in range(parts)]
    return [split.output(part) for part in range(parts)], factors


def _number(operators: Any, value: float) -> Any:
    return operators.constant(np.float32(value))


def _shape(operators: Any, dims: list[int]) -> Any:
    return operators.constant(np.array(dims, np.int64))
