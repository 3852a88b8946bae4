"""Reads lines that ask for one thing and then another, with the sign ~> or in certain words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from imgsearch.errors import QueryError
from imgsearch.language.clauses import sentences_of
from imgsearch.text import words_of

MAX_PARTS = 3
MAX_WINDOW_DAYS = 3650
_EXAMPLE = "a church ~> ice cream"
_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}
# "~>" or "~2h~>"; a quoted phrase is taken as a whole, so that a sign in it is none.
_SIGN_OR_PHRASE = re.compile(
    r'"(?:[^"\\]|\\.)*"|~(?:\s*(?P<number>\d{1,9})\s*(?P<unit>s|min|m|h|d)\s*~)?>', re.DOTALL
)
_BROKEN_SIGN = re.compile(r"~([^~>\"]{0,20})~>")


class LinePart(Struct, frozen=True):
    """A part of a line: its text, the place of its first character, and the time since the last.

    `window` is the longest time from the part before it to it, None where none is stated.
    """

    text: str
    at: int
    window: timedelta | None = None
    window_text: str | None = None


class SequenceLine(Struct, frozen=True):
    """A line of two or three parts, with its signs."""

    line: str
    parts: tuple[LinePart, ...]


def read_parts(line: str) -> SequenceLine | None:
    """Read a line with the sign ~>; None for one without it.

    Raises QueryError for an empty part, for more than three, and for a time that is none.
    """
    parts: list[LinePart] = []
    start, window, window_text = 0, None, None
    signs = [found for found in _SIGN_OR_PHRASE.finditer(line) if found[0][0] == "~"]
    if not signs:
        return None
    for found in (*signs, None):
        end = len(line) if found is None else found.start()
        text = line[start:end]
        _check_part(line, text, start)
        at = start + len(text) - len(text.lstrip())
        parts.append(LinePart(text.strip(), at, window, window_text))
        if found is not None:
            start = found.end()
            window, window_text = _window(line, found)
    if len(parts) > MAX_PARTS:
        at = signs[MAX_PARTS - 1].start()
        raise QueryError(
            f"The line has {len(parts)} parts, and {MAX_PARTS} are the most. Leave some out. "
            f"(character {at + 1})",
            line,
            at,
        )
    return SequenceLine(" ".join(line.split()), tuple(parts))


def _check_part(line: str, text: str, start: int) -> None:
    if broken := _BROKEN_SIGN.search(text + "~>" if text.count("~") else ""):
        at = start + broken.start()
        raise QueryError(
            f"{broken[1].strip()!r} is no time. Write a number of s, min, h or d between the "
            f"signs, without a space: a church ~2h~> ice cream (character {at + 1})",
            line,
            at,
        )
    if not text.strip():
        at = min(start, max(0, len(line) - 1))
        raise QueryError(
            f"A part of the line is empty. Say what to look for on both sides of ~>: {_EXAMPLE} "
            f"(character {at + 1})",
            line,
            at,
        )


def _window(line: str, found: re.Match[str]) -> tuple[timedelta | None, str | None]:
    if found["number"] is None:
        return None, None
    seconds = int(found["number"]) * _SECONDS[found["unit"]]
    text = f"{int(found['number'])}{found['unit']}"
    if not 0 < seconds <= MAX_WINDOW_DAYS * 86_400:
        raise QueryError(
            f"{text} is no time between two photos. Write 1s to {MAX_WINDOW_DAYS}d. "
            f"(character {found.start() + 1})",
            line,
            found.start(),
        )
    return timedelta(seconds=seconds), text


def with_sign(line: str) -> str | None:
    """Return a line of two or three parts with its signs; None for one that is no such line.

    Words are read only in forms that leave no doubt about the order; a line with a filter before
    the words is taken as it is, and so is one with quotes, unless another sentence has the order.
    Of several sentences, one may say the order: the others say more of what that one is about, or
    of the part that they share words with.
    """
    if "~>" in line:
        has_sign = any(found[0][0] == "~" for found in _SIGN_OR_PHRASE.finditer(line))
        return line if has_sign else None
    text = " ".join(line.split()).rstrip(" .!")
    if ":" in text or text.endswith("?") or len(text) > _MAX_WORDS_CHARS:
        return None
    sentences = sentences_of(text)
    if len(sentences) > 1:
        ordered = [(at, read) for at, each in enumerate(sentences) if (read := _ordered(each))]
        if len(ordered) > 1 or any(each.count('"') % 2 for each in sentences):
            return None
        for at, read in ordered:
            return " ~> ".join(_with_others(read, sentences[:at], sentences[at + 1 :]))
    whole = _ordered(text)
    return None if whole is None else " ~> ".join(whole.parts)


class _Ordered(Struct, frozen=True):
    """The parts of a sentence in the order of time, and which of them it is about."""

    parts: tuple[str, ...]
    subject: int


def _ordered(sentence: str) -> _Ordered | None:
    """Return the parts of a sentence that leaves no doubt about their order; None for others."""
    text = sentence.strip(" .!")
    if '"' in text or text.endswith("?"):
        return None
    for form, order, subject in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            names = [name for name in order if found[name] is not None]
            parts = tuple(_tidied(found[name]) for name in names)
            if all(parts):
                return _Ordered(parts, names.index(subject))
    return None


def _with_others(read: _Ordered, before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return the parts, one of which has the other sentences of the line beside it."""
    others = _content_words(" ".join((*before, *after)))
    shared = [
        len(others & _content_words(part)) + (not _REFERRING.isdisjoint(words_of(part)))
        for part in read.parts
    ]
    most = max(shared)
    subject = read.subject if shared[read.subject] == most else shared.index(most)
    parts = list(read.parts)
    own = f"{parts[subject]}." if after else parts[subject]
    parts[subject] = " ".join((*before, own, *after))
    return parts


