"""The two interfaces of this package: `Encoder`, and `EncoderKind`, a plug-in that opens encoders.

The kinds `lite` and `openclip` come with imgsearch, and a program adds its own with
`registry.register`. Every difference between kinds is a field of `EncoderKind`, so no code outside
a kind depends on which one it is.
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


TEMPLATES = ("{}",)  # of a kind without measurements: texts are embedded unchanged
CLASS_TEMPLATES = ("a photo of a {}",)  # CLIP's own


class Encoder(Protocol):
    """A dual encoder: embeds images and texts as vectors of one space.

    Towers load when first used, so a text query never loads the image tower.
    """

    @property
    def id(self) -> str:
        """The unique id of the vectors: equal ids mean comparable vectors.

        It names kind, model, weights, preprocessing and version, and begins with the prefix of its
        kind, followed by a punctuation mark.
        """

    @property
    def dim(self) -> int:
        """The length of a vector."""

    @property
    def side_px(self) -> int:
        """The side of the square image that the model takes."""

    @property
    def batch_size(self) -> int:
        """The number of images to pass to `encode_pixels` at once on this machine.

        Larger batches are allowed and cut up. It shrinks when memory runs out.
        """

    @property
    def batches_at_once(self) -> int:
        """The number of threads to call `encode_pixels` from.

        Two if one batch is uploaded to a device while another is computed, else one.
        """

    @property
    def logit_scale(self) -> float:
        """The factor for cosines before a softmax over labels."""

    @property
    def context_length(self) -> int:
        """The maximum number of tokens of a text; the rest is cut off."""

    def token_count(self, text: str) -> int:
        """Return the number of tokens of `text` before it is cut off, with begin and end marks."""

    def prepare(self, image: Image) -> Pixels:
        """Scale and crop an upright sRGB image to (3, side_px, side_px). Safe in any thread."""

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        """Embed prepared images, shape (n, 3, side_px, side_px), as (n, dim) rows of length 1.

        `n` may be any number, 0 included. Equal batches give equal rows. The same image in another
        batch gives a row with a cosine of at least .9999: processors sum in an order that depends
        on the number of rows, which shows in bfloat16. Safe in any thread.
        """

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as (n, dim) rows of length 1. Safe in any thread."""


class OpenEncoder(Protocol):
    """The function of a kind that opens an encoder; arguments as of `registry.open_encoder`."""

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
    """The offer of a kind when the user leaves the choice to imgsearch.

    `name` is None if the kind has no usable encoder now. `reason` explains the offer, as part of a
    sentence.
    """

    name: str | None
    reason: str


class Int8Option(Struct, frozen=True):
    """An int8 variant that may replace a float32 encoder, if a trial on this machine favours it.

    Results of trials are stored in `results_file`, relative to the cache folder, by the id of the
    float32 encoder and by `conditions`, everything else that a result depends on.
    """

    int8_name: str
    float32_name: str
    results_file: Path
    conditions: Callable[[], str]


def _any_name(name: str) -> None:
    """Accept each name with the prefix; `open` may still raise UsageError."""


def _before_at(encoder_id: str) -> str:
    return encoder_id.partition("@")[0]


class HubnessShares(Struct, frozen=True):
    """The shares (0 to 1) of a photo's hubness that are subtracted from its scores with texts.

    `text` is that of a description, `short` that of a text of a few words. `usual` is the hubness
    of a usual photo, whose scores stay what they are.
    """

    text: float = 0.0
    short: float = 0.0
    usual: float = 0.0


class EncoderKind(Struct, frozen=True, kw_only=True):
    """A kind of encoder. `prefix` and `open` suffice; the rest has defaults for a simple kind.

    The name of an encoder is the prefix alone, or the prefix, a colon and more.
    """

    prefix: str
    """The beginning of its names and ids: letters, digits, `-` and `_`."""

    open: OpenEncoder

    name_format: str = ""
    """The syntax of its names, for messages; by default the prefix."""

    check: Callable[[str], None] = _any_name
    """Checks a name with this prefix. Raises UsageError for an invalid one."""

    names: Callable[[str], tuple[str, ...]] = lambda requested: (requested,)
    """The names, as a library stores them, of the encoders that satisfy a requested name.

    The default comes first. The name is not checked.
    """

    name_of: Callable[[str], str] = _before_at
    """The name of the encoder with this id; by default the part before the `@`."""

    choices: Callable[[], tuple[EncoderInfo, ...]] = lambda: ()
    """The encoders to offer. The function may read the disk, but not the network."""

    is_here: Callable[[str, Path], bool] = lambda name, cache_dir: True
    """Whether `open` needs no download for this name, with this cache folder.

    It may read the disk, but not the network, and raises what `open` would raise at once.
    """

    verify: Callable[[str], None] = _any_name
    """Checks the local weights of a name. Raises EncoderError if they are damaged."""

    recommend: Callable[[str, Notify], Recommendation] | None = None
    """The encoder for a device (auto, cpu, cuda, …) if the user names none.

    Before a request to the network, the user is notified.
    """

    int8: Callable[[str, str], Int8Option | None] = lambda requested, device: None
    """The int8 variant to try for a requested name on a device, if any."""

    reads_only_english: Callable[[str], bool] = lambda name: False
    """Whether the encoder with this name reads English only, so that users are told."""

    templates: tuple[str, ...] = TEMPLATES
    """Prompt templates over which the vector of a short query is averaged."""

    noun_templates: tuple[str, ...] = ()
    """Prompt templates for a single noun, with `{singular}` and `{plural}`; default `templates`.

    With them, both forms of a noun find the same photos.
    """

    mean_noun_share: Callable[[str], float] = lambda encoder_id: 0.0
    """The share of the mean vector of many nouns that is subtracted from short queries.

    It is from 0 to 1, for the encoder with this id. With a share, "people" stands for men, women
    and children; see `imgsearch.search.short_texts`.
    """

    hubness_shares: Callable[[str], HubnessShares] = lambda encoder_id: HubnessShares()
    """The shares of a photo's hubness that the encoder with this id subtracts from scores.

    Measure them (benchmarks/bench_hubness.py): without a gain there is nothing to subtract.
    """

    class_templates: tuple[str, ...] = CLASS_TEMPLATES
    """Prompt templates for the class names of labels."""
