"""Errors as JSON and back, and invalid requests in sentences for people."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from msgspec import Struct

from imgsearch import errors
from imgsearch.errors import ImgsearchError, QueryError, Sentence, UsageError
from imgsearch.operations.records import from_json

_Request = TypeVar("_Request")

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


class Refusal(Struct, frozen=True):
    """An error. `line` and `at` point at the character of a query that is at fault, if one is.

    `commands` are the commands in its message, as they are typed.
    """

    kind: str
    message: str
    line: str | None = None
    at: int | None = None
    commands: tuple[str, ...] = ()


class RefusedRequest(Struct, frozen=True):
    """The answer to a request that is refused."""

    error: Refusal


def refusal_of(error: ImgsearchError) -> RefusedRequest:
    """Return the answer with the sentence of an error."""
    line = error.line if isinstance(error, QueryError) else None
    at = error.at if isinstance(error, QueryError) and line is not None else None
    sentence = error.sentence
    return RefusedRequest(Refusal(type(error).__name__, str(sentence), line, at, sentence.lines))


def error_of(form: object) -> UsageError | None:
    """Return the error in the answer to a refused request, if the request was wrong; else None."""
    refusal = from_json(form, RefusedRequest).error
    kind = getattr(errors, refusal.kind, None)
    sentence = Sentence.with_lines(refusal.message, refusal.commands)
    if kind is QueryError:
        return QueryError(sentence, refusal.line, refusal.at or 0)
    if isinstance(kind, type) and issubclass(kind, UsageError):
        return kind(sentence)
    return None


def converted(
    form: object,
    kind: type[_Request],
    noun: str,
    whole: str,
    cure: str,
    *,
    from_texts: bool = False,
) -> _Request:
    """Return the request that a JSON value stands for.

    Raises UsageError that names what is at fault.

    A place in the value is a `noun`, the value itself is `whole`, and `cure` is the sentence that
    says where to find the names of its fields. With `from_texts`, numbers may be texts, as they are
    in the address of a request.
    """
    try:
        return msgspec.convert(form, kind, strict=not from_texts)
    except msgspec.ValidationError as error:
        raise UsageError(_in_words(str(error), noun, whole, cure)) from None
    except UnicodeEncodeError:  # a field name with a lone surrogate
        raise UsageError(f"{whole} has a {noun} name that is not valid Unicode.") from None


def _in_words(message: str, noun: str, whole: str, cure: str) -> str:
    """Return the message of msgspec about an invalid value as a sentence.

    It says, for instance, "Expected `int | null`, got `str` - at `$.query.terms[0].weight`".
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
