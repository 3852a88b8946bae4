"""`imgsearch kinds`."""

from __future__ import annotations

import click

from imgsearch.cli.output import archive_option, asking, data_option, info, json_option, print_json
from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.kinds.operations import Kinds
from imgsearch.features.kinds.records import KIND_NAMES, PictureKinds
from imgsearch.text import format_count

_KIND = click.Choice(KIND_NAMES)


@click.command("kinds")
@click.option(
    "--leave-out", multiple=True, type=_KIND, help="Leave pictures of this kind out of answers."
)
@click.option("--show", multiple=True, type=_KIND, help="Show pictures of this kind again.")
@json_option
@archive_option
@data_option
def command(
    leave_out: tuple[str, ...],
    show: tuple[str, ...],
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Say how many screenshots and documents there are, and leave them out of answers.

    \b
      imgsearch kinds
      imgsearch kinds --leave-out screenshot --leave-out document
      imgsearch search is:screenshot
      imgsearch kinds --show screenshot

    What is left out stays so until you show it again, also on the page. Queries that name the kind,
    and those for what was put together by hand, have such pictures in any case. docs/kinds.md says
    how kinds are told.
    """
    both = [each for each in leave_out if each in show]
    if both:
        raise click.UsageError(f"Give {both[0]} to --leave-out or to --show, not to both.")
    with asking(data_dir, address) as ask:
        kinds = ask(Kinds.all)
        if leave_out or show:
            wanted = ({*kinds.left_out} | {*leave_out}) - {*show}
            kinds = ask(Kinds.leave_out, [each for each in KIND_NAMES if each in wanted])
    if as_json:
        print_json(kinds)
        return
    for name, number in zip(KIND_NAMES, (kinds.screenshots, kinds.documents), strict=True):
        said = ", left out of answers" if name in kinds.left_out else ""
        click.echo(f"{format_count(number, name)}{said}")
    _say_how(kinds)


def _say_how(kinds: PictureKinds) -> None:
    numbers = dict(zip(KIND_NAMES, (kinds.screenshots, kinds.documents), strict=True))
    left_out = [name for name in KIND_NAMES if name in kinds.left_out]
    others = [name for name in KIND_NAMES if numbers[name] and name not in left_out]
    for told, option, names in (
        ("To show them again: ", "--show", left_out),
        ("To leave them out of answers: ", "--leave-out", others),
    ):
        if names:
            options = " ".join(f"{option} {name}" for name in names)
            info(Sentence(told, CommandLine(f"kinds {options}")))
