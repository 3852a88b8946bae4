"""The manual page of `man`, written from the help texts of the commands.

click-man does not see lazily loaded commands, joins the lines of examples, and truncates the
description of the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc

import click

from imgsearch import errors
from imgsearch.cli.query_options import ABOUT_FILTERS, filter_records
from imgsearch.version import VERSION

_NO_FILL = "\b"  # click's mark of a paragraph whose lines stay as they are
_OTHER_CODES = ((0, "Done."), (1, "No result."), (130, "Stopped with Ctrl-C."))
_ENVIRONMENT = (
    ("IMGSEARCH_DATA", "Folder of the library, as --data DIR."),
    ("IMGSEARCH_CACHE", "Folder of prepared models and thumbnails."),
    ("IMGSEARCH_ENCODER", "Model of a new library; imgsearch encoders lists the choices."),
    ("HF_HUB_OFFLINE", "With 1, no model is downloaded."),
    ("NO_COLOR", "With any value, results have neither colours nor links."),
)


def manual_page(group: click.Group, sections: Mapping[str, Iterable[str]]) -> str:
    """Return the manual page of a command, in roff with the macros of `man`.

    `sections` are the names of its subcommands by the title of the section that describes them.
    """
    context = click.Context(group, info_name="imgsearch", **group.context_settings)
    lines = [
        f'.TH IMGSEARCH 1 "" "imgsearch {VERSION}" "User Commands"',
        ".SH NAME",
        f"imgsearch \\- {_escaped(_first_sentence(group))}",
        ".SH SYNOPSIS",
        _escaped(" ".join(["imgsearch", *group.collect_usage_pieces(context)])),
        ".SH DESCRIPTION",
        *_paragraphs(group.help or ""),
        *_paragraphs(group.epilog or ""),
        ".SH OPTIONS",
        *_options(group, context),
    ]
    for title, names in sections.items():
        lines.append(f".SH COMMANDS: {title.upper()}")
        for name in names:
            command = group.get_command(context, name)
            assert command is not None
            lines += _command(command, click.Context(command, info_name=name, parent=context))
    lines += [".SH FILTERS", *_paragraphs(ABOUT_FILTERS), *_definitions(filter_records())]
    lines += [".SH EXIT STATUS", *_definitions((str(code), text) for code, text in _exit_codes())]
    lines += [".SH ENVIRONMENT", *_definitions(_ENVIRONMENT)]
    return "\n".join(lines) + "\n"


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f".SS {_escaped(usage)}"
    yield from _paragraphs(command.help or "")
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, info_name=name, parent=context))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    records = [option.get_help_record(context) for option in options]
    yield from _definitions(record for record in records if record is not None)


def _definitions(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in pairs:
        yield from (".TP", f".B {_escaped(term)}", _escaped(text))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in cleandoc(text).split("\n\n"):
        if not paragraph.strip():
            continue
        yield ".PP"
        if paragraph.startswith(_NO_FILL):
            yield ".nf"
            yield from map(_escaped, paragraph.removeprefix(_NO_FILL).strip("\n").split("\n"))
            yield ".fi"
        else:
            yield _escaped(" ".join(paragraph.split()))


def _exit_codes() -> list[tuple[int, str]]:
    root = errors.ImgsearchError
    kinds: list[type[errors.ImgsearchError]] = [root, *root.__subclasses__()]
    meanings = {kind.exit_code: (kind.__doc__ or "").splitlines()[0] for kind in reversed(kinds)}
    return sorted({**dict(_OTHER_CODES), **meanings}.items())


def _first_sentence(group: click.Group) -> str:
    text = " ".join((group.help or "").split())
    return re.split(r"\.\s", text)[0].removesuffix(".")


def _escaped(text: str) -> str:
    """Escape text for roff: hyphens can be copied, and no line is a command of roff."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
