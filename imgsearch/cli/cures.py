"""Commands in sentences for people, with the options that name the library.

A message says what to do next: "To find faces: imgsearch faces". Where a user names the library by
an option, that command works as it stands only with the same option.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import click

from imgsearch.text import path_text, shell_word

_GIVEN = "imgsearch.cli.cures"  # in the data of a context: the values of the options, by option
_COMMAND = re.compile(r"(?<![\w./-])imgsearch ([a-z][a-z-]*)(?![\w-])")


def remember(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Note an option that names the library; the callback of such an option."""
    if value is not None:
        context.meta.setdefault(_GIVEN, {})[parameter.opts[0]] = value
    return value


def given(context: click.Context, option: str) -> str | None:
    """Return the value of an option that names the library; None if it was not given."""
    values: Mapping[str, str] = context.meta.get(_GIVEN, {})
    return values.get(option)


def as_typed(sentence: str, context: click.Context | None) -> str:
    """Return the sentence, each command in it with the options that name the library here.

    A command gets no option that it does not take, and none that it has in the sentence.
    """
    values: Mapping[str, str] = {} if context is None else context.meta.get(_GIVEN, {})
    if context is None or not values:
        return sentence
    root = context.find_root()
    matches = list(_COMMAND.finditer(sentence))
    for number, match in reversed(list(enumerate(matches))):
        command = _command(root, match[1])
        if command is None:
            continue
        end = matches[number + 1].start() if number + 1 < len(matches) else len(sentence)
        known = {
            option
            for parameter in command.params
            if not getattr(parameter, "hidden", False)  # it is refused: see `no_archive_option`
            for option in parameter.opts
        }
        options = "".join(
            f" {option} {shell_word(path_text(value))}"
            for option, value in values.items()
            if option in known and f"{option} " not in sentence[match.end() : end]
        )
        sentence = f"{sentence[: match.end()]}{options}{sentence[match.end() :]}"
    return sentence


def _command(root: click.Context, name: str) -> click.Command | None:
    group = root.command
    return group.get_command(root, name) if isinstance(group, click.Group) else None
