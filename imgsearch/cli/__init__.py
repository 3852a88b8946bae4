"""The command `imgsearch`, the only part that prints. Each command has a file of its own.

Results go to standard output, everything for people to standard error. Exit codes: 0 done,
1 no result, 2 wrong usage, 3 and up by class of error (see `imgsearch.errors`).
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import print_error, print_position
from imgsearch.errors import DiskError, ImgsearchError, QueryError

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder

COMMANDS = (
    *("demo", "doctor", "encoders", "evaluate", "explain", "failures", "forget", "index", "label"),
    *("prune", "rebuild", "search", "serve", "status", "ui", "watch"),
)
INTERRUPTED = 130  # exit code after Ctrl-C, as in shells: 128 + SIGINT


class Commands(click.Group):
    """The commands by name. The file of a command is loaded only when it is used or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"imgsearch.cli.{cmd_name}").command
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="To start: imgsearch index ~/Pictures, then: imgsearch search 'a dog in snow'. "
    "Help for a command: imgsearch COMMAND --help",
)
@click.version_option(package_name="imgsearch-photos", prog_name="imgsearch")
def commands() -> None:
    """Find your own photos by meaning, on your own machine.

    Index your photo folders once. Then search them by words or by an example image. Photos are
    only read, never changed, and nothing leaves this machine.
    """


def main(encoder: Encoder | None = None) -> None:
    """Run the command and exit with its code. Errors are printed without a traceback.

    With IMGSEARCH_DEBUG set, an unexpected error prints one. `encoder` is used in place of the one
    that the settings name; tests need that.
    """
    # The threads of OpenBLAS, which NumPy loads, spin while they wait for work and slow down the
    # other threads. This makes them sleep at once. (Fewer threads would round some scores
    # differently.)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # 2^4 cycles
    try:
        code = commands.main(prog_name="imgsearch", standalone_mode=False, obj=encoder)
    except (click.exceptions.Abort, KeyboardInterrupt):
        print_error(
            "Stopped. What was done so far is kept; run the same command again to continue."
        )
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except ImgsearchError as error:
        print_error(str(error))
        if isinstance(error, QueryError) and error.line is not None:
            print_position(error.line, error.at)
        code = error.exit_code
    except BrokenPipeError:  # the reader of our output has ended, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if os.environ.get("IMGSEARCH_DEBUG"):
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            print_error(f"The disk is full ({error}). Free some space and run the command again.")
            sys.exit(DiskError.exit_code)
        print_error(
            f"Unexpected error ({type(error).__name__}: {error}). Nothing is lost. Run the command "
            "again with IMGSEARCH_DEBUG=1 and report what it prints."
        )
        code = ImgsearchError.exit_code
    # The system takes back all memory anyway; Python's search for garbage at exit would take a
    # sixth of the time of a query.
    gc.freeze()
    sys.exit(code if isinstance(code, int) else 0)
