"""`library.ask`: questions about photos, and their answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.features import installed
from imgsearch.features.ask.records import AnsweredOccasion, QuestionAnswer
from imgsearch.features.events.operations import Events
from imgsearch.features.events.records import PhotoEvent
from imgsearch.language.grammar import check_k
from imgsearch.operations.declared import ResultCount, operation
from imgsearch.records.answer import Answer, Hit
from imgsearch.text import format_count, printable

if TYPE_CHECKING:
    from imgsearch.features.ask.answering import Answered, AnswerFacts, Occasion
    from imgsearch.features.ask.evidence import Evidence
    from imgsearch.features.ask.questions import Question
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.search.context import SearchContext

MAX_CHARACTERS = 400  # more words than models read
_SHOWN_CHARACTERS = 80  # of a text that is no question, in a message
_EXAMPLE = CommandLine("ask 'When did we last go skiing?'")
AskedText = Annotated[
    str, Meta(description="A question in words, such as 'When did we last go skiing?'.")
]


class Questions:
    """Answers questions about the photos of a library.

    The answer is one sentence, made by rules from dates, places, names, and what photos seem to
    show; no language model takes part.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("POST /ask", tool="Answer a question about photos")
    def ask(self, question: AskedText, k: ResultCount = 20) -> QuestionAnswer:
        """Answer when, where, how often, how long or with whom something was, in one sentence.

        The answer says how certain it is, and has at most k of the photos that it rests on. What
        dates and places do not tell, such as colours and names of things, is refused, with the
        photos that may show it. Raises UsageError for a text that is no question or says not about
        what, and as `Library.search` does. `library.ask` is the same.
        """
        from imgsearch.features.ask.answering import answer_of
        from imgsearch.features.ask.evidence import find_evidence

        opened, read = self._opened, _read(question)
        check_k(k)
        with opened.reads().recent.one_version():
            context, events = opened.context(), Events(opened).all()
            evidence = find_evidence(context, opened.database(), events, read)
            facts = _facts(opened, context, events, evidence, read)
            answered = _missing(evidence) or answer_of(facts)
            hits = _hits(context, evidence, [each.photo_id for each in answered.photos[:k]])
            remarks = tuple(map(Sentence, _remarks(evidence, facts, answered, hits)))
        return QuestionAnswer(
            " ".join(question.split()),
            read.asked,
            answered.sentence,
            answered.certainty,
            _line(context, evidence),
            len(answered.photos),
            tuple(sorted(map(_shown, answered.occasions), key=lambda each: each.start)),
            hits,
            tuple(map(str, remarks)),
            tuple(line for each in remarks for line in each.lines),
        )


def _read(text: str) -> Question:
    """Read a question. Raises UsageError for anything else, with an example."""
    from imgsearch.features.ask.questions import read_question

    words = " ".join(text.split())
    if not words:
        raise UsageError(Sentence("There is no question. Ask one: ", _EXAMPLE))
    if len(words) > MAX_CHARACTERS:
        raise UsageError(
            f"The question has {len(words):,} characters. Use {MAX_CHARACTERS:,} at most."
        )
    question = read_question(words if words.endswith(("?", "？")) else f"{words}?")
    if question is None:
        raise UsageError(
            Sentence(
                f"This is no question that is understood: {printable(words[:_SHOWN_CHARACTERS])}. "
                "Begin with when, where, how often, how long, how many photos, who or did: ",
                _EXAMPLE,
            )
        )
    if not question.says_about_what:
        raise UsageError(Sentence("The question does not say what it is about. Say it: ", _EXAMPLE))
    return question


def _facts(
    opened: OpenedLibrary,
    context: SearchContext,
    events: Sequence[PhotoEvent],
    evidence: Evidence,
    question: Question,
) -> AnswerFacts:
    """Return the parts of the answer."""
    from imgsearch.features.ask.answering import AnswerFacts, PeopleOfPhotos, occasions_of
    from imgsearch.features.ask.people import people_on

    def people(ids: Sequence[int]) -> PeopleOfPhotos:
        return people_on(context, opened.database(), ids, evidence.found.query)

    return AnswerFacts(
        question,
        evidence.photos,
        occasions_of(evidence.photos, events),
        evidence.undated,
        evidence.by_facts,
        context.today,
        people,
    )


