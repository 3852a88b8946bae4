"""`imgsearch people`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from imgsearch.cli.output import (
    NO_RESULT,
    archive_option,
    asking,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.features.people.operations import People
from imgsearch.features.people.records import FaceNamesChange, PersonLook
from imgsearch.library import Library
from imgsearch.paths import absolute
from imgsearch.records.faces import Face, Person
from imgsearch.text import SCHEME, format_count, path_text, printable

if TYPE_CHECKING:
    from imgsearch.service.api import Asking

_LISTED = 50  # groups without a name, unless all are asked for
_SHOWN = 20  # faces of a person


@click.command("people")
@click.argument("person", required=False, metavar="[PERSON]")
@click.option("--name", metavar="NAME", help="Name PERSON; '' takes the name away.")
@click.option(
    "--ask",
    "ask_about",
    is_flag=True,
    help="List faces that may be PERSON, to say --yes or --no.",
)
@click.option(
    "--like",
    metavar="PHOTO[:N]",
    help="List the faces most like the face in PHOTO; N counts its faces from the left. "
    "With --name, say who it is.",
)
@click.option("--yes", multiple=True, type=int, metavar="FACE", help="This face is PERSON.")
@click.option("--no", multiple=True, type=int, metavar="FACE", help="This face is not PERSON.")
@click.option("--merge", metavar="OTHER", help="OTHER is PERSON, too.")
@click.option(
    "--split",
    multiple=True,
    type=int,
    metavar="FACE",
    help="Take this face out of PERSON; all that are given become a new person.",
)
@click.option("--hide/--show", "hidden", default=None, help="PERSON is of no interest, or is.")
@click.option(
    "--me/--not-me", "me", default=None, help="PERSON is you: person:me finds it; or is not."
)
@click.option(
    "--write-sidecars",
    is_flag=True,
    help="Write the names of faces into XMP files beside photos, for other programs.",
)
@click.option("--dry-run", is_flag=True, help="With --write-sidecars: only list the files.")
@click.option(
    "--adobe-names",
    is_flag=True,
    help="With --write-sidecars: call a new file IMG.xmp and not IMG.JPG.xmp.",
)
@click.option("--all", "everyone", is_flag=True, help="List hidden persons and all groups, too.")
@json_option
@archive_option
@data_option
def command(
    person: str | None,
    name: str | None,
    ask_about: bool,
    like: str | None,
    yes: tuple[int, ...],
    no: tuple[int, ...],
    merge: str | None,
    split: tuple[int, ...],
    hidden: bool | None,
    me: bool | None,
    write_sidecars: bool,
    dry_run: bool,
    adobe_names: bool,
    everyone: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """List the persons in photos, with a name or without, and say who they are.

    \b
      imgsearch people
      imgsearch people 12 --name Anna
      imgsearch people Anna --ask
      imgsearch people --like ~/Pictures/party.jpg:2
      imgsearch people Anna --yes 341 --yes 355 --no 360
      imgsearch people Anna --merge 17
      imgsearch people --me Anna

    PERSON is a name, or the number that the list has. With PERSON alone, its looks are listed, such
    as those of a child and of the adult, with the days of their photos, and then its faces, each
    with its number and its photo. Faces are found with imgsearch faces. Every decision can be
    undone with imgsearch undo, the last one first.

    With --write-sidecars, the XMP files to write are listed and then written: digiKam, Lightroom
    and others read the names and places of faces from them. What other programs wrote in them is
    kept, and no photo is ever changed. A file in which somebody else has named a face gets another
    name only if you have confirmed that face. Exit code: 1 if there is nothing to write, 3 if a
    file could not be written.

    With --library, the persons are those of an archive, for everybody who searches it. XMP files
    are written beside its photos that are files of this machine.
    """
    actions = [name is not None, ask_about, bool(yes or no), merge is not None, bool(split)]
    actions += [hidden is not None, me is not None, write_sidecars]
    if sum(actions) > 1:
        raise click.UsageError(
            "Give one of --name, --ask, --yes and --no, --merge, --split, --hide, --show, --me, "
            "--not-me and --write-sidecars at a time."
        )
    if (dry_run or adobe_names) and not write_sidecars:
        raise click.UsageError("--dry-run and --adobe-names need --write-sidecars.")
    if write_sidecars and person is not None:
        raise click.UsageError(
            "--write-sidecars writes the names of all persons; leave PERSON out."
        )
    if any(actions) and person is None and not write_sidecars and like is None:
        raise click.UsageError("Say which PERSON: a name, or a number of the list.")
    if like is not None and (person is not None or sum(actions) > (name is not None)):
        raise click.UsageError("Give --like alone, or with --name.")
    if write_sidecars:
        with open_either(data_dir, address) as library:
            _write_sidecars(library, address, adobe_names, dry_run, as_json)
        return
    with asking(data_dir, address) as ask:
        if like is not None:
            face = _face_at(ask, like)
            if name is None:
                _print_similar(ask, face, as_json)
            else:
                _print_person(ask(People.name_faces, (face.id,), name).person, as_json)
            return
        if person is None:
            _print_list(ask, everyone, as_json)
            return
        who = find_person(ask, person)
        if name is not None:
            _print_person(ask(People.name, who.id, name).person, as_json)
        elif ask_about:
            _print_proposals(ask, who, as_json)
        elif yes or no:
            faces, others = (yes, no) if yes else (no, ())
            decided = ask(People.decide, faces, who.id, bool(yes), others=others)
            if decided.faces < len({*faces, *others}):
                info("Some of these faces are not in the library, and were left out.")
            _print_person(decided.person, as_json)
        elif merge is not None:
            other = find_person(ask, merge)
            _print_person(ask(People.merge, other.id, who.id).person, as_json)
        elif split:
            _print_person(ask(People.split, split, who.id).person, as_json)
        elif me is not None:
            _print_person(ask(People.set_me, who.id, me).person, as_json)
        elif hidden is not None:
            _print_person(ask(People.hide, who.id, hidden).person, as_json)
        else:
            _print_faces(ask, who, as_json)


def _write_sidecars(
    library: Library, address: str | None, adobe_names: bool, dry_run: bool, as_json: bool
) -> None:
    from imgsearch.cli.sidecars import list_and_write

    list_and_write(
        library.people.plan_sidecars(adobe_names=adobe_names),
        None if dry_run else library.people.write_sidecars,
        _names_of,
        as_json,
        "The files of your photos have the names that you gave to faces here.",
        CommandLine("people --write-sidecars"),
        CommandLine("index" if address is None else "index FOLDER"),
    )


def _names_of(change: FaceNamesChange) -> str:
    renamed = [f"{old} -> {new}" for old, new in change.renamed]
    return ", ".join((*change.added, *renamed))


def find_person(ask: Asking, text: str) -> Person:
    """Return the person of this name or number.

    Raises UsageError, with a similar name if there is.
    """
    from imgsearch.text import plain_text

    everyone = ask(People.all, hidden=True)
    plain = plain_text(text)
    for each in everyone:
        if each.name is not None and plain_text(each.name) == plain:
            return each
    for each in everyone:
        if each.is_me and plain == "me":
            return each
    if text.isdecimal():
        for each in everyone:
            if each.id == int(text):
                return each
    import difflib

    names = [each.name for each in everyone if each.name is not None]
    near = difflib.get_close_matches(text, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(
        Sentence(f"There is no person {text!r}. {hint}To list them: ", CommandLine("people"))
    )


def _print_list(ask: Asking, everyone: bool, as_json: bool) -> None:
    people = ask(People.all, hidden=everyone)
    if as_json:
        print_json([asdict(each) for each in people])
        return
    if not people:
        faces = ask(People.counts).faces
        seen = f"Of {format_count(faces, 'face')} no two are alike enough. "
        info(
            Sentence(
                f"No persons yet. {seen if faces else ''}To find faces: ", CommandLine("faces")
            )
        )
        raise SystemExit(NO_RESULT)
    named = [each for each in people if each.name is not None]
    groups = [each for each in people if each.name is None]
    shown = groups if everyone else groups[:_LISTED]
    for each in (*named, *shown):
        click.echo(_line(each))
    if len(groups) > len(shown):
        info(f"{format_count(len(groups) - len(shown), 'smaller group')} more: --all lists them")


def _line(person: Person) -> str:
    name = "-" if person.name is None else printable(person.name)
    hidden = "  hidden" if person.is_hidden else ""
    faces = f"{format_count(person.faces, 'face')} in {format_count(person.photos, 'photo')}"
    me = " (you)" if person.is_me else ""
    return f"{person.id:>6}  {name}{me}  {faces}, {person.confirmed} confirmed{hidden}"


def _print_person(person: Person, as_json: bool) -> None:
    if as_json:
        print_json(asdict(person))
    else:
        click.echo(_line(person))


def _print_faces(ask: Asking, person: Person, as_json: bool) -> None:
    from imgsearch.operations.records import to_json

    faces = ask(People.faces_of, person.id, 10_000 if as_json else _SHOWN)
    looks = ask(People.looks_of, person.id)
    if as_json:
        listed = {"looks": looks, "faces_listed": faces}
        print_json({**to_json(person), **to_json(listed)})
        return
    click.echo(_line(person))
    if len(looks) > 1 or any(look.first is not None for look in looks):
        for number, look in enumerate(looks, 1):
            click.echo(f"  look {number}  {_look_line(look)}")
    for face, path in _with_paths(ask, faces):
        sure = "confirmed" if face.is_confirmed else "alike"
        click.echo(f"  {face.id:>6}  {sure:<9}  {path}")
    if person.faces > len(faces):
        info(f"{format_count(person.faces - len(faces), 'face')} more: --json lists all")


def _look_line(look: PersonLook) -> str:
    when = "without a date" if look.first is None else str(look.first)
    if look.first != look.last:
        when = f"{look.first} to {look.last}"
    return f"{when}  {format_count(look.faces, 'face')}, {look.confirmed} confirmed"


def _print_proposals(ask: Asking, person: Person, as_json: bool) -> None:
    proposals = ask(People.proposals, person.id)
    if as_json:
        print_json([asdict(each) for each in proposals])
        return
    if not proposals:
        info("No other face is like this person.")
        raise SystemExit(NO_RESULT)
    paths = _with_paths(ask, [each.face for each in proposals])
    for proposal, (face, path) in zip(proposals, paths, strict=True):
        click.echo(f"  {face.id:>6}  {proposal.score:.2f}  {path}")


def _print_similar(ask: Asking, face: Face, as_json: bool) -> None:
    similar = ask(People.similar, face.id, 10_000 if as_json else _SHOWN)
    if as_json:
        print_json([asdict(each) for each in similar])
        return
    if not similar:
        info("No face in another photo is like this one.")
        raise SystemExit(NO_RESULT)
    paths = _with_paths(ask, [each.face for each in similar])
    for each, (found, path) in zip(similar, paths, strict=True):
        name = "-" if found.name is None else printable(found.name)
        click.echo(f"  {found.id:>6}  {each.score:.2f}  {name}  {path}")


def _face_at(ask: Asking, example: str) -> Face:
    """Return the face that PHOTO:N names.

    Raises UsageError where that is no face, or one of several.
    """
    from imgsearch.records.query import Query

    path, colon, number = example.rpartition(":")
    if not colon or not number.isdecimal():
        path, number = example, ""
    explanation = ask(Library.explain, path if SCHEME.match(path) else absolute(path), Query())
    if explanation.photo is None:
        raise UsageError(Sentence("Not in the library. ", explanation.reason or ""))
    faces = ask(People.faces_in, explanation.photo.id)
    if not faces:
        raise UsageError(
            Sentence(
                f"No face was found in {printable(path)}. To look for faces: ", CommandLine("faces")
            )
        )
    if (not number and len(faces) > 1) or (number and not 1 <= int(number) <= len(faces)):
        raise UsageError(
            f"{printable(path)} has {format_count(len(faces), 'face')}. Say which, counted from "
            f"the left: {printable(path)}:1"
        )
    return faces[int(number or 1) - 1]


def _with_paths(ask: Asking, faces: Sequence[Face]) -> list[tuple[Face, str]]:
    """Return the faces with the paths of their photos, and the moment of a video."""
    hits = ask(Library.photos, list(dict.fromkeys(face.photo_id for face in faces)))
    paths = {hit.photo.id: path_text(hit.path) for hit in hits}
    rows = []
    for face in faces:
        moment = "" if face.at_s is None else f" at {face.at_s:.0f} s"
        # A photo that is unknown has left the library since.
        rows.append((face, f"{paths.get(face.photo_id, '-')}{moment}"))
    return rows
