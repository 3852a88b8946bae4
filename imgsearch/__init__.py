"""imgsearch: find your own photos by meaning, on your own machine.

from imgsearch import Library, Settings

with Library.open(Settings.load(data_dir="my-library", encoder="lite")) as library:
    library.index(["~/Pictures"]).run()
    for hit in library.search("a dog in snow", k=5):
        print(hit.score, hit.path)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.errors import ImgsearchError
    from imgsearch.library import Library
    from imgsearch.records import Hit, Photo
from imgsearch.terms import Query

__all__ = ["Hit", "ImgsearchError", "Library", "Photo", "Query", "Settings"]
__version__ = "0.1.0"

_HOMES = {
    "Hit": "imgsearch.records",
    "ImgsearchError": "imgsearch.errors",
    "Library": "imgsearch.library",
    "Photo": "imgsearch.records",
    "Query": "imgsearch.terms",
    "Settings": "imgsearch.config",
}


def __getattr__(name: str) -> object:
    # Loaded when first used: `import imgsearch` and `--help` take no time.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
