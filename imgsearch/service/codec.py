"""Hits, verdicts and labels as JSON, and back."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias, TypeVar, cast

from imgsearch import errors
from imgsearch.errors import ImgsearchError, QueryError, Reason, UsageError
from imgsearch.query.grammar import parse, to_text
from imgsearch.records.answer import Answer, Hit, Verdict
from imgsearch.records.labels import Classes
from imgsearch.records.photo import Facts, Photo
from imgsearch.records.query import Example, Filter, Query, Region, Sort, Term
from imgsearch.records.status import Failure, MissingExtra, Root, SnapshotInfo, Status

if TYPE_CHECKING:
    from imgsearch.records.answer import Level
    from imgsearch.records.labels import Label

JsonObject: TypeAlias = dict[str, object]

_SHOWN_DIGITS = 4  # of a score or a probability, for people's programs
_FILE = ("content_hash", "size_bytes", "format", "camera", "lens", "lat", "lon", "dated_by",
         "rating", "keywords", "duration_s")  # fmt: skip
_HIT = ("score", "level", "path", "paths", "photo_id", "taken_at", "date", "dated_by", "width_px",
        "height_px", "at_s", "motion", "animated", "offline", "missing", "file")  # fmt: skip
_VERDICT = ("words", "strength", "sure", "likely", "more", "sure_from", "likely_from")


def hit_to_json(hit: Hit) -> JsonObject:
    """A hit; `file` holds what the photo's file tells besides."""
    return {**_shown(hit), "file": _file_form(hit.photo)}


def hit_to_cli_json(rank: int, hit: Hit) -> JsonObject:
    """A hit as `search --json` prints it: with its rank, the score rounded."""
    score = None if hit.score is None else round(hit.score, _SHOWN_DIGITS)
    return {"rank": rank, **_shown(hit), "score": score}


def label_to_cli_json(label: Label, path: Path) -> JsonObject:
    """The label of the photo that lies at `path`, the probability rounded."""
    return {
        "label": label.name,
        "probability": round(label.probability, _SHOWN_DIGITS),
        "path": str(path),
        "photo_id": label.photo_id,
    }


def answer_to_json(answer: Answer) -> JsonObject:
    """One page of hits, the cursor of the next, and the verdict."""
    return {
        "hits": [hit_to_json(hit) for hit in answer.hits],
        "cursor": answer.cursor,
        "verdict": None if answer.verdict is None else _verdict_form(answer.verdict),
    }


def answer_from_json(form: object) -> Answer:
    """The answer of which `answer_form` made this."""
    given = FieldReader(form, ("hits", "cursor", "verdict"))
    return Answer(
        tuple(_hit_of(hit) for hit in given.objects("hits")),
        given.maybe("cursor", str),
        _verdict_of(given.raw("verdict")) if "verdict" in given else None,
    )


def _shown(hit: Hit) -> JsonObject:
    taken_at = hit.photo.taken_at
    return {
        "score": hit.score,
        "level": hit.level,
        "path": str(hit.path),
        "paths": _texts(hit.paths),
        "photo_id": hit.photo.id,
        "taken_at": None if taken_at is None else taken_at.isoformat(),
        "date": None if hit.date is None else hit.date.isoformat(),
        "dated_by": hit.dated_by,
        "width_px": hit.photo.width_px,
        "height_px": hit.photo.height_px,
        "at_s": hit.at_s,
        "motion": hit.photo.facts.motion,
        "animated": hit.photo.facts.animated,
        "offline": hit.offline,
        "missing": hit.missing,
    }


def _texts(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]


def _file_form(photo: Photo) -> JsonObject:
    facts = photo.facts
    return {
        "content_hash": photo.content_hash,
        "size_bytes": photo.size_bytes,
        "format": facts.format,
        "camera": facts.camera,
        "lens": facts.lens,
        "lat": facts.lat,
        "lon": facts.lon,
        "dated_by": facts.dated_by,
        "rating": facts.rating,
        "keywords": list(facts.keywords),
        "duration_s": facts.duration_s,
    }


