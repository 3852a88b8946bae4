"""`library.sequences`: one thing and then another, as pairs of photos."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from imgsearch.errors import CommandLine, QueryError, Sentence
from imgsearch.features import installed
from imgsearch.features.events.operations import Events
from imgsearch.features.sequences.reading import LinePart, SequenceLine, read_parts, with_sign
from imgsearch.features.sequences.records import PhotoSequence, SequenceAnswer, SequencePart
from imgsearch.language.grammar import check_k, parse, resolve_query
from imgsearch.operations.declared import ResultCount, WithWeak, operation
from imgsearch.records.answer import Level, State
from imgsearch.text import format_count

if TYPE_CHECKING:
    from imgsearch.features.events.records import PhotoEvent
    from imgsearch.features.sequences.finding import FoundSequence
    from imgsearch.features.sequences.strengths import (
        LineStrengths,
        PartPhotos,
        TimedPhotos,
        UnrelatedLines,
    )
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.records.query import Query
    from imgsearch.search.context import SearchContext

_EXAMPLE = CommandLine("search 'a church ~> ice cream'")
LineText = Annotated[
    str,
    Meta(
        description="Two or three queries with ~> between them, such as 'a church ~> ice cream', "
        "or with the longest time: 'a church ~2h~> ice cream'."
    ),
]


class Sequences:
    """Finds photos of one occasion that show one thing and then another."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("POST /sequences", tool="Find one thing and then another", reads=True)
    def find(self, line: LineText, k: ResultCount = 20, weak: WithWeak = False) -> SequenceAnswer:
        """Find photos that show the parts of a line in this order, of one event or within a time.

        Each part is a query of the query language. Each photo is strictly later than the one
        before it; photos without a time of their own do not count. An event has at most three
        sequences. Words such as "first a church, then ice cream" are a line, too. Raises QueryError
        for any other line, and as `Library.search` does for a part.
        """
        from imgsearch.features.sequences import strengths
        from imgsearch.search.prepared import prepare

        opened, read = self._opened, _read(line)
        check_k(k)
        queries = [_query_of(read, number) for number in range(len(read.parts))]
        windows_s = [
            None if each.window is None else each.window.total_seconds() for each in read.parts[1:]
        ]
        with opened.reads().recent.one_version():
            context, events = opened.context(), Events(opened).all()
            parts = [strengths.photos_of_part(prepare(context, each)) for each in queries]
            ids = sorted({photo_id for part in parts for photo_id in part.strengths})
            timed = strengths.timed_photos(opened.database(), events, ids)
            of_line = strengths.strengths_of_line(
                timed, [part.strengths for part in parts], windows_s
            )
            unrelated = strengths.unrelated_lines(opened.database(), events, parts, windows_s)
            found = _best(of_line, k)
            state = _state(parts, found, unrelated)
            levels = [_level(each, found, state, unrelated) for each in found]
            made = [
                _sequence(context, parts, events, of_line, each, level)
                for each, level in zip(found, levels, strict=True)
                if weak or level != "weak"
            ]
        remarks = tuple(map(Sentence, _remarks(parts, timed, ids, bool(found))))
        return SequenceAnswer(
            read.line,
            "~>" not in line,
            tuple(map(_shown_part, parts, read.parts)),
            state,
            tuple(each for each in made if each is not None),
            tuple(map(str, remarks)),
            tuple(command for each in remarks for command in each.lines),
        )


def _read(line: str) -> SequenceLine:
    """Read a line. Raises QueryError for one that has no order."""
    with_signs = with_sign(line)
    read = None if with_signs is None else read_parts(with_signs)
    if read is None:
        raise QueryError(
            Sentence(
                "The line asks for one thing only. Write ~> between one thing and the next: ",
                _EXAMPLE,
            )
        )
    return read


def _query_of(read: SequenceLine, number: int) -> Query:
    """Return the query of a part. Errors point into the whole line."""
    part = read.parts[number]
    try:
        return resolve_query(parse(part.text))
    except QueryError as error:
        if error.line is None:
            raise
        raise QueryError(
            f"In {part.text!r}: {error}", part.text, error.at, error.suggestion
        ) from error


def _best(of_line: LineStrengths, k: int) -> list[FoundSequence]:
    from imgsearch.features.sequences.finding import find_sequences

    return find_sequences(of_line.candidates, of_line.strengths, of_line.between, k)


