"""The numbers by which kinds are told: weights of a logistic regression, with their captions.

benchmarks/bench_kinds.py --fit chooses them on drawn screenshots and documents, and on photos.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

FILE = Path(__file__).with_name("numbers.json")


class KindNumbers(Struct, frozen=True):
    """Weights of photo, screenshot and document (in this order) for each number of a picture.

    Those are the scores of `captions`, then whether it is a PNG, and whether it has the size of a
    screen. `means` and `deviations` are theirs; `bias` is added. A picture is a screenshot or a
    document if its probability is at least that of `least`.
    """

    captions: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    weights: tuple[tuple[float, float, float], ...]
    bias: tuple[float, float, float]
    least: tuple[float, float]


@cache
def numbers() -> KindNumbers:
    """Return the numbers of this version."""
    return msgspec.json.decode(FILE.read_bytes(), type=KindNumbers)


@cache
def version() -> str:
    """Return a value that changes with the numbers."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()[:16]
