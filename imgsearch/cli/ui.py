"""`imgsearch ui`."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from imgsearch.cli.output import archive_option, data_option, info, open_archive
from imgsearch.errors import CommandLine, MissingPackage, Sentence, UsageError
from imgsearch.installation import checkout_folder, install_command, page_package
from imgsearch.page_access import (
    ARCHIVE_VARIABLE,
    LOOPBACK,
    PASSWORD_VARIABLE,
    TOKEN_VARIABLE,
)
from imgsearch.paths import absolute

_HOST, _PORT = "127.0.0.1", 8501
MIN_PASSWORD_LENGTH = 8
MIN_TOKEN_LENGTH = 16
# Modules of the packages that the extra `page` installs, and what users know them as.
PAGE_MODULES = {"streamlit": "Streamlit", "js_lib_leaflet": "Leaflet (django-js-lib-leaflet)"}


@click.command("ui")
@click.option(
    "--host",
    metavar="ADDRESS",
    default=_HOST,
    show_default=True,
    help="Address to listen at. Addresses other than this machine's own need a password.",
)
@click.option("--port", metavar="N", default=_PORT, show_default=True, help="Port to listen at.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option(
    "--install",
    "to_install",
    is_flag=True,
    help="Put the page into the menu of your desktop, and start the service at log-in.",
)
@click.option("--uninstall", "to_uninstall", is_flag=True, help="Take back what --install made.")
@archive_option
@data_option
def command(
    host: str,
    port: int,
    no_browser: bool,
    to_install: bool,
    to_uninstall: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Open the page: search by words or a dropped image, view photos, and more.

    The page runs until Ctrl-C. Only this machine can reach it, and only you can open it: its
    address ends with a token, which is new at each start unless the variable IMGSEARCH_UI_TOKEN has
    one. A browser that has opened it stays logged in for 30 days, even after a restart. With --host
    0.0.0.0 others on your network can reach it as well. The page then asks for the password in the
    variable IMGSEARCH_UI_PASSWORD (8 characters or more). The connection is not encrypted: on
    networks that you do not trust, use an SSH tunnel or a proxy with TLS.

    With --library the page shows an archive. The first time, it shows how far the copy of it is.

    --install writes a menu entry, and what starts imgsearch serve at log-in, for this library and
    this user; --uninstall removes exactly these files. Neither opens the page.
    """
    from imgsearch.addresses import normal_address
    from imgsearch.config import Settings

    settings = Settings.load(data_dir=data_dir)
    if to_install or to_uninstall:
        if to_install and to_uninstall:
            raise UsageError("Choose one of --install and --uninstall.")
        if address is not None:
            raise UsageError("--install is for a library on this machine: leave --library out.")
        if host != _HOST:
            raise UsageError("--install is for this machine only: leave --host out.")
    if to_uninstall:
        _change_entries(settings.data_dir, port, to_install=False)
        return
    missing = [name for module, name in PAGE_MODULES.items() if find_spec(module) is None]
    if missing:
        raise MissingPackage(
            f"The page needs {' and '.join(missing)}, which {'are' if missing[1:] else 'is'} not "
            f"installed. Install what it needs: {install_command('page')}"
        )
    if to_install:
        _change_entries(settings.data_dir, port, to_install=True)
        return
    _check_host(host)
    _check_port(host, port)
    environment = os.environ | {"IMGSEARCH_DATA": str(settings.data_dir)}
    environment.pop(ARCHIVE_VARIABLE, None)
    if address is not None:
        with open_archive(address, data_dir) as archive:
            if not archive.exists():
                archive.photo_count()  # raises, before a page opens
            if archive.settings.replica_dir:
                environment["IMGSEARCH_REPLICA_DIR"] = absolute(archive.settings.replica_dir)
        environment[ARCHIVE_VARIABLE] = normal_address(address)
    if not os.environ.get(PASSWORD_VARIABLE):
        environment[TOKEN_VARIABLE] = _token()
    arguments = ["--host", host, "--port", str(port)]
    arguments += [] if no_browser else ["--open-browser"]
    checkout = checkout_folder()
    if checkout is not None:  # `ui` is found there, whatever the current folder is
        paths = [str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    # -P: ignore folders `imgsearch` and `ui` in the current folder.
    server = [sys.executable, "-P", "-m", page_package(), *arguments]
    # The server prints the address when it listens. It replaces this process, so that signals
    # reach it directly. On Windows that would end this process at once, and with it the command.
    if sys.platform == "win32":
        sys.exit(subprocess.call(server, env=environment))
    os.execve(sys.executable, server, environment)


def _change_entries(data_dir: Path, port: int, to_install: bool) -> None:
    from imgsearch.desktop_entries import entries, install, uninstall

    program = (sys.executable, "-P", "-m", "imgsearch")
    options = () if port == _PORT else ("--port", str(port))
    # What is removed does not depend on the data folder, whatever an earlier version put there.
    named = data_dir if to_install else Path.home()
    made = entries(program, named, Path.home(), os.environ, page_options=options)
    if to_install:
        for path in install(made):
            info(f"Made {path}")
        info("The page is in the menu, and imgsearch serve starts at log-in.")
        info(
            Sentence(
                "Neither looks for new photos: ",
                CommandLine("index"),
                " adds them, and ",
                CommandLine("watch"),
                " does so by itself while it runs (docs/watching.md).",
            )
        )
        return
    removed = uninstall(made)
    for path in removed:
        info(f"Removed {path}")
    if not removed:
        info("Nothing to remove: imgsearch ui --install has made nothing here.")


def _token() -> str:
    """Return the token in the environment, or else a new one."""
    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    if len(token) < MIN_TOKEN_LENGTH:
        raise UsageError(
            f"The token in {TOKEN_VARIABLE} is too short: it needs {MIN_TOKEN_LENGTH} characters."
        )
    return token


def _check_host(host: str) -> None:
    if not host:
        raise UsageError("The address is empty. For this machine only: --host 127.0.0.1")
    if host in LOOPBACK:
        return
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if len(password) < MIN_PASSWORD_LENGTH:
        raise UsageError(
            f"With --host {host} others can reach your photos, so the page needs a password of "
            f"{MIN_PASSWORD_LENGTH} characters or more. Set it in the variable "
            f"{PASSWORD_VARIABLE}, for instance: read -rs {PASSWORD_VARIABLE} && "
            f"export {PASSWORD_VARIABLE}"
        )
    info(
        f"Warning: everyone who can reach {host} and knows the password can see the photos of this "
        "library, and can index folders of this machine. The connection is not encrypted."
    )


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "there is no such port"
            raise UsageError(
                Sentence(
                    f"Cannot serve the page at {host}, port {port} ({reason}). Choose another "
                    "port: ",
                    CommandLine(f"ui --port {port % 60000 + 1}"),
                )
            ) from error
