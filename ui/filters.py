"""The filters: controls that write into the search box, and chips that take out of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TypeAlias

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from imgsearch import ImgsearchError, Query, filter_of, parse, printable, to_text
from ui import cards
from ui.formatting import unmarked
from ui.session import door

Chosen: TypeAlias = dict[str, str]  # a field of the language and its value, as an option takes it

_SHAPES = ("landscape", "portrait", "square")
_SORTS = {"relevance": "Best first", "date": "Newest first", "path": "By path"}


def query_of(line: str) -> Query:
    """What the line says; nothing where it is empty. Raises the errors of the language."""
    return parse(line) if line.strip() else Query()


def values_of(query: Query) -> Chosen:
    """The filters of a query that the controls can show."""
    found = {}
    for each in query.filters:
        if not each.negated:
            values = (to_text(Query(filters=(replace(each, values=(v,)),))) for v in each.values)
            found[each.field] = "|".join(_bare(text, each.field) for text in values)
    return found


def with_filters(line: str, chosen: Chosen, sort: str) -> str:
    """The line with these filters in place of those of the same fields; "" takes one out."""
    query = query_of(line)
    kept = tuple(each for each in query.filters if each.negated or each.field not in chosen)
    new = tuple(filter_of(field, value) for field, value in chosen.items() if value)
    return to_text(replace(query, filters=kept + new, sort=sort))  # type: ignore[arg-type]


def controls() -> None:
    """A form with what the library's photos have."""
    try:
        query = query_of(st.session_state["line"])
    except ImgsearchError as error:
        cards.trouble(error)
        return
    with st.form("filters", border=False):
        chosen, sort = _asked(values_of(query), query.sort)
        if st.form_submit_button("Apply", type="primary", width="stretch"):
            _apply(chosen, sort)


def _asked(known: Chosen, sort: str) -> tuple[Chosen, str]:
    counts = door().counts()
    folders = [str(path) for path in counts.folders if _is_text(str(path))]
    types = sorted({name.lower() for name in counts.formats})
    ratings = [f">={number}" for number in range(1, 6)]
    left, right = st.columns(2)
    chosen = {
        "after": _day(left, "Taken from", known.get("after")),
        "before": _day(right, "Taken before", known.get("before")),
        "in": _one(left, "Folder", folders, known.get("in")),
        "camera": _several(right, "Camera", list(counts.cameras), known.get("camera")),
        "type": _several(left, "Format", types, known.get("type")),
        "orientation": _one(right, "Shape", list(_SHAPES), known.get("orientation")),
        "rating": _one(left, "Stars", ratings, known.get("rating")),
        "near": right.text_input("Place", known.get("near", ""), placeholder="48.85,2.35,5km"),
    }
    labels = [
        f"{facet.name}/{name}"
        for facet, found in door().library.saved_labels().items()
        for name in found
    ]
    if labels:
        chosen["label"] = _several(left, "Label", labels, known.get("label"))
    order = right.selectbox(
        "Order", list(_SORTS), list(_SORTS).index(sort), format_func=_SORTS.__getitem__
    )
    return chosen, order


def chips() -> None:
    """The filters in force; a click takes one out."""
    try:
        query = query_of(st.session_state["line"])
    except ImgsearchError:
        return  # the answer will say so
    if not query.filters:
        return
    with st.container(horizontal=True):
        for number, each in enumerate(query.filters):
            rest = query.filters[:number] + query.filters[number + 1 :]
            st.button(
                unmarked(to_text(Query(filters=(each,)))),
                key=f"chip {number}",
                icon=":material/close:",
                help="Take this filter out",
                on_click=_set_line,
                args=(to_text(replace(query, filters=rest)),),
            )


def _apply(chosen: Chosen, sort: str) -> None:
    try:
        line = with_filters(st.session_state["line"], chosen, sort)
    except ImgsearchError as error:
        st.warning(unmarked(str(error)))
        return
    st.session_state["next_line"] = line
    st.rerun()


def _set_line(line: str) -> None:
    st.session_state["line"] = line


def _bare(text: str, field: str) -> str:
    """`camera:"canon eos"` -> `canon eos`."""
    value = text.removeprefix(f"{field}:")
    if value.startswith('"'):
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value


def _day(place: DeltaGenerator, label: str, known: str | None) -> str:
    chosen = place.date_input(
        label, _first_day(known), min_value=date(1826, 1, 1), max_value=date(2200, 1, 1)
    )
    return chosen.isoformat() if chosen else ""


def _first_day(known: str | None) -> date | None:
    """ "2023" and "2023-06" begin on a day too."""
    if not known:
        return None
    whole = known[:10] + "0000-01-01"[len(known[:10]) :]
    return date.fromisoformat(whole)


def _one(place: DeltaGenerator, label: str, options: list[str], known: str | None) -> str:
    options = [*options, known] if known and known not in options else options
    index = options.index(known) if known else None
    chosen = place.selectbox(label, options, index, format_func=printable, placeholder="any")
    return str(chosen) if chosen else ""


def _several(place: DeltaGenerator, label: str, options: list[str], known: str | None) -> str:
    given = known.split("|") if known else []
    options = [*options, *(each for each in given if each not in options)]
    return "|".join(
        place.multiselect(label, options, given, format_func=printable, placeholder="any")
    )


def _is_text(path: str) -> bool:
    """Whether a path can be typed: names that are no UTF-8 cannot."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
