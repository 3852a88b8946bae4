"""Concepts: what a library was taught by examples, and how well it tells them from the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from imgsearch.text import format_count

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector

ConceptLevel: TypeAlias = Literal["sure", "likely"]
# A path, the id of a photo of the library, or the bytes of an image file.
ExampleSource: TypeAlias = str | Path | int | bytes


class ConceptTest(Struct, frozen=True):
    """A cross-validation: each liked example in turn was judged by a probe that had not seen it.

    `recall` is the share of liked examples that would be found, and `precision` the estimated share
    of right photos among all that would be; both from 0 to 1. `above` is the probability that a
    liked example scores higher than another photo (the area under the ROC curve): 0.5 is chance.
    `unlike_above` is the same against the unliked examples alone, None without any.
    """

    precision: float
    recall: float
    above: float
    unlike_above: float | None
    separates: bool

    def sentence(self) -> str:
        """How well the examples separate, for people."""
        shares = (
            f"About {self.recall:.0%} of such photos are found, and about {self.precision:.0%} of "
            "what is found is right (cross-validated)."
        )
        if self.separates:
            return shares
        if self.unlike_above is not None and self.unlike_above < self.above:
            return f"Too alike to the unliked examples to be told from them well. {shares}"
        return f"Too alike to others here to be told from them well. {shares}"


class Concept(Struct, frozen=True):
    """A concept by its name, with the number of examples and of photos that it was found in.

    `sure` and `likely` count photos by the verdict of the concept, the liked examples included.
    `test` is None while there are too few examples for one, and `is_ready` is False for a concept
    that the model in use has not learned, because all its liked examples have left the library.
    """

    name: str
    words: str | None  # that describe it, if any were given
    likes: int
    unlikes: int
    sure: int
    likely: int
    test: ConceptTest | None
    is_ready: bool
    taught_at: datetime

    def sentence(self) -> str:
        """What is known of the concept, for people."""
        if not self.is_ready:
            return "It has no examples left. Teach it again."
        counts = (
            f"{format_count(self.likes, 'example')}, {self.unlikes:,} unlike it: "
            f"{self.sure:,} sure, {self.likely:,} likely."
        )
        if self.test is None:
            return f"{counts} Three liked examples or more can be tested."
        return f"{counts} {self.test.sentence()}"


@dataclass(frozen=True, slots=True)
class ConceptExample:
    """A photo that was judged: a photo of the library, or a picture from elsewhere.

    `source` is the file that was named, None for a photo named by its id and for bytes. Of a
    picture from elsewhere, `picture` is a reduced copy as WebP and `vector` (dim,) its vector; both
    are None for a photo of the library, whose vectors the library has.
    """

    content_hash: bytes
    is_like: bool
    photo_id: int | None = None
    source: Path | None = None
    picture: bytes | None = field(default=None, repr=False)
    vector: Vector | None = field(default=None, repr=False, compare=False)


class ConceptProbe(Struct, frozen=True):
    """A concept as a query uses it: a direction (dim,) of length 1, and what scores along it mean.

    The probability that a photo with the score s shows the concept is 1 / (1 + exp(-z)), where
    z = `slope` · s + `intercept` (Platt 1999).
    """

    name: str
    direction: Vector
    slope: float
    intercept: float
    sure_from: float
    likely_from: float

    def probability(self, score: float) -> float:
        """That a photo with this score shows the concept, from 0 to 1."""
        import math

        z = max(-60.0, min(60.0, self.slope * score + self.intercept))
        return 1 / (1 + math.exp(-z))

    def score_of(self, probability: float) -> float:
        """The score of a photo that shows the concept with this probability, between 0 and 1."""
        import math

        return (math.log(probability / (1 - probability)) - self.intercept) / self.slope

    def level(self, score: float) -> ConceptLevel | None:
        """The verdict on a photo with this score; None below likely."""
        if score >= self.sure_from:
            return "sure"
        return "likely" if score >= self.likely_from else None


class FittedConcept(Struct, frozen=True):
    """A probe, what its cross-validation gave, the words that it was fitted with, if any, and how
    many vectors the library had then.
    """

    probe: ConceptProbe
    test: ConceptTest | None
    words: str | None
    vectors: int


class ConceptState(Struct, frozen=True):
    """How far a concept is up to date: the encoder that it was fitted to, None if that is gone, the
    last `seq` that it has judged, and how many vectors the library had when it was fitted.
    """

    id: int
    name: str
    words: str | None
    encoder_key: int | None
    last_seq: int
    vectors: int
