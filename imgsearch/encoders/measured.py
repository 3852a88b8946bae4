"""What was measured on this machine, remembered in the cache folder so that it is measured once."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


class Measured:
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
