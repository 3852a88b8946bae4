"""The two interfaces of this package: what an encoder does, and what a kind of encoder provides.

A kind is a plug-in: `lite` and `openclip` come with imgsearch, and a program adds its own with
`registry.register`. Whatever differs from kind to kind is a field of `EncoderKind`, so no code
outside a kind has to know which one it deals with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from PIL.Image import Image

    from imgsearch.progress import OnDownload
    from imgsearch.records.arrays import PixelBatch, Pixels, Vectors
    from imgsearch.records.status import EncoderInfo


TEMPLATES = ("{}",)  # of a kind that was not measured: texts are embedded as they are
CLASS_TEMPLATES = ("a photo of a {}",)  # CLIP's own


class Encoder(Protocol):
    """A dual encoder: embeds images and texts as vectors of one space.

    Towers load when first used, so a text query never loads the image tower.
    """

    @property
    def id(self) -> str:
        """Names kind, model, weights, preprocessing and version: equal ids mean comparable vectors.

        Begins with the prefix of its kind, followed by a punctuation mark.
        """

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def side_px(self) -> int:
        """Side of the square image that the model takes."""

    @property
    def batch_size(self) -> int:
        """How many images to pass to `encode_pixels` at once on this machine.

        Larger batches are allowed and cut up. Shrinks when memory runs out.
        """

    @property
    def batches_at_once(self) -> int:
        """How many threads to call `encode_pixels` from: two where one batch is uploaded to a
        device while another is computed, else one."""

    @property
    def logit_scale(self) -> float:
        """The factor for cosines before a softmax over labels."""

    @property
    def context_length(self) -> int:
        """How many tokens of a text are read; the rest is cut off."""

    def token_count(self, text: str) -> int:
        """How many tokens `text` has before it is cut off, begin and end marks included."""

    def prepare(self, image: Image) -> Pixels:
        """Scale and crop an upright sRGB image to (3, side_px, side_px). Safe in any thread."""

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """Embed prepared images, shape (n, 3, side_px, side_px), as (n, dim) rows of length 1.

        `n` may be any number, 0 included. Safe in any thread.
        """

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) rows of length 1. Safe in any thread."""


class OpenEncoder(Protocol):
    """How a kind opens one of its encoders; see `registry.open_encoder` for the arguments."""

    def __call__(
        self,
        name: str,
        cache_dir: Path,
        device: str,
        on_download: OnDownload | None,
        batch_size: int,
        /,
    ) -> Encoder: ...


Notify: TypeAlias = Callable[[str], None]  # called with a sentence for a person


class Recommendation(Struct, frozen=True):
    """What a kind offers when the user leaves the choice to imgsearch.

    `name` is None where the kind has nothing that can be used now. `reason` says why this encoder
    or why none, as part of a sentence.
    """

    name: str | None
    reason: str


class Int8Option(Struct, frozen=True):
    """An int8 variant that may replace a float32 encoder, if a trial on this machine favours it.

    Results of trials are kept in `results_file`, relative to the cache folder, by the id of the
    float32 encoder and by `conditions`: whatever else a result depends on.
    """

    int8_name: str
    float32_name: str
    results_file: Path
    conditions: Callable[[], str]


def _any_name(name: str) -> None:
    """Accept each name with the prefix; `open` may still raise UsageError."""


def _before_at(encoder_id: str) -> str:
    return encoder_id.partition("@")[0]


class EncoderKind(Struct, frozen=True, kw_only=True):
    """A kind of encoder. `prefix` and `open` suffice; the rest has defaults for a simple kind.

    The name of an encoder is the prefix alone, or the prefix, a colon and more.
    """

    prefix: str
    """Letters, digits, `-` and `_`: what its names and ids begin with."""

    open: OpenEncoder

    name_format: str = ""
    """How its names are written, for messages; by default the prefix."""

    check: Callable[[str], None] = _any_name
    """Raises UsageError for a name with this prefix that is not valid."""

    names: Callable[[str], tuple[str, ...]] = lambda requested: (requested,)
    """The names, as a library stores them, of the encoders that satisfy a requested name.

    The one that opens by default comes first. Does not check the name.
    """

    name_of: Callable[[str], str] = _before_at
    """The name of the encoder with this id; by default what precedes the `@`."""

    choices: Callable[[], tuple[EncoderInfo, ...]] = lambda: ()
    """The encoders to offer. May read the disk, never the network."""

    verify: Callable[[str], None] = _any_name
    """Raises EncoderError if the weights of a name, as far as they are here, are damaged."""

    recommend: Callable[[str, Notify], Recommendation] | None = None
    """The encoder for a device (auto, cpu, cuda, …) when the user names none.

    Where the network has to be asked for that, a person is told first.
    """

    int8: Callable[[str, str], Int8Option | None] = lambda requested, device: None
    """The int8 variant to try for a requested name on a device, if any."""

    reads_only_english: Callable[[str], bool] = lambda name: False
    """Whether the encoder of this name reads no other language, so that users are told."""

    templates: tuple[str, ...] = TEMPLATES
    """Prompt templates over which the vector of a short query is averaged."""

    noun_templates: tuple[str, ...] = ()
    """The same for a single noun, with `{singular}` and `{plural}`; by default `templates`.

    With them, both forms of a noun find the same.
    """

    mean_noun_share: Callable[[str], float] = lambda encoder_id: 0.0
    """The share of the mean vector of many nouns that is subtracted from that of a short query.

    For the encoder with this id, from 0 to 1. With a share, "people" stands for men, women and
    children; see `imgsearch.search.short_texts`.
    """

    class_templates: tuple[str, ...] = CLASS_TEMPLATES
    """The same for the class names of labels."""