def _content_words(text: str) -> set[str]:
    """Return the longer words of a text, which are hardly ever pronouns or prepositions."""
    return {word for word in words_of(text) if len(word) >= _CONTENT_LETTERS}


# ------------------------------------------------------------------------- in words

_MAX_WORDS_CHARS = 600
_CONTENT_LETTERS = 4
_REFERRING = frozenset(("it", "them"))  # what another sentence names
# Words in -ing that are things, so that "after" before them is no order of two acts.
_THINGS_IN_ING = (
    "morning|evening|spring|wedding|building|king|ring|thing|anything|something|everything|"
    "nothing|ceiling|string|wing|sibling|pudding|duckling|lightning|earring|sing|bring"
)
_V_ING = rf"(?!(?:{_THINGS_IN_ING})\b)[a-z]+ing\b"
_WE = r"(?:i|we|he|she|they|you)"
_SOON = r"(?:(?:just|right|soon|shortly|directly|immediately) )?"
_SAW = (
    r"(?:(?:that|which) )?(?:i|we) (?:saw|visited|photographed|passed|entered|went to|"
    r"were (?:in|at)|took)"
)
_ARTICLE = r"(?:the|a|an|some|our|my)"


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# Each with the names of its groups in the order of time, and the one that the sentence is about.
# "vor dem" is left out: it means a place, too. "After" without a verb or a second sentence is left
# out: "after the rain" is a look.
_FORMS: tuple[tuple[re.Pattern[str], tuple[str, ...], str], ...] = (
    (
        _form(r"first,? (?P<a>.+?),? (?:and )?then,? (?P<b>.+?)(?:,? (?:and )?then,? (?P<c>.+))?"),
        ("a", "b", "c"),
        "a",
    ),
    (
        re.compile(
            rf"{_SOON}[Aa]fter (?P<a>{_V_ING}.*?)(?:, (?:{_WE} )?| (?i:{_WE}) )(?:then )?(?P<b>.+)"
        ),
        ("a", "b"),
        "b",
    ),
    (_form(rf"{_SOON}after {_WE} (?P<a>.+?),? {_WE} (?:then )?(?P<b>.+)"), ("a", "b"), "b"),
    # "After a walk, we …": an act, with a sentence after the comma. "After the rain" is a look.
    (_form(rf"{_SOON}after (?P<a>(?:an?|our|my) [^,]+), {_WE} (?P<b>.+)"), ("a", "b"), "b"),
    (
        re.compile(rf"{_SOON}[Bb]efore (?P<b>{_V_ING}.*?)(?:, (?:{_WE} )?| (?i:{_WE}) )(?P<a>.+)"),
        ("a", "b"),
        "a",
    ),
    (re.compile(rf"(?i:{_WE}) (?P<b>.+?),? {_SOON}after (?P<a>{_V_ING}.+)"), ("a", "b"), "b"),
    (re.compile(rf"(?i:{_WE}) (?P<a>.+?),? {_SOON}before (?P<b>{_V_ING}.+)"), ("a", "b"), "a"),
    (re.compile(rf"(?P<a>(?i:{_V_ING}).+), {_SOON}before (?P<b>{_V_ING}.+)"), ("a", "b"), "a"),
    (
        re.compile(rf"(?P<b>.+?),? {_SOON}after (?P<a>.+?),? and {_SOON}before (?P<c>.+)"),
        ("a", "b", "c"),
        "b",
    ),
    (_form(rf"(?P<a>{_ARTICLE} .+?) {_SAW} {_SOON}before (?P<b>{_ARTICLE} .+)"), ("a", "b"), "a"),
    (_form(rf"(?P<b>{_ARTICLE} .+?) {_SAW} {_SOON}after (?P<a>{_ARTICLE} .+)"), ("a", "b"), "b"),
    (
        _form(r"(?:zuerst|erst),? (?P<a>.+?),? (?:und )?(?:dann|danach),? (?P<b>.+)"),
        ("a", "b"),
        "a",
    ),
    (
        _form(
            r"nachdem (?:wir|ich|er|sie) (?P<a>.+?), (?:\w+(?:en|te|e)? (?:wir|ich|er|sie) )?"
            r"(?P<b>.+)"
        ),
        ("a", "b"),
        "b",
    ),
)
_LEADS = re.compile(r"^(?:and|then|und|dann|,|i|we|he|she|they|you)\s+", re.IGNORECASE)


def _tidied(words: str) -> str:
    """Return the words of a part without what only joins it to another one."""
    text, before = words.strip(" ,;."), ""
    while text != before:
        text, before = _LEADS.sub("", text).strip(" ,;."), text
    return text
