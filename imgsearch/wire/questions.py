"""Queries and classes as JSON, and back."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from pathlib import Path

from imgsearch.errors import QueryError, UsageError
from imgsearch.findings import Classes
from imgsearch.query import parse, to_text
from imgsearch.terms import Example, Filter, Query, Region, Sort, Term
from imgsearch.wire.answers import Form
from imgsearch.wire.reading import Given

_SORTS: tuple[Sort, ...] = ("relevance", "date", "path")
_MAX_ID = (1 << 63) - 1
_PAGE = ("k", "cursor")
_QUERY = ("terms", "filters", "min_score", "sort")
_SOURCES = ("photo_id", "image", "path")
_TERM = ("text", *_SOURCES, "region", "weight")
_REGION = ("x", "y", "width", "height", "percent")


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, how many photos are wanted, and after which page."""

    query: Query
    k: int = 20
    cursor: str | None = None

    @property
    def names_files(self) -> bool:
        """Whether an example is a file that the one who answers has to read."""
        return any(
            isinstance(term.what, Example) and isinstance(term.what.source, Path)
            for term in self.query.terms
        )


def query_form(query: Query) -> Form:
    """A query, lossless: terms in their order, filters as the language writes them."""
    return {
        "terms": [_term_form(term) for term in query.terms],
        "filters": [to_text(Query(filters=(each,))) for each in query.filters],
        "min_score": query.min_score,
        "sort": query.sort,
    }


def asked_of(form: object) -> Asked:
    """What a search is asked. Raises QueryError and UsageError for what makes no sense."""
    given = Given(form, ("query", *_PAGE))
    query = given.raw("query")
    return _page_of(given, parse(query) if isinstance(query, str) else _query_of(query))


def similar_of(form: object) -> Asked:
    """What a search by one example is asked: a photo's number, an image's bytes, or a path."""
    given = Given(form, (*_SOURCES, "region", *_PAGE))
    return _page_of(given, Query((Term(_example_of(given)),)))


def classes_of(form: object) -> tuple[Classes, Asked | None]:
    """The classes to label with, and which photos; None is all."""
    given = Given(form, ("classes", "template", "none_of_these", "query", "k"))
    none_of_these = given.maybe("none_of_these", bool)
    classes = Classes(
        given.several("classes", str),
        given.maybe("template", str),
        True if none_of_these is None else none_of_these,
    )
    if "query" not in given:
        return classes, None
    k = given.maybe("k", int)
    return classes, asked_of({"query": given.raw("query"), "k": 100 if k is None else k})


def _page_of(given: Given, query: Query) -> Asked:
    k = given.maybe("k", int)
    return Asked(query, 20 if k is None else k, given.maybe("cursor", str))


def _query_of(form: object) -> Query:
    given = Given(form, _QUERY, "query")
    sort = given.maybe("sort", str) or "relevance"
    if sort not in _SORTS:
        raise QueryError(f"Nothing sorts by {sort[:60]!r}. Known: {', '.join(_SORTS)}.")
    min_score = given.maybe("min_score", float)
    if min_score is not None and not -1 <= min_score <= 1:
        raise QueryError(f"{min_score} is no score: min_score takes a cosine from -1 to 1.")
    return Query(
        tuple(_term_of(term) for term in given.objects("terms")),
        tuple(_filter_of(text) for text in given.several("filters", str)),
        min_score,
        next(known for known in _SORTS if known == sort),
    )


def _filter_of(text: str) -> Filter:
    query = parse(text)
    if len(query.filters) != 1 or query != Query(filters=query.filters):
        raise QueryError(f"{text[:60]!r} is not one filter. Write each by itself: camera:canon")
    return query.filters[0]


def _term_form(term: Term) -> Form:
    what = term.what
    if isinstance(what, str):
        return {"text": what, "weight": term.weight}
    form: Form = {"weight": term.weight}
    if isinstance(what.source, bytes):
        form["image"] = base64.b64encode(what.source).decode("ascii")
    elif isinstance(what.source, int):
        form["photo_id"] = what.source
    else:
        form["path"] = str(what.source)
    if (region := what.region) is not None:
        form["region"] = {name: getattr(region, name) for name in _REGION}
    return form


def _term_of(form: object) -> Term:
    given = Given(form, _TERM, "a term")
    weight = given.maybe("weight", float)
    term = Term(given.one("text", str) if "text" in given else _example_of(given))
    if "text" in given and any(name in given for name in (*_SOURCES, "region")):
        raise UsageError("A term is a text or an example, not both.")
    return term if weight is None else replace(term, weight=weight)


def _example_of(given: Given) -> Example:
    if sum(name in given for name in _SOURCES) != 1:
        raise UsageError(f"An example is one of: {', '.join(_SOURCES)}.")
    region = _region_of(given.raw("region")) if "region" in given else None
    if "photo_id" in given:
        photo_id = given.one("photo_id", int)
        if not 0 < photo_id <= _MAX_ID:
            raise QueryError(f"{str(photo_id)[:30]} is no photo's number.")
        return Example(photo_id, region)
    if "path" in given:
        path = Path(given.one("path", str))
        if not path.is_absolute() or "\0" in str(path):
            raise UsageError("The path of an example must be whole, from / on.")
        return Example(path, region)
    try:
        return Example(base64.b64decode(given.one("image", str), validate=True), region)
    except (binascii.Error, ValueError):
        raise UsageError("The field image must be the bytes of an image file in Base64.") from None


def _region_of(form: object) -> Region:
    given = Given(form, _REGION, "region")
    x, y, width, height = (given.one(name, float) for name in _REGION[:4])
    if not (width > 0 and height > 0 and max(abs(x), abs(y), width, height) < float("inf")):
        raise QueryError("The region is empty: width and height must be above 0.")
    return Region(x, y, width, height, given.maybe("percent", bool) or False)
