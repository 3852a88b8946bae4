"""`imgsearch help`."""

from __future__ import annotations

import click


def complete_command(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """The commands that begin with the typed text, for shell completion."""
    group = context.find_root().command
    assert isinstance(group, click.Group)
    return [name for name in group.list_commands(context) if name.startswith(incomplete)]


@click.command("help", short_help="Show the help of a command.")
@click.argument("name", required=False, metavar="[COMMAND]", shell_complete=complete_command)
@click.option("--man", "as_manual", is_flag=True, help="Print the manual page, for man -l -.")
@click.pass_context
def command(context: click.Context, name: str | None, as_manual: bool) -> None:
    """Show the help of COMMAND, as imgsearch COMMAND --help does; without it, list all commands.

    With --man, print the manual page of all commands in the language of man.
    """
    root = context.find_root()
    if as_manual:
        from imgsearch.cli.manual import manual_page

        assert isinstance(root.command, click.Group)
        click.echo(manual_page(root.command), nl=False)
        return
    if name is None:
        click.echo(root.get_help())
        return
    assert isinstance(root.command, click.Group)
    name, chosen, _ = root.command.resolve_command(root, [name])
    assert chosen is not None
    chosen.make_context(name, ["--help"], parent=root)
