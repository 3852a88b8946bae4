"""The open_clip models that imgsearch recommends, with published figures, and model names.

Sizes are of the fp32 weight files. COCO R@1 is zero-shot text-to-image recall at 1 on
COCO's 5,000 test photos: from open_clip's `docs/openclip_retrieval_results.csv` for the DataComp
models, from big_vision's `README_siglip2.md` for SigLIP 2. ImageNet top-1 of MobileCLIP: its
model card.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from imgsearch.errors import CommandLine, Sentence, UsageError

# The forms of models that are prepared without torch: see `preparation.py`.
Layout: TypeAlias = Literal["clip", "siglip"]

PREFIX = "openclip:"
INT8, FP32 = "+int8", "+fp32"  # at the end of a name: the image tower's precision
INT8_FORMAT = 2  # part of ids: raise it where vectors would differ

# Parts of architecture names that mark text towers for many languages.
_MULTILINGUAL_ARCHITECTURES = ("SigLIP2", "i18n", "xlm-roberta", "nllb", "mt5", "worldwide")

# The defaults; both are among MODELS.
CPU_DEFAULT = "openclip:ViT-B-32-256/datacomp_s34b_b86k"
GPU_DEFAULT = "openclip:ViT-B-16-SigLIP2-256/webli"


# Seconds of preparing on two cores, for each megabyte of weights: see benchmarks/bench_getting.py.
PREPARING: Mapping[str, float] = {
    "reading its weights": 0.002,
    "converting its towers": 0.014,
    "trying both towers": 0.002,
}
CONVERTING_TO_INT8 = "converting its image tower to int8"
INT8_S_PER_MB = 0.02
_DISK_RATIO = 2.3  # of the download: itself, both towers in float32, the image tower in int8


class PublishedTest(Struct, frozen=True):
    """A test whose figures others have published: its name and figure in short, and in words."""

    short: str
    words: str


COCO = PublishedTest(
    "COCO R@1", "COCO's test split: captions whose photo comes first, of 5,000 photos"
)
IMAGENET = PublishedTest(
    "ImageNet top-1", "ImageNet: photos that get the right one of 1,000 classes"
)


class RecommendedModel(Struct, frozen=True):
    """A recommended model and where its files are on the model hub."""

    name: str  # openclip:ARCH/PRETRAINED
    repo: str
    dim: int
    size_mb: int
    licence: str
    share_right: float  # in `test`
    note: str
    layout: Layout | None  # None: only torch and open_clip can prepare it
    test: PublishedTest = COCO

    @property
    def accuracy(self) -> str:
        """The figure with the name of the test."""
        return f"{self.test.short} {f'{self.share_right:.3f}'.removeprefix('0')}"

    @property
    def disk_mb(self) -> int:
        """The disk space of the download and of the prepared model, float32 and int8 together."""
        return round(self.size_mb * _DISK_RATIO)

    @property
    def prepare_s(self) -> int:
        """The estimated seconds of preparing it on a CPU, in float32 and in int8; 0 if unknown."""
        if self.layout is None:
            return 0
        return round(self.size_mb * (sum(PREPARING.values()) + INT8_S_PER_MB))


MODELS = (
    RecommendedModel(
        CPU_DEFAULT,
        "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        512,
        605,
        "MIT",
        0.399,
        "English; the default on a CPU",
        "clip",
    ),
    RecommendedModel(
        "openclip:ViT-B-16/datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
        512,
        599,
        "MIT",
        0.402,
        "English; sees finer detail, about three times slower than the default",
        "clip",
    ),
    RecommendedModel(
        "openclip:ViT-L-14/datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
        768,
        1710,
        "MIT",
        0.457,
        "English; fast only on a GPU",
        "clip",
    ),
    RecommendedModel(
        GPU_DEFAULT,
        "timm/ViT-B-16-SigLIP2-256",
        768,
        1535,
        "Apache-2.0",
        0.532,
        "many languages; the default on a GPU",
        "siglip",
    ),
    RecommendedModel(
        "openclip:ViT-L-16-SigLIP2-256/webli",
        "timm/ViT-L-16-SigLIP2-256",
        1024,
        3560,
        "Apache-2.0",
        0.547,
        "many languages; fast only on a GPU",
        "siglip",
    ),
    RecommendedModel(
        "openclip:MobileCLIP-S2/datacompdr",
        "apple/MobileCLIP-S2-OpenCLIP",
        512,
        397,
        "Apple AMLR",
        0.744,
        "English; weights for research only; prepared by torch",
        None,
        IMAGENET,
    ),
)


def plain(name: str) -> str:
    """Return a name without its precision."""
    return name.removesuffix(int8_of(name)).removesuffix(FP32)


def int8_of(name: str) -> str:
    """Return the suffix INT8 of a name; "" if the name does not ask for int8."""
    return INT8 if name.endswith(INT8) else ""


def reads_only_english(name: str) -> bool:
    """Return whether a model reads English only, as most of open_clip's do."""
    return not any(part in name for part in _MULTILINGUAL_ARCHITECTURES)


def find(name: str) -> RecommendedModel | None:
    """Return the recommended model with this name, with or without a precision; None for others."""
    return next((model for model in MODELS if model.name == plain(name)), None)


def split(name: str) -> tuple[str, str]:
    """ARCH and PRETRAINED of `openclip:ARCH/PRETRAINED`, with or without prefix and precision.

    Raises UsageError for an unknown architecture or missing weights; the message suggests the
    nearest names. It takes a directory listing and does not import open_clip. If that is not
    installed, any architecture is accepted, since prepared models work without it.
    """
    arch, slash, tag = plain(name).removeprefix(PREFIX).partition("/")
    if is_installed() and arch not in architectures():
        import difflib

        near = difflib.get_close_matches(arch, architectures(), n=3, cutoff=0.5)
        raise UsageError(_unknown(name, f"open_clip has no architecture {arch!r}", near))
    if not slash or not tag:
        tags = [m.name for m in MODELS if m.name.startswith(f"{PREFIX}{arch}/")]
        raise UsageError(_unknown(name, "a slash and the weights are missing", tags))
    return arch, tag


def unknown_tag(name: str, arch: str, tags: list[str]) -> UsageError:
    """Return the error for weights that open_clip does not know for `arch`.

    `tags` are those it knows.
    """
    import difflib

    requested = name.rpartition("/")[2]
    near = difflib.get_close_matches(requested, tags, n=3, cutoff=0.0)
    what = f"open_clip has no weights {requested!r} for {arch}"
    return UsageError(_unknown(name, what, [f"{PREFIX}{arch}/{tag}" for tag in near]))


def has_extra() -> bool:
    """Return whether an extra for downloaded models is installed: int8, cpu, models or gpu."""
    return is_installed() or find_spec("openvino") is not None


def is_installed() -> bool:
    """Return whether open_clip is installed, which a prepared model does not need."""
    return find_spec("open_clip") is not None


@cache
def architectures() -> tuple[str, ...]:
    """Return the architectures of the installed open_clip, by names of configuration files."""
    spec = find_spec("open_clip")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "model_configs"
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def _unknown(name: str, what: str, near: list[str]) -> str:
    near = [n if n.startswith(PREFIX) else f"{PREFIX}{n}/…" for n in near]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return Sentence(
        f"Unknown encoder {name!r}: {what}.{hint} `",
        CommandLine("encoders"),
        "` lists the choices; a name is written openclip:ARCH/PRETRAINED.",
    )
