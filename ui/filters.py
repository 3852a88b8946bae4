"""Filters: a form that writes them into the search box, and chips that take them out of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TypeAlias

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from imgsearch import ImgsearchError, Query, filter_of, parse, printable, to_text
from ui import cards
from ui.formatting import escape_markdown
from ui.session import session

FilterValues: TypeAlias = dict[str, str]  # by field of the query language; "" is no filter

_ORIENTATIONS = ["landscape", "portrait", "square"]
_RATINGS = [f">={stars}" for stars in range(1, 6)]
_SORTS = {"relevance": "Best match first", "date": "Newest first", "path": "Path"}


def parse_line(line: str) -> Query:
    """The query in the search box, which may be empty. Raises the errors of the query language."""
    return parse(line) if line.strip() else Query()


def values_of(query: Query) -> FilterValues:
    """The filters that the form can show. Those that exclude photos are not among them."""
    values = {}
    for condition in query.filters:
        if not condition.negated:
            parts = (
                to_text(Query(filters=(replace(condition, values=(value,)),)))
                for value in condition.values
            )
            values[condition.field] = "|".join(_unquoted(part, condition.field) for part in parts)
    return values


def with_filters(line: str, values: FilterValues, sort: str) -> str:
    """`line` with `values` in place of the filters of the same fields, and with this order."""
    query = parse_line(line)
    kept = tuple(
        filter_ for filter_ in query.filters if filter_.negated or filter_.field not in values
    )
    new = tuple(filter_of(field, value) for field, value in values.items() if value)
    return to_text(replace(query, filters=kept + new, sort=sort))  # type: ignore[arg-type]


def filter_form() -> None:
    """A form that offers what the photos of the library have."""
    try:
        query = parse_line(st.session_state["line"])
    except ImgsearchError as error:
        cards.error_card(error)
        return
    with st.form("filters", border=False):
        values, sort = _inputs(values_of(query), query.sort)
        if st.form_submit_button("Apply", type="primary", width="stretch"):
            _apply(values, sort)


def _inputs(current: FilterValues, sort: str) -> tuple[FilterValues, str]:
    counts = session().counts()
    cameras = list(counts.cameras)
    folders = [str(path) for path in counts.folders if _is_valid_text(str(path))]
    formats = sorted({name.lower() for name in counts.formats})
    left, right = st.columns(2)
    values = {
        "after": _date_input(left, "Taken from", current.get("after")),
        "before": _date_input(right, "Taken before", current.get("before")),
        "in": _selectbox(left, "Folder", folders, current.get("in")),
        "camera": _multiselect(right, "Camera", cameras, current.get("camera")),
        "type": _multiselect(left, "Format", formats, current.get("type")),
        "orientation": _selectbox(right, "Orientation", _ORIENTATIONS, current.get("orientation")),
        "rating": _selectbox(left, "Rating", _RATINGS, current.get("rating")),
        "near": right.text_input("Location", current.get("near", ""), placeholder="48.85,2.35,5km"),
    }
    labels = [
        f"{facet.name}/{name}"
        for facet, photos_by_name in session().library.saved_labels().items()
        for name in photos_by_name
    ]
    if labels:
        values["label"] = _multiselect(left, "Label", labels, current.get("label"))
    chosen_sort = right.selectbox(
        "Sort by", list(_SORTS), list(_SORTS).index(sort), format_func=_SORTS.__getitem__
    )
    return values, chosen_sort


def filter_chips() -> None:
    """A button for each filter: a click removes it from the search box.

    A filter that words stand for is undone by quotes around them, and the words stay.
    """
    try:
        query = parse_line(st.session_state["line"])
        parts = session().library.understand(query).parts
    except ImgsearchError:
        return  # the results show the error
    if not (query.filters or parts):
        return
    with st.container(horizontal=True):
        for number, part in enumerate(parts):
            st.button(
                f":blue[{escape_markdown(part.filters)}]",
                key=f"understood {number}",
                icon=":material/close:",
                help=f"Understood from “{escape_markdown(part.words)}”. A click puts it in quotes: "
                "then the words are searched for.",
                on_click=_set_line,
                args=(part.undo,),
            )
        for number, condition in enumerate(query.filters):
            others = query.filters[:number] + query.filters[number + 1 :]
            st.button(
                escape_markdown(to_text(Query(filters=(condition,)))),
                key=f"chip {number}",
                icon=":material/close:",
                help="Remove this filter",
                on_click=_set_line,
                args=(to_text(replace(query, filters=others)),),
            )


def _apply(values: FilterValues, sort: str) -> None:
    try:
        line = with_filters(st.session_state["line"], values, sort)
    except ImgsearchError as error:
        st.warning(escape_markdown(str(error)))
        return
    # Streamlit forbids changing the state of a widget that is already on the page.
    st.session_state["next_line"] = line
    st.rerun()


def _set_line(line: str) -> None:
    st.session_state["line"] = line


def _unquoted(text: str, field: str) -> str:
    """`camera:"canon eos"` -> `canon eos`."""
    value = text.removeprefix(f"{field}:")
    if value.startswith('"'):
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value


def _date_input(place: DeltaGenerator, label: str, current: str | None) -> str:
    chosen = place.date_input(
        label, _first_day(current), min_value=date(1826, 1, 1), max_value=date(2200, 1, 1)
    )
    return chosen.isoformat() if chosen else ""


def _first_day(text: str | None) -> date | None:
    """The first day of a year, month or day: "2023-06" -> 1 June 2023."""
    if not text:
        return None
    return date.fromisoformat(text[:10] + "0000-01-01"[len(text[:10]) :])


def _selectbox(place: DeltaGenerator, label: str, options: list[str], current: str | None) -> str:
    options = [*options, current] if current and current not in options else options
    index = options.index(current) if current else None
    chosen = place.selectbox(label, options, index, format_func=printable, placeholder="any")
    return str(chosen) if chosen else ""


def _multiselect(place: DeltaGenerator, label: str, options: list[str], current: str | None) -> str:
    selected = current.split("|") if current else []
    options = [*options, *(value for value in selected if value not in options)]
    return "|".join(
        place.multiselect(label, options, selected, format_func=printable, placeholder="any")
    )


def _is_valid_text(path: str) -> bool:
    """Whether a path can be typed; a name that is not valid UTF-8 cannot."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
