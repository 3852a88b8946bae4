"""Takes names, dates and looks out of the words of a query: "Anna at the beach in Italy 2019".

Only words outside of quotes count. They become filters if they are names of people, towns, regions
or countries in the library, dates and times with photos ("on Saturdays", "in the evening"), dates
that count from today ("last summer"), or say how pictures look that the library has ("blurry
photos"). The first or the last words of a person's name are enough. The longest match counts. A
common English word is a name only if it is written as one: with a capital letter after a
preposition ("in Nice"), or as part of a longer name. A query of nothing but names may have usual
words as names of persons that the user has named, "Max and Rose", and months, seasons, feasts and
times beside them: "japan april". Names after a minus or "without" are left out.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.features import installed
from imgsearch.language.asking_words import without_asking_words
from imgsearch.language.calendar_words import DATE_BEGINNINGS, EASTERN_UNITS, TIME_WORDS
from imgsearch.language.clauses import Span, end_sign, spans_of
from imgsearch.language.clock import may_be_clock
from imgsearch.language.date_words import FUNCTION_WORD, meaning_of
from imgsearch.language.file_words import camera_in, kind_of, lacked_in
from imgsearch.language.function_words import (
    ARTICLES,
    BEFORE_PERSON,
    BEFORE_PLACE,
    LINKS,
    words_as,
)
from imgsearch.language.grammar import filter_of, is_expressible, parse, to_text
from imgsearch.language.newest import newest_first
from imgsearch.language.phrasing import BEFORE_ASKING_ME, PICTURES, asks_for_any_photo
from imgsearch.language.words import is_common
from imgsearch.records.names import WHOLE_NAME_FIELDS, NameField
from imgsearch.records.query import Clause, Filter, Query, Term, Understanding, UnderstoodPart
from imgsearch.text import words_of

if TYPE_CHECKING:
    from imgsearch.language.dates import Period
    from imgsearch.place_names import PlaceNames
    from imgsearch.store.reading.names import NameReads

_MAX_WORDS = 80  # a longer text is taken as it is
_MAX_NAME_WORDS = 5
_MIN_NAME_CHARACTERS = 2
# "2019年度" and "1980年代" are no years. After a date, 的 and の link it to what follows.
_EASTERN_DATE = (
    r"(?<!\d)(\d{4}[年년](?![度代])(?:\s?\d{1,2}[月월](?:\s?\d{1,2}[日号號일])?)?"
    r"|\d{1,2}[月월]\s?\d{1,2}[日号號일])[的のに에]?"
)
_SHORT_NAME = 4  # letters, up to which a place in another language needs a capital one
_MAX_OTHER_NAMES = 3  # that the library has for a place whose name is in another language
_ENDS_OF_MONTH = (["first", "day"], ["last", "day"])  # of August
_CALLED_SO = words_as("before_own_name")
_MIN_DATE_DIGITS = 4  # of a year, and of a date that is one word
_PUNCTUATION = ".,;:!?…()[]'’\"“”"

_Kind: TypeAlias = Literal["person", "place", "country", "date"]
_BEFORE_DATE = words_as("before_date")
_CALLED: tuple[NameField, ...] = ("people", "place", "country")
_CALLED_BY_NAME = {"person", "place", "country"}  # filters
_BOUNDS = words_as("bound")
_ONLY_PLACES = BEFORE_PLACE - BEFORE_PERSON
_ONLY_PEOPLE = words_as("only_person")
_NAMES_PLACE = words_as("names_place")
_NAMES_PERSON = words_as("names_person")
_BEFORE_THING = words_as("before_thing")
_BEFORE_MONTH = words_as("before_month")
_BEFORE_FEAST = words_as("before_feast")
# Words that stand for a particular person if the library has a person of that name.
_KIN = {
    *("mom", "mum", "mommy", "mummy", "mama", "dad", "daddy", "papa", "grandma", "grandpa"),
    *("granny", "grandmother", "grandfather", "nana"),
}
# Words that stand for the user, if the library knows which person that is. "I" and "my" say nothing
# about who is in a photo.
_OWN_PERSON = {"me", "myself"}
# Names of countries in use, and those that the gazetteer has.
_COUNTRIES = {
    "usa": "united states",
    "america": "united states",
    "uk": "united kingdom",
    "britain": "united kingdom",
    "great britain": "united kingdom",
    "korea": "south korea",
    "holland": "netherlands",
}
# Nouns for pictures in a state. They mean it alone, also beside a date, and before these words.
_STATE_NOUNS = {
    words: state for state, declared in installed.states().items() for words in declared.words
}
_BEFORE_CONTENT = frozenset({"of", "with", "about", "showing", "von", "mit"})
_BEFORE_ORIGIN = frozenset(
    {"from", "since", "before", "after", "vom", "aus", "seit", "vor", "nach"}
)


class _Match(Struct, frozen=True):
    """A name or a date in the words from `start` to `end`; the name itself begins at `name`.

    `stays` are the positions of its words that are searched for beside others, and with
    `always_stays` also alone.
    """

    start: int
    name: int
    end: int
    filters: tuple[Filter, ...]
    stays: tuple[int, ...] = ()
    always_stays: bool = False


def understand(
    names: NameReads,
    query: Query,
    today: date | None = None,
    places: PlaceNames | None = None,
    any_passes: Callable[[Sequence[Filter]], bool] | None = None,
) -> Understanding:
    """Turn a query with free words into an exact query, and list the parts understood.

    `query` names no stored query: see `with_named_queries`. "last summer" counts from `today`.
    `places` has the names of the library's places in other languages; None if these are not
    understood. `any_passes` says whether some photo passes filters; without it, no clause of a line
    is set aside.
    """
    if newest := _newest_first(query):
        ordered, part = newest
        understood = understand(names, ordered, today, places, any_passes)
        return replace(understood, parts=(part, *understood.parts))
    read_words = partial(_Words, names, today=today or date.today(), places=places)
    query, excluded = _without_names(read_words, query)
    free = _free_term(query)
    words = [] if free is None else _with_dates_apart(str(free.what)).split()
    read = read_words(words[:_MAX_WORDS])
    matches = read.matches() if len(words) <= _MAX_WORDS else []
    leftover = _leftover(words, matches) if len(words) <= _MAX_WORDS else []
    names_something = any(match.filters[0].field in _CALLED_BY_NAME for match in matches)
    if leftover and all(
        _is_in_a_name(names, words[at]) or (names_something and _may_be_date(words[at]))
        for at in leftover
    ):
        bare = read_words(
            words,
            is_all_names=True,
            has_names=_has_names(query),
            has_times=names_something,
        ).matches()
        if bare and not _leftover(words, bare):
            matches = bare
    spans = _clauses(words, matches)
    if free is None or not matches:
        clauses = () if free is None else _shown(query, free, words, spans, (), ())
        is_any = free is not None and excluded and asks_for_any_photo(str(free.what))
        terms = tuple(each for each in query.terms if not (is_any and each is free))
        return Understanding(replace(query, terms=_exact(terms)), excluded, clauses=clauses)
    found = matches
    if len(spans) > 1 and any_passes is not None:
        matches = _passed(found, query.filters, any_passes)
    rest = _rest_of_clauses(words, found, spans)
    empty_dates = [
        (start, end, any(start <= match.name and match.end <= end for match in matches))
        for start, end in read.empty_dates
    ]
    without_part = {at for start, end, has in empty_dates if not has for at in range(start, end)}
    is_only_date = without_part.issuperset(_leftover(words, found))
    if is_only_date and not any(
        match.always_stays for match in found
    ):  # "Anna 2019", of which year the library has no photo
        rest = ""
    terms = tuple(
        dataclasses.replace(each, what=rest, is_free=False) if each is free else each
        for each in query.terms
        if each is not free or rest
    )
    conditions = tuple(each for match in matches for each in match.filters)
    parts = tuple(_part(query, free, words, match) for match in matches)
    exact = replace(query, terms=_exact(terms), filters=(*_merged(conditions), *query.filters))
    named_dates = tuple(
        " ".join(words[start:end]).strip(",;")
        for start, end, has_part in empty_dates
        if is_only_date or has_part
    )
    set_aside = tuple(each for each in found if each not in matches)
    return Understanding(
        exact,
        (*parts, *excluded),
        named_dates,
        _shown(query, free, words, spans, matches, set_aside),
        tuple(_part(query, free, words, match) for match in set_aside),
    )


# ------------------------------------------------------------------------- clauses


def _clauses(words: Sequence[str], matches: Sequence[_Match]) -> list[Span]:
    """Return the clauses of the words; none ends within a name or a date."""

    def is_understood(start: int, end: int) -> bool:
        """Return whether these words are nothing but names and dates."""
        inside = _inside(matches, (start, end))
        return bool(inside) and not _leftover(words[start:end], inside)

    clauses: list[Span] = []
    for start, end in spans_of(words, is_understood):
        is_within = any(each.start < start < each.end for each in matches)
        clauses.append((clauses.pop()[0], end) if clauses and is_within else (start, end))
    return clauses


def _inside(matches: Sequence[_Match], span: Span) -> list[_Match]:
    """Return the matches in a clause, with places counted from its first word."""
    start, end = span
    return [
        replace(
            each,
            start=each.start - start,
            name=each.name - start,
            end=each.end - start,
            stays=tuple(at - start for at in each.stays),
        )
        for each in matches
        if start <= each.start and each.end <= end
    ]


def _passed(
    matches: Sequence[_Match],
    typed: Sequence[Filter],
    any_passes: Callable[[Sequence[Filter]], bool],
) -> list[_Match]:
    """Return the matches without those that no photo passes beside the ones before them.

    `typed` are the filters of the query, which always count. All are returned where no photo
    passes these, and where none would be left.
    """
    if any_passes([*typed, *(each for match in matches for each in match.filters)]):
        return list(matches)
    if typed and not any_passes(typed):
        return list(matches)
    kept: list[_Match] = []
    passed = list(typed)
    for match in matches:
        if any_passes([*passed, *match.filters]):
            kept.append(match)
            passed += match.filters
    return kept if kept or typed else list(matches)


def _rest_of_clauses(words: Sequence[str], matches: Sequence[_Match], spans: Sequence[Span]) -> str:
    """Return the words outside the matches, in clauses; see `_rest`."""
    if len(spans) < 2:
        return _rest(words, matches)
    texts = [(_ranked(words, matches, span), words[span[1] - 1]) for span in spans]
    signed = [f"{text}{'' if end_sign(text) else end_sign(last)}" for text, last in texts if text]
    return " ".join(signed).strip(",; ") if len(signed) > 1 else "".join(signed).rstrip(",;. ")


def _ranked(words: Sequence[str], matches: Sequence[_Match], span: Span) -> str:
    """Return the words of a clause that photos are ranked by; "" for none.

    A clause without a name or a date stays whole, unless no photo shows any of its words.
    """
    own, inside = words[slice(*span)], _inside(matches, span)
    if inside:
        return _rest(own, inside)
    text = " ".join(own)
    return text if without_asking_words(text) else ""


def _shown(
    query: Query,
    free: Term,
    words: Sequence[str],
    spans: Sequence[Span],
    matches: Sequence[_Match],
    set_aside: Sequence[_Match],
) -> tuple[Clause, ...]:
    """Return the clauses of a line as people see them; none of a line of one."""
    if len(spans) < 2:
        return ()
    clauses = []
    for start, end in spans:
        ranked = " ".join(words[start:end])
        if matches or set_aside:
            ranked = _ranked(words, (*matches, *set_aside), (start, end))
        others = " ".join([*words[:start], *words[end:]]).strip(",; ")
        clauses.append(
            Clause(
                " ".join(words[start:end]).strip(",; "),
                ranked.strip(",; "),
                _filters_text(_inside(matches, (start, end))),
                _filters_text(_inside(set_aside, (start, end))),
                _line_with(query, free, (Term(others, is_free=True),) if others else ()),
            )
        )
    return tuple(clauses)


def _filters_text(matches: Sequence[_Match]) -> str:
    """Return the filters of matches as a query line; "" for none."""
    return to_text(Query(filters=_merged([one for each in matches for one in each.filters])))


def _line_with(query: Query, free: Term, terms: Sequence[Term], exact: bool = False) -> str:
    """Return the line of the query with these terms in place of the free words."""
    expressible = [
        each
        for term in query.terms
        if is_expressible(term)
        for each in (terms if term is free else (term,))
    ]
    return to_text(replace(query, terms=tuple(expressible)), exact=exact)


def _free_term(query: Query) -> Term | None:
    """Return the words to look for that were typed outside of quotes; None if there are none."""
    return next(
        (
            term
            for term in query.terms
            if term.is_free and term.weight > 0 and isinstance(term.what, str)
        ),
        None,
    )


def _newest_first(query: Query) -> tuple[Query, UnderstoodPart] | None:
    """Return a query whose words ask for the newest photos, in their order and without the words.

    None for any other query, and for one that states an order.
    """
    free = _free_term(query)
    if free is None or query.sort != "relevance":
        return None
    newest = newest_first(str(free.what))
    if newest is None:
        return None
    rest = (dataclasses.replace(free, what=newest.rest),) if newest.rest else ()
    terms = tuple(each for term in query.terms for each in (rest if term is free else (term,)))
    plain = _line_with(query, free, (Term(str(free.what)),), exact=True)
    part = UnderstoodPart(newest.words, "sort:date", plain, _line_with(query, free, rest))
    return replace(query, terms=terms, sort="date"), part


def _without_names(
    read_words: Callable[..., _Words], query: Query
) -> tuple[Query, tuple[UnderstoodPart, ...]]:
    """Return the query in which names after a minus, or after "without", are negated filters."""
    terms, filters, parts = list(query.terms), list(query.filters), []
    for term in query.terms:
        if not (term.is_free and term.weight < 0 and isinstance(term.what, str)):
            continue
        words = term.what.split()
        lacked = lacked_in(term.what)
        if lacked is not None:
            negated = filter_of("no", lacked)
        else:
            matches = read_words(words, is_all_names=words[0][:1].isupper()).matches()
            conditions = [each for match in matches for each in match.filters]
            if len(conditions) != 1 or _leftover(words, matches):
                continue  # of two filters, one would be enough to leave a photo out
            negated = replace(conditions[0], negated=True)
        terms.remove(term)
        filters.append(negated)
        others = replace(query, terms=tuple(filter(is_expressible, terms)))
        plain = replace(others, terms=(*others.terms, dataclasses.replace(term, is_free=False)))
        text = to_text(Query(filters=(negated,)))
        parts.append(
            UnderstoodPart(f"-{term.what}", text, to_text(plain, exact=True), to_text(others))
        )
    return replace(query, terms=tuple(terms), filters=tuple(filters)), tuple(parts)


def _has_names(query: Query) -> bool:
    """Return whether a filter of the query names a person or a place."""
    return any(each.field in _CALLED_BY_NAME for each in query.filters)


def _is_in_a_name(names: NameReads, word: str) -> bool:
    """Return whether a person, place or country of the library has this word in its name."""
    plain = " ".join(words_of(word.strip(_PUNCTUATION).removesuffix("'s").removesuffix("’s")))
    return plain in _COUNTRIES or plain in _OWN_PERSON or names.has_phrase(plain, _CALLED)


def _may_be_date(word: str) -> bool:
    """Return whether a word alone may be a month, a season or a feast, or a part of one."""
    plain = word.lower().strip(_PUNCTUATION)
    return plain in DATE_BEGINNINGS or plain in TIME_WORDS or bool(meaning_of(plain))


def _may_be_time(word: str) -> bool:
    """Return whether a lower-case word may belong to a day of the week or a time of day."""
    return word in TIME_WORDS or not TIME_WORDS.isdisjoint((meaning_of(word) or "").split())


def _leftover(words: Sequence[str], matches: Sequence[_Match]) -> list[int]:
    """Return the positions of the words that are neither in a match nor links."""
    return [
        at
        for at, word in enumerate(words)
        if word.lower().strip(_PUNCTUATION) not in LINKS
        and not any(match.start <= at < match.end for match in matches)
    ]


def _with_dates_apart(text: str) -> str:
    """Return the text with spaces around dates of Chinese, Japanese and Korean, which have none."""
    if not EASTERN_UNITS.intersection(text):
        return text
    return re.sub(_EASTERN_DATE, r" \1 ", text)


def exact_line(names: NameReads, query: Query) -> str:
    """Return the line of an exact query; texts that contain names or dates are marked as plain.

    Raises ValueError for an example that a line cannot express.
    """
    line = to_text(query)
    read_again = understand(names, parse(line)) if line.strip() else Understanding(query)
    return to_text(query, exact=bool(read_again.parts) or read_again.query != query)


def _exact(terms: Sequence[Term]) -> tuple[Term, ...]:
    return tuple(
        dataclasses.replace(term, is_free=False) if term.is_free else term for term in terms
    )


def _part(query: Query, free: Term, words: Sequence[str], match: _Match) -> UnderstoodPart:
    matched = " ".join(words[match.start : match.end]).strip(",;")
    plain = Term(matched)
    others = " ".join([*words[: match.start], *words[match.end :]])
    rest = (Term(others, is_free=True),) if others else ()
    both = (plain, *rest) if match.start == 0 else (*rest, plain)

    filters = to_text(Query(filters=match.filters))
    return UnderstoodPart(
        matched,
        filters,
        _line_with(query, free, both, exact=not others),
        _line_with(query, free, rest, exact=not others),
    )


def _merged(filters: Sequence[Filter]) -> tuple[Filter, ...]:
    """Return the filters without duplicates."""
    return tuple(dict.fromkeys(filters))


def _rest(words: Sequence[str], matches: Sequence[_Match]) -> str:
    """Return the words outside of the matches, without leftover link words; "" for none."""
    kept = [
        word
        for at, word in enumerate(words)
        if not any(match.start <= at < match.end and at not in match.stays for match in matches)
    ]
    while kept and kept[-1].lower().strip(",;") in LINKS:
        kept.pop()
    while kept and kept[0].lower().strip(",;") in LINKS - ARTICLES:
        kept.pop(0)
        if kept and kept[0].lower() in ARTICLES and len(kept) > 1:
            kept.pop(0)
    text = " ".join(kept).strip(",; ")
    if asks_for_any_photo(text) or asks_for_any_photo(f"{text} photos"):
        return ""
    return without_asking_words(text) if text else ""


class _Words:
    """The free words of a query, and the names and dates in them.

    With `is_all_names`, usual words count as the names of persons that the user has named, and,
    with a capital letter, as places beside another name: "Max", "Split" beside Paul. `has_names`
    says that the query has a name besides these words. With `has_times`, months, seasons and feasts
    are times wherever they stand: "japan april".
    """

    def __init__(
        self,
        names: NameReads,
        words: Sequence[str],
        today: date,
        places: PlaceNames | None,
        is_all_names: bool = False,
        has_names: bool = False,
        has_times: bool = False,
    ) -> None:
        self._names = names
        self._places = places
        self._today = today
        self._is_all_names = is_all_names
        self._has_names = has_names
        self._has_times = has_times
        self._typed = [word.strip(_PUNCTUATION) for word in words]
        self._lower = [word.lower().replace("’", "'") for word in self._typed]
        self._ends_phrase = [word.rstrip("'’\"”)").endswith((",", ";", ":")) for word in words]
        self._ends_sentence = [word.endswith((",", ";", ":", ".", "!", "?")) for word in words]
        self._has_time_words = any(may_be_clock(word) or _may_be_time(word) for word in self._lower)
        self._known: dict[tuple[NameField, str], bool] = {}
        self.empty_dates: list[tuple[int, int]] = []  # see `Understanding`: only the longest

    def matches(self) -> list[_Match]:
        """Return the names and dates, from left to right; none overlap."""
        if self._is_one_name():
            return []
        found: list[_Match] = []
        at = 0
        while at < len(self._typed):
            taken = found[-1].end if found else 0
            match = self._longest(at, taken)
            time = self._time(at)
            if time is not None and (match is None or time.end > match.end):
                match = time
            at = at + 1 if match is None else match.end
            if match is not None and match.start < match.name and found:
                joined = self._alternatives(found[-1], match)
                if joined is not None:
                    found.pop()
                    match = joined
            if match is not None:
                found.append(match)
        return found

    def _is_one_name(self) -> bool:
        """Return whether all words together are in one name, such as that of a file or a folder."""
        return len(self._typed) > 1 and self._names.has_phrase(
            " ".join(self._typed), WHOLE_NAME_FIELDS
        )

    def _longest(self, at: int, taken: int) -> _Match | None:
        """Return the longest name or date that begins at a word.

        Words before `taken` are used already.
        """
        for end in range(min(at + _MAX_NAME_WORDS, len(self._typed)), at, -1):
            match = (
                self._look(at, end, taken)
                or self._state_noun(at, end, taken)
                or self._date(at, end, taken)
                or self._name(at, end, taken)
            )
            if match is not None:
                return match
        return None

    def _before(self, at: int, taken: int) -> str:
        return self._lower[at - 1] if at > taken else ""

    def _alternatives(self, first: _Match, second: _Match) -> _Match | None:
        """Return one match for "Anna or Bob"; None for anything else."""
        is_or = first.end == second.start and self._lower[second.start] == "or"
        fields = {each.field for each in (*first.filters, *second.filters)}
        if not is_or or len(fields) > 1 or len(first.filters) + len(second.filters) > 2:
            return None
        values = (*first.filters[0].values, *second.filters[0].values)
        both = replace(first.filters[0], values=values)
        return replace(first, end=second.end, filters=(both,))

    # ------------------------------------------------------------------ looks

    def _look(self, at: int, end: int, taken: int) -> _Match | None:
        """Return a kind of photos that the library has: "blurry photos", "taken with my canon"."""
        before = self._before(at, taken)
        kind = kind_of(self._lower, at, end, before)
        camera = None if kind else camera_in(self._lower[at:end])
        if camera is not None:
            kind = ("camera", camera)
        if kind is None:
            return None
        filters = (filter_of(*kind),)
        if not self._names.any_passes(filters):
            return None
        start = at - 1 if kind == ("is", "bw") and before == "in" else at
        return _Match(start, at, end, filters)

    def _state_noun(self, at: int, end: int, taken: int) -> _Match | None:
        """Return a state of the picture that a noun names: "all my screenshots of a chat".

        Only words that ask for photos may stand before the noun. None if the library has no such
        pictures.
        """
        state = _STATE_NOUNS.get(" ".join(self._lower[at:end]))
        if state is None:
            return None
        following = self._lower[end] if end < len(self._lower) else ""
        stands_alone = (
            not following
            or following in _BEFORE_CONTENT | _BEFORE_ORIGIN
            or following in PICTURES
            or self._has_date(end, end)
            or (following in ("in", "im") and self._has_date(end + 1, end))
        )
        before = " ".join(self._lower[taken:at])
        is_asked_for = (
            not before or asks_for_any_photo(f"{before} photos") or not without_asking_words(before)
        )
        filters = (Filter("is", (state,)),)
        if not (stands_alone and is_asked_for and self._names.any_passes(filters)):
            return None
        # "Screenshots of a chat" says more than "a chat".
        has_content = following in _BEFORE_CONTENT and not self._has_date(end + 1, end)
        return _Match(taken, at, end, filters, tuple(range(at, end)) if has_content else ())

    def _has_date(self, at: int, taken: int) -> bool:
        """Return whether a date begins at a word."""
        last = min(at + _MAX_NAME_WORDS, len(self._lower))
        return any(self._date(at, end, taken) for end in range(last, at, -1))

    # ------------------------------------------------------------------ times

    def _time(self, at: int) -> _Match | None:
        """Return days of the week, or a time of day, that begin at a word: "on a Friday night"."""
        if not self._has_time_words:
            return None
        from imgsearch.language.times import read_time_phrase

        phrase = read_time_phrase(
            self._typed, at, self._today, self._ends_sentence, has_times=self._has_times
        )
        if phrase is None:
            return None
        foreign = [
            word
            for word in self._lower[at : phrase.end]
            if _may_be_time(word) and word not in TIME_WORDS
        ]
        if any(self._knows_name(field, word) for word in foreign for field in _CALLED):
            return None
        if not (phrase.is_relative or self._names.any_passes(phrase.filters)):
            if not phrase.stays:  # else the photos that show it are the answer
                start = at
                while start + 1 < phrase.end and self._lower[start] in LINKS | ARTICLES:
                    start += 1
                self.empty_dates.append((start, phrase.end))
            return None
        return _Match(at, at, phrase.end, phrase.filters, phrase.stays, phrase.always_stays)

    # ------------------------------------------------------------------ dates

    def _date(self, at: int, end: int, taken: int) -> _Match | None:
        words = self._lower[at:end]
        if words[-1] in ("the", "of"):
            return None
        start = at - 1 if self._before(at, taken) == "the" else at
        before = self._before(start, taken)
        is_between = before == "between" and len(words) == 3 and words[1] == "and"
        period = self._period([words[0], "to", words[2]] if is_between else words)
        if period is None:
            period = self._foreign_period(words)
            while period is not None and self._meaning(start - 1, taken) == FUNCTION_WORD:
                start -= 1
            before = self._before(start, taken)
        if period is None or self._is_in_file_name(at, end, taken):
            return None
        filters = period.filters()
        bound = before if before in _BOUNDS else self._meaning(start - 1, taken)
        if bound in _BOUNDS and period.kind == "on":
            filters = period.bounded(bound)
        elif period.kind != "on" and not self._is_time_of_year(period, words, before, end):
            return None
        if not (period.is_relative or self._has_photos(period, filters)):
            if not any(first <= at and end <= last for first, last in self.empty_dates):
                self.empty_dates.append((at, end))
            return None
        if bound in _BOUNDS or before in _BEFORE_DATE or is_between:
            start -= 1
        return _Match(start, at, end, filters)

    def _period(self, words: Sequence[str]) -> Period | None:
        """Return the period that these words name in English."""
        if not (
            (len(words[0]) >= _MIN_DATE_DIGITS and words[0][0].isdecimal())
            or words[0] in DATE_BEGINNINGS
            or words[-1] == "ago"
            or (words[0][:1].isdecimal() and not DATE_BEGINNINGS.isdisjoint(words))
        ):
            return None
        from imgsearch.language.dates import read_period

        return read_period(words, self._today)

    def _foreign_period(self, words: Sequence[str]) -> Period | None:
        """Return the period that these words name in another language, if none is a name here."""
        meanings = [meaning_of(word) or word[:1].isdecimal() for word in words]
        if not all(meanings) or {FUNCTION_WORD, True}.issuperset(meanings):
            return None
        from imgsearch.language.foreign_dates import read_foreign_period

        period = read_foreign_period(words, self._today)
        is_name = period is not None and any(
            self._knows_name(field, word) for word in words for field in _CALLED
        )
        return None if is_name else period

    def _meaning(self, at: int, taken: int) -> str | None:
        """Return the English form of a foreign date word; None for a word that is used already."""
        return meaning_of(self._lower[at]) if at >= taken else None

    def _is_in_file_name(self, at: int, end: int, taken: int) -> bool:
        """Return whether this number is part of a file name: "IMG 2019"."""
        return (
            end == at + 1
            and at > taken
            and self._names.has_phrase(f"{self._typed[at - 1]} {self._typed[at]}", ["file_name"])
        )

    def _is_time_of_year(self, period: Period, words: Sequence[str], before: str, end: int) -> bool:
        """Return whether words such as "summer", "may" or "christmas" mean a time here."""
        if period.kind == "day" and (
            any(word[0].isdecimal() for word in words) or words[:2] in _ENDS_OF_MONTH
        ):
            return True
        if self._has_times:
            return True
        is_last = end == len(self._typed) or self._ends_phrase[end - 1]
        needed = _BEFORE_MONTH if period.kind == "month" else _BEFORE_FEAST
        return before in needed and (is_last or self._lower[end] in LINKS)

    def _has_photos(self, period: Period, filters: Sequence[Filter]) -> bool:
        is_whole = filters == period.filters() and period.kind == "on"
        if is_whole and filters[0].field != "season":
            return any(self._names.has_date_from(first, end) for first, end in period.spans())
        return self._names.any_passes(filters)

    # ------------------------------------------------------------------ names

    def _name(self, at: int, end: int, taken: int) -> _Match | None:
        if any(self._ends_phrase[at : end - 1]):
            return None
        typed = [*self._typed[at : end - 1], self._typed[end - 1].removesuffix("'s")]
        words = words_of(" ".join(typed).removesuffix("’s"))
        text = " ".join(words)
        if len(text) < _MIN_NAME_CHARACTERS or words[0] in LINKS - {"the"} or words[-1] in LINKS:
            return None
        if not (words_of(typed[0]) and words_of(typed[-1])):
            return None  # "Lena &"
        before = self._before(at, taken)
        if text in _OWN_PERSON and self._names.knows_own_person():
            if before in BEFORE_ASKING_ME:
                return None
            start = at - 1 if before in BEFORE_PERSON | {"&", "+"} else at
            return _Match(start, at, end, (Filter("person", ("me",)),))
        if before == "the" and self._before(at - 1, taken) in _CALLED_SO:
            before = self._before(at - 1, taken)
        kinds = self._kinds_after(before)
        kind = next((kind for kind in kinds if self._knows(kind, text)), None)
        values: tuple[str, ...] = (" ".join(typed),)
        if kind == "country":
            known = self._country_named(text)
            if known is not None and known != text:  # "the United States", "USA"
                values = (" ".join(typed[1:]) if text == f"the {known}" else known,)
        elif kind is None and not self._are_usual(words):
            kind, values = self._place_elsewhere(values[0], kinds)
        if kind is None or not self._is_meant(kind, words, before, at, end):
            return None
        starts_with = BEFORE_PERSON | {"&", "+"} if kind == "person" else BEFORE_PLACE
        start = at - 1 if before in starts_with else at
        return _Match(start, at, end, (Filter(kind, values),))

    def _kinds_after(self, before: str) -> Sequence[_Kind]:
        """Return the kinds of names that may follow this word, the likeliest first."""
        if before in _ONLY_PEOPLE:
            return ("person",)
        if before in _ONLY_PLACES:
            return ("country", "place")
        return (
            ("country", "place", "person") if before == "from" else ("person", "country", "place")
        )

    def _place_elsewhere(
        self, typed: str, kinds: Sequence[_Kind]
    ) -> tuple[_Kind | None, tuple[str, ...]]:
        """Return the place that has this name in another language, and its names in the library."""
        if self._places is None or (typed.isupper() and self._is_all_in_capitals()):
            return None, ()
        if len(typed) <= _SHORT_NAME and typed.islower():
            return None, ()  # "vert" and "gras" are towns somewhere
        others = self._places.others(typed)
        for kind in kinds:
            known = [
                each.name for each in others if each.kind == kind and self._knows(kind, each.name)
            ]
            if known:
                return kind, tuple(known[:_MAX_OTHER_NAMES])
        return None, ()

    def _is_all_in_capitals(self) -> bool:
        """Return whether capital letters say nothing about one of several words."""
        return len(self._typed) > 1 and all(word.upper() == word for word in self._typed)

    def _knows_name(self, field: NameField, name: str) -> bool:
        """Return whether some photo has this name; each name is looked up once."""
        if (field, name) not in self._known:
            self._known[field, name] = self._names.knows_name(field, name)
        return self._known[field, name]

    def _knows(self, kind: _Kind, text: str) -> bool:
        if kind == "country":
            return self._country_named(text) is not None
        return self._knows_name("people" if kind == "person" else "place", text)

    def _country_named(self, text: str) -> str | None:
        """Return the name by which some photo knows a country: without "the", if need be."""
        name = _COUNTRIES.get(text, text)
        names = (name, f"the {name}", name.removeprefix("the "))
        return next((each for each in names if self._knows_name("country", each)), None)

    def _is_meant(self, kind: _Kind, words: Sequence[str], before: str, at: int, end: int) -> bool:
        """Return whether these words, which are a name in the library, mean that name here."""
        is_thing = before in _BEFORE_THING
        if kind == "country" and " ".join(words) in _COUNTRIES:
            return True
        if not self._are_usual(words):
            return not (is_thing and kind == "person")
        if words[-1] in _KIN and len(words) == 1 and kind == "person":
            return not is_thing
        if kind != "person" and len(words) > 1 and before in _NAMES_PLACE:
            return True
        if self._is_all_names and not is_thing:
            if kind == "person":
                return self._names.knows_named_person(" ".join(words))
            return self._has_names and self._is_capitalised(at, end)
        leads = _NAMES_PERSON if kind == "person" else _NAMES_PLACE
        return before in leads and self._is_capitalised(at, end)

    def _are_usual(self, words: Sequence[str]) -> bool:
        """Return whether all of these words are English ones, numbers, or words of a date."""
        return all(word.isdecimal() or word in DATE_BEGINNINGS or is_common(word) for word in words)

    def _is_capitalised(self, at: int, end: int) -> bool:
        """Return whether these words have capital letters, and not all words of the query have.

        Words that always have one say nothing about the others: "Lena" in "Paul and Lena in Split".
        """
        others = [
            word
            for position, word in enumerate(self._typed)
            if position > 0 and not at <= position < end and not self._is_always_capitalised(word)
        ]
        return all(word[:1].isupper() for word in self._typed[at:end]) and not (
            others and all(word[:1].isupper() for word in others)
        )

    def _is_always_capitalised(self, word: str) -> bool:
        """Return whether a word has a capital letter wherever it stands, or is a link."""
        lower = word.lower()
        if lower in LINKS or lower in DATE_BEGINNINGS or not is_common(lower):
            return True
        return any(self._knows_name(field, word) for field in _CALLED)
