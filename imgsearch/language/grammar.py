"""Parses a query line, from left to right; an error points at the character at fault.

line    = item*
item    = WORD | phrase | ["-"] [NUMBER ":"] (WORD | phrase | example) | condition | setting
example = ("image:" | "plain:" | KIND ":") (WORD | phrase) | "photo:" DIGITS
condition = ["-"] (filter | "(" condition+ (" | " condition+)* ")")
filter  = NAME ":" value ("|" value)*         NAME is one of FIELDS, KIND a direction of a feature
setting = "t:" NUMBER | "sort:" ("relevance" | "date" | "path" | "best")
A word with the sign of a form of a feature is refused: see `imgsearch.features.declared.LineForm`.
NUMBER  = a weight; a time of day such as 18:30 is a WORD
phrase  = '"' (any character, with " and \\ written \\" and \\\\) '"'
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from imgsearch.errors import CommandLine, QueryError, Sentence
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.language.fields import FIELDS, OTHER_NAMES, decimal_text
from imgsearch.language.negation import names_anything, split_negations
from imgsearch.language.phrasing import asks_for_any_photo
from imgsearch.paths import absolute
from imgsearch.records.ids import as_id, is_row_id
from imgsearch.records.query import (
    IN_BRACKETS,
    MINUS_WEIGHT,
    AllOf,
    DirectionName,
    Example,
    Filter,
    FilterValue,
    Query,
    Region,
    Sort,
    Term,
)
from imgsearch.text import in_usual_characters, is_utf8

# "18:30" and "6:30pm" are times of day, and no weights of 18 and 6.
_CLOCK_TIME = r"(?:[01]?\d|2[0-4]):[0-5]\d(?:[ap]\.?m\.?|h|uhr)?(?=[^\w\s]*(?:[\s–-]|$))"
_WEIGHT = re.compile(
    rf"(?!{_CLOCK_TIME})(\d+(?:\.\d*)?|\.\d+|nan|inf(?:inity)?):(?=\S)", re.IGNORECASE
)
_NAME = re.compile(r"([^\W\d_]+):(?=\S)")
_NAME_AND_GAP = re.compile(r"([^\W\d_]+):(?!\S)")
_TO_SPACE = re.compile(r'[^\s"]+')
_TO_SPACE_OR_BAR = re.compile(r'[^\s"|]+')
_IN_BRACKETS = re.compile(r'[^\s"|()]+')  # a value within brackets
# Brackets hold filters, if a filter is the first thing in them; "(brown)" is a word.
_JOINED = re.compile(r"\|\s+-?([^\W\d_]+):(?=\S)")
_OPENS = re.compile(r"\((?:\s|-|\()*([^\W\d_]+):(?=\S)")
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_AFTER_PHRASE = re.compile(r"[.,;:!?]+(?=\s|$)")  # ends a sentence or a part of it: ignored
_REGION = r"\s*,\s*".join([r"(\d+(?:\.\d+)?)(%?)"] * 4) + "$"
_SORTS: tuple[Sort, ...] = get_args(Sort)
_EXAMPLES = ("image", "photo", *installed.directions(), "plain")  # before one word or phrase
_MAX_ID_DIGITS = 19
_SETTINGS = ("t", "sort")

# A query within these bounds takes a few seconds at most, and SQLite accepts its conditions.
MAX_CHARS = 10_000  # of a line, and the total of all texts, paths and values of a query
MAX_TERMS = 100
MAX_RESULTS = 1_000_000_000  # in one answer; SQLite and Lance count no further than 2^63
MAX_DEPTH = 10  # of brackets in brackets
MAX_VALUES = 500  # of all filters together

_EXAMPLE_QUERY = "Say what to look for, for example: a dog in snow"
EMPTY_QUERY = f"The query is empty. {_EXAMPLE_QUERY}"
EMPTY_TEXT = f"A text is empty. {_EXAMPLE_QUERY}"


def parse(line: str) -> Query:
    """Parse a query line. Raises QueryError that points at the character at fault."""
    _check_bound("characters", len(line), MAX_CHARS)
    if not line.replace("-", " ").strip():
        raise QueryError(EMPTY_QUERY)
    reader = _Reader(line)
    while reader.skip_space():
        reader.read_item()
    return reader.query()


def to_text(query: Query, exact: bool = False) -> str:
    """Return the normal form of a query: `parse(to_text(query)) == query`.

    With `exact`, no text is free, so that a search takes no names or dates out of it: words after
    a minus are in quotes.
    Raises ValueError for an example given as bytes or with a region: a line cannot express those.
    """
    items: list[str] = []
    # All words outside quotes are one text, so only one term can be bare: the free one.
    bare = [
        term
        for term in query.terms
        if term.weight == 1 and not term.is_quoted and _reads_as_itself(term.what)
    ]
    free = [term for term in bare if term.is_free] or bare
    unquoted = free[0] if free and not exact else None
    for term in query.terms:
        is_unquoted = term is unquoted
        items.append(str(term.what) if is_unquoted else _term_text(term, exact))
    items += map(_filter_text, query.filters)
    if query.min_score is not None:
        items.append(f"t:{decimal_text(query.min_score)}")
    if query.sort != "relevance":
        items.append(f"sort:{query.sort}")
    return " ".join(items)


def _filter_text(condition: Filter) -> str:
    sign = "-" if condition.negated else ""
    if condition.field == IN_BRACKETS:
        all_of = (
            " ".join(map(_filter_text, value.filters))
            for value in condition.values
            if isinstance(value, AllOf)
        )
        return f"{sign}({' | '.join(all_of)})"
    write = FIELDS[condition.field].write
    values = "|".join(_quoted_if_needed(write(value), "|()") for value in condition.values)
    return f"{sign}{condition.field}:{values}"


def is_expressible(term: Term) -> bool:
    """Return whether a line can express this term.

    Examples as bytes or with a region have no form.
    """
    what = term.what
    return not isinstance(what, Example) or not (
        isinstance(what.source, bytes) or what.region is not None
    )


def filter_of(name: str, text: str) -> Filter:
    """Return a filter from a name and unquoted values: `filter_of("camera", "canon|eos 5")`.

    Raises QueryError for an invalid value.
    """
    with _query_errors():
        return Filter(name, tuple(_filter_value(name, part) for part in text.split("|")))


def term_of(text: str, default_weight: float = 1.0) -> Term:
    """Return a term from words that need no quotes, with an optional weight: "2:sunset"."""
    weight, rest = _split_weight(text, default_weight)
    if not rest.strip():
        raise QueryError(EMPTY_TEXT)
    return Term(rest.strip(), weight)


def direction_term(field: str, name: str) -> DirectionName:
    """Return the name of a direction, of the kind that a feature calls `field`."""
    term: DirectionName = load(installed.directions()[field].term)(name)
    return term


def example_of(text: str, default_weight: float = 1.0) -> Term:
    """Return an example image as [WEIGHT:]FILE or [WEIGHT:]photo:ID."""
    weight, rest = _split_weight(text, default_weight)
    if rest.startswith("photo:"):
        with _query_errors():
            return Term(Example(_photo_id(rest.removeprefix("photo:"))), weight)
    if not rest:
        raise QueryError("The file name of the example image is empty. Name a file.")
    return Term(Example(Path(rest)), weight)


def region_of(text: str) -> Region:
    """Return a region as "x,y,width,height", all in pixels or all with %."""
    found = re.match(_REGION, text.strip())
    units = {found[group] for group in (2, 4, 6, 8)} if found else set()
    if found is None or len(units) != 1:
        raise QueryError(
            f"{text!r} is not a region. Write left, top, width and height in pixels "
            "(--region 100,50,400,300) or in percent (--region 25%,25%,50%,50%)."
        )
    x, y, width, height = (float(found[group]) for group in (1, 3, 5, 7))
    if not (width > 0 and height > 0):
        raise QueryError(f"The region {text} is empty: width and height must be above 0.")
    return Region(x, y, width, height, percent="%" in units)


class _Reader(Struct):
    """A line, the position in it, and what has been parsed so far."""

    line: str
    at: int = 0
    terms: list[Term] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    min_score: float | None = None
    sort: Sort | None = None
    words: list[str] = field(default_factory=list)  # outside quotes; together they are one term
    words_position: int = 0  # of their term among the others

    def skip_space(self) -> bool:
        """Move to the next item. False at the end of the line."""
        while self.at < len(self.line) and self.line[self.at].isspace():
            self.at += 1
        return self.at < len(self.line)

    def query(self) -> Query:
        """Return the query of everything read so far."""
        terms = list(self.terms)
        words, negated = split_negations(self.words)
        if negated and (asks_for_any_photo(" ".join(words)) or names_anything(words)):
            words = []
        terms[self.words_position : self.words_position] = [
            *([Term(" ".join(words), is_free=True)] if words else []),
            *(Term(text, -MINUS_WEIGHT, is_free=True) for text in negated),
        ]
        return Query(tuple(terms), tuple(self.filters), self.min_score, self.sort or "relevance")

    def read_item(self) -> None:
        start = self.at
        negated = self.line.startswith("-", self.at)
        self.at += negated
        if negated and self.line[self.at : self.at + 1].strip() == "":
            return  # a dash between words, as in "Paris - the tower"
        joined = _JOINED.match(self.line, self.at)
        if joined and joined[1].lower() in FIELDS and self.filters and not self.words:
            self.fail(
                "Different filters are joined by | in brackets: (camera:canon | place:Paris)", start
            )
        if self._opens_brackets():
            self.filters.append(self._read_brackets(negated))
            return
        weight_at = self.at
        weight = self._read_weight(MINUS_WEIGHT if negated else 1.0)
        self._refuse_gap_after_name()
        name_at = self.at
        name = self._read_name()
        if name is None or name in _EXAMPLES:
            self._read_term(name, -weight if negated else weight, marked=name_at > start)
        elif name_at > weight_at:
            self.fail(f"Only words and examples can have a weight, not {name}:.", weight_at)
        elif name in _SETTINGS:
            if negated:
                self.fail(f"{name}: cannot be negated.", start)
            self._read_setting(name, name_at)
        else:
            self.filters.append(Filter(name, self.read_values(name), negated))

    def _opens_brackets(self) -> bool:
        found = _OPENS.match(self.line, self.at)
        return found is not None and found[1].lower() in FIELDS

    def _read_brackets(self, negated: bool, depth: int = 1) -> Filter:
        """Return what brackets hold: alternatives of filters, separated by |."""
        start, alternatives = self.at, [list[Filter]()]
        self.at += 1
        while True:
            if not self.skip_space():
                self.fail("This bracket is never closed.", start)
            at, sign = self.at, self.line[self.at]
            if sign in ")|":
                if not alternatives[-1]:
                    self.fail(f"A filter is missing before this {sign}", at)
                self.at += 1
                if sign == "|":
                    alternatives.append([])
                    continue
                rest = self.line[self.at : self.at + 1]
                if rest and not rest.isspace() and not (rest in ")|" and depth > 1):
                    self.fail("A space is missing after the closing bracket.", self.at)
                return Filter(IN_BRACKETS, tuple(AllOf(tuple(e)) for e in alternatives), negated)
            alternatives[-1].append(self._read_condition(depth))

    def _read_condition(self, depth: int) -> Filter:
        """Return a filter within brackets, which may be brackets again."""
        start = self.at
        negated = self.line.startswith("-", self.at)
        self.at += negated
        if self.line.startswith("(", self.at):
            if depth == MAX_DEPTH:
                self.fail(f"Brackets are nested {MAX_DEPTH} deep at most.", self.at)
            return self._read_brackets(negated, depth + 1)
        self._refuse_gap_after_name()
        name = self._read_name()
        if name is None or name in (*_EXAMPLES, *_SETTINGS):
            self.fail(
                "Only filters can stand in brackets. Write words, examples and settings outside "
                "of them: a dog (camera:canon | place:Paris)",
                start,
            )
        if name in installed.queries() or name in installed.reorders():
            self.fail(f"{name}: cannot stand in brackets. Write it outside of them.", start)
        return Filter(name, self.read_values(name, _IN_BRACKETS), negated)

    def read_values(
        self, name: str, bare: re.Pattern[str] = _TO_SPACE_OR_BAR
    ) -> tuple[FilterValue, ...]:
        """Return the values of a filter, separated by |."""
        values: list[FilterValue] = []
        while True:
            at = self.at
            text = self._read_value(bare, f"{name}: needs a value.")
            if bare is _TO_SPACE_OR_BAR and text.count(")") > text.count("("):
                self._refuse_closing(at)
            with _query_errors(self.line, at):
                values.append(_filter_value(name, text))
            if not self.line.startswith("|", self.at):
                return tuple(values)
            self.at += 1

    def _refuse_closing(self, at: int) -> None:
        """Fail at a bracket that closes nothing, of a value that is not quoted."""
        if not self.line.startswith('"', at):
            self.fail(
                "This bracket closes nothing. Remove it, or put the value in quotes.", self.at - 1
            )

    def _read_weight(self, default: float) -> float:
        found = _WEIGHT.match(self.line, self.at)
        if found is None:
            return default
        with _query_errors(self.line, self.at):
            weight = _weight(found[1])
        self.at = found.end()
        return weight

    def _refuse_gap_after_name(self) -> None:
        """Fail at a filter name without a value. Any other word may end in a colon."""
        found = _NAME_AND_GAP.match(self.line, self.at)
        if found and found[1].lower() in (*FIELDS, *_EXAMPLES, *_SETTINGS):
            self.fail(
                f"{found[1]}: needs its value right after the colon. To search for the word "
                "itself, put it in quotes.",
                found.end(1),
            )

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
            before, after = self.line[: self.at], self.line[found.end(1) :]
            self.fail(
                f"Unknown filter {found[1]}:. {hint}To search for the text itself, put it in "
                "quotes.",
                self.at,
                f"{before}{near[0]}{after}" if near else None,
            )
        self.at = found.end()
        return name

    def _read_term(self, name: str | None, weight: float, marked: bool) -> None:
        at = self.at
        is_phrase = self.line.startswith('"', self.at)
        is_word = name is None and not marked and not is_phrase
        text = self._read_value(_TO_SPACE, "A minus or a weight needs a word right after it.")
        if is_word:
            for sign, form in installed.forms().items():
                if sign in text:
                    self.fail(form.cure, at)
            if not self.words:
                self.words_position = len(self.terms)
            self.words.append(in_usual_characters(text))  # before negations are looked for
        elif not (text if name == "image" else text.strip()):  # a file may be called " "
            self.fail("The text between these quotes is empty.", at)
        elif name == "photo":
            with _query_errors(self.line, at):
                self.terms.append(Term(Example(_photo_id(text)), weight))
        elif name in installed.directions():
            self.terms.append(Term(direction_term(name, text.strip()), weight))
        elif name == "image":
            self.terms.append(Term(Example(Path(text)), weight))
        else:
            is_quoted = is_phrase and name is None and not marked
            is_free = not is_phrase and name is None and weight == -MINUS_WEIGHT
            self.terms.append(Term(text, weight, is_free=is_free, is_quoted=is_quoted))

    def _read_setting(self, name: str, name_at: int) -> None:
        at = self.at
        text = self._read_value(_TO_SPACE, f"{name}: needs a value.")
        if (self.sort if name == "sort" else self.min_score) is not None:
            self.fail(f"{name}: is given twice.", name_at)
        if name == "sort":
            self.sort = next((sort for sort in _SORTS if sort == text), None)
            if self.sort is None:
                self.fail(f"Unknown sort order {text!r}. Known: {', '.join(_SORTS)}.", at)
            return
        try:
            self.min_score = float(text)
        except ValueError:
            self.min_score = math.nan
        if not -1 <= self.min_score <= 1:
            self.fail(f"{text!r} is not a score. t: takes a cosine from -1 to 1.", at)

    def _read_value(self, bare: re.Pattern[str], if_missing: str) -> str:
        """Return a quoted phrase or a bare word; fails unless the next item can begin after it."""
        at = self.at
        if self.line.startswith('"', at):
            found = _PHRASE.match(self.line, at)
            if found is None:
                self.fail("This quote is never closed.", at)
            text = re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)
            found = _AFTER_PHRASE.match(self.line, found.end()) or found
        else:
            found = bare.match(self.line, at)
            if found is None:
                self.fail(if_missing, at)
            text = found[0]
        self.at = found.end()
        rest = self.line[self.at : self.at + 1]
        if rest == '"':
            self.fail(
                'There is a quote inside a word. Put the whole word in quotes and write \\".',
                self.at,
            )
        ends = {_TO_SPACE_OR_BAR: "|", _IN_BRACKETS: "|)"}.get(bare, "")
        if rest and not rest.isspace() and rest not in ends:
            self.fail("A space is missing after the closing quote.", self.at)
        return text

    def fail(self, message: str, at: int, suggestion: str | None = None) -> NoReturn:
        """Raise an error that points at a character; `suggestion` is a corrected line."""
        with _query_errors(self.line, at, suggestion):
            raise ValueError(message)


# These three raise ValueError with a sentence for the user.


def _filter_value(name: str, text: str) -> FilterValue:
    if not text.strip():
        raise ValueError(f"{name}: needs a value.")
    try:
        return FIELDS[name].read(text.strip())
    except ValueError as error:
        raise ValueError(Sentence(f"{name}: ", *error.args[:1])) from None


def _weight(text: str) -> float:
    weight = float(text)
    if not (weight > 0 and math.isfinite(weight)):
        raise ValueError(
            f"A weight of {text} is invalid: it must be a number above 0. To find photos unlike a "
            "term, put a minus before it."
        )
    return weight


def _photo_id(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_ID_DIGITS
    if not (is_number and is_row_id(int(text))):
        raise ValueError(
            Sentence(
                f"{text!r} is not a photo id. `",
                CommandLine("search --json"),
                "` shows each photo_id.",
            )
        )
    return int(text)


@contextmanager
def _query_errors(
    line: str | None = None, at: int = 0, suggestion: str | None = None
) -> Iterator[None]:
    """Turn a ValueError into a QueryError that points into the line, if there is one."""
    try:
        yield
    except ValueError as error:
        position = "" if line is None else f" (character {at + 1})"
        raise QueryError(Sentence(*error.args[:1], position), line, at, suggestion) from None


def _split_weight(text: str, default: float) -> tuple[float, str]:
    negated = text.startswith("-")
    found = _WEIGHT.match(text, int(negated))
    if found is None:
        return default, text
    with _query_errors():
        weight = _weight(found[1])
    return (-weight if negated else weight), text[found.end() :]


def _reads_as_itself(what: str | Example | DirectionName) -> bool:
    """Return whether this is text that `parse` reads as these words without quotes."""
    if not isinstance(what, str) or what != " ".join(what.split()):
        return False
    words = what.split()
    return all(_is_word(word) for word in words) and not split_negations(words)[1]


def _is_word(word: str) -> bool:
    return not (
        word.startswith("-")
        or '"' in word
        or _WEIGHT.match(word)
        or _NAME.match(word)
        or ((gap := _NAME_AND_GAP.match(word)) and gap.end() == len(word))
    )


def _term_text(term: Term, exact: bool = False) -> str:
    sign, default = ("-", MINUS_WEIGHT) if term.weight < 0 else ("", 1.0)
    size = abs(term.weight)
    weight = "" if size == default else f"{decimal_text(size)}:"
    if exact and isinstance(term.what, str) and term.weight == -MINUS_WEIGHT:
        return f"{sign}{_quoted(term.what)}"
    return f"{sign}{weight}{_what_text(term)}"


def _what_text(term: Term) -> str:
    what = term.what
    if isinstance(what, str):
        if term.weight == 1:
            return _quoted(what) if term.is_quoted else f"plain:{_quoted_if_needed(what, '')}"
        return what if " " not in what and _reads_as_itself(what) else _quoted(what)
    if isinstance(what, DirectionName):
        return f"{what.field}:{_quoted_if_needed(what.name, '')}"
    if not is_expressible(term):
        raise ValueError("A line cannot express an example given as bytes or with a region.")
    if isinstance(what.source, int):
        return f"photo:{what.source}"
    return f"image:{_quoted_if_needed(str(what.source), '')}"


def _quoted_if_needed(text: str, special: str) -> str:
    needs_quotes = any(char.isspace() or char in '"' + special for char in text)
    return _quoted(text) if needs_quotes or not text else text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def resolve_query(query: str | Query) -> Query:
    """Parse a query line, if it is one, and make the paths of the examples absolute.

    Raises QueryError, also for a query that exceeds MAX_CHARS, MAX_TERMS or MAX_VALUES, for words
    that are not UTF-8, and for values that are neither a line nor a Query.
    """
    parsed = parse(query) if isinstance(query, str) else query
    if not isinstance(parsed, Query):
        raise QueryError(f"A query is a line of text or a Query, not {parsed!r}. {_EXAMPLE_QUERY}")
    check_size(parsed)
    if not all(is_utf8(what) for what in map(_words_of, parsed.terms)):
        raise QueryError("The words of the query have bytes that are not UTF-8. Type them again.")
    return replace(parsed, terms=tuple(map(_resolved, parsed.terms)))


def _resolved(term: Term) -> Term:
    """Return the term with the path of its example absolute, and its id an integer of Python."""
    if not isinstance(term.what, Example) or isinstance(term.what.source, bytes):
        return term
    source = term.what.source
    resolved = Path(absolute(source)) if isinstance(source, Path) else as_id(source)
    return dataclasses.replace(term, what=replace(term.what, source=resolved))


def check_size(query: Query, filters: int = 0) -> None:
    """Raise QueryError for a query with too many terms, values of filters or characters.

    `filters` is the number of filters to be added to it, with one value each at least.
    """
    alone = (each for filter_ in query.filters for each in filter_.alone)
    values = [value for each in alone for value in each.values]
    sources = [_source_of(term) for term in query.terms]
    texts = [str(each) for each in (*sources, *values) if isinstance(each, str | Path)]
    _check_bound("terms", len(query.terms), MAX_TERMS)
    _check_bound("values of filters", len(values) + filters, MAX_VALUES)
    _check_bound("characters", sum(map(len, texts)), MAX_CHARS)


def check_k(k: int, what: str = "results") -> None:
    """Raise QueryError for a number of results that is not from 1 to MAX_RESULTS."""
    if not 1 <= k <= MAX_RESULTS:
        raise QueryError(
            f"The number of {what} must be 1 or more, and at most {MAX_RESULTS:,}, not {k:,}."
        )


def _words_of(term: Term) -> str:
    """Return the text of a term or the name of a direction; empty for an example."""
    if isinstance(term.what, Example):
        return ""
    return term.what.name if isinstance(term.what, DirectionName) else term.what


def _source_of(term: Term) -> str | Path | int | bytes:
    """Return the text or the name of a term, or the source of its example."""
    return term.what.source if isinstance(term.what, Example) else _words_of(term)


def _check_bound(what: str, count: int, bound: int) -> None:
    if count > bound:
        raise QueryError(
            f"The query is too long: it has {count:,} {what}, and at most {bound:,} are allowed. "
            "Shorten it, or split it into several queries."
        )
