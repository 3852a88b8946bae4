"""One encoder for several processes: one of them holds it, and embeds what the others send.

A model takes more memory than all else that a search needs, so a service of several processes has
it once. Both ends of a pipe belong to this program: what arrives is trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from msgspec import Struct

from imgsearch import errors
from imgsearch.errors import (
    CommandLine,
    DiskError,
    EncoderError,
    ImgsearchError,
    MissingPackage,
    Sentence,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.encoders.base import Encoder, OpenEncoder
    from imgsearch.progress import OnDownload
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors

_PROPERTIES = (
    *("id", "dim", "side_px", "batch_size", "batches_at_once", "logit_scale"),
    "context_length",
)


class _Pipe(Protocol):
    """One end of `multiprocessing.Pipe`, whose class has another name on each system."""

    def send(self, obj: Any, /) -> None: ...
    def recv(self) -> Any: ...
    def close(self) -> None: ...


class _Request(NamedTuple):
    """A call of a method of the encoder with this name; an empty method asks for its properties."""

    encoder: str
    method: str
    arguments: tuple[Any, ...]


class _Failure(NamedTuple):
    """An error: its message, and the name of its class, empty for one that is not in `errors`."""

    kind: str
    message: str


class ProcessGroup(Struct, frozen=True):
    """A number of processes that serve a library, and what opens the encoder that they share.

    Their caches of reads and answers together are as large as that of one process alone.
    """

    processes: int
    open_encoder: OpenEncoder


class EncoderHost:
    """Embeds what other processes send through pipes, each in a thread of its own.

    `encoder_of` returns the encoder with a name, for many threads. The host keeps none, so that it
    can be released. `on_use` is called before each request.
    """

    def __init__(self, encoder_of: Callable[[str], Encoder], on_use: Callable[[], None]) -> None:
        self._encoder_of = encoder_of
        self._on_use = on_use

    def serve(self, pipe: _Pipe) -> None:
        """Answer the requests that come through this pipe until its other end is closed."""
        Thread(target=self._serve, args=[pipe], name="imgsearch-encoder", daemon=True).start()

    def _serve(self, pipe: _Pipe) -> None:
        with closing(pipe):
            while True:
                try:
                    pipe.send(self._answer(pipe.recv()))
                except (EOFError, OSError):
                    return

    def _answer(self, request: _Request) -> object:
        self._on_use()
        try:
            encoder = self._encoder_of(request.encoder)
            if not request.method:
                return {name: getattr(encoder, name) for name in _PROPERTIES}
            return getattr(encoder, request.method)(*request.arguments)
        except Exception as error:  # noqa: BLE001  # raised where it was asked for
            kind = type(error).__name__ if isinstance(error, ImgsearchError) else ""
            return _Failure(
                kind, error.sentence if isinstance(error, ImgsearchError) else str(error)
            )


class RemoteEncoders:
    """Opens encoders that an `EncoderHost` holds at the other end of a pipe. Safe in any thread."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe
        self._lock = Lock()

    def open(
        self,
        name: str,
        cache_dir: Path,
        device: str = "",
        on_download: OnDownload | None = None,
        batch_size: int = 0,
    ) -> Encoder:
        """Return the encoder with this name. Where it runs is up to the host.

        Raises as `registry.open_encoder` does, and EncoderError if the host has ended.
        """
        return RemoteEncoder(self, name, self.ask(_Request(name, "", ())))

    def ask(self, request: _Request) -> Any:
        """Return the answer of the host. Raises what the encoder raises."""
        try:
            with self._lock:
                self._pipe.send(request)
                answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise EncoderError(
                Sentence(
                    "The process of the service that has the model has ended. Start it again: ",
                    CommandLine("serve"),
                )
            ) from error
        if isinstance(answer, _Failure):
            raise _error_of(answer)
        return answer


def _error_of(failure: _Failure) -> ImgsearchError:
    kind = getattr(errors, failure.kind, None)
    if isinstance(kind, type) and issubclass(kind, EncoderError | MissingPackage | DiskError):
        return kind(failure.message)
    return EncoderError(failure.message)


class RemoteEncoder:
    """An encoder in another process; implements `encoders.base.Encoder`."""

    id: str
    dim: int
    side_px: int
    batch_size: int
    batches_at_once: int
    logit_scale: float
    context_length: int

    def __init__(self, encoders: RemoteEncoders, name: str, properties: dict[str, Any]) -> None:
        self._encoders = encoders
        self._name = name
        for each in _PROPERTIES:
            setattr(self, each, properties[each])

    def token_count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        count: int = self._call("token_count", text)
        return count

    def prepare(self, image: Image) -> Pixels:
        """Scale and crop an image."""
        pixels: Pixels = self._call("prepare", image)
        return pixels

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """Embed prepared images."""
        vectors: Vectors = self._call("encode_pixels", batch)
        return vectors

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts."""
        vectors: Vectors = self._call("encode_texts", list(texts))
        return vectors

    def _call(self, method: str, *arguments: object) -> Any:
        return self._encoders.ask(_Request(self._name, method, arguments))
