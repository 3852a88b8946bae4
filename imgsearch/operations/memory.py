"""Memory: loading what queries need into this process, and releasing the encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsearch.engines.local import LocalEngine


class Memory:
    """Loads the encoder and the index of a library into memory, and releases the encoder."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine

    def warm_up(self) -> None:
        """Load everything that a text query needs, so that the first one is as fast as others."""
        self._engine.warm_up()

    @property
    def has_encoder(self) -> bool:
        """Whether the encoder is loaded."""
        return self._engine.encoder_is_loaded

    def release_encoder(self) -> None:
        """Release the encoder and its memory; the next query that needs it loads it again."""
        self._engine.release_encoder()
