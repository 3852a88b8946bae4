"""The groups of near-duplicates that an address names, the tiles of their photos, and the exports.

The groups are those of the last comparison, which every visitor sees. The browser asks the library
itself for what is kept of each, and records what somebody chooses: see `Duplicates`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import (
    Comparison,
    DuplicateGroup,
    Hit,
    ImgsearchError,
    Library,
    Pairs,
    PhotoMarks,
    Progress,
    UsageError,
    path_text,
    printable,
    removal_paths,
    removal_script,
)
from imgsearch.features.duplicates.chosen_groups import ProposedGroups, largest_first
from ui import exports
from ui.formatting import date_of, format_datetime, format_size, precision_of
from ui.request_body import read_body
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import captioned_tile_json, marks_of

TASK = "near-duplicates"
MIN_SCORE = 0.9  # below, photos are similar rather than nearly the same
FIRST_SCORE = 0.95  # at which the slider stands at first
MOST_TILES = 1000  # of one request
MOST_BYTES = 1 << 20  # of a request
# Parameters of the address of the view, and of those of its photos.
SCORE, PREFER = "score", "prefer"

_Value = TypeVar("_Value")


class Grouping(Struct, frozen=True):
    """The photos that are grouped, all for an empty search, and the settings of their groups."""

    search_input: SearchInput
    min_score: float  # of two photos in a group
    prefer: tuple[str, ...] = ()  # folders whose photos are kept, the best first

    @classmethod
    def from_address(cls, parameters: Mapping[str, str]) -> Grouping:
        """Return the grouping that the query string of an address names."""
        search_input = SearchInput.from_address(parameters)
        return cls(search_input, _score_of(parameters), _folders_of(parameters))

    @property
    def parameters(self) -> dict[str, str]:
        """The query string of its address; what is as at first is left out."""
        score = {} if self.min_score == FIRST_SCORE else {SCORE: f"{self.min_score:g}"}
        prefer = {PREFER: json.dumps(self.prefer)} if self.prefer else {}
        return {**self.search_input.parameters, **score, **prefer}


def _score_of(parameters: Mapping[str, str]) -> float:
    try:
        score = float(parameters.get(SCORE, ""))
    except ValueError:
        return FIRST_SCORE
    return score if MIN_SCORE <= score <= 1 else FIRST_SCORE


def _folders_of(parameters: Mapping[str, str]) -> tuple[str, ...]:
    try:
        # By `json`, since names of folders need not be text: it takes lone surrogates.
        return msgspec.convert(json.loads(parameters.get(PREFER, "[]")), tuple[str, ...])
    except (ValueError, msgspec.ValidationError):
        return ()


def groups_of(grouping: Grouping) -> ProposedGroups:
    """Return the groups of the last comparison; none before there is one, and while one runs.

    Raises the errors of the query language and of the library.
    """
    last = comparison()
    if last is None:
        return ProposedGroups(())
    query = grouping.search_input.query()
    with session().library_for(query) as library:
        return library.duplicates.proposed_groups(
            query if grouping.search_input else None,
            max(grouping.min_score, last.pairs.min_score),
            grouping.prefer,
        )


class ComparingJob:
    """Compares all photos of a library, and keeps the result for the time after a restart.

    What could not be kept is shown all the same until the page ends, and a message says why.
    """

    def __init__(self, library: Library, tell: Callable[[str], None]) -> None:
        self._job = library.duplicates.find(MIN_SCORE)
        self._duplicates = library.duplicates
        self._tell = tell
        self._report: Pairs | None = None

    def __iter__(self) -> Iterator[Progress]:
        yield from self._job
        self._report = self._job.report
        try:
            self._duplicates.remember(self._report)
        except ImgsearchError as error:
            self._tell(str(error))

    @property
    def report(self) -> Pairs | None:
        """The result, once the job has ended."""
        return self._report

    def close(self) -> None:
        """End the comparison."""
        self._job.close()


def start_comparing() -> None:
    """Compare all photos in the background, unless that is being done."""
    tell = session().messages.append
    session().start(TASK, lambda library: ComparingJob(library, tell))


def comparison() -> Comparison | None:
    """Return the last comparison, also of an earlier process; None while one runs, and without one.

    One that was stopped or has failed leaves that of before. Raises as `Library` does.
    """
    task = session().tasks.get(TASK)
    if (task is not None and task.running) or not session().photo_count():
        return None
    return session().library.duplicates.remembered()


def group_hits(grouping: Grouping, photo_id: int) -> list[Hit]:
    """Return the photos of the group that has a photo, in their order; none if no group has it.

    Raises as `groups_of` does.
    """
    proposed = groups_of(grouping)
    number = proposed.numbers.get(photo_id)
    return [] if number is None else [each.hit for each in largest_first(proposed.groups[number])]


# ------------------------------------------------------------------------- for the browser


class TilesRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request for the tiles of photos of groups, by their ids."""

    address: dict[str, str]  # the parameters of the view
    ids: Annotated[tuple[int, ...], msgspec.Meta(max_length=MOST_TILES)]


class ExportRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request for an export of all groups."""

    address: dict[str, str]


async def tiles(request: Request) -> Response:
    """Return the tiles of photos in the order of their ids; null for one that was deleted.

    `Duplicates.chosen_groups` says what is kept of each.
    """
    return await _answer(request, TilesRequest, _tiles)


async def export(request: Request) -> Response:
    """Return all groups as a script, as a list of paths, or as CSV."""
    kind = request.path_params["kind"]
    if kind not in ("script", "paths", "csv"):
        return PlainTextResponse("Not found.", 404, NOT_STORED)
    return await _answer(request, ExportRequest, lambda asked: _exported(asked, kind))


async def _answer(
    request: Request, kind: type[_Value], answered: Callable[[_Value], Response]
) -> Response:
    content = await read_body(request, MOST_BYTES)
    if content is None:
        return PlainTextResponse("This is too much at once.", 413, NOT_STORED)
    try:
        asked = msgspec.json.decode(content, type=kind)
        return await run_in_threadpool(answered, asked)
    except (msgspec.MsgspecError, UsageError) as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 409, NOT_STORED)


def _tiles(asked: TilesRequest) -> Response:
    grouping = Grouping.from_address(asked.address)
    hits = {hit.photo.id: hit for hit in session().library.photos(asked.ids)}
    marks = marks_of(hits)
    photos = [
        _photo_json(hits[each], grouping, marks) if each in hits else None for each in asked.ids
    ]
    return JSONResponse(photos, 200, NOT_STORED)


def _photo_json(hit: Hit, grouping: Grouping, marks: Mapping[int, PhotoMarks]) -> dict[str, object]:
    photo = hit.photo
    properties = [
        f"{photo.width_px} × {photo.height_px} px",
        photo.facts.format,
        format_size(photo.size_bytes),
        format_datetime(date_of(hit), precision_of(hit)),
        *([f"{len(hit.paths)} copies"] if len(hit.paths) > 1 else []),
    ]
    parameters = {"from": "similar", **grouping.parameters}
    return {
        **captioned_tile_json(hit, parameters, marks=marks.get(photo.id)),
        "name": printable(hit.path.name),
        "about": printable(", ".join(properties)),
        "paths": [printable(path_text(path)) for path in hit.paths],
    }


def _exported(asked: ExportRequest, kind: str) -> Response:
    grouping = Grouping.from_address(asked.address)
    current = groups_of(grouping).with_choices(session().library.duplicates.choices())
    usable = [group for group in current if group.kept]
    if kind == "script":
        content = removal_script(usable)
    elif kind == "paths":
        content = exports.paths_text(removal_paths(usable))
    else:
        content = _csv_of(current)
    return Response(content, 200, NOT_STORED, "application/octet-stream")  # names need not be text


def folders_of(grouping: Grouping, folders: Sequence[Path]) -> list[Path]:
    """Return the photo folders whose photos are to be kept, the best first."""
    known = {path_text(folder): folder for folder in folders}
    return [known[each] for each in grouping.prefer if each in known]


def _csv_of(groups: Iterable[DuplicateGroup]) -> bytes:
    """Return groups of near-duplicates as one row per file, those to keep first."""
    text = StringIO()
    table = csv.writer(text)
    columns = ["group", "keep", "reason", "width_px", "height_px", "size_bytes", "taken_at", "path"]
    table.writerow(columns)
    for number, group in enumerate(groups, 1):
        for member in group.photos:
            photo, date = member.hit.photo, date_of(member.hit)
            facts = [photo.width_px, photo.height_px, photo.size_bytes]
            taken_at = date.isoformat() if date else ""
            for path in member.hit.paths:
                table.writerow([number, int(member.keep), member.reason, *facts, taken_at, path])
    return text.getvalue().encode("utf-8", "surrogateescape")