def _state(
    parts: Sequence[PartPhotos], found: Sequence[FoundSequence], unrelated: UnrelatedLines | None
) -> State | None:
    """Return the verdict on the best sequence; a part that nothing shows leaves it unsure."""
    from imgsearch.features.sequences.strengths import FOUND_FROM, UNSURE_FROM

    if not found:
        return "nothing"
    if unrelated is None:
        return None
    above = (found[0].score - unrelated.mean) / unrelated.deviation
    if above < UNSURE_FROM:
        return "nothing"
    is_found = above >= FOUND_FROM and not any(part.is_weak for part in parts)
    return "found" if is_found else "unsure"


def _level(
    sequence: FoundSequence,
    found: Sequence[FoundSequence],
    state: State | None,
    unrelated: UnrelatedLines | None,
) -> Level | None:
    """Return the level of a sequence: by its place between an unrelated line and the best one."""
    from imgsearch.features.sequences.strengths import LIKELY_SHARE

    if unrelated is None or state is None:
        return None
    if state == "nothing" or sequence.score < unrelated.mean:
        return "weak"
    from_score = unrelated.mean + LIKELY_SHARE * (found[0].score - unrelated.mean)
    return "likely" if state == "found" and sequence.score >= from_score else "possible"


def _sequence(
    context: SearchContext,
    parts: Sequence[PartPhotos],
    events: Sequence[PhotoEvent],
    of_line: LineStrengths,
    found: FoundSequence,
    level: Level | None,
) -> PhotoSequence | None:
    """Return a sequence with its photos; None if one of them was deleted meanwhile."""
    from msgspec.structs import replace

    from imgsearch.features.around.texts import time_between
    from imgsearch.search.hits import make_hits

    candidates = of_line.candidates
    ids = [int(candidates.photo_ids[place]) for place in found.places]
    made = {each.photo.id: each for each in make_hits(context.photos, ids, None, context.stack_raw)}
    if len(made) < len(ids):
        return None
    hits = []
    for photo_id, part in zip(ids, parts, strict=True):
        score, own_level = part.score_and_level(photo_id)
        hits.append(replace(made[photo_id], score=score, level=own_level))
    times = [float(candidates.times_s[place]) for place in found.places]
    apart_s = tuple(later - earlier for earlier, later in itertools.pairwise(times))
    event = events[int(candidates.events[found.places[-1]])]
    return PhotoSequence(
        tuple(hits),
        found.score,
        level,
        apart_s,
        tuple(map(time_between, apart_s)),
        event.summary(),
    )


def _shown_part(part: PartPhotos, read: LinePart) -> SequencePart:
    from imgsearch.language.understanding import exact_line

    query = part.query
    line = exact_line(query.context.reads.names, query.understanding.query)
    return SequencePart(line, part.state, query.understanding.parts, read.window_text)


def _remarks(
    parts: Sequence[PartPhotos], timed: TimedPhotos, ids: Sequence[int], is_found: bool
) -> Iterator[str]:
    """Yield sentences about what is missing for a better answer."""
    for part in parts:
        words = ", ".join(str(term.what) for term in part.query.exact.terms)
        if not part.strengths:
            yield "No photo passes the filters of a part of the line. Leave some of them out."
        elif part.is_weak and words:
            yield f"Nothing here looks like {words!r} for sure, so no sequence with it is sure."
    undated = len(ids) - len(timed.times)
    if ids and undated == len(ids):
        unknown = "No photo of the parts has a time of its own, so their order is not known."
        if "correct" in installed.commands():
            unknown = Sentence(
                f"{unknown} To state when one was taken: ",
                CommandLine(f"correct --photo {ids[0]} --set-date 2019-06-15T14:30"),
            )
        yield unknown
    elif not is_found and all(part.strengths for part in parts):
        yield (
            "No photo of one part was taken after one of the part before it, in the same event. "
            "To look beyond events, state a time: ~2d~>"
        )
    if undated and undated < len(ids):
        photos = format_count(undated, "photo")
        own = "its" if undated == 1 else "their"
        verb = "does" if undated == 1 else "do"
        yield f"{photos} of the parts without a time of {own} own {verb} not count."
