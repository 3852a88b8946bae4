"""Records of questions that narrow an answer."""

from __future__ import annotations

from msgspec import Struct


class NarrowingQuestion(Struct, frozen=True):
    """A question for yes or no that splits an answer.

    `yes` and `no` are the filters to add to the query line: "on:2019" and "-on:2019". `photos` of
    the answer pass the first, and `others` the second. One that lacks the fact may pass neither.
    """

    question: str
    yes: str
    no: str
    photos: int
    others: int


class NarrowingQuestions(Struct, frozen=True):
    """The questions that split an answer best, the best first, and its number of photos.

    `photos` counts those that are not weak: of a query with words or an example the best 1,000 at
    most. There are no questions about an answer of 40 photos or fewer.
    """

    photos: int
    questions: tuple[NarrowingQuestion, ...] = ()
