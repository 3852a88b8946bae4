"""Makes imgsearch/search/querybank.txt: texts that cover evenly what personal photos show.

    python -m training.querybank

The texts are drawn from training/querybank_source.txt, equally many of each kind, short and long.
`imgsearch.search.hubness` compares photos with them. benchmarks/bench_hubness.py measures the gain.
"""

# ruff: noqa: T201

from __future__ import annotations

import random
import re
from pathlib import Path

import msgspec

SOURCE = Path(__file__).with_name("querybank_source.txt")
RESULT = Path(__file__).parent.parent / "imgsearch" / "search" / "querybank.txt"
OF_EACH_KIND = 100
SEED = 1
TRIES = 40  # for each text: a kind may have fewer texts than are asked for
_NAME = re.compile(r"\{(\w+)\}")
_HEADER = """\
# What photos show, as queries: texts that every photo is compared with, see hubness.py.
# One a line; made by training/querybank.py of lists that were written for this project.
"""


class Kind(msgspec.Struct, frozen=True):
    """One kind of what photos show: the forms of its texts, and the words for the names in them."""

    title: str
    forms: list[str]
    words: dict[str, list[str]]


def kinds(source: str) -> list[Kind]:
    """Read the kinds of the source. The words before the first kind belong to all."""
    lines = re.sub(r"\n +", " ", source).splitlines()
    shared: dict[str, list[str]] = {}
    found: list[Kind] = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            found.append(Kind(line.strip("[]"), [], dict(shared)))
        elif " = " in line:
            name, words = line.split(" = ")
            (found[-1].words if found else shared)[name] = words.split(" | ")
        else:
            found[-1].forms.append(line)
    return found


def texts_of(kind: Kind, count: int, chance: random.Random) -> list[str]:
    """Draw this many different texts of a kind, or as many as it has."""
    texts: dict[str, None] = {}
    for _ in range(count * TRIES):
        if len(texts) == count:
            break
        text = chance.choice(kind.forms)
        while _NAME.search(text):  # words may have names in them
            text = _NAME.sub(lambda name: chance.choice(kind.words[name[1]]), text, count=1)
        texts[text] = None
    return list(texts)


def made() -> str:
    """Return the content of querybank.txt."""
    chance = random.Random(SEED)
    texts = [
        text
        for kind in kinds(SOURCE.read_text("utf-8"))
        for text in texts_of(kind, OF_EACH_KIND, chance)
    ]
    return _HEADER + "".join(f"{text}\n" for text in dict.fromkeys(texts))


def main() -> None:
    """Write the file."""
    content = made()
    RESULT.write_text(content, "utf-8")
    print(f"{RESULT}: {content.count(chr(10)) - _HEADER.count(chr(10))} texts")


if __name__ == "__main__":
    main()
