"""What the service accepts and how it describes itself: request bodies and the OpenAPI document.

A body is checked against its class: unknown fields are refused, so that a misspelt one is never
ignored, and a field that is null counts as absent.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from imgsearch.errors import QueryError, UsageError
from imgsearch.query.grammar import check_size, parse
from imgsearch.records.labels import Classes
from imgsearch.records.photo import FACTS, Fact
from imgsearch.records.query import Example, Filter, Query, Region, Sort, TaughtConcept, Term
from imgsearch.service.codec import JsonObject, read_json, without_nulls
from imgsearch.version import VERSION

_MAX_PHOTO_ID = (1 << 63) - 1
_EXAMPLES = ("photo_id", "image", "path")
_SORTS: tuple[Sort, ...] = get_args(Sort)


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """An object in a request."""


class RegionBody(Body):
    """A part of an example image, see `Region`."""

    x: float
    y: float
    width: float
    height: float
    percent: bool = False

    def region(self) -> Region:
        """Raises QueryError for an empty region."""
        largest = max(abs(self.x), abs(self.y), self.width, self.height)
        if not (self.width > 0 and self.height > 0 and largest < float("inf")):
            raise QueryError("The region is empty: width and height must be above 0.")
        return Region(self.x, self.y, self.width, self.height, self.percent)


class ExampleBody(Body):
    """The fields of an example: exactly one of photo_id, image and path."""

    photo_id: int | None = None
    image: bytes | None = None  # Base64 in JSON
    path: str | None = None
    region: RegionBody | None = None

    def example(self) -> Example:
        """Raises UsageError unless there is exactly one source, and QueryError for a bad id."""
        given = [name for name in _EXAMPLES if getattr(self, name) is not None]
        if len(given) != 1:
            raise UsageError(f"An example needs exactly one of: {', '.join(_EXAMPLES)}.")
        return Example(self._source(), None if self.region is None else self.region.region())

    def _source(self) -> Path | int | bytes:
        if self.photo_id is not None:
            if not 0 < self.photo_id <= _MAX_PHOTO_ID:
                raise QueryError(f"{str(self.photo_id)[:30]} is not a photo id.")
            return self.photo_id
        if self.path is None:
            assert self.image is not None
            return self.image
        if not Path(self.path).is_absolute() or "\0" in self.path:
            raise UsageError("The path of an example must be absolute.")
        return Path(self.path)


class TermBody(ExampleBody):
    """A text, an example or a concept, and its weight."""

    text: str | None = None
    concept: str | None = None
    weight: float = 1.0
    is_free: bool = False

    def term(self) -> Term:
        if self.text is None and self.concept is None:
            return Term(self.example(), self.weight)
        others = (self.photo_id, self.image, self.path, self.region)
        if others != (None, None, None, None) or None not in (self.text, self.concept):
            raise UsageError("A term is a text, an example or a concept: one of them.")
        if self.concept is not None:
            return Term(TaughtConcept(self.concept), self.weight)
        assert self.text is not None
        return Term(self.text, self.weight, self.is_free)


class QueryBody(Body):
    """A query in parts, see `Query`."""

    terms: tuple[TermBody, ...] = ()
    filters: tuple[str, ...] = ()
    min_score: float | None = None
    sort: str = "relevance"

    def query(self) -> Query:
        """Raises QueryError and UsageError."""
        sort = next((sort for sort in _SORTS if sort == self.sort), None)
        if sort is None:
            raise QueryError(f"Unknown sort order {self.sort[:60]!r}. Known: {', '.join(_SORTS)}.")
        if self.min_score is not None and not -1 <= self.min_score <= 1:
            raise QueryError(f"min_score is a cosine from -1 to 1, not {self.min_score}.")
        query = Query(tuple(term.term() for term in self.terms), (), self.min_score, sort)
        check_size(query, filters=len(self.filters))  # before each of them is parsed
        return replace(query, filters=tuple(map(_filter, self.filters)))


def _filter(text: str) -> Filter:
    query = parse(text)
    if len(query.filters) != 1 or query != Query(filters=query.filters):
        raise QueryError(f"{text[:60]!r} is not one filter. Write each separately: camera:canon")
    return query.filters[0]


def _query(query: str | QueryBody) -> Query:
    return parse(query) if isinstance(query, str) else query.query()


class SearchRequest(Body):
    """A query, the number of photos wanted, and the cursor of the page before."""

    query: str | QueryBody
    k: int = 20
    cursor: str | None = None

    def parsed(self) -> Query:
        """The query. Raises QueryError and UsageError."""
        return _query(self.query)


class SimilarRequest(ExampleBody):
    """A search by one example."""

    k: int = 20
    cursor: str | None = None

    def parsed(self) -> Query:
        """The query. Raises QueryError and UsageError."""
        return Query((Term(self.example()),))


class LabelRequest(Body):
    """The classes to label with, and which photos: all, or the best `k` of a query."""

    classes: tuple[str, ...] = ()
    template: str | None = None
    none_of_these: bool = True
    query: str | QueryBody | None = None
    k: int = 100

    def named_classes(self) -> Classes:
        return Classes(self.classes, self.template, self.none_of_these)

    def parsed(self) -> Query | None:
        """The query, None for all photos. Raises QueryError and UsageError."""
        return None if self.query is None else _query(self.query)


class CountRequest(Body):
    """Which photos to count: all, or those that a query finds, its best `k` if it has terms."""

    query: str | QueryBody | None = None
    k: int = 1000

    def parsed(self) -> Query | None:
        """The query, None for all photos. Raises QueryError and UsageError."""
        return None if self.query is None else _query(self.query)


class SaveRequest(Body):
    """A search to save under a name."""

    name: str
    query: str | QueryBody
    k: int | None = None
    include_weak: bool = False
    replace: bool = False

    def parsed(self) -> Query:
        """The query. Raises QueryError and UsageError."""
        return _query(self.query)


class NameRequest(Body):
    """The name of a saved search, a concept or an encoder."""

    name: str


class RenameRequest(NameRequest):
    """The name of a saved search, and another one for it."""

    new_name: str


class ConceptExampleBody(Body):
    """An example of a concept: exactly one of photo_id, image and path."""

    photo_id: int | None = None
    image: bytes | None = None  # Base64 in JSON
    path: str | None = None

    def source(self) -> Path | int | bytes:
        """Raises UsageError unless there is exactly one source, and QueryError for a bad id."""
        source = ExampleBody(self.photo_id, self.image, self.path).example().source
        assert not isinstance(source, str)
        return source


class TeachRequest(Body):
    """Examples for a concept, see `Library.teach`."""

    name: str
    like: tuple[ConceptExampleBody, ...] = ()
    unlike: tuple[ConceptExampleBody, ...] = ()
    withdraw: tuple[ConceptExampleBody, ...] = ()
    words: str | None = None
    new: bool = False

    @property
    def names_files(self) -> bool:
        """Whether an example is a file, which the service has to read."""
        examples = (*self.like, *self.unlike, *self.withdraw)
        return any(example.path is not None for example in examples)


class JudgeRequest(Body):
    """The name of a concept, and how many photos to propose for judging."""

    name: str
    k: int = 12


class TryRequest(Body):
    """An encoder to try, see `Library.try_encoder`."""

    name: str
    photos: int = 2000
    queries: tuple[str, ...] = ()


# ------------------------------------------------------------------------- reading

_Request = TypeVar("_Request", bound=Body)

_KINDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "bytes": "a text in Base64",
}
_BOUNDS = {">=": "at least", "<=": "at most"}


def read_request(body: bytes, kind: type[_Request]) -> _Request:
    """A request body. Raises UsageError that names the field at fault and what it must be."""
    form = read_json(body, without_nulls)
    try:
        return msgspec.convert(form, kind)
    except msgspec.ValidationError as error:
        cure = "See /openapi.json for all fields."
        raise UsageError(invalid_in_words(str(error), "field", "The request body", cure)) from None
    except UnicodeEncodeError:  # a field name with a lone surrogate
        raise UsageError("The request body has a field name that is not valid Unicode.") from None


def invalid_in_words(message: str, noun: str, whole: str, cure: str) -> str:
    """What msgspec says of an invalid value, as a sentence for people.

    It says, for instance, "Expected `int | null`, got `str` - at `$.query.terms[0].weight`". A
    place in the value is a `noun`, the value itself is `whole`, and `cure` is the sentence that
    says where to find the names of its fields.
    """
    what, _, place = message.rpartition(" - at `$") if " - at `$" in message else (message, "", "")
    place = place.strip("`.")
    subject = f"The {noun} {place}" if place else whole
    if found := re.match(r"Expected `([^`]+)`(?: (>=|<=) (-?[\d.]+))?", what):
        kinds = [_KINDS.get(name, name) for name in found[1].split(" | ") if name != "null"]
        bound = f", {_BOUNDS[found[2]]} {found[3]}" if found[2] else ""
        return f"{subject} must be {' or '.join(kinds)}{bound}."
    if found := re.match(r"Object contains unknown field `(.*)`", what, re.DOTALL):
        return f"{subject} has an unknown {noun} {found[1][:60]!r}. {cure}"
    if found := re.match(r"Object missing required field `(\w+)`", what):
        article = "an" if noun[0] in "aeiou" else "a"
        return f"{subject} needs {article} {noun} {found[1]}."
    if found := re.match(r"Invalid enum value (.*)", what, re.DOTALL):
        return f"{subject} has an unknown value {found[1][:60]}. {cure}"
    if what == "Number out of range":
        return f"{subject} must be a number closer to 0."
    if what == "Invalid base64 encoded string":
        return f"{subject} must be the bytes of an image file in Base64."
    return f"{subject}: {what}."


# ------------------------------------------------------------------------- OpenAPI

_PATHS_OF_ARCHIVES = (
    *("/search", "/similar", "/label", "/thumbnail/{photo_id}"),
    *("/timeline", "/events", "/places", "/suggest"),
    *("/status", "/hello", "/openapi.json"),
)
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", datetime: "string"}


def openapi_document() -> JsonObject:
    """The description of the service, OpenAPI 3.1: `openapi.json` with the facts of a photo."""
    text = files("imgsearch.service").joinpath("openapi.json").read_text("utf-8")
    document: JsonObject = json.loads(text.replace("{version}", VERSION))
    components = document["components"]
    assert isinstance(components, dict)
    for fact in FACTS:
        described = components["schemas"]["File" if fact.in_file_json else "Hit"]
        described["properties"][fact.name] = _fact_schema(fact)
        described["required"].append(fact.name)
    return document


def archive_openapi_document() -> JsonObject:
    """The description of the service of an archive: the part of it that an archive has."""
    document: Any = openapi_document()
    paths = {name: document["paths"][name] for name in _PATHS_OF_ARCHIVES}
    answer = paths["/status"]["get"]["responses"]["200"]["content"]["application/json"]
    answer["schema"]["$ref"] = "#/components/schemas/ArchiveStatus"
    return {**document, "paths": paths}


def _fact_schema(fact: Fact) -> JsonObject:
    schema: JsonObject = {"description": f"{fact.meaning}."}
    if fact.type is tuple:
        return {**schema, "type": "array", "items": {"type": "string"}}
    kind = _JSON_TYPES[fact.type]
    always = fact.required or fact.type is bool
    return {**schema, "type": kind if always else [kind, "null"]}
