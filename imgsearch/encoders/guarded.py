"""Kinds of encoders from plug-ins, held in imgsearch: they cannot end the process by SystemExit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.encoders.base import Encoder, EncoderKind
from imgsearch.errors import MissingPackage
from imgsearch.plugins import staying

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.progress import OnDownload
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors
    from imgsearch.records.status import EncoderInfo

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class GuardedEncoder(Struct, frozen=True):
    """Implements `Encoder` by the encoder of a plug-in; `plugin` names that in messages."""

    encoder: Encoder
    plugin: str

    @property
    def id(self) -> str:
        return self.encoder.id

    @property
    def dim(self) -> int:
        return self.encoder.dim

    @property
    def side_px(self) -> int:
        return self.encoder.side_px

    @property
    def batch_size(self) -> int:
        return self.encoder.batch_size

    @property
    def batches_at_once(self) -> int:
        return self.encoder.batches_at_once

    @property
    def logit_scale(self) -> float:
        return self.encoder.logit_scale

    @property
    def context_length(self) -> int:
        return self.encoder.context_length

    def token_count(self, text: str) -> int:
        with staying(self.plugin):
            return self.encoder.token_count(text)

    def prepare(self, image: Image) -> Pixels:
        with staying(self.plugin):
            return self.encoder.prepare(image)

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        with staying(self.plugin):
            return self.encoder.encode_pixels(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        with staying(self.plugin):
            return self.encoder.encode_texts(texts)


def guarded(kind: EncoderKind, plugin: str) -> EncoderKind:
    """Return a kind of a plug-in with functions and encoders that raise MissingPackage instead."""

    def held(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
        def call(*arguments: _Parameters.args, **named: _Parameters.kwargs) -> _Result:
            with staying(plugin):
                return function(*arguments, **named)

        return call

    def open_encoder(
        name: str,
        cache_dir: Path,
        device: str,
        on_download: OnDownload | None,
        batch_size: int,
    ) -> Encoder:
        with staying(plugin):
            encoder = kind.open(name, cache_dir, device, on_download, batch_size)
        return GuardedEncoder(encoder, plugin)

    def choices() -> tuple[EncoderInfo, ...]:
        try:
            return kind.choices()
        except (Exception, SystemExit) as error:
            raise MissingPackage(
                f"{plugin} cannot list its encoders ({type(error).__name__}: {error}). Update it, "
                "or remove it."
            ) from error

    return replace(
        kind,
        open=open_encoder,
        check=held(kind.check),
        names=held(kind.names),
        name_of=held(kind.name_of),
        choices=choices,
        is_here=held(kind.is_here),
        verify=held(kind.verify),
        recommend=None if kind.recommend is None else held(kind.recommend),
        int8=held(kind.int8),
        reads_only_english=held(kind.reads_only_english),
        mean_noun_share=held(kind.mean_noun_share),
        hubness_shares=held(kind.hubness_shares),
    )
