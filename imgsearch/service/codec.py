"""Records as JSON and back: answers, status, labels and errors.

The forms are those of docs/serve.md. Most fields of a record go under their own names; a function
below says where a form differs. What is read back is checked: a malformed value is a UsageError.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypedDict, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from imgsearch import errors
from imgsearch.errors import ImgsearchError, QueryError, UsageError
from imgsearch.query.grammar import to_text
from imgsearch.records.answer import Answer, ConceptVerdict, Hit, Verdict
from imgsearch.records.browse import PhotoEvent, PlaceCounts, Timeline
from imgsearch.records.photo import FACTS, Facts, Photo
from imgsearch.records.query import Query, TaughtConcept, Term
from imgsearch.records.saved import SavedSearchSummary
from imgsearch.records.status import Status
from imgsearch.records.suggestion import Suggestion
from imgsearch.text import path_text

if TYPE_CHECKING:
    from imgsearch.records.concepts import Concept
    from imgsearch.records.duplicates import DuplicateGroup
    from imgsearch.records.labels import Label
    from imgsearch.records.picture_text import PhotoText
    from imgsearch.records.status import (
        ArchiveStatus,
        DroppedEncoder,
        EncoderInfo,
        Failure,
        Root,
        StoredEncoder,
    )
    from imgsearch.records.trial import EncoderTrial

JsonObject: TypeAlias = dict[str, object]
JsonFields: TypeAlias = Callable[[JsonObject], JsonObject]
_Fields: TypeAlias = dict[str, Any]  # of an object that was read, not yet checked
_Record = TypeVar("_Record")

_PLAIN_TYPES = (NoneType, str, int, bool)  # what JSON has itself
_PRINTED_DIGITS = 4  # of a score or a probability that a command prints
# The facts in the JSON of a hit itself, and those in its `file`.
HIT_FACTS = tuple(fact.name for fact in FACTS if not fact.in_file_json)
FILE_FACTS = tuple(fact.name for fact in FACTS if fact.in_file_json)


def read_json(text: bytes, object_hook: JsonFields | None = None) -> object:
    """The value of a JSON text; lone surrogates of file names that are not UTF-8 survive.

    `object_hook` is called with each object and returns what takes its place. Raises UsageError
    for invalid JSON; NaN and Infinity are invalid.
    """
    try:
        value: object = json.loads(text, parse_constant=_refuse, object_hook=object_hook)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"Invalid JSON: {str(error)[:200]}") from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


# ------------------------------------------------------------------------- answers


def answer_to_json(answer: Answer) -> JsonObject:
    """One page of hits, the cursor of the next page, the verdict, and remarks on the query."""
    return {
        "hits": [hit_to_json(hit) for hit in answer.hits],
        "cursor": answer.cursor,
        "verdict": None if answer.verdict is None else _verdict_to_json(answer.verdict),
        "suggestion": answer.suggestion,
        "remarks": _plain(answer.remarks),
        "is_read": answer.is_read,
        "understood": _plain(answer.understood),
    }


def answer_from_json(form: object) -> Answer:
    """The reverse of `answer_to_json`. Raises UsageError."""
    answer = _record_of(_AnswerForm, form)
    return _record_of(
        Answer,
        {
            "hits": [_nested(hit) for hit in answer["hits"]],
            "cursor": answer["cursor"],
            "verdict": answer["verdict"] and without_nulls(answer["verdict"]),
            "suggestion": answer["suggestion"],
            "remarks": answer["remarks"],
            "is_read": answer["is_read"],
            "understood": answer["understood"],
        },
    )


class _AnswerForm(TypedDict):
    hits: list[_Fields]
    cursor: str | None
    verdict: _Fields | None
    suggestion: str | None
    remarks: list[str]
    is_read: bool
    understood: list[_Fields]


def hit_to_json(hit: Hit) -> JsonObject:
    """A hit. Its `file` holds the facts of the file that are not in the hit itself."""
    return {
        "score": hit.score,
        "level": hit.level,
        "matched_by": _plain(hit.matched_by),
        "path": path_text(hit.path),
        "paths": _plain(hit.paths),
        "photo_id": hit.photo.id,
        "date": _plain(hit.date),
        "dated_by": hit.dated_by,
        "at_s": hit.at_s,
        "offline": hit.offline,
        "missing": hit.missing,
        "text_lines": _plain(hit.text_lines),
        **_facts_to_json(hit.photo.facts, HIT_FACTS),
        "file": file_to_json(hit.photo),
    }


def answer_to_cli_json(answer: Answer) -> list[JsonObject]:
    """The hits as `search --json` prints them: with rank and verdict, the score rounded.

    The last one has the cursor of the next page, the suggestion, and the words understood.
    """
    last = len(answer.hits)
    return [
        {
            "rank": rank,
            **hit_to_json(hit),
            "score": None if hit.score is None else round(hit.score, _PRINTED_DIGITS),
            "verdict": None if answer.verdict is None else answer.verdict.state,
            "cursor": answer.cursor if rank == last else None,
            "suggestion": answer.suggestion if rank == last else None,
            "understood": _plain(answer.understood) if rank == last else None,
        }
        for rank, hit in enumerate(answer.hits, 1)
    ]


def groups_to_cli_json(groups: Iterable[DuplicateGroup]) -> list[JsonObject]:
    """Groups of near-duplicates as `duplicates --json` prints them, the photos to keep first.

    Each photo is a hit, with `keep` and `reason`; its score is that with a kept photo, rounded.
    """
    return [
        {
            "photos": [
                {
                    "keep": photo.keep,
                    "reason": photo.reason,
                    **hit_to_json(photo.hit),
                    "score": None if photo.score is None else round(photo.score, _PRINTED_DIGITS),
                }
                for photo in group.photos
            ]
        }
        for group in groups
    ]


def file_to_json(photo: Photo) -> JsonObject:
    """The `file` of a hit: content hash, size and the facts of `FILE_FACTS`."""
    return {
        "content_hash": photo.content_hash,
        "size_bytes": photo.size_bytes,
        **_facts_to_json(photo.facts, FILE_FACTS),
    }


def text_to_json(text: PhotoText | None) -> JsonObject | None:
    """The text of a photo: state, lines with their places, and what read it when."""
    return None if text is None else _fields(text)


def _facts_to_json(facts: Facts, names: tuple[str, ...]) -> JsonObject:
    return {name: _plain(getattr(facts, name)) for name in names}


def _nested(hit: Mapping[str, object]) -> JsonObject:
    """The JSON of a hit with the fields where `Hit`, `Photo` and `Facts` have them."""
    file = _record_of(_Fields, hit.get("file"))
    facts = {name: hit.get(name) for name in HIT_FACTS}
    facts |= {name: file.get(name) for name in FILE_FACTS}
    photo = {**file, "id": hit.get("photo_id"), "facts": facts}
    return {**hit, "photo": photo}


def _verdict_to_json(verdict: Verdict) -> JsonObject:
    """A verdict; `words` is the same for people. A score that nothing reaches is null."""
    return {"words": str(verdict), **_fields(verdict)}


# ------------------------------------------------------------------------- queries


def query_to_json(query: Query) -> JsonObject:
    """A query, lossless: terms in their order, filters as the query language writes them."""
    return {
        "terms": [_term_to_json(term) for term in query.terms],
        "filters": [to_text(Query(filters=(condition,))) for condition in query.filters],
        "min_score": query.min_score,
        "sort": query.sort,
    }


def _term_to_json(term: Term) -> JsonObject:
    what = term.what
    form: JsonObject = {"weight": term.weight}
    if isinstance(what, str):
        return {"text": what, **form, **({"is_free": True} if term.is_free else {})}
    if isinstance(what, TaughtConcept):
        return {"concept": what.name, **form}
    if isinstance(what.source, bytes):
        form["image"] = base64.b64encode(what.source).decode("ascii")
    elif isinstance(what.source, int):
        form["photo_id"] = what.source
    else:
        form["path"] = str(what.source)
    if what.region is not None:
        form["region"] = _fields(what.region)
    return form


# ------------------------------------------------------------------------- labels


def label_to_cli_json(label: Label, path: Path) -> JsonObject:
    """A label of the photo at `path`, its probability rounded."""
    return {
        "label": label.name,
        "probability": round(label.probability, _PRINTED_DIGITS),
        "path": str(path),
        "photo_id": label.photo_id,
    }


# ------------------------------------------------------------------------- saved searches


def saved_search_to_json(search: SavedSearchSummary) -> JsonObject:
    """A saved search and what it finds now."""
    return _fields(search)


def saved_searches_to_json(searches: Sequence[SavedSearchSummary]) -> JsonObject:
    """The saved searches, in an object."""
    return {"searches": [saved_search_to_json(search) for search in searches]}


def saved_searches_from_json(form: object) -> tuple[SavedSearchSummary, ...]:
    """The reverse of `saved_searches_to_json`. Raises UsageError."""
    return _records_of(SavedSearchSummary, form, "searches")


def new_photos_to_json(photo_ids: Sequence[int]) -> JsonObject:
    """The ids of the photos that are new in a saved search, in an object."""
    return {"new": list(photo_ids)}


def new_photos_from_json(form: object) -> tuple[int, ...]:
    """The reverse of `new_photos_to_json`. Raises UsageError."""
    return _records_of(int, form, "new")


# ------------------------------------------------------------------------- concepts


def concept_to_json(concept: Concept) -> JsonObject:
    """A concept; `sentence` is what is known of it for people."""
    return {**_fields(concept), "sentence": concept.sentence()}


def concepts_to_json(concepts: Sequence[Concept]) -> JsonObject:
    """The concepts, in an object."""
    return {"concepts": [concept_to_json(concept) for concept in concepts]}


def concept_verdict_to_json(verdict: ConceptVerdict) -> JsonObject:
    """What a concept says of one photo, numbers rounded."""
    return {
        **_fields(verdict),
        "score": round(verdict.score, _PRINTED_DIGITS),
        "probability": round(verdict.probability, _PRINTED_DIGITS),
    }


# ------------------------------------------------------------------------- encoders


def encoders_to_json(
    in_use: str, choices: Sequence[EncoderInfo], stored: Sequence[StoredEncoder]
) -> JsonObject:
    """The name of the encoder in use, those to choose from, and those with vectors."""
    return {
        "encoder_in_use": in_use,
        "encoders": [_fields(each) for each in choices],
        "stored": [_fields(each) for each in stored],
    }


def dropped_encoder_to_json(dropped: DroppedEncoder) -> JsonObject:
    """What deleting the vectors of an encoder has given back."""
    return _fields(dropped)


def trial_to_json(trial: EncoderTrial | None) -> JsonObject:
    """The last trial of an encoder, in an object."""
    return {"trial": None if trial is None else {**_fields(trial), "left_s": trial.left_s}}


# ------------------------------------------------------------------------- counts


def timeline_to_json(timeline: Timeline) -> JsonObject:
    """The counts of all years and their months."""
    return _fields(timeline)


def timeline_from_json(form: object) -> Timeline:
    """The reverse of `timeline_to_json`. Raises UsageError."""
    return _record_of(Timeline, form)


def events_to_json(events: Sequence[PhotoEvent]) -> JsonObject:
    """The events, in an object."""
    return {"events": [_fields(event) for event in events]}


def events_from_json(form: object) -> tuple[PhotoEvent, ...]:
    """The reverse of `events_to_json`. Raises UsageError."""
    return _records_of(PhotoEvent, form, "events")


def places_to_json(places: PlaceCounts) -> JsonObject:
    """The counts of countries, their regions, and the towns of these."""
    return _fields(places)


def places_from_json(form: object) -> PlaceCounts:
    """The reverse of `places_to_json`. Raises UsageError."""
    return _record_of(PlaceCounts, form)


# ------------------------------------------------------------------------- suggestions


def suggestions_to_json(suggestions: Sequence[Suggestion]) -> JsonObject:
    """The suggestions, in an object."""
    return {"suggestions": [_fields(suggestion) for suggestion in suggestions]}


def suggestions_from_json(form: object) -> tuple[Suggestion, ...]:
    """The reverse of `suggestions_to_json`. Raises UsageError."""
    return _records_of(Suggestion, form, "suggestions")


# ------------------------------------------------------------------------- status


def status_to_json(status: Status) -> JsonObject:
    """The status, lossless."""
    form = _fields(status)
    form["wants"] = [{**_fields(want), "cure": want.cure} for want in status.wants]
    if status.snapshot is not None:
        snapshot = _fields(status.snapshot)
        form["snapshot"] = {"file": snapshot.pop("file_name"), **snapshot}
    return form


def archive_status_to_json(status: ArchiveStatus) -> JsonObject:
    """The status of an archive."""
    return _fields(status)


def status_from_json(form: object) -> Status:
    """The reverse of `status_to_json`. Raises UsageError."""
    status = _record_of(_Fields, form)
    if status.get("snapshot") is not None:
        snapshot = _record_of(_Fields, status["snapshot"])
        status["snapshot"] = {**snapshot, "file_name": snapshot.get("file")}
    return _record_of(Status, status)


def status_to_cli_json(status: Status) -> JsonObject:
    """The status as `status --json` prints it: without what only programs of our own need."""
    form = _fields(status)
    form["roots"] = [root_to_cli_json(root) for root in status.roots]
    form["failures"] = [failure_to_cli_json(failure) for failure in status.failures]
    form["wants"] = [{**_fields(want), "cure": want.cure} for want in status.wants]
    if (snapshot := status.snapshot) is not None:
        form["snapshot"] = {
            "file": snapshot.file_name,
            "kind": snapshot.kind,
            "vectors": snapshot.vectors,
            "built_at": _plain(snapshot.built_at),
            "size_bytes": snapshot.size_bytes,
            **snapshot.details,
        }
    return form


def root_to_cli_json(root: Root) -> JsonObject:
    """A folder of the library as `folders --json` prints it."""
    return _without(_fields(root), "id")


def failure_to_cli_json(failure: Failure) -> JsonObject:
    """A failure as `failures --json` prints it."""
    return _without(_fields(failure), "read_by")


# ------------------------------------------------------------------------- errors


def error_to_json(error: ImgsearchError) -> JsonObject:
    """An error. `line` and `at` point at the character of a query that is at fault, if one is."""
    line = error.line if isinstance(error, QueryError) else None
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "line": line,
        "at": error.at if isinstance(error, QueryError) and line is not None else None,
    }


def error_from_json(form: object) -> UsageError | None:
    """The error in the answer `{"error": …}` if it is one in the request, else None."""
    error = _record_of(_RefusalForm, form)["error"]
    kind = getattr(errors, error["kind"], None)
    if kind is QueryError:
        return QueryError(error["message"], error["line"], error["at"] or 0)
    if isinstance(kind, type) and issubclass(kind, UsageError):
        return kind(error["message"])
    return None


class _ErrorForm(TypedDict):
    kind: str
    message: str
    line: str | None
    at: int | None


class _RefusalForm(TypedDict):
    error: _ErrorForm


# ------------------------------------------------------------------------- records


def _fields(record: Struct) -> JsonObject:
    """The fields of a record in their order, as JSON."""
    return {name: _plain(value) for name, value in asdict(record).items()}


def _plain(value: object) -> object:
    """A value of a record as JSON: paths and dates as text, infinite numbers as null."""
    if type(value) in _PLAIN_TYPES:  # most are: an answer has hundreds of facts
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return path_text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return _fields(value) if isinstance(value, Struct) else value


def _record_of(kind: type[_Record], form: object) -> _Record:
    """The record that a JSON value holds, its fields checked. Raises UsageError."""
    try:
        return msgspec.convert(form, kind, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise UsageError(f"Malformed answer: {error}") from None


def _records_of(kind: type[_Record], form: object, name: str) -> tuple[_Record, ...]:
    """The records in the list of this name in a JSON object. Raises UsageError."""
    many = _record_of(_Fields, form).get(name)
    if not isinstance(many, list):
        raise UsageError(f"Malformed answer: it has no list `{name}`")
    return tuple(_record_of(kind, each) for each in many)


def _path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str):
        raise TypeError("Expected a path")
    return Path(value)


def _without(form: JsonObject, name: str) -> JsonObject:
    return {key: value for key, value in form.items() if key != name}


def without_nulls(form: Mapping[str, object]) -> JsonObject:
    """The fields that are not null."""
    return {key: value for key, value in form.items() if value is not None}
