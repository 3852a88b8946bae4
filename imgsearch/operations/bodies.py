"""The JSON of queries and examples in requests, which their fields alone do not describe.

A query is a line of the query language or an object of its parts, one of which may be a line. The
image of an example is Base64 in JSON or the id of a kept one, its file an absolute path.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import msgspec
from msgspec import field
from msgspec.structs import replace

from imgsearch.errors import QueryError, UsageError
from imgsearch.features import installed
from imgsearch.language.grammar import (
    check_size,
    direction_term,
    parse,
    resolve_query,
    to_text,
)
from imgsearch.records.ids import is_row_id
from imgsearch.records.query import (
    DirectionName,
    Example,
    ExampleSource,
    Filter,
    Query,
    Region,
    Sort,
    Term,
)
from imgsearch.text import path_text

KeptImages: TypeAlias = Callable[[str], bytes]  # returns the bytes of a kept image, by its id

_EXAMPLES = ("photo_id", "image", "path", "kept_image")
_SORTS: tuple[Sort, ...] = get_args(Sort)


class Body(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An object in a request that stands for a record."""

    def record(self, kept_images: KeptImages | None) -> object:
        """Return the record; without `kept_images`, the body can name none.

        Raises UsageError and QueryError, and PhotoError for an image that is not kept.
        """
        raise NotImplementedError


class RegionBody(Body):
    """A rectangle of an upright image, in pixels or, with `percent`, in percent of its sides."""

    x: float
    y: float
    width: float
    height: float
    percent: bool = False

    def record(self, kept_images: KeptImages | None = None) -> Region:
        """Return the region. Raises QueryError for an empty one."""
        largest = max(abs(self.x), abs(self.y), self.width, self.height)
        if not (self.width > 0 and self.height > 0 and largest < float("inf")):
            raise QueryError("The region is empty: width and height must be above 0.")
        return Region(self.x, self.y, self.width, self.height, self.percent)


class SourceBody(Body):
    """An image to learn from: exactly one of photo_id, image, path and kept_image.

    `kept_image` is the id of an image that was kept by `POST /examples`.
    """

    photo_id: int | None = None
    image: bytes | None = None  # Base64 in JSON
    path: str | None = None
    kept_image: str | None = None

    def record(self, kept_images: KeptImages | None) -> Path | int | bytes | Example:
        """Return the source.

        Raises UsageError unless there is exactly one, QueryError for a bad id, and PhotoError for
        an image that is not kept.
        """
        given = [name for name in _EXAMPLES if getattr(self, name) is not None]
        if len(given) != 1:
            raise UsageError(f"An example needs exactly one of: {', '.join(_EXAMPLES)}.")
        if self.photo_id is not None:
            if not is_row_id(self.photo_id):
                raise QueryError(f"{str(self.photo_id)[:30]} is not a photo id.")
            return self.photo_id
        if self.kept_image is not None:
            if kept_images is None:
                raise UsageError("This request cannot name a kept image. Send its bytes as image.")
            return kept_images(self.kept_image)
        if self.path is None:
            assert self.image is not None
            return self.image
        if not Path(self.path).is_absolute() or "\0" in self.path:
            raise UsageError("The path of an example must be absolute.")
        return Path(self.path)


class ExampleBody(SourceBody):
    """An image to search by, named as an image to learn from, or with `region` a part of it."""

    region: RegionBody | None = None

    def record(self, kept_images: KeptImages | None) -> Example:
        """Return the example. Raises as `SourceBody.record` does."""
        source = super().record(kept_images)
        assert not isinstance(source, Example)
        return Example(source, None if self.region is None else self.region.record())


