"""The shared parts of all decoders: the request, opening files, and the reasons of failures."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
from io import BufferedReader, BytesIO
from pathlib import Path

from msgspec import Struct

from imgsearch.errors import PhotoError, Reason
from imgsearch.paths import for_system

# Windows has other flags: it opens no pipes by path, and would translate the ends of lines.
_READ_REGULAR = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY", "O_NOINHERIT"):
    _READ_REGULAR |= getattr(os, _flag, 0)
_LARGEST_MEGAPIXELS = 65_535**2 / 1e6  # of a JPEG. No setting is advised for more than that


class DecodeRequest(Struct, frozen=True):
    """The smallest size that the image must have, and the largest that the photo may have."""

    min_side_px: int  # of the result's short side, if the photo has as much
    max_megapixels: float
    facts_only: bool = False  # decode no more than the metadata needs
    all_frames: bool = False  # of a video, every frame to embed; otherwise the one in the middle
    at_s: float | None = None  # of a video, the frame at this time

    def check_size(self, width_px: int, height_px: int) -> None:
        """Raise PhotoError for a size beyond the limit. Call it before decoding any pixel."""
        if width_px < 1 or height_px < 1:
            raise PhotoError(
                Reason.DAMAGED, f"Its header gives a size of {width_px} × {height_px} pixels."
            )
        megapixels = width_px * height_px / 1e6
        if megapixels > max(_LARGEST_MEGAPIXELS, self.max_megapixels):
            raise PhotoError(
                Reason.TOO_LARGE,
                f"Its header gives {width_px} × {height_px} pixels ({megapixels:.0f} megapixels), "
                "more than any photo has.",
            )
        if megapixels > self.max_megapixels:
            raise PhotoError(
                Reason.TOO_LARGE,
                f"It has {width_px} × {height_px} pixels ({megapixels:.0f} megapixels), more than "
                f"the limit of {self.max_megapixels:g}; raise max_megapixels to read it.",
            )


def open_regular_file(path: Path) -> BufferedReader:
    """Open the file at `path` for reading. Raises PhotoError (UNREADABLE) for anything else.

    Opening a pipe or a device could block for ever.
    """
    try:
        descriptor = os.open(for_system(str(path)), _READ_REGULAR)
    except OSError as error:
        raise unreadable_error(error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PhotoError(Reason.UNREADABLE, "It is a folder, pipe or device, not a file.")
    return os.fdopen(descriptor, "rb")


def content_hash(file: BufferedReader | BytesIO) -> bytes:
    """Return the BLAKE2b hash of an open file from its position on; a photo is known by it."""
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).digest()


class DecoderOutOfMemory(PhotoError):
    """A photo needs more memory than its decoder was given."""

    def __init__(self, message: str = "Decoding it takes too much memory.") -> None:
        super().__init__(Reason.TOO_LARGE, message)


def unreadable_error(error: OSError) -> PhotoError:
    """Return the PhotoError for a file that the operating system cannot read."""
    cause = os.strerror(error.errno) if error.errno else str(error)
    cure = "its permissions" if isinstance(error, PermissionError) else "the disk that it is on"
    return PhotoError(Reason.UNREADABLE, f"It cannot be read ({cause}); check {cure}.")


# What decoders say, in lower case. Most have no error codes.
_OUT_OF_MEMORY = ("out of memory", "memory allocation", "cannot allocate", "bad_alloc",
                  "sufficient memory", "pool overflow")  # fmt: skip
_TRUNCATED = ("truncated", "unexpected end", "end of file", "premature", "not enough image data",
              "input/output error", "but only got")  # fmt: skip
_TOO_LARGE = ("too big", "decompression bomb")
_UNSUPPORTED = ("unsupported", "unknown pixel mode", "not implemented", "cannot handle",
                "not available")  # fmt: skip
# These come from Python itself when a decoder trusts data that is wrong: they say nothing to users.
_PYTHONS_OWN = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError,
                TypeError, UnicodeError, struct.error)  # fmt: skip
# A sentence, as opposed to data, code or Python's messages about either.
_SENTENCE = re.compile(r"[A-Za-z][A-Za-z0-9 ,.:/-]*[A-Za-z0-9.]")


def photo_error(error: Exception, title: str) -> PhotoError:
    """Return the PhotoError that says what a decoder's exception means for this format."""
    if isinstance(error, PhotoError):
        return error
    cause = error.args[0] if error.args else None
    if isinstance(cause, Exception):  # Pillow wraps what its plug-ins raise in a SyntaxError
        return photo_error(cause, title)
    message = _first_sentence(error)

    def mentions(phrases: tuple[str, ...]) -> bool:
        return any(phrase in message.lower() for phrase in phrases)

    if isinstance(error, ImportError):
        return PhotoError(
            Reason.UNSUPPORTED, f"The decoder for {title} cannot be loaded ({message})."
        )
    if isinstance(error, MemoryError) or mentions(_OUT_OF_MEMORY):
        return DecoderOutOfMemory()
    if mentions(_TOO_LARGE):
        return PhotoError(Reason.TOO_LARGE, f"The {title} is too large for its decoder.")
    if isinstance(error, EOFError) or mentions(_TRUNCATED):
        return PhotoError(
            Reason.TRUNCATED,
            f"The {title} ends before its image does; copy it again from its source.",
        )
    is_sentence = not isinstance(error, _PYTHONS_OWN) and _SENTENCE.fullmatch(message)
    detail = f" ({message.rstrip('.')})" if is_sentence else ""
    if mentions(_UNSUPPORTED):
        return PhotoError(Reason.UNSUPPORTED, f"This kind of {title} is not supported{detail}.")
    return PhotoError(
        Reason.DAMAGED, f"The {title} is damaged{detail}; copy it again from its source."
    )


def _first_sentence(error: Exception) -> str:
    """Return the first sentence of a decoder's message, printable, at most 120 characters."""
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split()).split(". ")[0][:120].strip()