def _hit_of(form: object) -> Hit:
    given = FieldReader(form, _HIT)
    file = FieldReader(given.raw("file"), _FILE)
    facts = Facts(
        format=file.one("format", str),
        width_px=given.one("width_px", int),
        height_px=given.one("height_px", int),
        taken_at=given.moment("taken_at"),
        camera=file.maybe("camera", str),
        lens=file.maybe("lens", str),
        lat=file.maybe("lat", float),
        lon=file.maybe("lon", float),
        dated_by=file.maybe("dated_by", str),
        rating=file.maybe("rating", int),
        keywords=file.several("keywords", str),
        duration_s=file.maybe("duration_s", float),
        motion=given.maybe("motion", str),
        animated=given.one("animated", bool),
    )
    size_bytes, content_hash = file.one("size_bytes", int), file.one("content_hash", str)
    return Hit(
        photo=Photo(given.one("photo_id", int), content_hash, size_bytes, facts),
        paths=tuple(Path(path) for path in given.several("paths", str)),
        score=given.maybe("score", float),
        offline=given.one("offline", bool),
        missing=given.one("missing", bool),
        date=given.moment("date"),
        dated_by=given.maybe("dated_by", str),
        level=cast("Level | None", given.maybe("level", str)),
        at_s=given.maybe("at_s", float),
    )


def _verdict_form(verdict: Verdict) -> JsonObject:
    """`words` says the rest for people; a bound that nothing reaches is null: JSON has no ∞."""
    return {
        "words": str(verdict),
        "strength": verdict.strength,
        "sure": verdict.sure,
        "likely": verdict.likely,
        "more": verdict.more,
        "sure_from": verdict.sure_from if isfinite(verdict.sure_from) else None,
        "likely_from": verdict.likely_from if isfinite(verdict.likely_from) else None,
    }


def _verdict_of(form: object) -> Verdict:
    given = FieldReader(form, _VERDICT)
    sure_from, likely_from = given.maybe("sure_from", float), given.maybe("likely_from", float)
    return Verdict(
        strength=given.one("strength", float),
        sure=given.one("sure", int),
        likely=given.one("likely", int),
        more=given.one("more", bool),
        sure_from=inf if sure_from is None else sure_from,
        likely_from=inf if likely_from is None else likely_from,
    )


_SORTS: tuple[Sort, ...] = ("relevance", "date", "path")
_MAX_ID = (1 << 63) - 1
_PAGE = ("k", "cursor")
_QUERY = ("terms", "filters", "min_score", "sort")
_SOURCES = ("photo_id", "image", "path")
_TERM = ("text", *_SOURCES, "region", "weight")
_REGION = ("x", "y", "width", "height", "percent")


@dataclass(frozen=True, slots=True)
class SearchRequest:
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


def query_to_json(query: Query) -> JsonObject:
    """A query, lossless: terms in their order, filters as the language writes them."""
    return {
        "terms": [_term_form(term) for term in query.terms],
        "filters": [to_text(Query(filters=(each,))) for each in query.filters],
        "min_score": query.min_score,
        "sort": query.sort,
    }


def search_request_from_json(form: object) -> SearchRequest:
    """What a search is asked. Raises QueryError and UsageError for what makes no sense."""
    given = FieldReader(form, ("query", *_PAGE))
    query = given.raw("query")
    return _page_of(given, parse(query) if isinstance(query, str) else _query_of(query))


def similar_request_from_json(form: object) -> SearchRequest:
    """What a search by one example is asked: a photo's number, an image's bytes, or a path."""
    given = FieldReader(form, (*_SOURCES, "region", *_PAGE))
    return _page_of(given, Query((Term(_example_of(given)),)))


def label_request_from_json(form: object) -> tuple[Classes, SearchRequest | None]:
    """The classes to label with, and which photos; None is all."""
    given = FieldReader(form, ("classes", "template", "none_of_these", "query", "k"))
    none_of_these = given.maybe("none_of_these", bool)
    classes = Classes(
        given.several("classes", str),
        given.maybe("template", str),
        True if none_of_these is None else none_of_these,
    )
    if "query" not in given:
        return classes, None
    k = given.maybe("k", int)
    return classes, search_request_from_json(
        {"query": given.raw("query"), "k": 100 if k is None else k}
    )


def _page_of(given: FieldReader, query: Query) -> SearchRequest:
    k = given.maybe("k", int)
    return SearchRequest(query, 20 if k is None else k, given.maybe("cursor", str))


def _query_of(form: object) -> Query:
    given = FieldReader(form, _QUERY, "query")
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


