"""`imgsearch help`."""

from __future__ import annotations

import click

FILTERS = "filters"


def complete_command(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the commands that begin with the typed text, for shell completion."""
    group = context.find_root().command
    assert isinstance(group, click.Group)
    names = [*group.list_commands(context), FILTERS]
    return [name for name in names if name.startswith(incomplete)]


@click.command("help")
@click.argument("names", nargs=-1, metavar="[COMMAND]...", shell_complete=complete_command)
@click.option("--man", "as_manual", is_flag=True, help="Print the manual page, for man -l -.")
@click.pass_context
def command(context: click.Context, names: tuple[str, ...], as_manual: bool) -> None:
    """Show the help of COMMAND, as imgsearch COMMAND --help does; without it, list all commands.

    imgsearch help filters describes the filters, which all commands take that take a QUERY.

    With --man, print the manual page of all commands in the language of man.
    """
    root = context.find_root()
    if as_manual:
        from imgsearch.cli import GROUPS
        from imgsearch.cli.manual import manual_page

        assert isinstance(root.command, click.Group)
        click.echo(manual_page(root.command, GROUPS), nl=False)
        return
    if not names:
        click.echo(root.get_help())
        return
    if names == (FILTERS,):
        click.echo(filters_help(context))
        return
    for inner in names[:-1]:
        root = _context_of(root, inner, [])
    _context_of(root, names[-1], ["--help"])


def _context_of(parent: click.Context, name: str, arguments: list[str]) -> click.Context:
    """Return the context of a command of a group.

    With --help among its arguments, its help is printed.
    """
    if not isinstance(parent.command, click.Group):
        raise click.UsageError(f"{parent.command_path} has no command {name}.")
    found, chosen, _ = parent.command.resolve_command(parent, [name])
    assert chosen is not None
    return chosen.make_context(found, arguments, parent=parent)


def filters_help(context: click.Context) -> str:
    """Return the help of all filters, formatted as the help of a command."""
    from imgsearch.cli.query_options import ABOUT_FILTERS, filter_records

    formatter = context.make_formatter()
    formatter.write_text(ABOUT_FILTERS)
    with formatter.section("Filters"):
        formatter.write_dl(filter_records())
    return formatter.getvalue().rstrip("\n")
