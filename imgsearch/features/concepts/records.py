"""Records for concepts: examples, fitted probes, and tests of how well they separate photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from msgspec import Struct

from imgsearch.records.directions import CalibratedDirection, Level
from imgsearch.records.query import DirectionName
from imgsearch.text import format_count

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector


class TaughtConcept(DirectionName, frozen=True):
    """The name of a concept taught by examples, as a term of a query."""

    field: ClassVar = "concept"


class ConceptTest(Struct, frozen=True):
    """A cross-validation: a probe judges each liked example without having seen it.

    `recall` is the share of liked examples that are found, and `precision` the estimated share of
    right photos among all found ones; both from 0 to 1. `above` is the probability that a
    liked example scores higher than another photo (the area under the ROC curve): 0.5 is chance.
    `unlike_above` is the same against unliked examples only, None without any.
    """

    precision: float
    recall: float
    above: float
    unlike_above: float | None
    separates: bool

    def sentence(self) -> str:
        """Return a sentence about how well the examples separate."""
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
    """A concept, with its name and the numbers of its examples and of its photos.

    `sure` and `likely` count photos by the verdict of the concept, the liked examples included.
    `test` is None while the examples are too few for one. `is_ready` is False for a concept that
    the current model has not learned, because all its liked examples have left the library.
    """

    name: str
    words: str | None  # that describe it, if given
    likes: int
    unlikes: int
    sure: int
    likely: int
    test: ConceptTest | None
    is_ready: bool
    taught_at: datetime

    def sentence(self) -> str:
        """Return a sentence about the state of the concept."""
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
    """A judged photo: a photo of the library, or a picture from elsewhere.

    `source` is the named file, None for a photo named by its id and for bytes. For a picture from
    elsewhere, `picture` is a reduced copy as WebP and `vector` (dim,) its vector; both are None for
    a photo of the library, whose vectors are stored already.
    """

    content_hash: bytes
    is_like: bool
    photo_id: int | None = None
    source: Path | None = None
    picture: bytes | None = field(default=None, repr=False)
    vector: Vector | None = field(default=None, repr=False, compare=False)


class FittedConcept(Struct, frozen=True):
    """A probe with its cross-validation, the words that it was fitted with, if any, and the number
    of vectors in the library at that time.
    """

    probe: CalibratedDirection
    test: ConceptTest | None
    words: str | None
    vectors: int


class ConceptState(Struct, frozen=True):
    """The state of a concept: the encoder that it was fitted to, None if that is gone, the last
    `seq` that it has judged, and the number of vectors in the library when it was fitted.
    """

    id: int
    name: str
    words: str | None
    encoder_key: int | None
    last_seq: int
    vectors: int


class ConceptVerdict(Struct, frozen=True):
    """The verdict of a concept on one photo. `judged` is the user's own: like, unlike or none."""

    name: str
    score: float
    probability: float
    level: Level | None
    judged: bool | None = None

    def __str__(self) -> str:
        verdict = self.level or "not likely"
        said = {True: ", and was taught as an example", False: ", and was taught as unlike it"}
        more = "" if self.judged is None else said[self.judged]
        return f"is {verdict} here (probability {self.probability:.2f}){more}"


Verdicts: TypeAlias = tuple[ConceptVerdict, ...]
