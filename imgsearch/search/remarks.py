"""What to tell about a query besides its answer: misspelt words, other languages, negations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from imgsearch.encoders.phrasing import with_emoji_named
from imgsearch.encoders.registry import kind_of
from imgsearch.query.grammar import is_expressible, to_text
from imgsearch.query.negation import has_negation
from imgsearch.query.words import is_english
from imgsearch.records.answer import Answer

if TYPE_CHECKING:
    from imgsearch.records.query import Query, Term
    from imgsearch.search.context import SearchContext

MULTILINGUAL = "openclip:ViT-B-16-SigLIP2-256/webli"  # docs/models.md: many languages
_MAX_NAMES = 50_000  # of the library, to suggest


def with_remarks(context: SearchContext, query: Query, answer: Answer) -> Answer:
    """The answer with what there is to tell about the words of its query.

    Costs nearly nothing where all words are English. If the encoder cannot read the query, the
    answer has no verdict, and all of its hits are weak.
    """
    texts = [with_emoji_named(term.what) for term in query.terms if isinstance(term.what, str)]
    remarks = []
    if any(map(has_negation, texts)):
        remarks.append(
            "A negation in a longer text is not understood. To leave something out, put a minus "
            "before it: a street -cars"
        )
    if all(is_english(word) for text in texts for word in _plain_words(text)):
        return replace(answer, remarks=tuple(remarks)) if remarks else answer
    return _with_remarks_on_words(context, query, replace(answer, remarks=tuple(remarks)))


def _plain_words(text: str) -> list[str]:
    """The words of a text, lower-case: cheaper to find than by `words_in`, and good for most."""
    words = (word.strip(".,;:!?()'\"").lower() for word in text.replace("-", " ").split())
    return [word for word in words if word and not word.isdecimal()]


def _with_remarks_on_words(context: SearchContext, query: Query, answer: Answer) -> Answer:
    from imgsearch.query.language import is_other_language  # lazy: most queries are plain English

    @cache
    def is_name(word: str) -> bool:
        return bool(context.reads.fields_named(word))

    def is_unread(term: Term) -> bool:
        if not isinstance(term.what, str):
            return False
        return is_other_language(with_emoji_named(term.what), is_name)

    unread = [term for term in query.terms if is_unread(term)]
    kind = kind_of(context.row.name)
    if unread and kind is not None and kind.reads_only_english(context.row.name):
        text = str(unread[0].what)
        remark = (
            f"{context.row.name} reads English, and this looks like another language: {text}. A "
            f"model that reads many: imgsearch rebuild --encoder {MULTILINGUAL}"
        )
        answer = replace(answer, remarks=(*answer.remarks, remark))
        positive = [term for term in query.terms if term.weight > 0] or query.terms
        if all(term in unread for term in positive):
            hits = tuple(replace(hit, level="weak") for hit in answer.hits)
            answer = replace(answer, hits=hits, verdict=None, is_read=False)
    readable = [term for term in query.terms if term not in unread]
    return replace(answer, suggestion=_suggestion(context, query, readable, is_name))


def _suggestion(
    context: SearchContext, query: Query, readable: Sequence[Term], is_name: Callable[[str], bool]
) -> str | None:
    """The query as a line, with misspelt words of the readable terms corrected; None if none is."""
    from imgsearch.query.language import words_in

    texts = [term.what for term in readable if isinstance(term.what, str)]
    unknown = (word for text in texts for word in words_in(text) if not is_english(word))
    if all(map(is_name, unknown)):
        return None
    from imgsearch.query.spelling import corrected  # brings rapidfuzz

    @cache
    def names() -> list[str]:
        return context.reads.words_of_names(_MAX_NAMES)

    terms = []
    for term in query.terms:
        text = None
        if isinstance(term.what, str) and term in readable:
            text = corrected(term.what, is_name, names)
        terms.append(term if text is None else replace(term, what=text))
    if tuple(terms) == query.terms:
        return None
    return to_text(replace(query, terms=tuple(filter(is_expressible, terms))))
