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
    from imgsearch.client import ask
    from imgsearch.config import Settings
    from imgsearch.display import clock, printable
    from imgsearch.errors import ImgsearchError
    from imgsearch.findings import Classes, Label, Verdict
    from imgsearch.jobs import Running
    from imgsearch.library import Library
    from imgsearch.query import filter_of, parse, to_text
    from imgsearch.records import (
        Answer,
        Counts,
        EncoderInfo,
        Failure,
        Hit,
        Pairs,
        Photo,
        Root,
        Status,
    )
    from imgsearch.terms import Example, Query, Region, Term

__all__ = [
    "Answer",
    "Classes",
    "Counts",
    "EncoderInfo",
    "Example",
    "Failure",
    "Hit",
    "ImgsearchError",
    "Label",
    "Library",
    "Pairs",
    "Photo",
    "Query",
    "Region",
    "Root",
    "Running",
    "Settings",
    "Status",
    "Term",
    "Verdict",
    "Want",
    "ask",
    "clock",
    "filter_of",
    "parse",
    "printable",
    "to_text",
]
__version__ = "0.1.0"

_HOMES = {
    "Answer": "imgsearch.records",
    "Classes": "imgsearch.findings",
    "Counts": "imgsearch.records",
    "EncoderInfo": "imgsearch.records",
    "Example": "imgsearch.terms",
    "Failure": "imgsearch.records",
    "Hit": "imgsearch.records",
    "ImgsearchError": "imgsearch.errors",
    "Label": "imgsearch.findings",
    "Library": "imgsearch.library",
    "Pairs": "imgsearch.records",
    "Photo": "imgsearch.records",
    "Query": "imgsearch.terms",
    "Region": "imgsearch.terms",
    "Root": "imgsearch.records",
    "Running": "imgsearch.jobs",
    "Settings": "imgsearch.config",
    "Status": "imgsearch.records",
    "Term": "imgsearch.terms",
    "Verdict": "imgsearch.findings",
    "Want": "imgsearch.records",
    "ask": "imgsearch.client",
    "clock": "imgsearch.display",
    "filter_of": "imgsearch.query",
    "parse": "imgsearch.query",
    "printable": "imgsearch.display",
    "to_text": "imgsearch.query",
}


def __getattr__(name: str) -> object:
    # Loaded when first used: `import imgsearch` and `--help` take no time.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