def _term_form(term: Term) -> JsonObject:
    what = term.what
    if isinstance(what, str):
        return {"text": what, "weight": term.weight}
    form: JsonObject = {"weight": term.weight}
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
    given = FieldReader(form, _TERM, "a term")
    weight = given.maybe("weight", float)
    term = Term(given.one("text", str) if "text" in given else _example_of(given))
    if "text" in given and any(name in given for name in (*_SOURCES, "region")):
        raise UsageError("A term is a text or an example, not both.")
    return term if weight is None else replace(term, weight=weight)


def _example_of(given: FieldReader) -> Example:
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
    given = FieldReader(form, _REGION, "region")
    x, y, width, height = (given.one(name, float) for name in _REGION[:4])
    if not (width > 0 and height > 0 and max(abs(x), abs(y), width, height) < float("inf")):
        raise QueryError("The region is empty: width and height must be above 0.")
    return Region(x, y, width, height, given.maybe("percent", bool) or False)


_Kind = TypeVar("_Kind", str, int, float, bool)

_WORDS: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def read_json(text: bytes) -> object:
    """The value that the text says. Raises UsageError for what is no JSON, NaN among it."""
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"This is no JSON: {str(error)[:200]}") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


class FieldReader:
    """An object of JSON, read field by field. Every method raises UsageError.

    `known` are the fields it may have: one that is misspelt must not be passed over in silence.
    """

    def __init__(self, value: object, known: Collection[str], name: str = "what was sent") -> None:
        if not isinstance(value, dict):
            raise UsageError(f"Here {name} must be an object.")
        for field in value:
            if field not in known:
                raise UsageError(
                    f"There is no field {str(field)[:60]!r} here. Known: {', '.join(known)}."
                )
        self._values: dict[str, object] = value

    def __contains__(self, field: str) -> bool:
        """Whether the field is there, and not null."""
        return self._values.get(field) is not None

    def raw(self, field: str) -> object:
        """The value of a field of any kind; None where it is not there."""
        return self._values.get(field)

    def one(self, field: str, kind: type[_Kind]) -> _Kind:
        """The value of a field that must be there."""
        return _of_kind(self._values.get(field), kind, field)

    def maybe(self, field: str, kind: type[_Kind]) -> _Kind | None:
        """The value of a field; None where it is null or not there."""
        return self.one(field, kind) if field in self else None

    def moment(self, field: str) -> datetime | None:
        """The time that a field says; None where it is null or not there."""
        text = self.maybe(field, str)
        return None if text is None else datetime.fromisoformat(text)

    def several(self, field: str, kind: type[_Kind]) -> tuple[_Kind, ...]:
        """The values of a list, all of one kind; () where it is null or not there."""
        return tuple(_of_kind(value, kind, field) for value in self.objects(field))

    def objects(self, field: str) -> list[object]:
        """The values of a list of any kind; [] where it is null or not there."""
        value = self._values.get(field)
        if value is None:
            return []
        if not isinstance(value, list):
            raise UsageError(f"The field {field} must be {_WORDS[list]}.")
        return value


def _of_kind(value: object, kind: type[_Kind], field: str) -> _Kind:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return kind(value)
        except OverflowError:
            pass
    elif isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise UsageError(f"The field {field} must be {_WORDS[kind]}.")


_STATUS = ("data_dir", "roots", "photos", "vectors", "encoder", "snapshot", "tail", "failures",
           "wants", "disk_bytes")  # fmt: skip
_ROOT = ("id", "path", "online", "photos", "missing")
_SNAPSHOT = ("file", "kind", "vectors", "built_at", "size_bytes", "encoder_id", "last_seq",
             "sha256", "details")  # fmt: skip
_FAILURE = ("path", "reason", "message", "extra", "failed_at", "read_by")
_WANT = ("extra", "format", "files", "cure")


def status_to_json(status: Status) -> JsonObject:
    """The status, lossless."""
    form = status_to_cli_json(status)
    form["roots"] = [{"id": root.id, **_root_record(root)} for root in status.roots]
    form["failures"] = [
        {**failure_to_cli_json(failure), "read_by": failure.read_by} for failure in status.failures
    ]
    if (snapshot := status.snapshot) is not None:
        form["snapshot"] = {
            **_snapshot_record(snapshot),
            "encoder_id": snapshot.encoder_id,
            "last_seq": snapshot.last_seq,
            "sha256": snapshot.sha256,
            "details": snapshot.details,
        }
    return form


