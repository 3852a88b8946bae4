"""The names and shapes of a model's weights, by which a layout is recognised and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from imgsearch.encoders.openclip.graph_builder import BlockNames
from imgsearch.errors import EncoderError

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


class TowerSizes(Struct, frozen=True):
    """The sizes of a model that its callers need."""

    side_px: int
    dim: int
    context_length: int  # in tokens


def count_blocks(shapes: Shapes, start: str) -> int:
    """Return the number of blocks whose weights' names begin with `start`."""
    return len({name[len(start) :].partition(".")[0] for name in shapes if name.startswith(start)})


def check_shapes(shapes: Shapes, expected: Shapes) -> None:
    """Raise EncoderError unless weights have exactly these names and shapes."""
    for name in sorted(shapes.keys() | expected.keys()):
        if shapes.get(name) != expected.get(name):
            raise EncoderError(
                f"its weights have another layout: {name} is {shapes.get(name, 'missing')}, "
                f"not {expected.get(name, 'absent')}"
            )


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a layer norm."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def linear_shapes(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of NAMEweight and NAMEbias."""
    return {f"{name}weight": (outputs, inputs), f"{name}bias": (outputs,)}


def block_shapes(
    start: str, names: BlockNames, width: int, count: int
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of residual blocks."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number in range(count):
        block = f"{start}{number}."
        shapes |= norm_shapes(block + names.norm_1, width)
        shapes |= linear_shapes(block + names.mixed, 3 * width, width)
        shapes |= linear_shapes(block + names.joined, width, width)
        shapes |= norm_shapes(block + names.norm_2, width)
        shapes |= linear_shapes(block + names.wide, 4 * width, width)
        shapes |= linear_shapes(block + names.narrow, width, 4 * width)
    return shapes
