"""Chooses the encoder of a library when first needed, and keeps it in memory."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING

from imgsearch import c_memory, garbage
from imgsearch.encoders import registry
from imgsearch.encoders.base import Encoder, Int8Option, OpenEncoder
from imgsearch.encoders.registry import EncoderChoice
from imgsearch.errors import CommandLine, EncoderMismatch, Sentence, UsageError

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.encoders.batching import BatchingEncoder
    from imgsearch.progress import OnDownload
    from imgsearch.records.index import EncoderRow


class EncoderLoader:
    """Opens encoders and keeps the last one, so that a second query does not load it again.

    With `encoder`, that object is used for everything: the settings choose nothing, no other
    encoder is opened, and it is never released. With `open_encoder`, encoders are opened by it
    and not in this process. `notify` is called with a sentence for a person about each choice,
    `on_download` with the progress of each download. Safe in any thread.
    """

    def __init__(
        self,
        settings: Settings,
        notify: Callable[[str], None],
        on_download: OnDownload | None,
        encoder: Encoder | None = None,
        open_encoder: OpenEncoder | None = None,
    ) -> None:
        self._settings = settings
        self._notify = notify
        self._on_download = on_download
        self._given = encoder
        self._open_encoder = open_encoder or registry.open_encoder
        self._loaded: Encoder | None = encoder
        self._batching: BatchingEncoder | None = None
        self._lock = RLock()  # a service calls from many threads

    # ------------------------------------------------------------------------ choosing

    def choose(self, row: EncoderRow | None = None) -> EncoderChoice:
        """Choose the encoder of the library of `row`, or of a new library, and say why."""
        if self._given is not None:
            name = self.name_of(self._given)
            return registry.EncoderChoice(name, f"Encoder {name}, given by the program.")
        if row is not None:
            return registry.EncoderChoice(
                row.name, f"The library uses {row.name}, the encoder it was made with."
            )
        return registry.choose(self._settings.encoder, self._settings.device, self._notify)

    def choose_new(self, name: str | None = None) -> str:
        """Return the name of the encoder for a new library or a rebuild: `name`, else by settings.

        Raises UsageError for an unknown name, and for a name other than that of a given encoder.
        """
        if self._given is not None:
            given = self.name_of(self._given)
            if name is not None and not registry.satisfies(given, name):
                raise UsageError(
                    f"This library was opened with the encoder {given}, not {name}. Open it "
                    "without an encoder to change to another one."
                )
            return given
        choice = registry.choose(
            name or self._settings.encoder, self._settings.device, self._notify
        )
        self._notify(choice.why)
        return choice.name

    def is_here(self, name: str) -> bool:
        """Return whether the encoder with this name can be opened without a download."""
        return self._given is not None or registry.is_here(name, self._settings.cache_dir)

    def int8_option(self, name: str) -> Int8Option | None:
        """Return the int8 variant to try before a library is made with encoder `name`, if any."""
        if self._given is not None:
            return None
        return registry.int8_option(name, self._settings.device)

    def name_of(self, encoder: Encoder) -> str:
        """Return the name that is stored with the vectors of `encoder`.

        For a given encoder that belongs to no kind, this is its id.
        """
        try:
            return registry.name_of(encoder.id)
        except UsageError:
            if encoder is self._given:
                return encoder.id
            raise

    def check(self, row: EncoderRow) -> None:
        """Raise EncoderMismatch if the settings name neither the encoder in use nor the awaited."""
        requested = self._settings.encoder
        if (
            self._given is None
            and requested not in ("auto", row.successor)
            and not registry.satisfies(row.name, requested)
        ):
            raise EncoderMismatch(
                Sentence(
                    f"This library was made with the encoder {row.name}, not {requested}. Leave "
                    "--encoder out, or change the library: ",
                    CommandLine(f"rebuild --encoder {requested}"),
                )
            )

    def dim_of(self, encoder_id: str) -> int | None:
        """Return the length of the vectors of an encoder.

        None if it is not known without a model.
        """
        if self._given is not None:
            return self._given.dim if self._given.id == encoder_id else None
        return registry.dim_of(encoder_id)

    # ------------------------------------------------------------------------ loading

    def open(self, name: str, on_download: OnDownload | None = None) -> Encoder:
        """Open the encoder with this name. Any other is released first: memory never holds two.

        With `on_download`, that is told of downloads and preparation in place of the usual one.
        """
        if self._given is not None:
            return self._given
        with self._lock:
            stored_name = registry.stored_name(name)
            if self._loaded is None or registry.name_of(self._loaded.id) != stored_name:
                self.close()
                settings = self._settings
                self._loaded = self._open_encoder(
                    name,
                    settings.cache_dir,
                    settings.device,
                    on_download or self._on_download,
                    settings.batch_size,
                )
            return self._loaded

    def of(self, row: EncoderRow) -> Encoder:
        """Return the encoder that made the vectors of `row`.

        Raises EncoderMismatch for any other.
        """
        self.check(row)
        # Found by its id: the stored name `lite` may by now stand for a newer encoder.
        name = row.name if self._given is not None else registry.name_of(row.encoder_id)
        encoder = self.open(name)
        if encoder.id != row.encoder_id:
            raise EncoderMismatch(
                Sentence(
                    f"This library was made with {row.encoder_id}, and this imgsearch has "
                    f"{encoder.id}: their vectors cannot be compared. Re-embed the library: ",
                    CommandLine(f"rebuild --encoder {row.name}"),
                )
            )
        return encoder

    def shared(self, row: EncoderRow) -> BatchingEncoder:
        """Return the encoder as by `of`, for many threads; it batches texts that come together."""
        return self._shared(lambda: self.of(row))

    def shared_by_name(self, name: str) -> BatchingEncoder:
        """Return the encoder as by `open`, for many threads."""
        return self._shared(lambda: self.open(name))

    def _shared(self, open_encoder: Callable[[], Encoder]) -> BatchingEncoder:
        from imgsearch.encoders.batching import BatchingEncoder

        with self._lock:
            encoder = open_encoder()
            if self._batching is None or self._batching.encoder is not encoder:
                self._batching = BatchingEncoder(encoder)
            return self._batching

    @property
    def is_loaded(self) -> bool:
        """Whether an encoder is in memory."""
        return self._loaded is not None

    def close(self) -> None:
        """Release the encoder."""
        self._loaded = self._batching = None

    def release(self) -> None:
        """Release the encoder and return its memory to the system; the process goes on."""
        if self._given is None and self._loaded is not None:
            self.close()
            garbage.collect_all()
            c_memory.give_back()  # else 130 of the 175 MB of `lite` would stay allocated
