"""The one model that is loaded: chosen when first needed, and the one the library was made with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING

from imgsearch.encoders import base, registry
from imgsearch.errors import EncoderMismatch

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.batching import BatchingEncoder
    from imgsearch.encoders.registry import EncoderChoice
    from imgsearch.progress import OnDownload
    from imgsearch.records.status import EncoderRow


class EncoderLoader:
    """Opens encoders and keeps the last one, so that a second query does not load it again."""

    def __init__(
        self, settings: Settings, tell: Callable[[str], None], on_download: OnDownload | None
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._on_download = on_download
        self._loaded: Encoder | None = None
        self._shared: BatchingEncoder | None = None
        self._opening = RLock()  # a service asks from many threads at once

    def choose(self, row: EncoderRow | None = None) -> EncoderChoice:
        """The encoder that a library with this row uses, or that a new one would; and why."""
        if row is not None:
            return registry.EncoderChoice(
                row.name, f"The library was made with {row.name}, and keeps it."
            )
        return registry.choose(self._settings.encoder, self._settings.device)

    def check(self, row: EncoderRow) -> None:
        """Raise EncoderMismatch if the settings ask for another encoder than the library's."""
        asked = self._settings.encoder
        if asked != "auto" and not base.means(asked, row.name):
            raise EncoderMismatch(
                f"This library was made with the encoder {row.name}, not {asked}. Leave --encoder "
                f"out, or change the library: imgsearch rebuild --encoder {asked}"
            )

    def of(self, row: EncoderRow) -> Encoder:
        """The encoder that made the vectors of `row`. Raises EncoderMismatch for any other."""
        self.check(row)
        encoder = self.open(row.name)
        if encoder.id != row.encoder_id:
            raise EncoderMismatch(
                f"This library was made with {row.encoder_id}, and this imgsearch has "
                f"{encoder.id}: their vectors do not compare. Bring the library up to it: "
                f"imgsearch rebuild --encoder {row.name}"
            )
        return encoder

    def shared(self, row: EncoderRow) -> BatchingEncoder:
        """The same for queries from any number of threads, whose texts it embeds together."""
        from imgsearch.encoders.batching import BatchingEncoder

        with self._opening:
            encoder = self.of(row)
            if self._shared is None or self._shared.encoder is not encoder:
                self._shared = BatchingEncoder(encoder)
            return self._shared

    def choose_new(self, name: str | None = None) -> str:
        """The name of the encoder for a new library or a rebuild: `name`, else by the settings."""
        choice = registry.choose(name or self._settings.encoder, self._settings.device)
        self._tell(choice.why)
        return choice.name

    def close(self) -> None:
        """Let go of the model."""
        self._loaded = self._shared = None

    def release(self) -> None:
        """Let go of the model, and give its memory back to the system: there is more to come."""
        if self._loaded is not None:
            import ctypes
            import gc

            self.close()
            gc.collect()
            if sys.platform.startswith("linux"):
                # The C library keeps what is freed: of 175 MB that `lite` takes, 130 MB.
                trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
                if trim is not None:
                    trim(0)

    def open(self, name: str) -> Encoder:
        """The encoder of that name, in place of any other."""
        with self._opening:
            if self._loaded is None or registry.name_of(self._loaded.id) != name.removesuffix(
                base.FP32
            ):
                self._loaded = self._shared = None  # not two models in memory at once
                settings = self._settings
                self._loaded = registry.open_encoder(
                    name,
                    settings.cache_dir,
                    settings.device,
                    self._on_download,
                    settings.batch_size,
                )
            return self._loaded
