"""Stores measurements in the cache folder: few values, which never become outdated."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from imgsearch import private_files

_BATCH_SIZES = "batch_sizes.json"


class Measurements:
    """Values by key, in one JSON file.

    An unreadable value counts as not measured; a value that cannot be written is measured again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, key: str) -> Any:
        """Return the value of a key, as JSON gives it; None if there is none."""
        return self._read().get(key)

    def put(self, key: str, value: object) -> None:
        """Store a value. The file is replaced completely or left unchanged."""
        text = json.dumps({**self._read(), key: value}, indent=1)
        with suppress(OSError):
            private_files.replace_file(self._file, text.encode())

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            values = json.loads(self._file.read_text(encoding="utf-8"))
            if isinstance(values, dict):
                return values
        return {}


class BatchSizes:
    """The best batch sizes of one encoder by device, found by trial."""

    def __init__(self, cache_dir: Path, encoder_id: str) -> None:
        self._cache = Measurements(cache_dir / _BATCH_SIZES)
        self._encoder_id = encoder_id

    def get(self, device: str) -> int | None:
        """Return the stored size for the device with this name, if any."""
        size = self._cache.get(self._key(device))
        return size if type(size) is int and size >= 1 else None

    def put(self, device: str, size: int) -> None:
        """Store the size for a device."""
        self._cache.put(self._key(device), size)

    def _key(self, device: str) -> str:
        return f"{self._encoder_id} on {device}"
