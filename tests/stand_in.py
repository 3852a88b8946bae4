"""A small encoder for tests about files, and its kind for tests that choose it by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.encoders.base import EncoderKind
from imgsearch.testing import StandIn as StandIn

if TYPE_CHECKING:
    from imgsearch.progress import OnDownload


def open_stand_in(
    name: str,
    cache_dir: Path,
    device: str = "auto",
    on_download: OnDownload | None = None,
    batch_size: int = 0,
) -> StandIn:
    """Opens a StandIn of the kind below; an `imgsearch.encoders.base.OpenEncoder`."""
    encoder = StandIn()
    encoder.id = f"{KIND.prefix}@1"
    return encoder


# For tests that choose the encoder by its name, in another process or to release and open it again.
KIND = EncoderKind(prefix="stand-in", open=open_stand_in)
