"""Records as JSON and back. A record becomes an object with its fields, in their order.

Paths are text, times ISO 8601. What is read back is checked against the types of the fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, TypeVar

import msgspec

from imgsearch.addresses import as_path
from imgsearch.errors import Sentence, UsageError
from imgsearch.records.answer import Hit, Hits
from imgsearch.text import path_text

JsonObject: TypeAlias = dict[str, Any]
_Value = TypeVar("_Value")
_ID = re.compile(r"[0-9]{1,19}")
_IS_OF_IDS = re.compile(r"(_id|_ids|^ids|^photo|^into|^faces)$")  # a field of a request


def to_json(value: object) -> Any:
    """Return a record, or a list of them, as values of JSON."""
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_plain)


def from_json(form: object, kind: type[_Value]) -> _Value:
    """Return the reverse of `to_json`. Raises UsageError for JSON of another form."""
    try:
        return msgspec.convert(form, kind, dec_hook=_special, str_keys=True)
    except msgspec.ValidationError as error:
        raise UsageError(f"Malformed answer: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return path_text(value)
    if isinstance(value, Sentence):
        return str(value)
    if isinstance(value, Hits):
        return list(value)
    raise NotImplementedError(f"{type(value)} has no form in JSON")


def _special(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return as_path(value)
    if kind is Hits:
        return Hits(msgspec.convert(value, list[Hit], dec_hook=_special))
    raise TypeError(f"Expected {kind.__name__}")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)


def dump_json(value: object, indent: int | None = None) -> str:
    """Return JSON values as text: ASCII, so that file names that are not UTF-8 survive, escaped."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, indent=indent)


def encode_json(value: object) -> bytes:
    """Return a record, or anything else that `to_json` takes, as JSON in UTF-8, without spaces.

    A text that UTF-8 cannot hold, such as the name of a file that is not UTF-8, is escaped as by
    `dump_json`.
    """
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return dump_json(to_json(value)).encode("ascii")


def load_json(text: bytes, object_hook: Callable[[JsonObject], JsonObject] | None = None) -> Any:
    """Return the value of a JSON text; lone surrogates of file names that are not UTF-8 survive.

    `object_hook` is called with each object and returns what takes its place. Raises UsageError
    for invalid JSON; NaN and Infinity are invalid.
    """
    try:
        return json.loads(text, parse_constant=_refuse, object_hook=object_hook)
    except RecursionError:
        raise UsageError("Invalid JSON: lists and objects are in each other too deeply.") from None
    except ValueError as error:
        raise UsageError(f"Invalid JSON: {str(error)[:200]}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def without_nulls(form: JsonObject) -> JsonObject:
    """Return the fields that are not null."""
    return {key: value for key, value in form.items() if value is not None}


def as_request(form: JsonObject) -> JsonObject:
    """Return the fields that are not null, with ids that are texts as numbers; see `load_json`."""
    return {
        key: _with_numbers(value) if _IS_OF_IDS.search(key) else value
        for key, value in without_nulls(form).items()
    }


def _with_numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_numbers(each) for each in value]
    is_id = isinstance(value, str) and _ID.fullmatch(value) is not None
    return int(value) if is_id else value
