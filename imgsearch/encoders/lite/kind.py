"""The kind `lite`: the built-in encoder, the only one of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.encoders.base import Encoder, EncoderKind, Recommendation
from imgsearch.encoders.lite import weights
from imgsearch.errors import UsageError
from imgsearch.records.status import EncoderInfo

if TYPE_CHECKING:
    from imgsearch.progress import OnDownload

NAME = "lite"
# Chosen by measurement: see docs/models.md.
_TEMPLATES = ("{}", "a {}", "there is a {}")
_NOUN_TEMPLATES = ("{singular}", "there is a {singular}", "{plural}")


def _open(
    name: str,
    cache_dir: Path,
    device: str,
    on_download: OnDownload | None,
    batch_size: int,
) -> Encoder:
    from imgsearch.encoders.lite.encoder import Lite  # NumPy and more: only where it is opened

    return Lite(cache_dir, batch_size=batch_size)


def _check(name: str) -> None:
    if name != NAME:
        raise UsageError(
            f"Unknown encoder {name!r}. Did you mean {NAME}? "
            "`imgsearch encoders` lists the choices."
        )


def _verify(name: str) -> None:
    for file in weights.FILES:
        file.verified()


def _choices() -> tuple[EncoderInfo, ...]:
    return (
        EncoderInfo(
            name=NAME,
            dim=768,
            size_mb=116,
            licence="Apache-2.0; heads for research",
            accuracy="Flickr8k test R@1 .264",
            weights_here=weights.are_installed(),
            note="English; built in, works without the model hub",
        ),
    )


KIND = EncoderKind(
    prefix=NAME,
    open=_open,
    check=_check,
    name_of=lambda encoder_id: NAME,
    choices=_choices,
    verify=_verify,
    recommend=lambda device: Recommendation(NAME, "the built-in encoder"),
    templates=_TEMPLATES,
    noun_templates=_NOUN_TEMPLATES,
    class_templates=_TEMPLATES,
)
