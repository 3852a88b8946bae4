"""Records of answers to questions."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from imgsearch.records.answer import Hit

# What a question asks for: "which dates" are days, months, years and the like, "ever" is a question
# for yes or no, "look" one for the photos themselves, and "other" anything else.
Asked: TypeAlias = Literal[
    "when",
    "which dates",
    "where",
    "how often",
    "how long",
    "how many photos",
    "how many places",
    "who",
    "ever",
    "look",
    "other",
]
# "known" follows from facts alone, such as dates, places and names. "likely" needs photos that seem
# to show something, "unsure" those that only may. "none" says that no photo was found, and
# "refused" that photos cannot tell.
Certainty: TypeAlias = Literal["known", "likely", "unsure", "none", "refused"]


class AnsweredOccasion(Struct, frozen=True):
    """An occasion that an answer is made of: the photos of one event that the question is about.

    `start` and `end` are when the first and the last of these photos was taken, in local time, and
    `title` is the title of the event. `place` is None where no photo of them has one.
    """

    start: datetime
    end: datetime
    title: str
    place: str | None
    photos: int
    certainty: Certainty


class QuestionAnswer(Struct, frozen=True):
    """An answer to a question: one sentence, and the photos that it rests on.

    `query` is the search that found them, in the query language. `occasions` are in order of time,
    without those that only may be some, unless there are no others. `photos` counts the photos that
    the answer rests on, of which `hits` are some. `remarks` name what is missing for a better one.
    """

    question: str
    asked: Asked
    sentence: str
    certainty: Certainty
    query: str
    photos: int = 0
    occasions: tuple[AnsweredOccasion, ...] = ()
    hits: tuple[Hit, ...] = ()
    remarks: tuple[str, ...] = ()
    remark_commands: tuple[str, ...] = ()

    @property
    def is_answered(self) -> bool:
        """Whether the question has an answer, perhaps an unsure one."""
        return self.certainty not in ("none", "refused")
