"""Compiles a selection of photos to SQL conditions on the table of photos.

The results are those of a library on this machine (`imgsearch.store.filters`). Every value is
written as a literal or, in a pattern, character by character.

A condition on a column that the table lacks, as it was made before there was such a column, is
unknown for every photo, as it is for a photo of which nobody has read that fact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import ceil, floor, radians

from imgsearch.archive.lance.rows import FILE_END, NAME_END
from imgsearch.archive.lance.tables import (
    ALL_WORDS,
    FACE_COUNT,
    LISTED_WORDS,
    OTHER_FACES,
    PEOPLE_WORDS,
    TEXT_COLUMN,
    is_in_trigrams,
    is_one_of,
    literal,
    plain_column,
    words_column,
)
from imgsearch.errors import QueryError
from imgsearch.paths import absolute
from imgsearch.records.names import NAME_FIELDS, WHOLE_NAME_FIELDS, NameField
from imgsearch.records.photo import FACTS, LOOKS, Fact
from imgsearch.records.picture_text import lengths_like, longest_with, words_in_text
from imgsearch.records.query import (
    FACT_TOLERANCE,
    Filter,
    FilterSpec,
    FilterValue,
    Interval,
    NamedPhrase,
    Place,
    Selection,
)
from imgsearch.sphere import EARTH_RADIUS_KM, box_around
from imgsearch.text import plain_text, without_spaces, words_of

# A column of the table of photos in SQL: see `View.column`.
Column = Callable[[str], str]

NEVER, ALWAYS = "false", "true"
_MARKS = {"favourite": "favourites", "hidden": "hidden photos"}
_LARGEST = 2**63 - 1  # of a column of whole numbers
_DAY_AT, _MONTH_AT = 5, 5  # in ISO text


def where(
    selection: Selection,
    column: Column,
    own_person: str | None = None,
    marked: frozenset[str] = frozenset(),
) -> str:
    """The condition that a photo is in a selection.

    `own_person` are the words of the name of the person that the user is, for `person:me`, and
    `marked` the columns of marks in which a photo may have one. Raises QueryError for a filter on
    what a catalogue of tables does not have.
    """
    for each in selection.filters:
        if lacking := lacking_marks(each, marked):
            raise QueryError(lacking)
    if "own_rating" in marked:
        column = partial(_rated, column, selection.rated_by_files)
    conditions = [condition_of(each, column, own_person) for each in selection.filters]
    if not selection.with_hidden:
        conditions.append(f"{column('hidden')} IS NOT TRUE")
    if selection.among is not None:
        conditions.insert(0, is_one_of("id", selection.among.tolist()))
    phrases = [named(phrase, column) for phrase in selection.named]
    if phrases:
        conditions.append(any_of(phrases) if selection.any_named else all_of(phrases))
    return all_of(conditions)


def lacking_marks(condition: Filter, marked: frozenset[str]) -> str | None:
    """The message about a filter on marks that no photo can have here; None for another filter."""
    values = set(map(str, condition.values)) if condition.field == "is" else set[str]()
    if "picked" in values:
        return "is:picked does not work here: only a library on one machine has a tray."
    for value, what in _MARKS.items():
        if value in values and value not in marked:
            return (
                f"is:{value} does not work here: no library with {what} was copied to this "
                "archive. To copy yours, with its marks: imgsearch copy --to ADDRESS"
            )
    return None


def _rated(column: Column, by_files: bool, name: str) -> str:
    """A column, in which stars that a person has given count before those of the files."""
    if name != "rating":
        return column(name)
    own, of_files = column("own_rating"), column("rating")
    return f"coalesce({of_files}, {own})" if by_files else f"coalesce({own}, {of_files})"


def condition_of(condition: Filter, column: Column, own_person: str | None = None) -> str:
    """The condition that a photo passes a filter."""
    make = CONDITIONS.get(condition.field)
    if own_person is not None and condition.field in _NAMING:
        make = partial(_NAMING[condition.field], own_person)
    if make is None:
        raise QueryError(
            f"{condition.field}: does not work here: only a library on one machine knows that."
        )
    any_value = any_of(make(column, value) for value in condition.values)
    return f"({any_value}) IS NOT TRUE" if condition.negated else any_value


def all_of(conditions: Iterable[str]) -> str:
    """The condition that all of these are fulfilled."""
    return " AND ".join(f"({each})" for each in conditions) or ALWAYS


def any_of(conditions: Iterable[str]) -> str:
    """The condition that one of these is fulfilled."""
    return " OR ".join(f"({each})" for each in conditions) or NEVER


# ------------------------------------------------------------------------- names


def named(phrase: NamedPhrase, column: Column) -> str:
    """The condition that a photo has a phrase in a name or in its text: see `NamedPhrase`."""
    texts = (phrase.text, *phrase.misread)
    if phrase.is_whole:
        whole_names = [has_whole_name(field, phrase.text, column) for field in WHOLE_NAME_FIELDS]
        return any_of([*whole_names, *(_has_big_text(text, column) for text in texts)])
    in_names = has_phrase(phrase.text, NAME_FIELDS, column)
    return any_of([in_names, *(has_text(text, column) for text in texts)])


def has_phrase(phrase: str, fields: Iterable[NameField], column: Column) -> str:
    """The condition that the words of a phrase follow each other in one name of these fields."""
    words = " ".join(words_of(phrase))
    if not words:
        return NEVER
    part = f" {words} "
    in_a_field = any_of(_has(field, part, column) for field in fields)
    return _with_whole_words(words, part, in_a_field, column)


def has_text(phrase: str, column: Column) -> str:
    """The condition that the words of a phrase follow each other in the text of a photo."""
    words = " ".join(words_in_text(phrase))
    if not words:
        return NEVER
    part = f" {words} "
    return _with_whole_words(words, part, _contains(column(TEXT_COLUMN), part), column)


def _has_big_text(phrase: str, column: Column) -> str:
    """The condition that a phrase is a big part of the text of a photo."""
    end = _escaped(NAME_END)
    is_short = f"^{end}[^{_escaped(NAME_END.strip())}]{{1,{longest_with(phrase)}}}{end}"
    matches = f"regexp_like({column(TEXT_COLUMN)}, {literal(is_short)})"
    return all_of([has_text(phrase, column), matches])


def has_word_like(word: str, column: Column) -> str:
    """The condition that the text of a photo has a word with the same first or second half.

    All photos with a word that `differs_by_a_letter` from this one fulfil it, and some others.
    """
    middle = len(word) // 2
    first, second = _escaped(word[:middle]), _escaped(word[middle:])
    shortest, longest = lengths_like(word)
    patterns = {
        f" {word[:middle]}": f" {first}[^ ]{{{shortest - middle},{longest - middle}}} ",
        f"{word[middle:]} ": f" [^ ]{{{max(0, middle - 2)},{middle + 2}}}{second} ",
    }
    texts = column(TEXT_COLUMN)
    return any_of(
        _with_words(part, f"regexp_like({texts}, {literal(pattern)})", column)
        for part, pattern in patterns.items()
    )


def has_whole_name(field: NameField, name: str, column: Column) -> str:
    """The condition that a photo has this name in a field; of a file, without its suffix."""
    words = " ".join(words_of(name))
    if not words:
        return NEVER
    if field == "file_name":  # the suffix is one more word
        pattern = f"{_escaped(NAME_END + words)} [^ ]+{_escaped(NAME_END)}"
        matches = f"regexp_like({column(words_column(field))}, {literal(pattern)})"
    else:
        matches = _has(field, f"{NAME_END}{words}{NAME_END}", column)
    return _with_whole_words(words, f"{NAME_END}{words} ", matches, column)


def has_name_beginning(field: NameField, name: str, column: Column) -> str:
    """The condition that the first words of a name in a field are these."""
    words = " ".join(words_of(name))
    if not words:
        return NEVER
    part = f"{NAME_END}{words} "
    return _with_whole_words(words, part, _has(field, part, column), column)


def has_name_ending(field: NameField, name: str, column: Column) -> str:
    """The condition that the last words of a name in a field are these."""
    words = " ".join(words_of(name))
    if not words:
        return NEVER
    part = f" {words}{NAME_END}"
    return _with_whole_words(words, part, _has(field, part, column), column)


def _with_whole_words(words: str, part: str, condition: str, column: Column) -> str:
    """As `_with_words` for a part of whole words.

    Words of which none is in the index of trigrams, such as those of one or two letters, are looked
    up in that of listed words.
    """
    listed = column(LISTED_WORDS)
    each_word = dict.fromkeys(words.split())
    if listed != LISTED_WORDS or any(map(is_in_trigrams, each_word)):
        return _with_words(part, condition, column)
    has_each = [f"array_has({listed}, {literal(word)})" for word in each_word]
    return all_of([*has_each, condition])


def _with_words(part: str, condition: str, column: Column) -> str:
    """A condition that only photos with this part in their words can fulfil: these are indexed."""
    return all_of([_contains(column(ALL_WORDS), part), condition])


def _has(field: NameField, part: str, column: Column) -> str:
    return _contains(column(words_column(field)), part)


def _contains(texts: str, part: str) -> str:
    return f"contains({texts}, {literal(part)})"


def _escaped(text: str) -> str:
    """The regular expression of a text."""
    return "".join(
        each if each.isascii() and each.isalnum() else f"\\x{{{ord(each):x}}}" for each in text
    )


# ------------------------------------------------------------------------- one condition a filter

Condition = Callable[[Column, FilterValue], str]


def _after(column: Column, value: FilterValue) -> str:
    # ISO text of any precision sorts by time.
    return f"{column('date')} >= {literal(str(value))}"


def _before(column: Column, value: FilterValue) -> str:
    return f"{column('date')} < {literal(str(value))}"


def _on(column: Column, value: FilterValue) -> str:
    # What follows a shorter date sorts before "~".
    date = column("date")
    return f"{date} >= {literal(str(value))} AND {date} < {literal(f'{value}~')}"


def _part_of_date(start: int, length: int) -> Condition:
    def condition(column: Column, value: FilterValue) -> str:
        text = str(value)
        if len(text) != length:
            return NEVER
        pattern = f"^.{{{start}}}{_escaped(text)}"
        return f"regexp_like({column('date')}, {literal(pattern)})"

    return condition


def _part(name: str) -> Condition:
    def condition(column: Column, value: FilterValue) -> str:
        part = without_spaces(str(value))
        if part[:1].isdigit():  # 50mm must not match 150mm or 1.50mm
            pattern = r"(^|[^\d.])" + _escaped(part)
            return f"regexp_like({column(name)}, {literal(pattern)})"
        return _contains(column(name), part)

    return condition


def _keyword(column: Column, value: FilterValue) -> str:
    return f"array_has({column('keyword_names')}, {literal(plain_text(str(value)))})"


def _near(column: Column, value: FilterValue) -> str:
    if not isinstance(value, Place):
        raise QueryError("near: needs a point here: near:48.85,2.35,5km")
    latitudes, longitudes = box_around(value.lat, value.lon, value.radius_km)
    lat, lon = column("lat"), column("lon")
    # The box is what an index can find. It contains the circle, by the haversine formula.
    half = (
        f"power(sin((radians({lat}) - {radians(value.lat)!r}) / 2.0), 2.0) + "
        f"cos(radians({lat})) * cos({radians(value.lat)!r}) * "
        f"power(sin(radians({lon} - {float(value.lon)!r}) / 2.0), 2.0)"
    )
    return all_of(
        [
            _between(lat, latitudes),
            any_of(_between(lon, each) for each in longitudes),
            f"{2 * EARTH_RADIUS_KM!r} * asin(sqrt(least(1.0, {half}))) <= {value.radius_km!r}",
        ]
    )


def _between(number: str, ends: tuple[float, float]) -> str:
    return f"{number} >= {ends[0]!r} AND {number} <= {ends[1]!r}"


def _compared(number: str, value: FilterValue, tolerance: float = 0.0) -> str:
    """A bound or a range of a number; ends are widened by `tolerance`, a share of their value."""
    assert isinstance(value, Interval)
    ends = []
    span = value.widened(tolerance)
    if span.low is not None:
        ends.append(f"{number} {'>' if span.low_open else '>='} {float(span.low)!r}")
    if span.high is not None:
        ends.append(f"{number} {'<' if span.high_open else '<='} {float(span.high)!r}")
    return all_of(ends)


def _compared_whole(number: str, value: FilterValue) -> str:
    """As `_compared` for a column of whole numbers, which Lance compares with nothing else."""
    assert isinstance(value, Interval)
    ends = []
    if value.low is not None:
        low = floor(value.low) + 1 if value.low_open else ceil(value.low)
        ends.append(f"{number} >= {max(-_LARGEST, min(low, _LARGEST))}")
    if value.high is not None:
        high = ceil(value.high) - 1 if value.high_open else floor(value.high)
        ends.append(f"{number} <= {max(-_LARGEST, min(high, _LARGEST))}")
    return all_of(ends)


def _megapixels(column: Column, value: FilterValue) -> str:
    return _compared(f"{column('width_px')} * {column('height_px')} / 1000000.0", value)


def _in(column: Column, value: FilterValue) -> str:
    text = str(value)
    if "://" in text:
        return f"array_has({column('folders')}, {literal(text.rstrip('/'))})"
    if text.startswith(("/", "~")):
        return f"array_has({column('folders')}, {literal(absolute(text))})"
    path = f"/{plain_text(text.strip('/'))}/"
    names = [name for name in path.split("/") if name]
    # Each name is in an index of names; where there are several, their order counts as well.
    conditions = [f"array_has({column('folder_names')}, {literal(name)})" for name in names]
    if len(names) != 1 or path != f"/{names[0]}/":
        conditions.append(_in_a_text_of_files(column("folder_text"), path))
    return all_of(conditions)


def _name(column: Column, value: FilterValue) -> str:
    return _in_a_text_of_files(column("file_text"), plain_text(str(value)))


def _in_a_text_of_files(texts: str, part: str) -> str:
    return NEVER if FILE_END in part else _contains(texts, part)


def _words(*fields: NameField) -> Condition:
    """The words of the value in their order, in one name of these fields."""
    return lambda column, value: has_phrase(str(value), fields, column)


def _person(own_person: str | None, column: Column, value: FilterValue) -> str:
    """The name in its order of words; "me" is the person that the user is, and nobody else."""
    if own_person is not None and words_of(str(value)) == ["me"]:
        return has_whole_name("people", own_person, column)
    return has_phrase(str(value), ("people",), column)


def _only(own_person: str | None, column: Column, value: FilterValue) -> str:
    """Each of these persons, no other name, and no face of anybody else."""
    wanted = [" ".join(words) for name in str(value).split(",") if (words := words_of(name))]
    if not wanted:
        return NEVER
    end = _escaped(NAME_END.strip())
    names, word = [], f"[^ {end}]+ "
    for each in wanted:
        if each == "me" and own_person is not None:
            names.append(f"{_escaped(own_person)} ")
        else:
            names.append(f"({word})*{_escaped(each)} ({word})*")
    all_are_named = f"^ {end} (({'|'.join(names)}){end} )+$"
    return all_of(
        [
            *(_person(own_person, column, each) for each in wanted),
            f"regexp_like({column(PEOPLE_WORDS)}, {literal(all_are_named)})",
            f"coalesce({column(OTHER_FACES)}, 0) = 0",
        ]
    )


def _people(column: Column, value: FilterValue) -> str:
    return _compared_whole(column(FACE_COUNT), value)


def _text(column: Column, value: FilterValue) -> str:
    return has_text(str(value), column)


def _state(column: Column, value: FilterValue) -> str:
    if value in LOOKS:
        look = LOOKS[str(value)]
        return _compared(column(look.fact), look.values)
    return {
        "animated": column("animated"),
        "motion": f"{column('motion')} IS NOT NULL",
        "live": f"{column('motion')} = 'beside'",
        # Shared storage has no drives that come and go.
        "online": ALWAYS,
        "offline": NEVER,
        "favourite": f"{column('favourite')} IS TRUE",
        "hidden": f"{column('hidden')} IS TRUE",
        # Only a library on one machine has a tray.
        "picked": NEVER,
    }[str(value)]


def _type(column: Column, value: FilterValue) -> str:
    return f"lower({column('format')}) = {literal(str(value))}"


def _dated(column: Column, value: FilterValue) -> str:
    return f"{column('date_source')} = {literal(str(value))}"


def _orientation(column: Column, value: FilterValue) -> str:
    sign = {"landscape": ">", "portrait": "<", "square": "="}[str(value)]
    return f"{column('width_px')} {sign} {column('height_px')}"


def _of_fact(fact: Fact, spec: FilterSpec) -> Condition:
    if spec.kind == "words":
        return _words(*(field for field in NAME_FIELDS if field == fact.name))
    if spec.kind == "text":
        return _part(plain_column(fact.name))

    def condition(column: Column, value: FilterValue) -> str:
        stored = column(fact.name)
        if spec.missing_as is not None:
            stored = f"coalesce({stored}, {fact.type(spec.missing_as)!r})"
        if spec.kind == "yes/no":
            return f"{stored} = {value == 'yes'}"
        if spec.kind == "share":
            return _contains(stored, f"{value} ")
        if fact.type is int:
            return _compared_whole(stored, value)
        return _compared(stored, value, tolerance=FACT_TOLERANCE)

    return condition


# Filters that may name the person that the user is.
_NAMING: dict[str, Callable[[str | None, Column, FilterValue], str]] = {
    "only": _only,
    "person": _person,
}
# By the names of `imgsearch.language.fields.FIELDS`. Not here are root (there are no indexed
# folders of a machine), label and shows (only a library on one machine has labels and concepts),
# and the filters of features.
CONDITIONS: dict[str, Condition] = {
    "after": _after,
    "before": _before,
    "on": _on,
    "day": _part_of_date(_DAY_AT, len("12-24")),
    "month": _part_of_date(_MONTH_AT, len("12")),
    "dated": _dated,
    "near": _near,
    "keyword": _keyword,
    "in": _in,
    "name": _name,
    "place": _words("place", "country"),
    "text": _text,
    "type": _type,
    "orientation": _orientation,
    "megapixels": _megapixels,
    "is": _state,
    "only": partial(_only, None),
    "people": _people,
    **{fact.filter.name: _of_fact(fact, fact.filter) for fact in FACTS if fact.filter is not None},
}
