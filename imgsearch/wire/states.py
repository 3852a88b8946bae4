"""The status of a library, and errors, as JSON, and back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from imgsearch import errors
from imgsearch.errors import ImgsearchError, QueryError, Reason, UsageError
from imgsearch.records import Failure, Root, SnapshotInfo, Status, Want
from imgsearch.wire.answers import Form
from imgsearch.wire.reading import Given

_STATUS = ("data_dir", "roots", "photos", "vectors", "encoder", "snapshot", "tail", "failures",
           "wants", "disk_bytes")  # fmt: skip
_ROOT = ("id", "path", "online", "photos", "missing")
_SNAPSHOT = ("file", "kind", "vectors", "built_at", "size_bytes", "encoder_id", "last_seq",
             "sha256", "details")  # fmt: skip
_FAILURE = ("path", "reason", "message", "extra", "failed_at", "read_by")
_WANT = ("extra", "format", "files", "cure")


def status_form(status: Status) -> Form:
    """The status, lossless."""
    form = status_record(status)
    form["roots"] = [{"id": root.id, **_root_record(root)} for root in status.roots]
    form["failures"] = [
        {**failure_record(failure), "read_by": failure.read_by} for failure in status.failures
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


def status_record(status: Status) -> Form:
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
        "failures": [failure_record(failure) for failure in status.failures],
        "wants": [
            {"extra": want.extra, "format": want.format, "files": want.files, "cure": want.cure}
            for want in status.wants
        ],
        "disk_bytes": status.disk_bytes,
    }


def status_of(form: object) -> Status:
    """The status of which `status_form` made this."""
    given = Given(form, _STATUS)
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


def failure_record(failure: Failure) -> Form:
    """A failure as `failures --json` prints it."""
    failed_at = failure.failed_at
    return {
        "path": str(failure.path),
        "reason": failure.reason.value,
        "message": failure.message,
        "extra": failure.extra,
        "failed_at": None if failed_at is None else failed_at.isoformat(),
    }


def _root_record(root: Root) -> Form:
    return {
        "path": str(root.path),
        "online": root.online,
        "photos": root.photos,
        "missing": root.missing,
    }


def _root_of(form: object) -> Root:
    given = Given(form, _ROOT)
    place, photos = Path(given.one("path", str)), given.one("photos", int)
    online, missing = given.one("online", bool), given.one("missing", int)
    return Root(given.one("id", int), place, online, photos, missing)


def _snapshot_record(snapshot: SnapshotInfo) -> Form:
    return {
        "file": snapshot.file_name,
        "kind": snapshot.kind,
        "vectors": snapshot.vectors,
        "built_at": snapshot.built_at.isoformat(),
        "size_bytes": snapshot.size_bytes,
    }


def _snapshot_of(form: object) -> SnapshotInfo:
    given = Given(form, _SNAPSHOT)
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
    given = Given(form, _FAILURE)
    return Failure(
        path=Path(given.one("path", str)),
        reason=Reason(given.one("reason", str)),
        message=given.one("message", str),
        extra=given.maybe("extra", str),
        read_by=given.maybe("read_by", str),
        failed_at=given.moment("failed_at"),
    )


def _want_of(form: object) -> Want:
    given = Given(form, _WANT)
    return Want(given.one("extra", str), given.one("format", str), given.one("files", int))


# ------------------------------------------------------------------------- errors


def error_form(error: ImgsearchError) -> Form:
    """An error that was foreseen. `line` and `at` point into a query, where one is at fault."""
    line = error.line if isinstance(error, QueryError) else None
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "line": line,
        "at": error.at if isinstance(error, QueryError) and line is not None else None,
    }


def error_of(form: object) -> UsageError | None:
    """The error of which `error_form` made this, where it is one about what was asked."""
    given = Given(form, ("kind", "message", "line", "at"))
    kind = getattr(errors, given.one("kind", str), None)
    message = given.one("message", str)
    if kind is QueryError:
        return QueryError(message, given.maybe("line", str), given.maybe("at", int) or 0)
    if isinstance(kind, type) and issubclass(kind, UsageError):
        return kind(message)
    return None
