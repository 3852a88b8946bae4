"""Commands in sentences for people, with the options that name the library.

A message says what to do next: "To find faces: imgsearch faces". Where a user names the library by
an option, that command works as it stands only with the same option.
"""

from __future__ import annotations

from collections.abc import Mapping

import click

from imgsearch.errors import Sentence
from imgsearch.text import path_text, shell_word

_GIVEN = "imgsearch.cli.cures"  # in the data of a context: the values of the options, by option


def remember(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Note an option that names the library, and return its value; the callback of such an option.

    One before the name of a subcommand, as in `album --data DIR make NAME`, is one of that command.
    """
    if value is not None:
        context.meta.setdefault(_GIVEN, {})[parameter.opts[0]] = value
    return given(context, parameter.opts[0])


def given(context: click.Context, option: str) -> str | None:
    """Return the value of an option that names the library; None if it was not given."""
    values: Mapping[str, str] = context.meta.get(_GIVEN, {})
    return values.get(option)


def as_typed(sentence: str, context: click.Context | None) -> str:
    """Return the sentence, each of its commands with the options that name the library here.

    A command gets no option that it does not take, and none that it has already.
    """
    values: Mapping[str, str] = {} if context is None else context.meta.get(_GIVEN, {})
    if context is None or not values or not isinstance(sentence, Sentence):
        return sentence
    root, shown, rest = context.find_root(), "", str(sentence)
    for each in sentence.commands:
        name = each.arguments.partition(" ")[0]
        before, _, rest = rest.partition(each.line)
        options = _options(_command(root, name), each.arguments, values)
        shown += f"{before}imgsearch {name}{options}{each.arguments.removeprefix(name)}"
    return shown + rest


def _options(command: click.Command | None, arguments: str, values: Mapping[str, str]) -> str:
    """Return the options that name the library, of those that a command takes and lacks."""
    known = {
        option
        for parameter in (() if command is None else command.params)
        if not getattr(parameter, "hidden", False)  # it is refused: see `no_archive_option`
        for option in parameter.opts
    }
    return "".join(
        f" {option} {shell_word(path_text(value))}"
        for option, value in values.items()
        if option in known and f"{option} " not in arguments
    )


def _command(root: click.Context, name: str) -> click.Command | None:
    group = root.command
    return group.get_command(root, name) if isinstance(group, click.Group) else None
