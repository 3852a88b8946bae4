"""Which precision a new library's model has: what was tried on this machine, and what follows.

A name of open_clip may say it (`+int8`, `+fp32`). One that does not leaves it to a trial: the same
photos embedded both ways, once for each model, machine and version of the runtime.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.encoders.base import FP32, INT8, plain
from imgsearch.encoders.cache import JsonCache
from imgsearch.encoders.openclip import catalogue
from imgsearch.encoders.registry import has_gpu

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder

ENOUGH_PHOTOS = 512  # a verdict over so many is not tried again
LEAST_PHOTOS = 32  # over fewer, the least cosine says little
_LEAST_MEAN, _LEAST = 0.99, 0.98  # cosine to float32; what fast decoding may cost, too
_LEAST_GAIN = 1.25  # below that, a name of its own is not worth it


@dataclass(frozen=True, slots=True)
class Int8Comparison:
    """How int8 compared with float32: the cosine of their vectors, and its speed by the other's."""

    photos: int
    cosine_mean: float
    cosine_least: float
    times_faster: float

    @property
    def holds(self) -> bool:
        """Whether int8 finds the same and is worth having."""
        alike = self.cosine_mean >= _LEAST_MEAN and self.cosine_least >= _LEAST
        return alike and self.times_faster >= _LEAST_GAIN

    def sentence(self, name: str) -> str:
        """What was found and what follows, for a person; `name` is without a precision."""
        found = (
            f"int8 is {self.times_faster:.1f} times as fast as float32 here, and its vectors have "
            f"a cosine of {self.cosine_mean:.4f} with those in float32 (at least "
            f"{self.cosine_least:.4f}, {self.photos} photos)"
        )
        if self.holds:
            return f"{found}: used. Float32: --encoder {name}{FP32}"
        return f"{found}: not used. int8 all the same: --encoder {name}{INT8}"


def int8_of(name: str, device: str) -> str | None:
    """The name in int8 of a model that leaves its precision open and may run in it here."""
    from imgsearch.encoders import openvino

    open_ = name.startswith(catalogue.PREFIX) and plain(name) == name
    on_cpu = device in ("auto", "cpu") and not has_gpu(device)
    return name + INT8 if open_ and on_cpu and openvino.is_here() else None


class Int8Comparisons:
    """The verdict over one model, kept in the cache folder for this machine alone."""

    def __init__(self, cache_dir: Path, encoder: Encoder) -> None:
        from imgsearch.encoders import openvino
        from imgsearch.encoders.openclip.runtime import INT8_FORMAT

        self._measured = JsonCache(cache_dir / "openclip" / "int8.json")
        self._key = f"{encoder.id}, int8 format {INT8_FORMAT}, {openvino.machine()}"

    def get(self, photos: int) -> Int8Comparison | None:
        """What was found before, over as many photos as could be tried now."""
        with suppress(TypeError):
            verdict = Int8Comparison(**self._measured.get(self._key))
            if verdict.photos >= min(photos, ENOUGH_PHOTOS):
                return verdict
        return None

    def put(self, verdict: Int8Comparison) -> None:
        """Keep it."""
        self._measured.put(self._key, asdict(verdict))
