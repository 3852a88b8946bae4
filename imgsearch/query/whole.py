"""A query that means the same wherever it is read: no path in it depends on where one stands."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from imgsearch.query.grammar import parse
from imgsearch.terms import Example, Query


def whole_query(query: str | Query) -> Query:
    """The query that a line says, or this one, with the paths of its examples made absolute."""
    asked = parse(query) if isinstance(query, str) else query
    terms = tuple(
        replace(term, what=replace(term.what, source=Path(absolute(term.what.source))))
        if isinstance(term.what, Example) and isinstance(term.what.source, Path)
        else term
        for term in asked.terms
    )
    return replace(asked, terms=terms)


def absolute(path: str | Path) -> str:
    """The whole path; a symbolic link in it stays what it is."""
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100  # keeps symbolic links
