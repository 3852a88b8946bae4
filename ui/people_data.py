"""The data of the view of people, as JSON for the browser, and the decisions made in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, TypeVar

import msgspec
from msgspec.structs import asdict
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import Face, Hit, ImgsearchError, Person, PersonLook, UsageError, printable
from ui.addresses import START, address_of, number_of
from ui.answer_data import forget_answers
from ui.formatting import date_of, format_date
from ui.request_body import read_body
from ui.responses import NOT_STORED, no_picture
from ui.session import session
from ui.tiles import photo_address
from ui.view_table import linked_views

MAX_BYTES = 100_000  # of a decision; ids of some thousand faces
MAX_FACES = 300  # of a person that are shown
PROPOSED = 12
SIMILAR = 24  # faces that are like one that was seen once
LIKELY_SCORE = 0.5  # from which on most are the same person
SIDES_PX = {"small": 96, "large": 224}
# The id of a face is never given again, and its picture stays the same.
_CACHE_A_DAY = {"Cache-Control": "private, max-age=86400"}

Result = TypeVar("Result")


PeopleAction: TypeAlias = Literal[
    "name", "name_faces", "yes", "no", "merge", "split", "hide", "show", "me", "not_me", "undo"
]


class ShownPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the visitor saw of a person when deciding; the name is "" without one."""

    person: int
    name: str
    faces: tuple[int, ...]


class PeopleDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One decision: what to do, with which person, and what it takes besides.

    With `shown`, it is refused where the person is not as it was shown.
    """

    action: PeopleAction
    person: int = 0
    name: str = ""
    into: int = 0
    faces: tuple[int, ...] = ()
    change: int = 0  # that an undo takes back
    shown: ShownPerson | None = None


def listed(request: Request) -> Response:
    """All persons: those with a name, groups without one, and hidden ones."""
    return _answer(_list)


def shown(request: Request) -> Response:
    """One person: its faces, and faces that may be the same person."""
    person_id = number_of(request.query_params.get("person", ""))
    if person_id is None:
        return PlainTextResponse("State a person.", 400, NOT_STORED)
    return _answer(lambda: _person(person_id))


def similar(request: Request) -> Response:
    """A face that is of no person yet, and the faces most like it."""
    face_id = number_of(request.query_params.get("face", ""))
    if face_id is None:
        return PlainTextResponse("State a face.", 400, NOT_STORED)
    return _answer(lambda: _similar(face_id))


def picture(request: Request) -> Response:
    """A face, by its id, as WebP."""
    face_id = number_of(request.path_params["face_id"])
    side_px = SIDES_PX.get(request.path_params["size"])
    if face_id is None or side_px is None:
        return PlainTextResponse("Face not found.", 404, NOT_STORED)
    try:
        content = session().library.people.picture(face_id, side_px)
    except ImgsearchError as error:
        return no_picture(error)
    if content is None:
        return PlainTextResponse("Face not found.", 404, NOT_STORED)
    return Response(content, media_type="image/webp", headers=_CACHE_A_DAY)


async def decide(request: Request) -> Response:
    """Record a decision; the reply has all persons as they are then, and the person's id."""
    body = await read_body(request, MAX_BYTES)
    if body is None:
        return PlainTextResponse("Too long.", 413, NOT_STORED)
    try:
        decision = msgspec.json.decode(body, type=PeopleDecision)
    except msgspec.MsgspecError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)

    def record() -> dict[str, object]:
        person, done, change = _record(decision)
        session().forget_photo_count()
        forget_answers()
        return {**_list(), "person": person, "done": done, "change": change}

    return await run_in_threadpool(_answer, record)


