"""imgsearch: find your own photos by meaning, on your own machine.

from imgsearch import Library, Settings

with Library.open(Settings.load(data_dir="my-library", encoder="lite")) as library:
    library.index(["~/Pictures"]).run()
    for hit in library.search("a dog in snow", k=5):
        print(hit.score, hit.path)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.doors import door

if TYPE_CHECKING:
    from imgsearch.client import ask
    from imgsearch.config import Settings
    from imgsearch.display import clock, printable
    from imgsearch.errors import ImgsearchError
    from imgsearch.findings import Classes, Label
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
        Verdict,
        Want,
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
    "Answer": "records",
    "Classes": "findings",
    "Counts": "records",
    "EncoderInfo": "records",
    "Example": "terms",
    "Failure": "records",
    "Hit": "records",
    "ImgsearchError": "errors",
    "Label": "findings",
    "Library": "library",
    "Pairs": "records",
    "Photo": "records",
    "Query": "terms",
    "Region": "terms",
    "Root": "records",
    "Running": "jobs",
    "Settings": "config",
    "Status": "records",
    "Term": "terms",
    "Verdict": "records",
    "Want": "records",
    "ask": "client",
    "clock": "display",
    "filter_of": "query",
    "parse": "query",
    "printable": "display",
    "to_text": "query",
}


# `import imgsearch` and `--help` take no time.
__getattr__ = door(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
