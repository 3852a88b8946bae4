"""Records of answers to lines that ask for one thing and then another."""

from __future__ import annotations

from msgspec import Struct

from imgsearch.features.events.records import EventSummary
from imgsearch.records.answer import Hit, Level, State
from imgsearch.records.query import UnderstoodPart


class SequencePart(Struct, frozen=True):
    """One of the things that a line asks for: its query, and what is known about its photos alone.

    `query` is its exact form in the query language. `state` is that of its own verdict, and None
    without one. `understood` are the words of it that became filters. `window` is the longest time
    from the part before it, "2h", and None where the same event is enough.
    """

    query: str
    state: State | None = None
    understood: tuple[UnderstoodPart, ...] = ()
    window: str | None = None


class PhotoSequence(Struct, frozen=True):
    """Photos that show the parts of a line, each taken after the one before it.

    `score` is the sum of how far each photo stands out for its part, in standard deviations, and
    `level` that of all of them together: None where nothing can be said. `apart_s` has the seconds
    from each photo to the next, and `apart` the same in words. `event` has the last photo.
    """

    hits: tuple[Hit, ...]
    score: float
    level: Level | None
    apart_s: tuple[float, ...]
    apart: tuple[str, ...]
    event: EventSummary | None


class SequenceAnswer(Struct, frozen=True):
    """The best sequences for a line, best first.

    `line` is the line with its signs, and `is_from_words` says that it was read out of words.
    `state` is the verdict on the best of them, None where nothing can be said. Weak sequences are
    left out unless they were asked for.
    """

    line: str
    is_from_words: bool
    parts: tuple[SequencePart, ...]
    state: State | None
    sequences: tuple[PhotoSequence, ...] = ()
    remarks: tuple[str, ...] = ()
    remark_commands: tuple[str, ...] = ()