def _missing(evidence: Evidence) -> Answered | None:
    """Return the answer where the library has no photo of a date or a place; else None."""
    from imgsearch.features.ask.answering import Answered
    from imgsearch.features.ask.wording import sentence

    if evidence.missing_date is not None:
        date = evidence.missing_date.strip(" ?!.")
        return Answered(sentence(f"the library has no photo of {date}"), "none")
    if evidence.missing_place is not None:
        place = evidence.missing_place
        return Answered(
            sentence(f"no photo was taken in {place}, as far as places are known"), "none"
        )
    return None


def _hits(context: SearchContext, evidence: Evidence, ids: Sequence[int]) -> tuple[Hit, ...]:
    """Return the hits of these photos, in this order; those that the search found as it does."""
    from imgsearch.search.hits import hits_of, make_hits

    found = set(evidence.found.ids.tolist())
    ranked = [each for each in ids if each in found]
    others = [each for each in ids if each not in found]
    hits = [
        *hits_of(context, evidence.found, ranked),
        *make_hits(context.photos, others, stack_raw=context.stack_raw),
    ]
    of_photo = {hit.photo.id: hit for hit in hits}
    return tuple(of_photo[each] for each in ids if each in of_photo)


def _line(context: SearchContext, evidence: Evidence) -> str:
    """Return the search for the photos of an answer as a line; "" for all photos."""
    from imgsearch.language.understanding import exact_line
    from imgsearch.records.query import Query

    query = evidence.found.query
    return "" if query == Query() else exact_line(context.reads.names, query)


def _shown(occasion: Occasion) -> AnsweredOccasion:
    """Return an occasion for programs."""
    return AnsweredOccasion(
        occasion.start,
        occasion.end,
        occasion.event.title,
        occasion.place(),
        len(occasion.photos),
        occasion.certainty,
    )


def _remarks(
    evidence: Evidence, facts: AnswerFacts, answered: Answered, hits: tuple[Hit, ...]
) -> Iterator[str]:
    """Yield sentences about what is missing for a better answer."""
    from imgsearch.features.ask.answering import needs_dates
    from imgsearch.search.remarks import with_remarks

    asked = facts.question.asked
    has_dated = any(each.taken_at is not None for each in facts.photos)
    is_left_out = facts.undated and all(each.taken_at is not None for each in facts.photos)
    if is_left_out or (needs_dates(asked) and facts.undated and has_dated):
        photos = format_count(facts.undated, "photo")
        yield (
            f"{photos} of it without a date of its own does not count."
            if (facts.undated == 1)
            else f"{photos} of it without a date of their own do not count."
        )
    if asked == "who" and facts.photos:
        if "people" not in installed.parts():
            yield "This installation finds no faces: only names that other programs wrote count."
        elif not facts.people([each.photo_id for each in facts.photos]).were_looked_for:
            yield Sentence(
                "Faces were not looked for on these photos. To find them: ", CommandLine("faces")
            )
    is_about_places = asked in ("where", "how many places")
    has_no_place = is_about_places and answered.certainty == "none" and hits
    if has_no_place and "correct" in installed.commands():
        yield Sentence(
            "To say where one was taken: ",
            CommandLine(f"correct --photo {hits[0].photo.id} --set-place PLACE"),
        )
    if evidence.unknown_name is not None:
        yield f"Nothing in the library is called {evidence.unknown_name}."
    verdict, is_read = evidence.found.verdict, evidence.found.is_read
    known = with_remarks(evidence.prepared, Answer(hits, verdict=verdict, is_read=is_read))
    for remark in known.remarks:
        yield Sentence.with_lines(remark, known.remark_commands)
