"""Changes that an assistant proposes, as the user is asked about them."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from imgsearch.library import Library
from imgsearch.operations.records import to_json
from imgsearch.operations.requests import Operation
from imgsearch.records.query import Query
from imgsearch.search.answers import MAX_RANKED
from imgsearch.text import format_count, printable

_PHOTOS = "photo_ids"
_OF_QUERY = ("query", "k", "include_weak")  # the arguments by which a query finds photos to change
_NAMED = 3  # photos, in the question
_MOST_CHARACTERS = 300  # of a value, in the question
_KEY = secrets.token_bytes(32)  # of this process, so that nobody can make a digest of their own


class ProposedOperation(Struct, frozen=True):
    """An operation that changes the library, with its arguments: which photos is decided.

    `question` asks the user, in some lines. `digest` stands for exactly this change in this
    process.
    """

    operation: Operation
    arguments: Mapping[str, Any]
    question: str
    digest: str


def propose(
    library: Library, operation: Operation, arguments: Mapping[str, Any]
) -> ProposedOperation:
    """Return a change with the photos that a query finds now. Raises QueryError as a search."""
    decided = dict(arguments)
    if _PHOTOS in decided and decided.get("query") is not None:
        ids = [*decided[_PHOTOS], *_found(library, decided)]
        decided |= {_PHOTOS: list(dict.fromkeys(ids))}
        for name in _OF_QUERY:
            del decided[name]
    form = json.dumps(to_json(decided), sort_keys=True)
    digest = hashlib.blake2b(f"{operation.name} {form}".encode(), key=_KEY).hexdigest()
    return ProposedOperation(operation, decided, _question(library, operation, decided), digest)


def _found(library: Library, arguments: Mapping[str, Any]) -> list[int]:
    query, k = arguments["query"], arguments["k"]
    assert isinstance(query, Query)
    found = library.find_all(query, k or MAX_RANKED)
    chosen = found if arguments["include_weak"] else found.without_weak()
    most = k if k is not None else MAX_RANKED if chosen.query.terms else None
    ids: list[int] = chosen.ids[:most].tolist()
    return ids


def _question(library: Library, operation: Operation, arguments: Mapping[str, Any]) -> str:
    what = operation.description.partition(".")[0]
    lines = [f"The assistant wants to change your library: {what}."]
    for name, value in arguments.items():
        if name == _PHOTOS:
            lines.append(f"photos: {_photos(library, value)}")
        elif value is not None and value is not False and name not in _OF_QUERY:
            text = value if isinstance(value, str) else json.dumps(to_json(value))
            shown = text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
            lines.append(f"{name.replace('_', ' ')}: {printable(shown)}")
    lines.append("No file is changed, and imgsearch undo takes it back.")
    return "\n".join(lines)


def _photos(library: Library, ids: list[int]) -> str:
    names = [printable(hit.path.name) for hit in library.photos(ids[:_NAMED])]
    more = f" and {len(ids) - len(names)} more" if names and len(ids) > len(names) else ""
    return f"{format_count(len(ids), 'photo')} ({', '.join(names)}{more})" if names else "none"
