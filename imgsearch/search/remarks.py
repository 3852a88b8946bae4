"""Adds remarks to an answer: unknown words, known examples, filters that leave nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.errors import CommandLine, MissingPackage, Sentence
from imgsearch.features import installed
from imgsearch.features.declared import ValueFilter, load, plugin_errors
from imgsearch.language.grammar import is_expressible, to_text
from imgsearch.language.negation import has_negation
from imgsearch.language.phrasing import with_emoji_named
from imgsearch.records.answer import Answer
from imgsearch.records.photo import facts_of
from imgsearch.records.query import Example, Filter, Query, Selection, Understanding
from imgsearch.search.alternatives import alternative_to
from imgsearch.search.example_files import content_hash_of
from imgsearch.search.name_search import is_quoted_phrase, quoted_words
from imgsearch.search.verdict import NARROWING, has_all_that_pass
from imgsearch.text import format_count

if TYPE_CHECKING:
    from imgsearch.search.context import SearchContext
    from imgsearch.search.prepared import PreparedQuery

MULTILINGUAL = "openclip:ViT-B-16-SigLIP2-256/webli"  # docs/models.md: many languages
_MAX_FILTERS = 10  # of an empty answer, each of which is left out in turn
_PREPOSITIONS = {
    "on": "of",
    "after": "since",
    "before": "before",
    "place": "in",
    "country": "in",
    "in": "in",
    "person": "with",
}


def with_remarks(query: PreparedQuery, answer: Answer) -> Answer:
    """Add the remarks about a query to the first page of its answer, and a corrected query.

    This costs nearly nothing if the page has hits and all words are English.
    """
    context, exact = query.context, query.understanding.query
    unknown = [*_unread_facts(context, exact), *_unknown_states(context, exact)]
    if not answer.hits:
        answer = _with_emptying_part(context, exact, answer, is_known=not unknown)
    remarks = [
        *answer.remarks,
        *_known_examples(context, exact),
        *_empty_dates(query.understanding),
        *_set_aside(query.understanding),
        *_doubt(query, answer),
        *unknown,
        *_without_value(context, exact),
        *_negations(exact),
        *_only_exclusions(exact),
        *_quoted(context, exact),
        *_unread(query),
        *_embedded_as_corrected(query),
        *_of_features(context, exact),
    ]
    suggestion = _corrected(query) or answer.suggestion
    sentences = tuple(map(Sentence, remarks))
    return replace(
        answer,
        remarks=tuple(map(str, sentences)),
        remark_commands=tuple(line for each in sentences for line in each.lines),
        suggestion=suggestion,
    )


def _known_examples(context: SearchContext, query: Query) -> Iterator[str]:
    """Yield a remark for each example that is a copy of a photo of the library.

    A search by such a copy leaves out the photo, which may be the one that the user wants.
    """
    for term in query.terms:
        example = term.what
        if not isinstance(example, Example) or isinstance(example.source, int) or term.weight < 0:
            continue
        photo_id = context.photos.photo_with(content_hash_of(example.source))
        if photo_id is None:
            continue
        photo = context.photos.records([photo_id]).get(photo_id)
        files = [] if photo is None else [file.path for file in photo.files]
        is_one = isinstance(example.source, Path) and example.source.absolute() in files
        if files and not is_one:
            yield (
                f"The example is in the library: {files[0]} (photo:{photo_id}). It is left out of "
                "its own results."
            )


def _empty_dates(understanding: Understanding) -> Iterator[str]:
    """Yield a remark for each date in the query without photos in the library."""
    for date in understanding.empty_dates:
        yield f"The library has no photo of {date}. The photos shown are of a longer time."


def _set_aside(understanding: Understanding) -> Iterator[str]:
    """Yield a remark for each part of a clause that would have left nothing."""
    for part in understanding.set_aside:
        yield (
            f'No photo also fits "{part.words.rstrip(".!?")}", so these words were set aside. To '
            f"search by them nevertheless, write {part.filters}"
        )


def _unread_facts(context: SearchContext, query: Query) -> Iterator[str]:
    """Yield a remark for each filter on a fact that some photos were never read for."""
    for condition in (each for grouped in query.filters for each in grouped.alone):
        for fact in facts_of(condition):
            unread = context.photos.without_fact(fact)
            if unread:
                photos = format_count(context.photos.count(Selection()).photos, "photo")
                yield Sentence(
                    f"{unread:,} of {photos} were indexed before imgsearch read "
                    f"{to_text(Query(filters=(replace(condition, negated=False),)))}, and are "
                    "left out. To read them again: ",
                    CommandLine("index --metadata"),
                )


def _without_value(context: SearchContext, query: Query) -> Iterator[str]:
    """Yield a remark for each filter of which some photos have no value at all."""
    alone = (each for condition in query.filters for each in condition.alone)
    for field in dict.fromkeys(each.field for each in alone):
        declared = installed.filters().get(field)
        if isinstance(declared, ValueFilter) and declared.known is not None:
            unknown = context.photos.without_value(declared.known)
            if unknown:
                photos = format_count(context.photos.count(Selection()).photos, "photo")
                yield f"{unknown:,} of {photos} {declared.unknown}. They are left out."


def _negations(query: Query) -> Iterator[str]:
    """Yield a remark if the words have a negation that was not understood."""
    if any(
        has_negation(with_emoji_named(term.what))
        for term in query.terms
        if isinstance(term.what, str)
    ):
        yield (
            "A negation in a longer text is not understood. To leave something out, put a minus "
            "before it: a street -cars"
        )


def _doubt(query: PreparedQuery, answer: Answer) -> Iterator[str]:
    """Yield a remark for an unsure answer of all photos that pass filters: what is unsure."""
    exact, verdict = query.exact, answer.verdict
    if verdict is None or not answer.hits or not has_all_that_pass(verdict):
        return
    wanted = [each.what for each in exact.terms if each.weight > 0]
    is_text = wanted and all(isinstance(each, str) for each in wanted)
    texts = " and ".join(f'"{each}"' for each in wanted)
    doubt = f"shows {texts}" if is_text else "fits the rest of the query"
    filters = [each for each in exact.filters if each.field in NARROWING and not each.negated]
    yield f"These are the photos {_every(filters)}. Whether any {doubt} is unsure."


def _only_exclusions(query: Query) -> Iterator[str]:
    """Yield a remark if the words say only what not to find."""
    if query.terms and not query.filters and all(term.weight < 0 for term in query.terms):
        yield (
            "The query says only what to leave out. Say what to look for as well, for example: "
            "a street -cars"
        )


def _quoted(context: SearchContext, query: Query) -> Iterator[str]:
    """Yield a remark for words in quotes that no photo has."""
    for text in quoted_words(query):
        if not is_quoted_phrase(context.photos.names, text):
            yield (
                f'No photo has exactly "{text}" in a name or in its text. These are ranked by '
                "what they show."
            )


def _unread(query: PreparedQuery) -> Iterator[str]:
    """Yield a remark if the encoder cannot read a text, with a model that can."""
    exact, reading = query.understanding.query, query.reading
    if not reading.unread:
        return
    left_out = ""
    if reading.query != exact:
        left_out = f"It was left out: these are the photos {_every(exact.filters)}. "
    yield Sentence(
        f"{query.context.row.name} reads English, and this looks like another "
        f"language: {reading.unread[0].what}. {left_out}A model that reads many: ",
        CommandLine(f"rebuild --encoder {MULTILINGUAL}"),
    )


def _embedded_as_corrected(query: PreparedQuery) -> Iterator[str]:
    """Yield a remark for each text that was searched for with its misspelt words corrected."""
    for typed, meant in zip(query.exact.terms, query.embedded.terms, strict=True):
        if meant != typed:
            yield (
                f'Searched for what "{meant.what}" looks like. For exactly "{typed.what}", put '
                "it in quotes."
            )


def _of_features(context: SearchContext, query: Query) -> Iterator[str]:
    """Yield the remarks of features."""
    for named in installed.remarks():
        yield from _called(named, context, query)


def _unknown_states(context: SearchContext, query: Query) -> Iterator[str]:
    """Yield a remark for each filter on a state for which some pictures were not looked at yet."""
    conditions = (each for grouped in query.filters for each in grouped.alone)
    values = (str(value) for each in conditions if each.field == "is" for value in each.values)
    asked = (installed.states().get(value) for value in values)
    for named in dict.fromkeys(state.unknown for state in asked if state is not None):
        if named is not None:
            yield from _called(named, context)


def _called(named: str, *arguments: object) -> Iterable[str]:
    """Return the sentences of a feature; a plug-in that fails gets a sentence in their place."""
    try:
        with plugin_errors(named):
            return tuple(load(named)(*arguments))
    except MissingPackage as error:
        return (str(error),)


def _with_emptying_part(
    context: SearchContext, query: Query, answer: Answer, *, is_known: bool
) -> Answer:
    """Add to an empty answer the part of the query to leave out, if no photo passes its filters.

    For a name or a place that no photo has, the remark names an alternative, and the suggestion is
    the query with it.
    """
    if not query.filters or len(query.filters) > _MAX_FILTERS:
        return answer
    if context.photos.count(context.selection(query.filters)).photos:
        return answer  # the score was too low
    every = f"No photo {_every(query.filters)}"
    known, filters = [], []
    for condition in query.filters:
        is_empty = not context.photos.count(context.selection((condition,))).photos
        alternative = alternative_to(context, condition) if is_empty else None
        known += [] if alternative is None else [alternative.sentence]
        meant = None if alternative is None else alternative.filter
        filters.append(condition if meant is None else meant)
    remarks = [*answer.remarks]
    if len(query.filters) > 1:
        remarks.append(f"{every}{_without_one(context, query)}.")
    elif known:
        remarks.append(f"{every}.")
    elif is_known:  # else photos that were not looked at yet may pass it
        remarks.append(f"{every}.{_how_without_filters(query)}")
    suggestion = answer.suggestion
    if tuple(filters) != query.filters:
        terms = tuple(filter(is_expressible, query.terms))
        suggestion = to_text(replace(query, terms=terms, filters=tuple(filters)))
    return replace(answer, remarks=(*remarks, *known), suggestion=suggestion)


def _without_one(context: SearchContext, query: Query) -> str:
    """Return a sentence with the number of photos without the strictest filter.

    "" if still none pass.
    """
    counts = []
    for number, condition in enumerate(query.filters):
        others = query.filters[:number] + query.filters[number + 1 :]
        counts.append((context.photos.count(context.selection(others)).photos, condition))
    best, emptying = max(counts, key=lambda each: each[0])
    if not best:
        return ""
    return f"; without {_name_of(emptying)} there {'is' if best == 1 else 'are'} {best:,}"


def _how_without_filters(query: Query) -> str:
    """Return a sentence with the line of the rest of a query; "" if a line has nothing of it."""
    terms = tuple(filter(is_expressible, query.terms))
    if not terms:
        return ""
    return f" To search without it, write: {to_text(replace(query, terms=terms, filters=()))}"


def _every(filters: Sequence[Filter]) -> str:
    """Return all filters: "of 2019 in Italy with Anna"."""
    order = list(_PREPOSITIONS)
    ordered = sorted(
        filters, key=lambda each: order.index(each.field) if each.field in order else len(order)
    )
    return " ".join(map(_with_preposition, ordered))


def _with_preposition(condition: Filter) -> str:
    """ "in Italy", "of 2019", "with Anna", or for other filters as a query has them."""
    preposition = _PREPOSITIONS.get(condition.field)
    if preposition is None or condition.negated:
        return f"with {to_text(Query(filters=(condition,)))}"
    return f"{preposition} {_value(condition)}"


def _value(condition: Filter) -> str:
    """Return the value of a filter as people read it, else the filter as a query has it."""
    if condition.field not in _PREPOSITIONS or condition.negated:
        return to_text(Query(filters=(condition,)))
    return " or ".join(map(str, condition.values))


def _name_of(condition: Filter) -> str:
    """Return the name of a filter without its preposition."""
    is_bound = condition.field in ("after", "before")
    return to_text(Query(filters=(condition,))) if is_bound else _value(condition)


def _corrected(query: PreparedQuery) -> str | None:
    """Return the query as a line with its misspelt words corrected; None if none is misspelt."""
    if query.corrected is None:
        return None
    terms = tuple(filter(is_expressible, query.corrected.terms))
    return to_text(replace(query.corrected, terms=terms))