def _record(decision: PeopleDecision) -> tuple[int, str, int | None]:
    """Record a decision; returns the person that it is about now, a sentence, and the change.

    The change is known by its id, None where nothing was changed; after an undo it is that which
    was undone.
    """
    library, person = session().library, decision.person
    people = library.people
    if decision.shown is not None:
        _require_as_shown(people.get(decision.shown.person), decision.shown)
    match decision.action:
        case "name":
            made = people.name(person, decision.name)
            name = made.person.name
            done = f"Named {printable(name)}." if name else "The name was removed."
        case "name_faces":
            made = people.name_faces(decision.faces, decision.name)
            done = f"Named {printable(made.person.name or '')}."
        case "yes" | "no":
            is_person = decision.action == "yes"
            made = people.decide(decision.faces, person, is_person)
            done = "Added." if is_person else "Not this person."
        case "merge":
            made = people.merge(person, decision.into)
            done = "Both are one person now."
        case "split":
            made = people.split(decision.faces, person)
            done = "They are a person of their own now."
        case "hide" | "show":
            is_hidden = decision.action == "hide"
            made = people.hide(person, is_hidden)
            done = "Hidden." if is_hidden else "Shown again."
        case "me" | "not_me":
            made = people.set_me(person, decision.action == "me")
            done = "This is you: person:me finds you." if made.person.is_me else "This is not you."
        case "undo":
            undone = library.changes.undo(decision.change)
            return person, f"Undone: {printable(undone.title)}.", undone.id
    return made.person.id, done, made.change.id


def _require_as_shown(person: Person, shown: ShownPerson) -> None:
    """Raise UsageError where a person has another name, or not all faces that were shown.

    Further faces are no reason: they may have been found since then.
    """
    if (person.name or "") != shown.name:
        name = f"has the name {printable(person.name)}" if person.name else "has no name"
        raise UsageError(f"This person {name} by now. Look at it again, and decide then.")
    faces = session().library.people.faces_of(person.id, max(person.faces, 1))
    if not {face.id for face in faces}.issuperset(shown.faces):
        raise UsageError(
            "Some of the faces shown are not of this person any more. Look at it again, and "
            "decide then."
        )


def _list() -> dict[str, object]:
    library = session().library
    last = library.changes.last_of_people()
    return {
        "people": [_person_json(each) for each in library.people.all(hidden=True)],
        "alone": library.people.counts().alone,
        "undo": None if last is None else {"id": last.id, "title": printable(last.title)},
    }


def _person(person_id: int) -> dict[str, object]:
    people = session().library.people
    person = people.get(person_id)
    faces = people.faces_of(person_id, MAX_FACES)
    proposals = people.proposals(person_id, PROPOSED) if not person.is_hidden else ()
    ids = {face.photo_id for face in (*faces, *(each.face for each in proposals))}
    hits = {hit.photo.id: hit for hit in session().library.photos(sorted(ids))}
    return {
        **_person_json(person),
        "looks": [_look_json(look) for look in people.looks_of(person_id)],
        "shown": [_face_json(face, hits.get(face.photo_id)) for face in faces],
        "proposals": [
            {**_face_json(each.face, hits.get(each.face.photo_id)), "score": each.score}
            for each in proposals
        ],
    }


def _similar(face_id: int) -> dict[str, object]:
    library = session().library
    found = library.people.similar(face_id, SIMILAR)
    hits = {hit.photo.id: hit for hit in library.photos([each.face.photo_id for each in found])}
    return {
        "id": face_id,
        "similar": [
            {
                **_face_json(each.face, hits.get(each.face.photo_id)),
                "name": printable(each.face.name or ""),
                "is_likely": each.score >= LIKELY_SCORE,
            }
            for each in found
        ],
    }


def _person_json(person: Person) -> dict[str, object]:
    quoted = (person.name or "").replace("\\", "\\\\").replace('"', '\\"')
    query = {"q": f'person:"{quoted}"'}
    others = linked_views(session().has, only_hidden=True)
    links = {"All photos": START, **{view.link: name for name, view in others.items()}}
    return {
        **asdict(person),
        "links": [[text, address_of(view, query)] for text, view in links.items() if quoted],
    }


def _look_json(look: PersonLook) -> dict[str, object]:
    days = [] if look.first is None or look.last is None else [look.first, look.last]
    when = " to ".join(dict.fromkeys(map(format_date, days)))
    return {"face": look.best_face, "faces": look.faces, "when": when}


def _face_json(face: Face, hit: Hit | None) -> dict[str, object]:
    moment = None if hit is None else date_of(hit)
    return {
        "id": face.id,
        "is_confirmed": face.is_confirmed,
        "address": "" if hit is None else photo_address(hit, {}),
        "date": "" if moment is None else format_date(moment),
    }


def _answer(make: Callable[[], dict[str, object]]) -> Response:
    try:
        return JSONResponse(make(), headers=NOT_STORED)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 409, NOT_STORED)