def status_to_cli_json(status: Status) -> JsonObject:
    """The status as `status --json` prints it."""
    snapshot = status.snapshot
    return {
        "data_dir": str(status.data_dir),
        "roots": [_root_record(root) for root in status.roots],
        "photos": status.photos,
        "vectors": status.vectors,
        "encoder": status.encoder,
        "snapshot": None
        if snapshot is None
        else {**_snapshot_record(snapshot), **snapshot.details},
        "tail": status.tail,
        "failures": [failure_to_cli_json(failure) for failure in status.failures],
        "wants": [
            {"extra": want.extra, "format": want.format, "files": want.files, "cure": want.cure}
            for want in status.wants
        ],
        "disk_bytes": status.disk_bytes,
    }


def status_from_json(form: object) -> Status:
    """The status of which `status_form` made this."""
    given = FieldReader(form, _STATUS)
    return Status(
        data_dir=Path(given.one("data_dir", str)),
        roots=tuple(_root_of(root) for root in given.objects("roots")),
        photos=given.one("photos", int),
        vectors=given.one("vectors", int),
        encoder=given.maybe("encoder", str),
        snapshot=_snapshot_of(given.raw("snapshot")) if "snapshot" in given else None,
        tail=given.one("tail", int),
        failures=tuple(_failure_of(failure) for failure in given.objects("failures")),
        wants=tuple(_want_of(want) for want in given.objects("wants")),
        disk_bytes=given.one("disk_bytes", int),
    )


def failure_to_cli_json(failure: Failure) -> JsonObject:
    """A failure as `failures --json` prints it."""
    failed_at = failure.failed_at
    return {
        "path": str(failure.path),
        "reason": failure.reason.value,
        "message": failure.message,
        "extra": failure.extra,
        "failed_at": None if failed_at is None else failed_at.isoformat(),
    }


def _root_record(root: Root) -> JsonObject:
    return {
        "path": str(root.path),
        "online": root.online,
        "photos": root.photos,
        "missing": root.missing,
    }


def _root_of(form: object) -> Root:
    given = FieldReader(form, _ROOT)
    place, photos = Path(given.one("path", str)), given.one("photos", int)
    online, missing = given.one("online", bool), given.one("missing", int)
    return Root(given.one("id", int), place, online, photos, missing)


def _snapshot_record(snapshot: SnapshotInfo) -> JsonObject:
    return {
        "file": snapshot.file_name,
        "kind": snapshot.kind,
        "vectors": snapshot.vectors,
        "built_at": snapshot.built_at.isoformat(),
        "size_bytes": snapshot.size_bytes,
    }


def _snapshot_of(form: object) -> SnapshotInfo:
    given = FieldReader(form, _SNAPSHOT)
    details = given.raw("details")
    return SnapshotInfo(
        file_name=given.one("file", str),
        encoder_id=given.one("encoder_id", str),
        kind=given.one("kind", str),
        last_seq=given.one("last_seq", int),
        vectors=given.one("vectors", int),
        size_bytes=given.one("size_bytes", int),
        sha256=given.one("sha256", str),
        built_at=datetime.fromisoformat(given.one("built_at", str)),
        details=details if isinstance(details, dict) else {},
    )


def _failure_of(form: object) -> Failure:
    given = FieldReader(form, _FAILURE)
    return Failure(
        path=Path(given.one("path", str)),
        reason=Reason(given.one("reason", str)),
        message=given.one("message", str),
        extra=given.maybe("extra", str),
        read_by=given.maybe("read_by", str),
        failed_at=given.moment("failed_at"),
    )


def _want_of(form: object) -> MissingExtra:
    given = FieldReader(form, _WANT)
    return MissingExtra(given.one("extra", str), given.one("format", str), given.one("files", int))


# ------------------------------------------------------------------------- errors


def error_to_json(error: ImgsearchError) -> JsonObject:
    """An error that was foreseen. `line` and `at` point into a query, where one is at fault."""
    line = error.line if isinstance(error, QueryError) else None
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "line": line,
        "at": error.at if isinstance(error, QueryError) and line is not None else None,
    }


def error_from_json(form: object) -> UsageError | None:
    """The error of which `error_form` made this, where it is one about what was asked."""
    given = FieldReader(form, ("kind", "message", "line", "at"))
    kind = getattr(errors, given.one("kind", str), None)
    message = given.one("message", str)
    if kind is QueryError:
        return QueryError(message, given.maybe("line", str), given.maybe("at", int) or 0)
    if isinstance(kind, type) and issubclass(kind, UsageError):
        return kind(message)
    return None
