"""The kind `lite`: the built-in encoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.encoders.base import Encoder, EncoderKind, HubnessShares, Recommendation
from imgsearch.encoders.lite import weights
from imgsearch.errors import CommandLine, Sentence, UsageError

if TYPE_CHECKING:
    from imgsearch.encoders.lite.encoder import LiteForm
    from imgsearch.progress import OnDownload
    from imgsearch.records.status import EncoderInfo

NAME = "lite"
_VIEWS_NAME = "lite+views"
_DINO_NAME = "lite+dino"
_DINO_VIEWS_NAME = "lite+dino+views"
_NAMES = (NAME, _VIEWS_NAME, _DINO_NAME, _DINO_VIEWS_NAME)
_OF_DINO = (_DINO_NAME, _DINO_VIEWS_NAME)
# Chosen by measurement: see research/notes/few-words.md.
_TEMPLATES = ("{}", "a {}", "there is a {}")
_NOUN_TEMPLATES = ("{singular}", "there is a {singular}", "{plural}")
_MEAN_NOUN_SHARE = 0.75
_HUBNESS_SHARES = HubnessShares(text=0.5, short=0.3, usual=0.37)  # see research/notes/hubness.md


def _open(
    name: str,
    cache_dir: Path,
    device: str,
    on_download: OnDownload | None,
    batch_size: int,
) -> Encoder:
    # NumPy and more: only where it is opened
    from imgsearch.encoders.lite.encoder import Lite

    return Lite(cache_dir, batch_size=batch_size, form=_form(name))


def _form(name: str) -> LiteForm:
    if name in _OF_DINO:
        from imgsearch.encoders.lite.dino import DinoForm

        return DinoForm(has_views=name == _DINO_VIEWS_NAME)
    from imgsearch.encoders.lite.plain import PlainForm

    return PlainForm(has_views=name == _VIEWS_NAME)


def _check(name: str) -> None:
    if name not in _NAMES:
        raise UsageError(
            Sentence(
                f"Unknown encoder {name!r}. Did you mean {', '.join(_NAMES[:-1])} or "
                f"{_NAMES[-1]}? `",
                CommandLine("encoders"),
                "` lists the choices.",
            )
        )


def _verify(name: str) -> None:
    for file in _files_of(name):
        file.verified()
    for own in (weights.TEXT_GRAPH, weights.TOKENIZER):
        own.verified()


def _files_of(name: str) -> tuple[weights.WeightFile, ...]:
    return weights.DINO_FILES if name in _OF_DINO else weights.LITE_FILES


def _name_of(encoder_id: str) -> str:
    form = encoder_id.partition(":")[0]  # lite/2, lite/2+views, lite/2+dino+views
    _, plus, suffix = form.partition("+")
    return NAME + plus + suffix


def _choices() -> tuple[EncoderInfo, ...]:
    from imgsearch.records.status import EncoderInfo

    return tuple(
        EncoderInfo(
            name=name,
            dim=768,
            size_mb=size_mb,
            licence="Apache-2.0; heads for research",
            accuracy=f"Flickr8k test R@1 {f'{recall:.3f}'.removeprefix('0')}",
            weights_here=weights.are_installed(_files_of(name)),
            note=note,
            test="Flickr8k's test split: captions whose photo comes first, of 1,000 photos",
            share_right=recall,
        )
        for name, recall, size_mb, note in (
            (NAME, 0.277, 49, "English; built in, works without the model hub"),
            (_VIEWS_NAME, 0.295, 49, "finds more small things, at half the speed"),
            (_DINO_NAME, 0.305, 146, "finds more, at a quarter of the speed"),
            (_DINO_VIEWS_NAME, 0.318, 146, "finds most, at an eighth of the speed"),
        )
    )


KIND = EncoderKind(
    prefix=NAME,
    open=_open,
    check=_check,
    name_of=_name_of,
    choices=_choices,
    verify=_verify,
    recommend=lambda device, notify: Recommendation(NAME, "the built-in encoder"),
    reads_only_english=lambda name: True,
    templates=_TEMPLATES,
    noun_templates=_NOUN_TEMPLATES,
    mean_noun_share=lambda id: _MEAN_NOUN_SHARE,
    hubness_shares=lambda id: _HUBNESS_SHARES,
    class_templates=_TEMPLATES,
)
