"""What a reader is asked for, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass

from imgsearch.errors import PhotoError, Reason


class DecoderOutOfMemory(PhotoError):
    """A photo needs more memory than its decoder was given."""

    def __init__(self, message: str = "Decoding it takes too much memory.") -> None:
        super().__init__(Reason.TOO_LARGE, message)


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """How large an image is wanted, and how large one may be."""

    side_px: int  # the short side of the result is at least this, if the photo has it
    max_megapixels: float
    facts_only: bool = False  # decode no more than it takes to read the metadata
    all_frames: bool = False  # of a video, as many as are embedded; else the one in the middle
    at_s: float | None = None  # of a video, the frame at this time

    def check(self, width_px: int, height_px: int) -> None:
        """Refuse a photo of more pixels than allowed, before any of them is decoded."""
        if width_px < 1 or height_px < 1:
            raise PhotoError(Reason.DAMAGED, f"It says it is {width_px} × {height_px} pixels.")
        megapixels = width_px * height_px / 1e6
        if megapixels > self.max_megapixels:
            raise PhotoError(
                Reason.TOO_LARGE,
                f"It has {width_px} × {height_px} pixels ({megapixels:.0f} megapixels), more than "
                f"the limit of {self.max_megapixels:g}; raise max_megapixels to read it.",
            )


_NO_MEMORY = ("out of memory", "memory allocation", "cannot allocate", "bad_alloc",
              "sufficient memory", "pool overflow")  # fmt: skip
_CUT_OFF = ("truncated", "unexpected end", "end of file", "premature", "not enough image data",
            "input/output error")  # fmt: skip
_NOT_READ = (
    "unsupported",
    "unknown pixel mode",
    "not implemented",
    "cannot handle",
    "not available",
)


def photo_error(error: Exception, format_name: str) -> PhotoError:
    """The PhotoError that says what a decoder's exception means for the photo."""
    if isinstance(error, PhotoError):
        return error
    said = _said(error)
    if isinstance(error, ImportError):
        return PhotoError(
            Reason.UNSUPPORTED, f"The decoder for {format_name} cannot be loaded ({said})."
        )
    if isinstance(error, MemoryError) or any(word in said.lower() for word in _NO_MEMORY):
        return DecoderOutOfMemory()
    if "too big" in said.lower():
        return PhotoError(Reason.TOO_LARGE, f"The {format_name} is too large for its decoder.")
    if isinstance(error, EOFError) or any(word in said.lower() for word in _CUT_OFF):
        return PhotoError(
            Reason.TRUNCATED,
            f"The {format_name} ends before its image does; copy it again from its source.",
        )
    if any(word in said.lower() for word in _NOT_READ):
        return PhotoError(
            Reason.UNSUPPORTED, f"This kind of {format_name} cannot be read here ({said})."
        )
    return PhotoError(Reason.DAMAGED, f"The {format_name} is damaged ({said}).")


def _said(error: Exception) -> str:
    """A decoder's own words, one sentence of them."""
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split()).split(". ")[0][:120].strip() or type(error).__name__
