"""`imgsearch teach`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from imgsearch.cli.output import (
    NO_RESULT,
    archive_option,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.cli.terminal import standard_output
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.features.concepts.records import Concept
    from imgsearch.library import Library

_LISTS = ("--like", "--unlike", "--withdraw")
_PROPOSED = 5


class _ListOptions(click.Command):
    """A command in which each of `_LISTS` takes all arguments up to the next option.

    This allows shell patterns: --like max/*.jpg
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        expanded: list[str] = []
        option: str | None = None
        for position, argument in enumerate(args):
            if argument == "--":
                expanded += args[position:]
                break
            if argument.startswith("-") and argument != "-":
                option = argument if argument in _LISTS else None
                if option is None:
                    expanded.append(argument)
                elif args[position + 1 : position + 2] == [] or args[position + 1].startswith("-"):
                    ctx.fail(
                        f"{argument} needs at least one photo: a file, or photo:ID as in "
                        "imgsearch search --json."
                    )
            else:
                expanded += [argument] if option is None else [option, argument]
        return super().parse_args(ctx, expanded)


@click.command("teach", cls=_ListOptions)
@click.argument("name", required=False)
@click.option("--like", metavar="PHOTO...", multiple=True, help="Photos that show the concept.")
@click.option("--unlike", metavar="PHOTO...", multiple=True, help="Photos that do not show it.")
@click.option("--withdraw", metavar="PHOTO...", multiple=True, help="Remove these examples.")
@click.option("--words", metavar="TEXT", help="Optional text description; '' removes it.")
@click.option("--new", "is_new", is_flag=True, help="Fail if a concept with this name exists.")
@click.option(
    "-k",
    "k",
    metavar="N",
    default=_PROPOSED,
    show_default=True,
    help="Number of photos to propose for judging next.",
)
@click.option("--forget", is_flag=True, help="Delete the concept; no photo is touched.")
@json_option
@archive_option
@data_option
def command(
    name: str | None,
    like: tuple[str, ...],
    unlike: tuple[str, ...],
    withdraw: tuple[str, ...],
    words: str | None,
    is_new: bool,
    k: int,
    forget: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Teach a concept that words do not name by photos that show it: our dog Max, my pottery.

    \b
      imgsearch teach max --like max/*.jpg photo:812 --unlike rex.jpg
      imgsearch search "concept:max at the beach"
      imgsearch search "shows:max/sure after:2023"
      imgsearch teach max
      imgsearch teach

    PHOTO is a file, in the library or not, or photo:ID. Three to ten photos that show the concept
    in different ways are a good start; after that, photos of similar things help most. Run the
    command again to add examples. It says how well the examples separate from the other photos, and
    proposes photos to judge next.

    concept:NAME is a term of a query like words and examples: 2:concept:max and -concept:max work.
    shows:NAME is a filter. New photos are judged when they are indexed. With a NAME alone,
    the command shows the state of the concept; without one, it lists all concepts.
    """
    is_lesson = bool(like or unlike or withdraw or is_new or words is not None)
    if name is None:
        if is_lesson or forget:
            raise click.UsageError("Name the concept: imgsearch teach max --like max.jpg")
        with open_either(data_dir, address) as library:
            _list_all(library, as_json)
        return
    if forget and is_lesson:
        raise click.UsageError("--forget deletes the concept: leave the other options out.")
    with open_either(data_dir, address) as library:
        if forget:
            _forget(library, name)
            return
        concept = library.concepts.get(name) if not is_lesson else None
        if concept is None:
            concept = library.concepts.teach(
                name, like, unlike, withdraw=withdraw, words=words, new=is_new
            )
        _print(library, concept, k, as_json)


def _forget(library: Library, name: str) -> None:
    if not library.concepts.forget(name):
        info(f"There is no concept {name!r}. To list the concepts: imgsearch teach")
        sys.exit(NO_RESULT)
    click.echo(f"Deleted the concept {printable(name)}; no photo was touched")


def _list_all(library: Library, as_json: bool) -> None:
    concepts = library.concepts.all()
    if as_json:
        print_json(concepts)
    else:
        for concept in concepts:
            click.echo(printable(f"{concept.name}: {concept.sentence()}"))
    if not concepts:
        info(
            "No concept was taught yet. To teach one: imgsearch teach max --like max1.jpg max2.jpg"
        )
        sys.exit(NO_RESULT)


def _print(library: Library, concept: Concept, k: int, as_json: bool) -> None:
    proposed = library.concepts.to_judge(concept.name, k) if k and concept.is_ready else []
    if as_json:
        print_json({**asdict(concept), "judge_next": proposed})
        return
    click.echo(printable(f"{concept.name}: {concept.sentence()}"))
    if proposed:
        info("Judging these helps most:")
    text = standard_output()
    for hit in proposed:
        text.print(f"photo:{hit.photo.id}  {text.path(hit.path, can_open=not hit.offline)}")
