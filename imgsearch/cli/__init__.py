"""The command `imgsearch`, the only part that prints. Each command has a file of its own.

Results go to standard output, everything for people to standard error. Exit codes: 0 done,
1 no result, 2 wrong usage, 3 and up by class of error (see `imgsearch.errors`).
"""

from __future__ import annotations

import errno
import gc
import os
import sys
import warnings
from collections.abc import Mapping
from inspect import cleandoc
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeGuard

import click

from imgsearch.cli.cures import as_typed
from imgsearch.cli.output import INTERRUPTED, info, print_error, print_position
from imgsearch.cli.stopping import keep_interrupts, say_stopped
from imgsearch.cli.streams import (
    OutputClosed,
    discard_output,
    prepare_streams,
    recognise_closed_output,
)
from imgsearch.cli.unfinished import say_what_is_unfinished
from imgsearch.errors import DiskError, ImgsearchError, QueryError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.text import printable
from imgsearch.version import VERSION

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder

# The commands by purpose, each group in the order in which a user needs them. Their descriptions
# are here, so that the list of commands loads none of them.
_CORE_GROUPS: Mapping[str, Mapping[str, str]] = {
    "Find": {
        "demo": "Try imgsearch on 21 photos that come with it.",
        "index": "Add photo folders and update the library.",
        "search": "Find photos by words, example images, dates, places and more.",
        "ui": "Open the page: search and browse photos in a browser.",
        "suggest": "Suggest completions of a query.",
        "explain": "Explain why a photo is, or is not, among the results.",
    },
    "Organise": {
        "mark": "Mark photos: favourites, stars, hidden.",
        "undo": "Undo the last change that you made.",
    },
    "Look back": {
        "timeline": "Count photos by year or month, as bars.",
        "cameras": "Count photos by camera.",
    },
    "Keep up to date": {
        "watch": "Keep the library up to date while it runs.",
        "serve": "Keep the library open so that searches answer faster.",
        "folders": "List, pause and resume the folders of the library.",
        "forget": "Remove a folder from the library; its files stay.",
    },
    "Share": {
        "sidecars": "Write your stars into XMP files beside photos.",
        "pack": "Write photos' vectors and facts into a portable file.",
        "unpack": "Merge a pack into the library.",
        "copy": "Copy the library to an archive.",
    },
    "Look after": {
        "status": "Show folders, photos, index, failures, disk usage.",
        "failures": "List files that could not be read; retry them.",
        "doctor": "Check the library, its index, cache and model.",
        "settle": "Index the new photos of an archive.",
        "encoders": "List the available models, or return to an earlier one.",
        "rebuild": "Rebuild the index, or change the model.",
        "evaluate": "Measure how well your captions find your photos.",
        "prune": "Delete the data of photos removed long ago.",
        "completion": "Print the completion script of a shell.",
        "help": "Show the help of a command.",
    },
}
_OF_FEATURES = installed.commands()


def _with_features(title: str, commands: Mapping[str, str]) -> dict[str, str]:
    """Return the commands of a group, with those that features bring."""
    listed = list(commands.items())
    for name, command in _OF_FEATURES.items():
        if command.group == title:
            names = [each for each, _ in listed]
            at = names.index(command.before) if command.before in names else len(names)
            listed.insert(at, (name, command.summary))
    return dict(listed)


GROUPS: Mapping[str, Mapping[str, str]] = {
    title: _with_features(title, commands) for title, commands in _CORE_GROUPS.items()
}
COMMANDS = {name: text for commands in GROUPS.values() for name, text in commands.items()}
_NEAR_ENOUGH = 0.75  # "stat" is near "status", but "remove" is not near "serve"
_AS_IT_IS = "\b\n"  # before a paragraph that click does not wrap
_STOPPED = (click.exceptions.Abort, KeyboardInterrupt)
_EXPECTED = (ImgsearchError, click.ClickException, *_STOPPED)


class Commands(click.Group):
    """The commands by name. The file of a command is loaded only when it is used."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with recognise_closed_output():  # --help and --version print here
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        with recognise_closed_output():
            try:
                result = super().invoke(ctx)
            except ImgsearchError as error:
                error.args = (as_typed(error.sentence, ctx),)
                raise
            except SystemExit:  # such as the end of a search without a result
                say_what_is_unfinished(ctx)
                raise
            say_what_is_unfinished(ctx)
            sys.stdout.flush()  # the buffered rest may meet a full disk
            return result

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by purpose, with their descriptions in one column."""
        width = max(map(len, COMMANDS))
        for title, commands_of_group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(width), text) for name, text in commands_of_group.items()]
                )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        of_feature = _OF_FEATURES.get(cmd_name)
        command: click.Command = load(
            f"imgsearch.cli.{cmd_name.replace('-', '_')}:command"
            if of_feature is None
            else f"{of_feature.module}:command"
        )
        command.short_help = COMMANDS[cmd_name]
        examples = installed.examples(cmd_name)
        if examples:
            command.help = _with_examples(cleandoc(command.callback.__doc__ or ""), examples)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        is_unknown = name not in COMMANDS and not name.startswith("-")
        if is_unknown and not ctx.resilient_parsing:  # resilient while a shell completes a word
            import difflib
            import shlex

            near = difflib.get_close_matches(name.lower(), COMMANDS, n=1, cutoff=_NEAR_ENOUGH)
            hint = (
                f"To search for it: imgsearch search {printable(shlex.join(args))}. To list the "
                "commands: imgsearch help"
            )
            if near:
                hint = f"Did you mean {near[0]}?"
            ctx.fail(f"No such command {name!r}. {hint}")
        return super().resolve_command(ctx, args)


