"""The tools that `imgsearch mcp` offers to an assistant, made from the declared operations.

They find photos of the library and return their data; no other files are read. Those that change
something propose it: a person has to agree, and can undo it.
Texts are escaped as for a terminal, unknown values are left out, and lists are cut to a length that
an assistant can read.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from msgspec import Meta, Struct
from msgspec.json import schema_components
from msgspec.structs import replace

from imgsearch.errors import QueryError, UsageError
from imgsearch.features.assistant.proposals import ProposedOperation, propose
from imgsearch.language.fields import FIELDS
from imgsearch.library import Library
from imgsearch.operations.bodies import Body, KeptImages
from imgsearch.operations.declared import PhotoId, ResultCount, SidePx, method_of
from imgsearch.operations.records import (
    JsonObject,
    as_request,
    to_json,
)
from imgsearch.operations.requests import Operation, in_request, names_files, request_type
from imgsearch.records.answer import Answer, Hit
from imgsearch.records.changes import Change
from imgsearch.records.ids import LARGEST_INTEGER
from imgsearch.records.query import Example, Query
from imgsearch.service.api import Asking
from imgsearch.service.refusals import converted
from imgsearch.service.table import operations_for
from imgsearch.text import path_text, printable

MAX_PHOTOS = 50  # in one answer
USUAL_PHOTOS = 10
MAX_SIDE_PX = 1024  # of a picture; assistants scale larger ones down to about 1,500 px
USUAL_SIDE_PX = 512
MAX_ROWS = 200  # of a result
MAX_INNER_ROWS = 30  # of a list within a row
PHOTO_URI = "imgsearch://photo/"
_LEFT_OUT = "_left_out"  # behind the name of a list: how many rows it lacks
_NOTHING: tuple[object, ...] = (None, [], (), {})
_DIGITS = 5  # behind the point


class ToolAnswer(Struct, frozen=True):
    """The result of a tool: a JSON object, and a WebP image if a picture was asked for."""

    content: JsonObject
    picture: bytes | None = None


class Tool(Struct, frozen=True):
    """One tool: an operation as an assistant calls it."""

    operation: Operation
    arguments: type[Struct]

    @property
    def name(self) -> str:
        """The name of a route, of which several methods may be: those that write have their own."""
        if self.writes:
            return f"{self.operation.part}_{self.operation.function.__name__}"
        return self.operation.name

    @property
    def title(self) -> str:
        return self.operation.declared.tool or self.description.partition(".")[0]

    @property
    def writes(self) -> bool:
        """Whether it changes the library, if a person agrees."""
        return self.operation.declared.tool is None

    @property
    def description(self) -> str:
        """The description of the operation."""
        return self.operation.description

    @property
    def input_schema(self) -> JsonObject:
        """The JSON Schema of its arguments: it stands alone, with an object at its root."""
        _, components = schema_components([self.arguments], ref_template="#/$defs/{name}")
        schema: JsonObject = components.pop(self.arguments.__name__)
        whole = {**schema, "$defs": components} if components else schema
        _let_ids_be_texts(whole)
        return whole


class PhotoTools:
    """The tools of one library.

    A running service answers what it can, as it does for the commands; for the rest, the library
    stays open. Without `pictures`, no picture is ever sent. `on_call` is called at each use. With
    `may_write` there are tools for all changes that can be undone as well.
    """

    def __init__(
        self,
        library: Library,
        pictures: bool = True,
        on_call: Callable[[], None] = lambda: None,
        may_write: bool = False,
    ) -> None:
        self._library = library
        self._pictures = pictures
        self._on_call = on_call
        self.tools = tuple(
            Tool(each, request_type(each.function, each.name, _for_assistants))
            for each in operations_for(library)
            if (may_write and each.result is Change)
            or (each.declared.tool is not None and (pictures or not each.is_picture))
        )
        self._ask = Asking(library.settings, lambda: nullcontext(library), library.working_folder)

    @property
    def may_write(self) -> bool:
        """Whether a tool changes the library."""
        return any(tool.writes for tool in self.tools)

    def writes(self, name: str) -> bool:
        """Return whether a tool changes the library; an unknown one does not."""
        return any(tool.writes for tool in self.tools if tool.name == name)

    def call(self, name: str, form: Mapping[str, object]) -> ToolAnswer:
        """Return the answer of a tool that reads.

        Raises UsageError for an unknown name, for a tool that writes and for invalid arguments, and
        as the library does. An argument that is null counts as absent.
        """
        if self.writes(name):
            raise UsageError(f"The tool {name} needs the consent of the user.")
        tool, arguments = self._read(name, form)
        self._on_call()
        if tool.operation.is_picture:
            return self._look(tool.operation, arguments)
        result = self._ask(tool.operation.function, **arguments)
        return ToolAnswer(_content(tool.operation, result))

    def propose(self, name: str, form: Mapping[str, object]) -> ProposedOperation:
        """Return the change that a tool would make; nothing is changed. Raises as `call` does."""
        tool, arguments = self._read(name, form)
        self._on_call()
        return propose(self._library, tool.operation, arguments)

    def change(self, proposal: ProposedOperation) -> ToolAnswer:
        """Make a change, to which a person has agreed. Raises as the library does."""
        result = self._ask(proposal.operation.function, **proposal.arguments)
        return ToolAnswer(_content(proposal.operation, result))

    def _read(self, name: str, form: Mapping[str, object]) -> tuple[Tool, dict[str, Any]]:
        """Return a tool and the arguments of its operation."""
        tool = next((tool for tool in self.tools if tool.name == name), None)
        if tool is None:
            known = ", ".join(tool.name for tool in self.tools)
            raise UsageError(f"Unknown tool {name[:60]!r}. Known: {known}.")
        whole = f"The call of {name}"
        cure = f"See the schema of {name} for what it takes."
        request = converted(_with_ids(form), tool.arguments, "argument", whole, cure)
        arguments = tool.operation.arguments(request)
        if names_files(tuple(arguments.values())):
            raise QueryError(
                "An assistant cannot search by a file: image: is for the user. Use photo:ID, an "
                "example from the library."
            )
        return tool, arguments

    def _look(self, operation: Operation, arguments: Mapping[str, object]) -> ToolAnswer:
        picture = method_of(self._library, operation.function)(**arguments)
        if picture is None:
            raise UsageError(
                f"The library has no photo with the id {arguments['photo_id']}. A search returns "
                "ids."
            )
        return ToolAnswer({"picture": "It follows."}, picture)

    def details(self, photo_id: int) -> JsonObject:
        """Return all data of a photo, without its picture. Raises UsageError for an unknown id."""
        return self.call("photo", {"photo_id": photo_id}).content

    def picture(self, photo_id: int) -> bytes:
        """Return a WebP image of a photo.

        Raises UsageError where none may be sent, and PhotoError.
        """
        if not self._pictures:
            raise UsageError("This server was started with --no-pictures and sends none.")
        arguments = {"photo_id": photo_id, "side_px": MAX_SIDE_PX}
        picture = self.call("thumbnail", arguments).picture
        assert picture is not None
        return picture


# ------------------------------------------------------------------------- arguments


def _with_ids(form: Mapping[str, object]) -> JsonObject:
    """Return the arguments that are not null, with ids that are texts as numbers."""
    plain = {
        key: _with_ids(value) if isinstance(value, dict) else value for key, value in form.items()
    }
    return as_request(plain)


def _let_ids_be_texts(schema: object) -> None:
    """Let the ids in a JSON Schema be texts, too: many clients round numbers beyond 53 bits."""
    if isinstance(schema, dict):
        if schema.get("type") == "integer" and schema.get("maximum") == LARGEST_INTEGER:
            schema["type"] = ["integer", "string"]
        for each in schema.values():
            _let_ids_be_texts(each)
    elif isinstance(schema, list):
        for each in schema:
            _let_ids_be_texts(each)


def _for_assistants(hint: Any, default: Any) -> tuple[Any, Any]:
    """Return an argument's type and default: queries are lines, examples photos, counts small."""
    if hint == ResultCount:
        count = Meta(ge=1, le=MAX_PHOTOS, description="How many photos to return at most.")
        return Annotated[int, count], min(default, USUAL_PHOTOS)
    if hint == SidePx:
        side = Meta(ge=64, le=MAX_SIDE_PX, description="The long side of the picture in pixels.")
        return Annotated[int, side], min(default, USUAL_SIDE_PX)
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if Query in members:
        if default is inspect.Parameter.empty:
            return Annotated[str, Meta(description=query_help())], default
        about = Meta(description="Only photos that match this query, as for search.")
        return Annotated[str | None, about], default
    if Example in members:
        return _PhotoExample, default
    if Path in members and int in members:
        return PhotoId, default
    return in_request(hint), default


