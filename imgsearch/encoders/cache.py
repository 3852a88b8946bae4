"""How many photos a device embeds at once: found by trial, and remembered in the cache folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

AS_GOOD_AS_BEST = 0.95  # of the most images/s: what lies between is noise, and memory is worth more
FILE = "batch_sizes.json"


class BatchSizeCache:
    """The batch sizes of one encoder, found on whichever devices; kept in `cache_dir`."""

    def __init__(self, cache_dir: Path, encoder_id: str) -> None:
        self._measured = JsonCache(cache_dir / FILE)
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


class JsonCache:
    """Values by key, in one JSON file.

    What cannot be read was not measured yet; what cannot be written is measured again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, key: str) -> Any:
        """What was found, as JSON gives it; None where nothing was."""
        return self._all().get(key)

    def put(self, key: str, value: object) -> None:
        """Remember what was found; the file is there whole or not at all."""
        fresh = self._file.with_name(f".{self._file.name}-{os.getpid()}")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({**self._all(), key: value}, indent=1), encoding="utf-8")
            fresh.replace(self._file)

    def _all(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            found = json.loads(self._file.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return found
        return {}
