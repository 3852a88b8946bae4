"""Measures the detection of misspelt words and other languages, without a model.

    python -m benchmarks.bench_words COCO-DEV FLICKR8K --split dev

False alarms are counted over all captions, and over queries of one and two words from the
captions. A suggestion for a caption counts as one, right or wrong: annotators misspell words, so
they are printed. Other languages are those of other_languages.txt, misspelt words those of
misspelt.txt. The queries in it that are marked as later were written after the word lists.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import random
import re
import time
from collections.abc import Sequence
from pathlib import Path

from imgsearch.language.foreign import is_other_language
from imgsearch.language.spelling import corrected

HERE = Path(__file__).parent
SHORT_QUERIES = 300
SHOWN = 60


def no_name(word: str) -> bool:
    """Treat no word as a name: there is no library."""
    return False


def captions_of(folder: Path, split: str) -> list[str]:
    with (folder / "captions.csv").open() as lines:
        return [row["caption"].strip() for row in csv.DictReader(lines) if row["split"] == split]


def short_queries(captions: Sequence[str]) -> list[str]:
    """Words and pairs of words that follow each other in captions, drawn at random."""
    found = set()
    for caption in captions:
        words = [word for word in re.findall("[a-z]+", caption.lower()) if len(word) > 2]
        found |= {*words, *(" ".join(words[at : at + 2]) for at in range(len(words) - 1))}
    return random.Random(11).sample(sorted(found), SHORT_QUERIES)


def report_english(name: str, texts: Sequence[str]) -> None:
    foreign = [text for text in texts if is_other_language(text, no_name)]
    suggestions = [(text, better) for text in texts if (better := corrected(text, no_name))]
    print(
        f"{name}: {len(texts)}, taken for another language {len(foreign)} "
        f"({len(foreign) / len(texts):.2%}), with a suggestion {len(suggestions)} "
        f"({len(suggestions) / len(texts):.1%})"
    )
    changed = sorted(
        {
            f"{old} -> {new}"
            for text, better in suggestions
            for old, new in zip(text.split(), better.split(), strict=True)
            if old != new
        }
    )
    print("  " + ", ".join([*foreign, *changed[:SHOWN]]))


def report_languages() -> None:
    totals = {"later": [0, 0], "": [0, 0]}
    for line in (HERE / "other_languages.txt").read_text("utf-8").splitlines():
        language, colon, texts = line.partition(": ")
        if colon and not line.startswith("#"):
            missed = [text for text in texts.split("|") if not is_other_language(text, no_name)]
            count = texts.count("|") + 1
            print(f"{language:20} {count - len(missed):2} of {count:2} noticed   {missed or ''}")
            total = totals["later" if language.endswith("(later)") else ""]
            total[0], total[1] = total[0] + count - len(missed), total[1] + count
    for name, (noticed, count) in totals.items():
        print(f"{'all ' + name:20} {noticed} of {count} noticed")


def report_misspelt() -> None:
    lines = (HERE / "misspelt.txt").read_text("utf-8").splitlines()
    pairs = [line.split() for line in lines if not line.startswith("#")]
    wrong = [
        f"{misspelt} -> {found}"
        for misspelt, meant in pairs
        if (found := corrected(misspelt, no_name)) != meant
    ]
    print(f"misspelt words: {len(pairs)}, corrected {len(pairs) - len(wrong)}; not: {wrong}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", help="each with captions.csv")
    parser.add_argument("--split", default="dev", choices=("dev", "test"))
    arguments = parser.parse_args()
    started = time.perf_counter()
    corrected("bycicle", no_name)
    print(f"the first suggestion takes {1000 * (time.perf_counter() - started):.0f} ms")
    every: list[str] = []
    for folder in arguments.folders:
        captions = captions_of(folder, arguments.split)
        report_english(f"captions of {folder.name} {arguments.split}", captions)
        every += captions
    report_english("queries of one and two words", short_queries(every))
    report_languages()
    report_misspelt()


if __name__ == "__main__":
    main()
