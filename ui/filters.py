"""Filters: a form that writes them into the search box, and chips that take them out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import streamlit as st
from msgspec.structs import replace

from imgsearch import LOOKS, ImgsearchError, Query, Sort, filter_of, parse, printable, to_text
from ui import cards, elements
from ui.features import filter_nouns
from ui.formatting import escape_markdown, format_date
from ui.query_line import query_line
from ui.session import session

FilterValues: TypeAlias = dict[str, str]  # by field of the query language; "" is no filter

_ORIENTATIONS = ["landscape", "portrait", "square"]
_RATINGS = [f">={stars}" for stars in range(1, 6)]
_SORTS: dict[Sort, str] = {
    "relevance": "Best match first",
    "date": "Newest first",
    "path": "Path",
    "best": "Most worth keeping first",
}
_FIRST_DAY, _LAST_DAY = date(1826, 1, 1), date(2200, 1, 1)
# Several people or keywords are all wanted at once; of the other fields, a photo has one value.
_ALL_WANTED = ("person", "keyword")
_NOUNS = {
    "in": "Folder",
    "place": "Place",
    "country": "Country",
    "person": "Person",
    "keyword": "Keyword",
    "color": "Colour",
}


def parse_line(line: str) -> Query:
    """Return the query in the search box, which may be empty.

    Raises the errors of the query language.
    """
    return parse(line) if line.strip() else Query()


def values_of(query: Query) -> FilterValues:
    """Return the filters that the form can show. Those that exclude photos are not among them."""
    values: FilterValues = {}
    for chip in chips_of(query):
        if not chip.negated:
            known = values.get(chip.field)
            values[chip.field] = chip.value if known is None else f"{known}|{chip.value}"
    return values


def with_filters(line: str, values: Mapping[str, str], sort: Sort | None = None) -> str:
    """Return `line` with `values` in place of the filters of the same fields.

    With `sort`, the photos are in this order.
    """
    query = parse_line(line)
    kept = tuple(
        filter_ for filter_ in query.filters if filter_.negated or filter_.field not in values
    )
    new = tuple(filter_of(field, value) for field, value in values.items() if value)
    return to_text(replace(query, filters=kept + new, sort=sort or query.sort))


def toggled(line: str, field: str, value: str) -> str:
    """Return `line` with this filter, or without it if it is there.

    Of people and keywords, a photo must have all that are chosen; of other fields, one. Raises
    QueryError for an unknown field or an invalid value.
    """
    query = parse_line(line)
    for chip in chips_of(query):
        if (chip.field, chip.value, chip.negated) == (field, value, False):
            return chip.rest
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    (new,) = parse(f'{field}:"{quoted}"').filters
    filters = list(query.filters)
    same = [each for each in filters if each.field == field and not each.negated]
    if same and field not in _ALL_WANTED:
        place = filters.index(same[-1])
        filters[place] = replace(same[-1], values=same[-1].values + new.values)
    else:
        filters.append(new)
    return to_text(replace(query, filters=tuple(filters)))


# ------------------------------------------------------------------------- chips


class FilterChip(NamedTuple):
    """One value of a filter in the search box, and the line without it."""

    field: str
    value: str
    text: str  # in the query language
    negated: bool
    rest: str

    @property
    def label(self) -> str:
        """The meaning of the filter in words: "Folder Genève", "Until 30 June 2023"."""
        if not self.negated:
            if self.field == "in":
                return f"Folder {Path(self.value).name or self.value}"
            nouns = {**_NOUNS, **filter_nouns()}
            if self.field in nouns:
                return f"{nouns[self.field]} {self.value}"
            if self.field == "is" and self.value in LOOKS:
                return LOOKS[self.value].label
            if self.field == "after":
                is_day = len(self.value) == len("2023-06-15")
                return f"From {format_date(first_day(self.value)) if is_day else self.value}"
            if self.field == "before" and len(self.value) <= len("2023-06-15"):
                return f"Until {format_date(last_day(self.value))}"
        return self.text


def chips_of(query: Query) -> Iterator[FilterChip]:
    """Yield a chip for each value of each filter, in their order."""
    for number, condition in enumerate(query.filters):
        before, after = query.filters[:number], query.filters[number + 1 :]
        if condition.alone != (condition,):  # brackets are one chip
            text = to_text(Query(filters=(condition,)))
            rest = to_text(replace(query, filters=(*before, *after)))
            yield FilterChip(condition.field, text, text, condition.negated, rest)
            continue
        for place, value in enumerate(condition.values):
            others = condition.values[:place] + condition.values[place + 1 :]
            # What is excluded by several values is so by each of them.
            kept = (replace(condition, values=others),) if others else ()
            text = to_text(Query(filters=(replace(condition, values=(value,)),)))
            yield FilterChip(
                condition.field,
                _unquoted(text.removeprefix("-"), condition.field),
                text,
                condition.negated,
                to_text(replace(query, filters=(*before, *kept, *after))),
            )


def filter_chips() -> None:
    """Show a chip for each filter, with a button that removes it from the search box.

    Words that stand for a filter are removed, or taken as plain words by quotes around them. Of a
    line of several clauses, there is a chip for the words of each that photos are ranked by.
    """
    try:
        query = parse_line(query_line().line)
        understood = session().library.lines.understand(query)
    except ImgsearchError:
        return  # the results show the error
    if not (query.filters or understood.parts or understood.clauses):
        return
    elements.chips(
        [
            *(
                elements.Chip(
                    "words",
                    part.words,
                    part.filters,
                    f"Remove “{part.words}”, which is understood as {part.filters}",
                )
                for part in understood.parts
            ),
            *(
                elements.Chip(
                    "aside",
                    part.words,
                    f"{part.filters} set aside",
                    f"Remove “{part.words}”. With {part.filters}, no photo would be left.",
                )
                for part in understood.set_aside
            ),
            *(
                elements.Chip(
                    "clause",
                    clause.words,
                    clause.ranked or clause.words,
                    f"Photos are ranked by “{clause.ranked}”. Click to remove this clause."
                    if clause.ranked
                    else f"No photo shows “{clause.words}”. Click to remove this clause.",
                )
                for clause in understood.clauses
                if clause.ranked or not (clause.filters or clause.set_aside)
            ),
            *(
                elements.Chip("filter", chip.text, chip.label, f"Remove this filter: {chip.text}")
                for chip in chips_of(query)
            ),
        ]
    )


def _after_click(line: str, action: elements.ChipAction, name: str) -> str:
    """Return `line` without this filter, or without these words or with quotes around them."""
    query = parse_line(line)
    if action == "filter":
        return next((chip.rest for chip in chips_of(query) if chip.text == name), line)
    understood = session().library.lines.understand(query)
    if action == "clause":
        return next((each.rest for each in understood.clauses if each.words == name), line)
    parts = (*understood.parts, *understood.set_aside)
    part = next((part for part in parts if part.words == name), None)
    if part is None:
        return line
    return part.undo if action == "plain" else part.rest


# ------------------------------------------------------------------------- the form


def take_changes() -> None:
    """Pass clicks on chips and changes in the form to the query. Before `QueryLine.start`."""
    line = query_line()
    for action, name in elements.clicked_chips():
        line.change(partial(_after_click, action=action, name=name))
    for field, value in elements.clicked_choices():
        line.change(partial(toggled, field=field, value=value))
    for name, day in elements.changed_days():
        line.change(partial(with_filters, values=_day_values(name, day)))


def filter_form() -> None:
    """Offers what the photos of the library have. Each change applies at once."""
    try:
        query = parse_line(query_line().line)
    except ImgsearchError as error:
        cards.error_card(error, "suggestion in filters")
        return
    refusal = query_line().refusal
    if refusal is not None:
        st.warning(escape_markdown(refusal))
    values = values_of(query)
    _dates(values)
    chosen = [(chip.field, chip.value) for chip in chips_of(query) if not chip.negated]
    elements.filter_choices(chosen)
    _other_filters(values, query.sort)


def _day_values(name: Literal["from", "to"], day: date | None) -> FilterValues:
    if name == "to" and day is not None:
        day += timedelta(days=1)
    return {"after" if name == "from" else "before": day.isoformat() if day else ""}


def _dates(values: FilterValues) -> None:
    """From and to, beside each other on narrow screens as well. Both days are included."""
    first, last = first_day(values.get("after")), last_day(values.get("before"))
    elements.period(first, last, (_FIRST_DAY, _LAST_DAY))


def _other_filters(values: FilterValues, sort: str) -> None:
    here = session()
    left, right = st.columns(2)
    with left:
        _multiselect("camera", "Camera", here.values_of("camera"), values)
        _selectbox("orientation", "Orientation", _ORIENTATIONS, values)
        _text_input("near", "Location", "48.85,2.35,5km", values)
    with right:
        formats = sorted({name.lower() for name in here.values_of("format")})
        _multiselect("type", "Format", formats, values)
        _selectbox("rating", "Rating", _RATINGS, values)
        key = _new_key("sort", sort)
        st.selectbox(
            "Sort by",
            list(_SORTS),
            key=key,
            format_func=_SORTS.__getitem__,
            on_change=_apply,
            args=("sort", key),
        )


def _multiselect(field: str, label: str, options: Sequence[str], values: FilterValues) -> None:
    selected = values[field].split("|") if values.get(field) else []
    key = _new_key(field, selected)
    st.multiselect(
        label,
        [*options, *(value for value in selected if value not in options)],
        key=key,
        format_func=printable,
        placeholder="any",
        on_change=_apply,
        args=(field, key),
    )


def _selectbox(field: str, label: str, options: Sequence[str], values: FilterValues) -> None:
    current = values.get(field) or None
    key = _new_key(field, current)
    st.selectbox(
        label,
        [*options, current] if current and current not in options else options,
        index=None,
        key=key,
        format_func=printable,
        placeholder="any",
        on_change=_apply,
        args=(field, key),
    )


def _text_input(field: str, label: str, placeholder: str, values: FilterValues) -> None:
    key = _new_key(field, values.get(field, ""))
    st.text_input(label, key=key, placeholder=placeholder, on_change=_apply, args=(field, key))


def _new_key(field: str, value: object) -> str:
    """Return the key for the input of a field, which is to show `value`.

    A new key if the value was changed elsewhere: until the browser has received the new value it
    sends the old one, which Streamlit takes for a change.
    """
    state = st.session_state
    key = _key(field)
    if key in state and state[key] != value:
        state[f"filter {field}"] = state.get(f"filter {field}", 0) + 1
        key = _key(field)
    state[key] = value
    return key


def _key(field: str) -> str:
    """Return the key with which the input of a field was last drawn."""
    return f"filter {field} {st.session_state.get(f'filter {field}', 0)}"


def _apply(field: str, key: str) -> None:
    """Write the value of the input with this key into the search box."""

    def changed(line: str) -> str:
        if key != _key(field) or key not in st.session_state:
            return line  # replaced, or another view was shown meanwhile
        chosen = st.session_state[key]
        if field == "sort":
            return with_filters(line, {}, chosen)
        return with_filters(line, {field: _value_text(chosen)})

    query_line().change(changed)


def _value_text(chosen: object) -> str:
    return "|".join(chosen) if isinstance(chosen, list) else str(chosen or "").strip()


def first_day(text: str | None) -> date | None:
    """Return the first day of a year, month or day: "2023-06" -> 1 June 2023."""
    if not text:
        return None
    return date.fromisoformat(text[:10] + "0000-01-01"[len(text[:10]) :])


def last_day(text: str | None) -> date | None:
    """Return the last day before a moment: "2023-06": 31 May 2023, "2023-06-15T14:30": 15 June."""
    day = first_day(text)
    if day is None or day == date.min or len(text or "") > len("2023-06-15"):
        return day
    return day - timedelta(days=1)


def _unquoted(text: str, field: str) -> str:
    """`camera:"canon eos"` -> `canon eos`."""
    value = text.removeprefix(f"{field}:")
    if value.startswith('"'):
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value
