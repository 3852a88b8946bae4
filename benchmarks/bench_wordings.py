"""Measures how steady the ten best photos are when a query is worded or typed differently.

    imgsearch index COCO-DEV/images --data LIBRARY --encoder lite
    python -m benchmarks.bench_wordings VARIANTS.csv LIBRARY

The queries are those of Tran and Rossetto (2025), 95 of TRECVID's ad-hoc tasks in 45 wordings each,
as rows of an id, the kind of wording (`base` is the original) and the query; empty ones are left
out. Printed for each kind
is the share of the ten best photos of the base that are among the ten best of the wording: as it is
searched for, with misspelt words corrected, and as typed, in quotes.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from imgsearch import Library, Query, Term
from imgsearch.language.grammar import parse

BEST = 10
LEAST_SCORE = -1.0  # so that the nearest photos are listed whatever the verdict is
BASE = "base"


def best_of(library: Library, query: Query) -> set[int]:
    answer = library.find(replace(query, min_score=LEAST_SCORE), BEST)
    return {hit.photo.id for hit in answer.hits}


def report_wordings(library: Library, variants: Path) -> None:
    """Print the share of the ten best photos that each kind of wording keeps."""
    with variants.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["query"].strip()]
    base = {
        row["id"]: best_of(library, parse(row["query"])) for row in rows if row["variant"] == BASE
    }
    kept: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        as_typed = Query((Term(row["query"], is_quoted=True),))
        found = (best_of(library, query) for query in (parse(row["query"]), as_typed))
        searched, typed = (len(best & base[row["id"]]) / BEST for best in found)
        kept[row["variant"]].append((searched, typed))
    print(f"{'wording':18} queries  as searched  as typed")
    for kind, shares in sorted(kept.items()):
        searched, typed = np.mean(shares, axis=0)
        print(f"{kind:18} {len(shares):7} {searched:12.2f} {typed:9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("variants", type=Path, help="rows of id, variant and query")
    parser.add_argument("library", type=Path, help="the data folder of an index")
    args = parser.parse_args()
    with Library.open(args.library) as library:
        report_wordings(library, args.variants)


if __name__ == "__main__":
    main()
