"""Pictures in the terminal, by textual-image: in the protocol of kitty, as sixels, or half blocks.

When imported, textual-image asks the terminal for its capabilities, and waits up to a quarter of a
second for the answer.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING

from imgsearch.errors import ImgsearchError, MissingPackage
from imgsearch.installation import install_command

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.library import Library
    from imgsearch.records.answer import Hit

SIDE_PX = 640
LINES = 12  # the height of a picture


def require_terminal_extra(what: str) -> None:
    """Raise MissingPackage if the extra `terminal` is not installed; `what` needs it."""
    if find_spec("textual_image") is None or find_spec("textual") is None:
        raise MissingPackage(
            f"{what} needs one more package. Install it: {install_command('terminal')}"
        )


def is_terminal_for_pictures() -> bool:
    """Return whether standard output is a terminal that can report its capabilities."""
    is_dumb = os.environ.get("TERM", "") in ("", "dumb")
    return sys.stdin.isatty() and sys.stdout.isatty() and not is_dumb


def image_of(library: Library, hit: Hit, side_px: int) -> Image | None:
    """Return the picture of a hit.

    None if none can be made now, for instance of an offline photo.
    """
    from PIL import Image

    try:
        content = library.pictures.thumbnail(hit.photo.id, side_px, hit.at_s)
    except ImgsearchError:
        return None
    return None if content is None else Image.open(BytesIO(content))


def picture_printer() -> Callable[[Image], None]:
    """Print a picture at the best quality of this terminal."""
    logging.getLogger("textual_image").setLevel(logging.ERROR)  # it warns if it must guess
    from rich.console import Console
    from textual_image.renderable import Image as Picture

    console = Console(file=sys.stdout, force_terminal=True)

    def print_picture(image: Image) -> None:
        console.print(Picture(image, height=LINES, width="auto"))

    return print_picture
