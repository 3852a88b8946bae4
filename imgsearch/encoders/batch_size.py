"""How many photos a device embeds at once: found by trial, and remembered in the cache folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

AS_GOOD_AS_BEST = 0.95  # of the most images/s: what lies between is noise, and memory is worth more
FOLDER = "batch_sizes"


@dataclass(frozen=True, slots=True)
class Remembered:
    """The batch sizes of one encoder, found on whichever devices; kept in `cache_dir`.

    What cannot be read or written is not remembered: it will be measured again.
    """

    cache_dir: Path
    encoder_id: str

    def size(self, device: str) -> int | None:
        """What was found on the device of this name, if anything was."""
        try:
            found = json.loads(self._file(device).read_text(encoding="utf-8"))
            size = found["batch_size"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        meant = found.get("device"), found.get("encoder")
        if meant != (device, self.encoder_id) or type(size) is not int or size < 1:
            return None
        return size

    def keep(self, device: str, size: int) -> None:
        """Remember what was found; the file is there whole or not at all."""
        found = {"device": device, "encoder": self.encoder_id, "batch_size": size}
        file = self._file(device)
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh = file.with_name(f".{file.name}-{os.getpid()}")
            fresh.write_text(json.dumps(found, indent=1), encoding="utf-8")
            fresh.replace(file)

    def _file(self, device: str) -> Path:
        key = hashlib.sha256(f"{device}\n{self.encoder_id}".encode()).hexdigest()[:16]
        return self.cache_dir / FOLDER / f"{key}.json"


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
