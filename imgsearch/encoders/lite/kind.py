"""The kind `lite`: the built-in encoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.encoders.base import Encoder, EncoderKind, Recommendation
from imgsearch.encoders.lite import weights
from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from imgsearch.progress import OnDownload
    from imgsearch.records.status import EncoderInfo

NAME = "lite"
_VIEWS_NAME = "lite+views"
# Chosen by measurement: see docs/models.md.
_TEMPLATES = ("{}", "a {}", "there is a {}")
_NOUN_TEMPLATES = ("{singular}", "there is a {singular}", "{plural}")
_MEAN_NOUN_SHARE = 0.75


def _open(
    name: str,
    cache_dir: Path,
    device: str,
    on_download: OnDownload | None,
    batch_size: int,
) -> Encoder:
    # NumPy and more: only where it is opened
    from imgsearch.encoders.lite.encoder import Lite

    return Lite(cache_dir, batch_size=batch_size, views=name == _VIEWS_NAME)


def _check(name: str) -> None:
    if name not in (NAME, _VIEWS_NAME):
        raise UsageError(
            f"Unknown encoder {name!r}. Did you mean {NAME} or {_VIEWS_NAME}? "
            "`imgsearch encoders` lists the choices."
        )


def _verify(name: str) -> None:
    for file in weights.FILES:
        file.verified()


def _name_of(encoder_id: str) -> str:
    return _VIEWS_NAME if "+views:" in encoder_id else NAME


def _choices() -> tuple[EncoderInfo, ...]:
    from imgsearch.records.status import EncoderInfo

    return tuple(
        EncoderInfo(
            name=name,
            dim=768,
            size_mb=116,
            licence="Apache-2.0; heads for research",
            accuracy=f"Flickr8k test R@1 {recall}",
            weights_here=weights.are_installed(),
            note=note,
        )
        for name, recall, note in (
            (NAME, ".277", "English; built in, works without the model hub"),
            (_VIEWS_NAME, ".295", "finds more small things, at half the speed"),
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
    class_templates=_TEMPLATES,
)
