"""Reads a query line from left to right, and points at the character that makes no sense.

line    = item*
item    = WORD | phrase | ["-"] [NUMBER ":"] (WORD | phrase | example) | ["-"] filter | setting
example = "image:" (WORD | phrase) | "photo:" DIGITS
filter  = NAME ":" value ("|" value)*         NAME is one of FIELDS
setting = "t:" NUMBER | "sort:" ("relevance" | "date" | "path")
phrase  = '"' (any character, with " and \\ written \\" and \\\\) '"'
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn, get_args

from imgsearch.errors import QueryError
from imgsearch.query.fields import FIELDS, OTHER_NAMES, plain, written
from imgsearch.records.query import Example, Filter, FilterValue, Query, Region, Sort, Term

_WEIGHT = re.compile(r"(\d+(?:\.\d*)?|\.\d+|nan|inf(?:inity)?):(?=\S)", re.IGNORECASE)
_NAME = re.compile(r"([^\W\d_]+):(?=\S)")
_NAME_AND_GAP = re.compile(r"([^\W\d_]+):(?!\S)")
_TO_SPACE = re.compile(r'[^\s"]+')
_TO_SPACE_OR_BAR = re.compile(r'[^\s"|]+')
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_REGION = r"\s*,\s*".join([r"(\d+(?:\.\d+)?)(%?)"] * 4) + "$"
_SORTS = get_args(Sort)
_EXAMPLES = ("image", "photo")
_SETTINGS = ("t", "sort")


def parse(line: str) -> Query:
    """The query that `line` says. Raises QueryError that points at the character at fault."""
    if not line.strip():
        raise QueryError("The query is empty. Say what to look for, for instance: a dog in snow")
    reader = _Reader(line)
    while reader.skip_space():
        reader.read_item()
    return reader.query()


def to_text(query: Query) -> str:
    """The line that `parse` reads as this very query; the normal form of all that mean it.

    Raises ValueError for an example given as bytes or in part: those have no line.
    """
    items: list[str] = []
    bare = False  # words outside quotes make one text, so only one term can go without
    for term in query.terms:
        is_first = not bare and term.weight == 1 and _is_plain_text(term.what)
        bare = bare or is_first
        items.append(str(term.what) if is_first else _term_text(term))
    for each in query.filters:
        values = "|".join(_quoted_if_needed(written(value), "|") for value in each.values)
        items.append(f"{'-' if each.negated else ''}{each.field}:{values}")
    if query.min_score is not None:
        items.append(f"t:{plain(query.min_score)}")
    if query.sort != "relevance":
        items.append(f"sort:{query.sort}")
    return " ".join(items)


def filter_of(name: str, text: str) -> Filter:
    """The filter of an option, which needs no quotes: `filter_of("camera", "canon|eos 5")`."""
    with _refusing():
        return Filter(name, tuple(_value(name, part) for part in text.split("|")))


def term_of(text: str) -> Term:
    """The words of an option, with a weight before them if that is not to be 1: "2:sunset"."""
    weight, rest = _option_weight(text)
    if not rest.strip():
        raise QueryError("The text is empty. Say what to look for, for instance: a dog in snow")
    return Term(rest.strip(), weight)


def example_of(text: str) -> Term:
    """The example image of an option: [WEIGHT:]FILE or [WEIGHT:]photo:ID."""
    weight, rest = _option_weight(text)
    if rest.startswith("photo:"):
        with _refusing():
            return Term(Example(_photo_id(rest.removeprefix("photo:"))), weight)
    if not rest:
        raise QueryError("The name of the example image is empty. Name a file.")
    return Term(Example(Path(rest)), weight)


def region_of(text: str) -> Region:
    """The part of an image that an option names: "x,y,w,h", all in pixels or all with %."""
    found = re.match(_REGION, text.strip())
    units = {found[place] for place in (2, 4, 6, 8)} if found else set()
    if found is None or len(units) != 1:
        raise QueryError(
            f"{text!r} is no region. Write left, top, width and height in pixels, as in "
            "--region 100,50,400,300, or in percent: --region 25%,25%,50%,50%"
        )
    x, y, width, height = (float(found[place]) for place in (1, 3, 5, 7))
    if not (width > 0 and height > 0):
        raise QueryError(f"The region {text} is empty: width and height must be above 0.")
    return Region(x, y, width, height, percent="%" in units)


@dataclass(slots=True)
class _Reader:
    """What was read of one line so far."""

    line: str
    at: int = 0
    terms: list[Term] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    settings: dict[str, str | float] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)  # outside quotes
    words_place: int = 0  # where among the terms they began

    def skip_space(self) -> bool:
        """Go to the next item; whether there is one."""
        while self.at < len(self.line) and self.line[self.at].isspace():
            self.at += 1
        return self.at < len(self.line)

    def query(self) -> Query:
        terms = list(self.terms)
        if self.words:
            terms.insert(self.words_place, Term(" ".join(self.words)))
        query = Query(tuple(terms), tuple(self.filters))
        min_score, sort = self.settings.get("t"), self.settings.get("sort")
        if isinstance(min_score, float):
            query = replace(query, min_score=min_score)
        return query if sort is None else replace(query, sort=sort)  # type: ignore[arg-type]

    def read_item(self) -> None:
        start = self.at
        negated = self.line.startswith("-", self.at)
        self.at += negated
        weight_at = self.at
        weight = self._read_weight()
        self._refuse_gap_after_name()
        name_at = self.at
        name = self._read_name()
        if name is None or name in _EXAMPLES:
            self._read_term(name, -weight if negated else weight, marked=name_at > start)
        elif name_at > weight_at:
            self.fail(f"A weight goes with words or an example, not with {name}:.", weight_at)
        elif name in _SETTINGS:
            if negated:
                self.fail(f"{name}: cannot be turned round with a minus.", start)
            self._read_setting(name, name_at)
        else:
            self.filters.append(Filter(name, self.read_values(name), negated))

    def read_values(self, name: str) -> tuple[FilterValue, ...]:
        """The values of a filter, one or several with | between them."""
        values: list[FilterValue] = []
        while True:
            at = self.at
            text = self._read_value(_TO_SPACE_OR_BAR, f"{name}: needs a value here.")
            with _refusing(self.line, at):
                values.append(_value(name, text))
            if not self.line.startswith("|", self.at):
                return tuple(values)
            self.at += 1

    def _read_weight(self) -> float:
        found = _WEIGHT.match(self.line, self.at)
        if found is None:
            return 1.0
        with _refusing(self.line, self.at):
            weight = _weight(found[1])
        self.at = found.end()
        return weight

    def _refuse_gap_after_name(self) -> None:
        """A word that ends in a colon is a word, unless it is the name of a filter."""
        found = _NAME_AND_GAP.match(self.line, self.at)
        if found and found[1].lower() in (*FIELDS, *_EXAMPLES, *_SETTINGS):
            message = f"{found[1]}: needs its value right after the colon."
            self.fail(f"{message} To search for the word, put it in quotes.", found.end(1))

    def _read_name(self) -> str | None:
        found = _NAME.match(self.line, self.at)
        if found is None:
            return None
        name = found[1].lower()
        known = (*FIELDS, *_EXAMPLES, *_SETTINGS)
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            alias = difflib.get_close_matches(name, OTHER_NAMES, n=1, cutoff=0.75)
            near = [OTHER_NAMES[other] for other in alias] or near
            hint = f"Did you mean {near[0]}:? " if near else f"Known: {', '.join(known)}. "
            self.fail(
                f"There is no filter {found[1]}:. {hint}To search for the text itself, put it in "
                "quotes.",
                self.at,
            )
        self.at = found.end()
        return name

    def _read_term(self, name: str | None, weight: float, marked: bool) -> None:
        at = self.at
        is_word = name is None and not marked and not self.line.startswith('"', self.at)
        text = self._read_value(_TO_SPACE, "A minus or a weight needs a word right after it.")
        if is_word:
            if not self.words:
                self.words_place = len(self.terms)
            self.words.append(text)
        elif not (text if name == "image" else text.strip()):  # a file may be called " "
            self.fail("There is nothing between these quotes.", at)
        elif name == "photo":
            with _refusing(self.line, at):
                self.terms.append(Term(Example(_photo_id(text)), weight))
        else:
            self.terms.append(Term(text if name is None else Example(Path(text)), weight))

    def _read_setting(self, name: str, name_at: int) -> None:
        at = self.at
        text = self._read_value(_TO_SPACE, f"{name}: needs a value here.")
        if name in self.settings:
            self.fail(f"{name}: is given twice.", name_at)
        if name == "sort":
            if text not in _SORTS:
                self.fail(f"Nothing sorts by {text!r}. Known: {', '.join(_SORTS)}.", at)
            self.settings[name] = text
            return
        try:
            score = float(text)
        except ValueError:
            score = math.nan
        if not -1 <= score <= 1:
            self.fail(f"{text!r} is no score: t: takes a cosine from -1 to 1.", at)
        self.settings[name] = score

    def _read_value(self, bare: re.Pattern[str], if_missing: str) -> str:
        """A quoted phrase or a bare word, which ends where the next item may begin."""
        at = self.at
        if self.line.startswith('"', at):
            found = _PHRASE.match(self.line, at)
            if found is None:
                self.fail("This quote is never closed.", at)
            text = re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)
        else:
            found = bare.match(self.line, at)
            if found is None:
                self.fail(if_missing, at)
            text = found[0]
        self.at = found.end()
        rest = self.line[self.at : self.at + 1]
        if rest == '"':
            self.fail(
                'A quote stands inside a word. Put all of it in quotes, and write \\".', self.at
            )
        if rest and not rest.isspace() and not (rest == "|" and bare is _TO_SPACE_OR_BAR):
            self.fail("A space is missing after the closing quote.", self.at)
        return text

    def fail(self, message: str, at: int) -> NoReturn:
        with _refusing(self.line, at):
            raise ValueError(message)


def _value(name: str, text: str) -> FilterValue:
    """Raises ValueError with a sentence, as the next two do."""
    if not text.strip():
        raise ValueError(f"{name}: needs a value.")
    try:
        return FIELDS[name].read(text.strip())
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _weight(text: str) -> float:
    weight = float(text)
    if not (weight > 0 and math.isfinite(weight)):
        raise ValueError(
            f"A weight of {text} makes no sense: it must be a number above 0. With a minus before "
            "it, photos unlike the term are wanted."
        )
    return weight


def _photo_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 63):
        raise ValueError(
            f"{text!r} is no photo's number. `imgsearch search --json` shows each photo_id."
        )
    return int(text)


@contextmanager
def _refusing(line: str | None = None, at: int = 0) -> Iterator[None]:
    """What makes no sense becomes a QueryError, which points into the line if there is one."""
    try:
        yield
    except ValueError as error:
        place = "" if line is None else f" (character {at + 1})"
        raise QueryError(f"{error}{place}", line, at) from None


def _option_weight(text: str) -> tuple[float, str]:
    negated = text.startswith("-")
    found = _WEIGHT.match(text, int(negated))
    if found is None:
        return 1.0, text
    with _refusing():
        weight = _weight(found[1])
    return (-weight if negated else weight), text[found.end() :]


def _is_plain_text(what: str | Example) -> bool:
    """Whether these words, without quotes, read as themselves."""
    if not isinstance(what, str) or what != " ".join(what.split()):
        return False
    return all(_is_plain_word(word) for word in what.split())


def _is_plain_word(word: str) -> bool:
    return not (
        word.startswith("-")
        or '"' in word
        or _WEIGHT.match(word)
        or _NAME.match(word)
        or ((gap := _NAME_AND_GAP.match(word)) and gap.end() == len(word))
    )


def _term_text(term: Term) -> str:
    sign = "-" if term.weight < 0 else ""
    size = abs(term.weight)
    weight = "" if size == 1 else f"{plain(size)}:"
    return f"{sign}{weight}{_what_text(term)}"


def _what_text(term: Term) -> str:
    what = term.what
    if isinstance(what, str):
        is_marked = term.weight != 1
        word = what if is_marked and " " not in what and _is_plain_text(what) else None
        return word or _quoted(what)
    if isinstance(what.source, bytes) or what.region is not None:
        raise ValueError("An example given as bytes or in part has no line.")
    if isinstance(what.source, int):
        return f"photo:{what.source}"
    return f"image:{_quoted_if_needed(str(what.source), '')}"


def _quoted_if_needed(text: str, also: str) -> str:
    risky = any(character.isspace() or character in '"' + also for character in text)
    return _quoted(text) if risky or not text else text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def resolve_query(query: str | Query) -> Query:
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
