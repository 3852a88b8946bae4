"""How many photos a device embeds at once: found by trial, and remembered in the cache folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from imgsearch.encoders.measured import Measured

AS_GOOD_AS_BEST = 0.95  # of the most images/s: what lies between is noise, and memory is worth more
FILE = "batch_sizes.json"


class Remembered:
    """The batch sizes of one encoder, found on whichever devices; kept in `cache_dir`."""

    def __init__(self, cache_dir: Path, encoder_id: str) -> None:
        self._measured = Measured(cache_dir / FILE)
        self._encoder_id = encoder_id

    def size(self, device: str) -> int | None:
        """What was found on the device of this name, if anything was."""
        size = self._measured.get(self._key(device))
        return size if type(size) is int and size >= 1 else None

    def keep(self, device: str, size: int) -> None:
        """Remember what was found."""
        self._measured.put(self._key(device), size)

    def _key(self, device: str) -> str:
        return f"{self._encoder_id} on {device}"


def smallest_of_the_fast(sizes: Sequence[int], images_per_s: Callable[[int], float | None]) -> int:
    """Of growing batch sizes, the smallest that is about as fast as the fastest.

    `images_per_s` measures one, and answers None where there is no room for it, or no time: then
    no larger one is tried. The first of the sizes, where it answers None at once.
    """
    rates = {sizes[0]: 0.0}
    for size in sizes:
        rate = images_per_s(size)
        if rate is None:
            break
        rates[size] = rate
    best = max(rates.values())
    return min(size for size, rate in rates.items() if rate >= AS_GOOD_AS_BEST * best)
