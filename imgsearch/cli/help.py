"""`imgsearch help`."""

from __future__ import annotations

import click


@click.command("help", short_help="Show the help of a command.")
@click.argument("name", required=False, metavar="[COMMAND]")
@click.pass_context
def command(context: click.Context, name: str | None) -> None:
    """Show the help of COMMAND, as imgsearch COMMAND --help does; without it, list all commands."""
    root = context.find_root()
    if name is None:
        click.echo(root.get_help())
        return
    assert isinstance(root.command, click.Group)
    name, chosen, _ = root.command.resolve_command(root, [name])
    assert chosen is not None
    chosen.make_context(name, ["--help"], parent=root)
