"""Directions among the vectors of photos that names in a query stand for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector

Level: TypeAlias = Literal["sure", "likely"]


class CalibratedDirection(Struct, frozen=True):
    """A direction (dim,) of length 1 that a name stands for, and its calibration.

    The probability that a photo with the score s shows what is named is 1 / (1 + exp(-z)), where
    z = `slope` · s + `intercept` (Platt 1999).
    """

    name: str
    direction: Vector
    slope: float
    intercept: float
    sure_from: float
    likely_from: float

    def probability(self, score: float) -> float:
        """Return the probability that a photo with this score shows it, from 0 to 1."""
        z = max(-60.0, min(60.0, self.slope * score + self.intercept))
        return 1 / (1 + math.exp(-z))

    def score_of(self, probability: float) -> float:
        """Return the score of a photo that shows it with this probability (0 to 1)."""
        return (math.log(probability / (1 - probability)) - self.intercept) / self.slope

    def level(self, score: float) -> Level | None:
        """Return the verdict on a photo with this score; None below likely."""
        if score >= self.sure_from:
            return "sure"
        return "likely" if score >= self.likely_from else None