class _PhotoExample(Body):
    """A photo of the library."""

    photo_id: PhotoId

    def record(self, kept_images: KeptImages | None = None) -> Example:
        """Return the photo as an example."""
        return Example(self.photo_id)


def query_help() -> str:
    """Return the query language in a paragraph, with all filters."""
    filters = "; ".join(f"{name}:{field.metavar} {field.meaning}" for name, field in FIELDS.items())
    return (
        "A query is a description in plain words, such as: a dog in snow. Names of people, places "
        "and dates in it are understood. In it, -WORD excludes what a word names, photo:ID finds "
        'photos like that one, "a phrase" is taken as it is, and NAME:VALUE is a filter; '
        "-NAME:VALUE excludes, and a value with spaces is quoted. A query of filters alone lists "
        "the newest first; sort:date sorts any query so, and sort:best begins with the photos most "
        f"worth keeping. Filters keep photos: {filters}."
    )


# ------------------------------------------------------------------------- results


def _content(operation: Operation, result: object) -> JsonObject:
    """Return a result for an assistant: an object without unknown values, its lists limited.

    A list that was cut is followed by the number of rows that it lacks.
    """
    if isinstance(result, Answer):
        answer = result.without_weak_hits()
        whole = {**to_json(replace(answer, hits=())), "hits": list(map(_summary, answer.hits))}
    elif isinstance(result, tuple):
        whole = {"result": list(map(_row, result))}
    else:
        form = to_json(result)
        whole = form if isinstance(form, dict) else {"result": form}
    return _fields(whole, MAX_ROWS, operation.declared.newest_last)


