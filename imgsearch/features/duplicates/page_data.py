"""Groups of near-duplicates as the browser asks for them, what is kept of each, and the exports.

The groups are those of the last comparison, which every visitor sees. What somebody has chosen to
keep is recorded in the library. An archive has no place for it, so there the browser keeps it, and
sends it along with each request.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from io import StringIO
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import (
    Comparison,
    DuplicateGroup,
    GroupedPhoto,
    Hit,
    ImgsearchError,
    Library,
    Pairs,
    PhotoMarks,
    Progress,
    UsageError,
    has_objects,
    path_text,
    printable,
    removal_paths,
    removal_script,
    with_kept,
)
from ui import exports
from ui.answer_data import answer_of
from ui.formatting import date_of, format_datetime, format_size, precision_of
from ui.recent_answers import recent_answers
from ui.request_body import read_body
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import Session, session
from ui.tasks import Task
from ui.tiles import captioned_tile_json, marks_of

TASK = "near-duplicates"
MIN_SCORE = 0.9  # below, photos are similar rather than nearly the same
FIRST_SCORE = 0.95  # at which the slider stands at first
MOST_GROUPS = 200  # of one request
MOST_BYTES = 4 << 20  # of a request: some 100,000 choices for an archive
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


class ProposedGroups(Struct, frozen=True, dict=True):  # for what is computed once
    """Groups of near-duplicates with the photos that are proposed to be kept."""

    groups: tuple[DuplicateGroup, ...]

    @cached_property
    def version(self) -> str:
        """Changes whenever the groups do."""
        ids = [[photo.hit.photo.id for photo in group.photos] for group in self.groups]
        return hashlib.sha256(repr(ids).encode()).hexdigest()[:16]

    @cached_property
    def numbers(self) -> Mapping[int, int]:
        """By the id of each photo: the position of its group."""
        return {
            photo.hit.photo.id: number
            for number, group in enumerate(self.groups)
            for photo in group.photos
        }

    def with_choices(self, choices: Mapping[int, bool]) -> list[DuplicateGroup]:
        """Return the groups, in which the photos are kept that somebody has chosen."""
        groups = list(self.groups)
        for number in {self.numbers[each] for each in choices if each in self.numbers}:
            members = self.groups[number].photos
            kept = [(photo.hit.photo.id, photo.keep) for photo in members]
            groups[number] = with_kept(
                self.groups[number], [each for each, keep in kept if choices.get(each, keep)]
            )
        return groups


def groups_of(grouping: Grouping) -> ProposedGroups:
    """Return the groups of the last comparison; none before there is one, and while one runs.

    They are computed anew where the library has another number of photos. Raises the errors of the
    query language and of the library.
    """
    here = session()
    found = answer_of(grouping.search_input).strong if grouping.search_input else None
    version = None if found is None else found.version
    last = comparison()
    made = None if last is None else last.compared_at
    return recent_answers(here, _propose).get(grouping, (made, version, here.photo_count()))


def _propose(grouping: Grouping) -> ProposedGroups:
    last = comparison()
    if last is None:
        return ProposedGroups(())
    pairs = last.pairs
    if grouping.search_input:
        pairs = _pairs_among(pairs, answer_of(grouping.search_input).strong.ids)
    duplicates = session().library.duplicates
    return ProposedGroups(duplicates.groups(pairs, grouping.min_score, grouping.prefer))


class ComparingJob:
    """Compares all photos of a library, and keeps the result for the time after a restart.

    What could not be kept is shown all the same, and a message says why.
    """

    def __init__(self, library: Library, tell: Callable[[str], None]) -> None:
        self._job = library.duplicates.find(MIN_SCORE)
        self._duplicates = library.duplicates
        self._tell = tell
        self._report: Comparison | None = None

    def __iter__(self) -> Iterator[Progress]:
        yield from self._job
        pairs = self._job.report
        try:
            self._report = self._duplicates.remember(pairs)
        except ImgsearchError as error:
            self._tell(str(error))
            self._report = Comparison(pairs, datetime.now(UTC))

    @property
    def report(self) -> Comparison | None:
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
    if task is not None and task.running:
        return None
    if task is not None and isinstance(task.report, Comparison):
        return task.report
    return _remembered(session(), task) if session().photo_count() else None


@lru_cache(maxsize=2)
def _remembered(here: Session, task: Task | None) -> Comparison | None:
    """Return the comparison that the library remembers, read anew after each task."""
    return here.library.duplicates.remembered()


def _pairs_among(pairs: Pairs, photo_ids: np.ndarray) -> Pairs:
    """Return the pairs of which both photos are among these."""
    known = set(photo_ids.tolist())
    both = (pair for pair in pairs.pairs if pair.a in known and pair.b in known)
    return replace(pairs, pairs=tuple(both))


def group_hits(grouping: Grouping, photo_id: int) -> list[Hit]:
    """Return the photos of the group that has a photo, in their order; none if no group has it.

    Raises as `groups_of` does.
    """
    proposed = groups_of(grouping)
    number = proposed.numbers.get(photo_id)
    return [] if number is None else [each.hit for each in _in_order(proposed.groups[number])]


def _in_order(group: DuplicateGroup) -> list[GroupedPhoto]:
    """Return the largest photo first: they keep their places, whatever is chosen."""
    return sorted(
        group.photos, key=lambda each: -each.hit.photo.width_px * each.hit.photo.height_px
    )


# ------------------------------------------------------------------------- JSON for the browser


class GroupsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request for a range of groups, or for an export of all."""

    address: dict[str, str]  # the parameters of the view
    first: int = 0
    count: int = 0
    chosen: dict[int, bool] = field(default_factory=dict)  # only in a library that keeps no choices


class ChoicesRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request to keep photos, or not to; where `forgets`, to forget all choices before."""

    address: dict[str, str]
    choices: dict[int, bool] = field(default_factory=dict)
    forgets: bool = False
    chosen: dict[int, bool] = field(default_factory=dict)


async def groups(request: Request) -> Response:
    """Return `count` groups from `first` on with their photos, and the numbers of all groups.

    `Duplicates.proposed` answers with all groups; here they are ranges of tiles of those that the
    page shows.
    """
    return await _answer(request, GroupsRequest, _listed)


async def choose(request: Request) -> Response:
    """Record choices. The answer has the numbers of all groups, and what changed in some."""
    return await _answer(request, ChoicesRequest, _chosen)


async def export(request: Request) -> Response:
    """Return all groups as a script, as a list of paths, or as CSV."""
    kind = request.path_params["kind"]
    if kind not in ("script", "paths", "csv"):
        return PlainTextResponse("Not found.", 404, NOT_STORED)
    return await _answer(request, GroupsRequest, lambda asked: _exported(asked, kind))


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


def _choices(given: Mapping[int, bool]) -> Mapping[int, bool]:
    """Return whether photos are to be kept, by their ids, where somebody has chosen that."""
    return session().library.duplicates.choices() if session().has("choices") else given


def _listed(asked: GroupsRequest) -> Response:
    if asked.first < 0 or not 0 <= asked.count <= MOST_GROUPS:
        raise UsageError(f"State first and count, at most {MOST_GROUPS}.")
    grouping = Grouping.from_address(asked.address)
    proposed, choices = groups_of(grouping), _choices(asked.chosen)
    current = proposed.with_choices(choices)
    shown = range(asked.first, min(asked.first + asked.count, len(current)))
    ids = [photo.hit.photo.id for number in shown for photo in current[number].photos]
    # As they are now: the groups may have been found before a date was corrected or a drive left.
    known = {hit.photo.id: hit for hit in session().library.photos(ids)}
    marks = marks_of(known)
    listed = [
        {
            "number": number,
            "photos": [
                _photo_json(now, known.get(now.hit.photo.id, now.hit), grouping, marks)
                for now in _as_proposed(proposed.groups[number], current[number])
            ],
        }
        for number in shown
    ]
    return JSONResponse({**_summary(proposed, current, choices), "list": listed}, 200, NOT_STORED)


def _as_proposed(proposed: DuplicateGroup, current: DuplicateGroup) -> list[GroupedPhoto]:
    """Return the photos as they are now, in the order of the proposal."""
    now = {photo.hit.photo.id: photo for photo in current.photos}
    return [now[photo.hit.photo.id] for photo in _in_order(proposed)]


def _photo_json(
    grouped: GroupedPhoto, hit: Hit, grouping: Grouping, marks: Mapping[int, PhotoMarks]
) -> dict[str, object]:
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
        **_choice_json(grouped),
        "name": printable(hit.path.name),
        "about": printable(", ".join(properties)),
        "paths": [printable(path_text(path)) for path in hit.paths],
    }


def _choice_json(photo: GroupedPhoto) -> dict[str, object]:
    return {"keep": photo.keep, "reason": printable(photo.reason)}


def _summary(
    proposed: ProposedGroups, current: Sequence[DuplicateGroup], choices: Mapping[int, bool]
) -> dict[str, object]:
    """Return the numbers of all groups.

    A group of which no photo is kept is in no export but the CSV.
    """
    usable = [group for group in current if group.kept]
    size_bytes = sum(photo.hit.photo.size_bytes for group in usable for photo in group.others)
    return {
        "version": proposed.version,
        "groups": len(current),
        "photos": len(proposed.numbers),
        "superfluous": format_size(size_bytes),
        "chosen": sum(photo_id in proposed.numbers for photo_id in choices),
        "has_script": not has_objects(usable),
    }


def _chosen(asked: ChoicesRequest) -> Response:
    here, grouping = session(), Grouping.from_address(asked.address)
    problem = _record(asked) if here.has("choices") else ""
    choices = _choices(asked.chosen)
    # The groups that the browser shows, not computed anew for each click.
    proposed = recent_answers(here, _propose).kept(grouping) or groups_of(grouping)
    current = proposed.with_choices(choices)
    touched = {proposed.numbers[each] for each in asked.choices if each in proposed.numbers}
    changed = {
        str(photo.hit.photo.id): _choice_json(photo)
        for number in touched
        for photo in current[number].photos
        if photo.hit.photo.id in asked.choices
    }
    content = {**_summary(proposed, current, choices), "changed": changed, "problem": problem}
    return JSONResponse(content, 200, NOT_STORED)


def _record(asked: ChoicesRequest) -> str:
    """Record choices in the library; returns why one could not be, the others are recorded."""
    duplicates, problem = session().library.duplicates, ""
    if asked.forgets:
        duplicates.forget_choices()
    for photo_id, is_kept in asked.choices.items():
        try:
            duplicates.choose(photo_id, is_kept)
        except UsageError as error:  # the photo has left the library
            problem = str(error)
    return problem


def _exported(asked: GroupsRequest, kind: str) -> Response:
    grouping = Grouping.from_address(asked.address)
    current = groups_of(grouping).with_choices(_choices(asked.chosen))
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
