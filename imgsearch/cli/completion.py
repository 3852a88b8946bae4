"""`imgsearch completion`."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_IMGSEARCH_COMPLETE"  # the variable that click's completion scripts set


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a script with which a shell completes commands, options, files and folders.

    \b
      bash:  imgsearch completion bash > ~/.local/share/bash-completion/completions/imgsearch
      zsh:   imgsearch completion zsh > ~/.zfunc/_imgsearch
      fish:  imgsearch completion fish > ~/.config/fish/completions/imgsearch.fish

    Then start a new shell. zsh needs two lines in ~/.zshrc once: fpath+=~/.zfunc, and after it:
    autoload -U compinit && compinit
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "imgsearch", _VARIABLE).source(), nl=False)