def _row(row: object) -> object:
    """Return a row of a list, with the data of its photos as a list of results has them."""
    form = to_json(row)
    if isinstance(row, Struct):
        fields = {name: getattr(row, name) for name in row.__struct_fields__}
        form |= {name: _summary(value) for name, value in fields.items() if isinstance(value, Hit)}
    return form


def _summary(hit: Hit) -> JsonObject:
    """Return the data of a photo in a list of results.

    Exact coordinates, keywords and the rest are left to the tool `photo`: whatever an assistant
    sees goes to its provider (docs/mcp.md).
    """
    facts = hit.photo.facts
    return {
        "photo_id": hit.photo.id,
        "uri": f"{PHOTO_URI}{hit.photo.id}",
        "path": path_text(hit.path),
        "date": to_json(hit.date),
        "dated_by": hit.dated_by,
        "score": hit.score,
        "level": hit.level,
        "matched_by": list(hit.matched_by),
        "at_s": hit.at_s,
        "title": facts.title,
        "people": list(facts.people),
        "place": facts.place,
        "offline": hit.offline,
    }


def _fields(form: JsonObject, most: int, newest_last: bool) -> JsonObject:
    fields: JsonObject = {}
    for name, value in form.items():
        if value in _NOTHING:
            continue
        shown = printable(name)
        fields[shown] = _readable(value, most, newest_last)
        if isinstance(value, list | tuple) and len(value) > most:
            fields[f"{shown}{_LEFT_OUT}"] = len(value) - most
    return fields


def _readable(value: Any, most: int, newest_last: bool) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return _fields(value, MAX_INNER_ROWS, newest_last)
    if isinstance(value, list | tuple):
        rows = value[-most:] if newest_last else value[:most]
        return [_readable(each, MAX_INNER_ROWS, newest_last) for each in rows]
    return value
