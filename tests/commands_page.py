"""The help texts of all commands as docs/cli.md has them: options of many commands stand once."""

from __future__ import annotations

import re
import textwrap
from collections import Counter

import click
from click.testing import CliRunner
from msgspec import Struct

from imgsearch.cli import GROUPS, commands
from imgsearch.cli.help import FILTERS

_WIDTH = 88
_MANY = 10  # commands that have an option
_OPTIONS = "Options:"
_ENTRY = re.compile(r"  (-.*)")  # the first line of an option
_COLUMNS = re.compile(r"\s{2,}")  # between the name of an option and its text


class _Option(Struct, frozen=True):
    """An option as help texts print it, whatever their columns: its name, and its text."""

    name: str
    text: str


class _Help(Struct, frozen=True):
    """The help text of a command: what is above its options, these with their lines, the rest."""

    title: str
    above: str
    options: dict[_Option, str]
    below: str


def help_pages() -> str:
    """Return the help texts of all commands, by purpose."""
    by_group = {
        title: [_parsed(words) for name in names for words in [[name], *_inner_commands(name)]]
        for title, names in GROUPS.items()
    }
    counts = Counter(
        option for pages in by_group.values() for page in pages for option in page.options
    )
    common = [option for option, count in counts.items() if count >= _MANY]
    pages = [
        _page("### imgsearch", _text_of(["--help"])),
        _page(f"### imgsearch help {FILTERS}", _text_of(["help", FILTERS])),
        _page("### Options of many commands", _listed(common)),
    ]
    for title, own in by_group.items():
        pages.append(f"### {title}\n")
        pages += [_page(f"#### {page.title}", _shortened(page, common)) for page in own]
    return "\n" + "\n".join(pages) + "\n"


def _inner_commands(name: str) -> list[list[str]]:
    """Return the commands of a command that is a group, as words."""
    command = commands.get_command(click.Context(commands), name)
    return [[name, each] for each in command.commands] if isinstance(command, click.Group) else []


def _text_of(words: list[str]) -> str:
    result = CliRunner().invoke(commands, words, prog_name="imgsearch", terminal_width=_WIDTH)
    assert result.exit_code == 0
    return str(result.output.rstrip())


def _page(heading: str, text: str) -> str:
    return f"{heading}\n\n```text\n{text}\n```\n"


def _parsed(words: list[str]) -> _Help:
    above, _, rest = _text_of([*words, "--help"]).partition(f"\n{_OPTIONS}\n")
    own, _, below = rest.partition("\n\n")
    entries: list[list[str]] = []
    for line in own.splitlines():
        if _ENTRY.fullmatch(line):
            entries.append([line])
        else:
            entries[-1].append(line)
    options = {}
    for lines in entries:
        name, *first = _COLUMNS.split(lines[0].strip(), maxsplit=1)
        text = " ".join([*first, *(line.strip() for line in lines[1:])])
        options[_Option(name, text)] = "\n".join(lines)
    return _Help(" ".join(["imgsearch", *words]), above.rstrip(), options, below)


def _listed(options: list[_Option]) -> str:
    formatter = click.HelpFormatter(width=_WIDTH)
    formatter.write_dl([(option.name, option.text) for option in options])
    return formatter.getvalue().rstrip()


def _shortened(page: _Help, common: list[_Option]) -> str:
    """Return a help text in which the common options are only named."""
    own = [lines for option, lines in page.options.items() if option not in common]
    named = [_name_of(option) for option in page.options if option in common]
    parts = [page.above, "", _OPTIONS, *own]
    if named:
        line = f"{'and' if own else 'Those'} of many commands: {', '.join(named)}"
        parts += textwrap.wrap(line, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "\n".join([*parts, *(["", page.below] if page.below else [])])


def _name_of(option: _Option) -> str:
    """Return the last of the names of an option, without its value: "--help" of "-h, --help"."""
    return [word for word in option.name.split() if word.startswith("-")][-1]
