"""Splits a line into its clauses: sentences, and parts of a sentence between commas.

People describe a photo in one line and add a clause at each failure. Each clause says something of
its own, which one vector of a long line loses (docs/decisions/0111).

A part between commas is a clause only where it and the part beside it have three words or more, or
are nothing but names and dates: "yellow, red, green cups" is one clause. No comma within brackets
ends one.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]  # of the words of a clause: from the first, to before the second

MIN_WORDS = 3  # of a part between commas that is a clause
_SENTENCE_ENDS = (".", ";", "!", "?", "…", "。", "！", "？", "；")
_COMMAS = (",", "、", "，")
_CLOSING = "\"'’”»)]"
_ABBREVIATIONS = frozenset(
    (
        *("st", "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "mt", "ft", "no", "nr", "vs", "etc"),
        *("e.g", "i.e", "a.m", "p.m", "ca", "approx", "feat", "jan", "feb", "mar", "apr", "jun"),
        *("jul", "aug", "sep", "sept", "oct", "nov", "dec", "bzw", "z.b", "u.a", "hl", "str"),
    )
)
_THEN = ("then", "afterwards")
_JOINING = ("and", "but", "then", "afterwards")  # at the beginning of a clause, they say nothing


def spans_of(
    words: Sequence[str], is_whole: Callable[[int, int], bool] = lambda start, end: False
) -> list[Span]:
    """Return the clauses of the words of a line, in their order; together they are all words.

    `is_whole` says of the words from a position to before another one whether they are a clause
    however few they are.
    """
    parts: list[list[Span]] = [[]]  # of each sentence
    start, depth = 0, 0
    for at, word in enumerate(words):
        depth = max(0, depth + word.count("(") - word.count(")"))
        end = at + 1
        if end < len(words) and depth:
            continue
        ends_sentence = _ends_sentence(word) or _begins_next(words, end)
        if end == len(words) or ends_sentence or word.rstrip(_CLOSING).endswith(_COMMAS):
            parts[-1].append((start, end))
            start = end
        if ends_sentence:
            parts.append([])
    return [span for sentence in parts for span in _joined(sentence, is_whole)]


def clauses_of(text: str) -> tuple[str, ...]:
    """Return the clauses of a text, without what only joins them; a text of one is unchanged."""
    words = text.split()
    spans = spans_of(words)
    if len(spans) < 2:
        return (text,)
    clauses = (_tidied(words[start:end]) for start, end in spans)
    found = tuple(dict.fromkeys(clause for clause in clauses if clause))
    return found if len(found) > 1 else (text,)


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, each with the sign at its end."""
    sentences: list[list[str]] = [[]]
    for word in text.split():
        sentences[-1].append(word)
        if _ends_sentence(word):
            sentences.append([])
    return [" ".join(sentence) for sentence in sentences if sentence]


def end_sign(word: str) -> str:
    """Return the sign at the end of a word that ends a clause; "" for none."""
    sign = word.rstrip(_CLOSING)[-1:]
    return sign if sign and sign in "".join((*_SENTENCE_ENDS, *_COMMAS)) else ""


def _ends_sentence(word: str) -> bool:
    """Return whether a sentence ends after this word, and neither an abbreviation nor a number."""
    bare = word.rstrip(_CLOSING)
    if not bare.endswith(_SENTENCE_ENDS):
        return False
    if not bare.endswith(".") or bare.endswith(".."):
        return True
    stem = bare[:-1].lower().lstrip("(\"'“‘«")
    is_number = stem.isdecimal() and len(stem) < 4  # "am 3. Mai", but "in 2019."
    return not (is_number or len(stem) == 1 or stem in _ABBREVIATIONS)


def _begins_next(words: Sequence[str], at: int) -> bool:
    """Return whether "and then …" begins at a word, or "then …" after a comma."""
    lower = [word.lower().strip(string.punctuation) for word in words[at : at + 3]]
    if lower[:1] == ["and"]:
        return len(lower) == 3 and lower[1] in _THEN
    return len(lower) > 1 and lower[0] in _THEN and words[at - 1].endswith(_COMMAS)


def _joined(parts: Sequence[Span], is_whole: Callable[[int, int], bool]) -> list[Span]:
    """Join the parts of a sentence that are too short to be clauses to those beside them."""
    clauses: list[Span] = []
    may_end = True  # whether a clause may end before the next part
    for start, end in parts:
        own = is_whole(start, end)
        is_clause = own or end - start >= MIN_WORDS
        if clauses and not (may_end and is_clause):
            clauses[-1] = (clauses[-1][0], end)
        else:
            clauses.append((start, end))
        first, last = clauses[-1]
        may_end = own or last - first >= MIN_WORDS
    return clauses


def _tidied(words: Sequence[str]) -> str:
    """Return the text of a clause without the signs around it and the words that join it."""
    signs = "".join((*_SENTENCE_ENDS, *_COMMAS)) + string.whitespace
    first = 0
    while first < len(words) - 1 and words[first].lower().strip(",") in _JOINING:
        first += 1
    return " ".join(words[first:]).strip(signs)