class _TermBody(Body):
    text: str | None = None
    photo_id: int | None = None
    image: bytes | None = None
    path: str | None = None
    kept_image: str | None = None
    region: RegionBody | None = None
    weight: float = field(default=1.0)
    is_free: bool = False
    is_quoted: bool = False

    def record(self, kept_images: KeptImages | None) -> Term:
        """Return the term. Raises UsageError and QueryError, and PhotoError as `SourceBody`."""
        others = (self.photo_id, self.image, self.path, self.kept_image, self.region)
        texts = {
            "text": self.text,
            **{each: getattr(self, each) for each in installed.directions()},
        }
        given = [(each, text) for each, text in texts.items() if text is not None]
        if not given:
            return Term(ExampleBody(*others).record(kept_images), self.weight)
        if set(others) != {None} or len(given) > 1:
            known = ", ".join(
                ["a text", "an example", *(f"a {each}" for each in installed.directions())]
            )
            raise UsageError(f"A term is one of: {known}.")
        ((field_name, text),) = given
        if field_name != "text":
            return Term(direction_term(field_name, text), self.weight)
        return Term(text, self.weight, self.is_free, self.is_quoted)


if TYPE_CHECKING:
    TermBody = _TermBody
else:
    # With a field for each kind of names that stand for directions.
    TermBody = msgspec.defstruct(
        "TermBody",
        [(each, str | None, None) for each in installed.directions()],
        bases=(_TermBody,),
        namespace={"__doc__": "A text, an example or another kind of term, and its weight."},
        kw_only=True,
        forbid_unknown_fields=True,
        omit_defaults=True,
    )


class QueryBody(Body):
    """A query in parts: terms, filters as lines of the query language, and an order.

    All parts of `line`, a line of the query language, come first; a minimum score and an order that
    are given beside it count in place of its own.
    """

    line: str | None = None
    terms: tuple[TermBody, ...] = ()
    filters: tuple[str, ...] = ()
    min_score: float | None = None
    sort: str | None = None

    def record(self, kept_images: KeptImages | None) -> Query:
        """Return the query. Raises QueryError and UsageError, and PhotoError as `SourceBody`."""
        line = parse(self.line) if self.line is not None and self.line.strip() else Query()
        sort = line.sort if self.sort is None else _sort(self.sort)
        min_score = line.min_score if self.min_score is None else self.min_score
        if min_score is not None and not -1 <= min_score <= 1:
            raise QueryError(f"min_score is a cosine from -1 to 1, not {min_score}.")
        terms = (*line.terms, *(term.record(kept_images) for term in self.terms))
        query = Query(terms, line.filters, min_score, sort)
        # Before each of them is parsed.
        check_size(query, filters=len(line.filters) + len(self.filters))
        return replace(query, filters=(*line.filters, *map(_filter, self.filters)))


def _sort(name: str) -> Sort:
    sort = next((sort for sort in _SORTS if sort == name), None)
    if sort is None:
        raise QueryError(f"Unknown sort order {name[:60]!r}. Known: {', '.join(_SORTS)}.")
    return sort


def _filter(text: str) -> Filter:
    query = parse(text)
    if len(query.filters) != 1 or query != Query(filters=query.filters):
        raise QueryError(f"{text[:60]!r} is not one filter. Write each separately: camera:canon")
    return query.filters[0]


# ------------------------------------------------------------------------- records to JSON


def query_form(query: str | Query) -> dict[str, Any]:
    """Return a query as lossless JSON: terms in order, filters as the query language has them."""
    query = resolve_query(query)
    return {
        "terms": [_term_form(term) for term in query.terms],
        "filters": [to_text(Query(filters=(condition,))) for condition in query.filters],
        "min_score": query.min_score,
        "sort": query.sort,
    }


def _term_form(term: Term) -> dict[str, Any]:
    if isinstance(term.what, str):
        marks = {name: True for name in ("is_free", "is_quoted") if getattr(term, name)}
        return {"text": term.what, "weight": term.weight, **marks}
    if isinstance(term.what, DirectionName):
        return {term.what.field: term.what.name, "weight": term.weight}
    return {**example_form(term.what), "weight": term.weight}


def example_form(example: Example) -> dict[str, Any]:
    """Return an example image as JSON."""
    form = source_form(example.source)
    if example.region is not None:
        form["region"] = msgspec.structs.asdict(example.region)
    return form


def source_form(source: ExampleSource) -> dict[str, Any]:
    """Return the source of an example as JSON."""
    if isinstance(source, bytes):
        return {"image": base64.b64encode(source).decode("ascii")}
    if isinstance(source, int):
        return {"photo_id": source}
    return {"path": path_text(source)}
