"""Memory: loading what queries need into this process, and releasing the encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary


class Memory:
    """Loads the encoder and the index of a library into memory, and releases the encoder."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def warm_up(self) -> None:
        """Load everything that a text query needs, so that the first one is as fast as others."""
        context = self._opened.context()
        self._opened.live_index(context.row)
        context.encoder().encode_texts(["a photo"])

    @property
    def has_encoder(self) -> bool:
        """Whether the encoder is loaded."""
        return self._opened.encoders.is_loaded

    def release_encoder(self) -> None:
        """Release the encoder and its memory; the next query that needs it loads it again."""
        self._opened.encoders.release()