def _with_examples(text: str, examples: tuple[str, ...]) -> str:
    """Return the help of a command with these lines at the end of its examples."""
    title, *paragraphs = text.split("\n\n")
    lines = "\n".join(f"  {line}" for line in examples)
    for at, paragraph in enumerate(paragraphs):
        if paragraph.startswith(_AS_IT_IS):
            paragraphs[at] = f"{paragraph}\n{lines}"
            return "\n\n".join((title, *paragraphs))
    return "\n\n".join((title, f"{_AS_IT_IS}{lines}", *paragraphs))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="To start: imgsearch index ~/Pictures, then: imgsearch search 'a dog in snow'. "
    "Help for a command: imgsearch help COMMAND",
)
@click.version_option(VERSION, "-V", "--version", prog_name="imgsearch")
def commands() -> None:
    """Find your own photos by meaning, on your own machine.

    Index your photo folders once. Then search them by words or by an example image. Photos are
    only read, never changed, and nothing leaves this machine.
    """


def main(encoder: Encoder | None = None) -> None:
    """Run the command and exit with its code. Errors are printed without a traceback.

    With IMGSEARCH_DEBUG set, an unexpected error prints one. `encoder`, for tests, replaces the
    encoder of the settings.
    """
    # The threads of OpenBLAS, which NumPy loads, spin while they wait for work and slow down the
    # other threads. This makes them sleep at once. (Fewer threads would round some scores
    # differently.)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # 2^4 cycles
    prepare_streams()
    _print_own_warnings()
    keep_interrupts()
    code: object = 0
    try:
        code = commands.main(prog_name="imgsearch", standalone_mode=False, obj=encoder)
    except OutputClosed:
        discard_output()
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("IMGSEARCH_DEBUG") and not isinstance(error, _EXPECTED):
            raise
        code = _exit_code(error)
        try:
            _print_failure(error)
            sys.stdout.flush()  # a failure at Python's end would give exit code 120
        except OSError:  # nobody reads, or the disk behind standard output or error is full
            discard_output()
    # The system takes back all memory anyway; Python's search for garbage at exit would take a
    # sixth of the time of a query.
    gc.freeze()
    sys.exit(code if isinstance(code, int) else 0)


# ------------------------------------------------------------------------- failures


def _print_own_warnings() -> None:
    """Print the warnings of imgsearch as sentences; others, of libraries, as Python does."""
    show = warnings.showwarning
    own = str(Path(__file__).parents[1]) + os.sep

    def print_sentence(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if filename.startswith(own):
            info(str(message))
        else:
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = print_sentence


def _exit_code(error: BaseException) -> int:
    if isinstance(error, _STOPPED):
        return INTERRUPTED
    if isinstance(error, click.ClickException | ImgsearchError):
        return error.exit_code
    return DiskError.exit_code if _is_full_disk(error) else ImgsearchError.exit_code


def _print_failure(error: BaseException) -> None:
    if isinstance(error, _STOPPED):
        say_stopped()
    elif isinstance(error, click.ClickException):
        _show(error)
        if _is_minus_in_query(error):
            print_error(
                "To exclude what a word names, quote the whole query: 'sunset -people'. If it "
                "begins with a minus, put -- before it."
            )
    elif isinstance(error, ImgsearchError):
        print_error(str(error))
        if isinstance(error, QueryError) and error.line is not None:
            print_position(error.line, error.at)
    elif _is_full_disk(error):
        where = f": {error.filename}" if error.filename else ""
        print_error(
            f"The disk is full ({error.strerror}{where}). Free some space and run the command "
            "again."
        )
    else:
        print_error(
            f"Unexpected error ({type(error).__name__}: {error}). Nothing is lost. Run the command "
            "again with IMGSEARCH_DEBUG=1 and report what it prints."
        )


def _show(error: click.ClickException) -> None:
    """Print the usage and click's message, which quotes the command line."""
    shown = StringIO()
    error.show(shown)
    for line in shown.getvalue().removesuffix("\n").split("\n"):
        click.echo(printable(line), err=True)


def _is_minus_in_query(error: click.ClickException) -> bool:
    """Return whether a word that should exclude photos, -people, was taken for an option."""
    return (
        isinstance(error, click.NoSuchOption)
        and not error.option_name.startswith("--")
        and error.ctx is not None
        and any(parameter.name == "words" for parameter in error.ctx.command.params)
    )


def _is_full_disk(error: BaseException) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
