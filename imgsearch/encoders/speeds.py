"""How fast encoders have embedded photos on this machine, and with how much memory.

Each run that embeds enough photos notes it in the cache folder, so that `imgsearch encoders` can
say what a change would take.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict

from imgsearch.encoders.measurements import Measurements

MIN_PHOTOS = 100  # of a run that is noted: with fewer, loading the model counts
_FILE = "speeds.json"


class Speed(Struct, frozen=True):
    """The speed of an encoder in a run over `photos`, and the most memory of its process.

    The names of the fields are those of the file in the cache folder.
    """

    photos: int
    photos_per_s: float
    memory_bytes: int


class Speeds:
    """The last speed of each encoder, by name. Safe in any process."""

    def __init__(self, cache_dir: Path) -> None:
        self._measurements = Measurements(cache_dir / _FILE)

    def get(self, name: str) -> Speed | None:
        """Return the speed of the encoder with this stored name, if it was measured here."""
        with suppress(TypeError):
            return Speed(**self._measurements.get(name))
        return None

    def note(self, name: str, photos: int, seconds: float, memory_bytes: int) -> None:
        """Note a run of this encoder, unless it had too few photos."""
        if photos >= MIN_PHOTOS and seconds > 0:
            speed = Speed(photos, round(photos / seconds, 2), memory_bytes)
            self._measurements.put(name, asdict(speed))
