"""One photo of a list, with what is known of it and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from imgsearch import (
    Hit,
    ImgsearchError,
    printable,
)
from ui import cards, elements
from ui.addresses import START, address_of, number_of, parameters_here
from ui.answer_data import photos_around
from ui.elements import NEIGHBOURS, ViewerOptions
from ui.features import (
    PhotosAround,
    feature_views,
    map_address,
    show_form,
    shown_features,
)
from ui.navigation import go_to
from ui.search_state import NEWEST, SearchInput, remembered_list
from ui.session import session
from ui.timeline_data import days_around


def title() -> str:
    """Return the name of the photo's file; empty if the library lacks the photo."""
    found = _photo_of(st.query_params.get("id", ""))
    return printable(found[0].path.name) if found else ""


def show() -> None:
    """Show the photo that the address names."""
    parameters = parameters_here()
    found = _photo_of(parameters.pop("id", ""))
    if not found:
        cards.card(
            "Photo not found",
            "It may have been removed from the library. Search for it again.",
            ":material/hide_image:",
        )
        if st.button("Back to search", icon=":material/arrow_back:"):
            go_to(address_of(START))
        return
    search_input = SearchInput.from_address(parameters)
    hits, before, total = _list_of(parameters, search_input, found[0])
    hit = next(hit for hit in hits if hit.photo.id == found[0].photo.id)
    form, photo_id = elements.viewer(
        hits,
        hit,
        ViewerOptions(
            results=_results_address(parameters, search_input, hit.photo.id),
            search=search_input.parameters,
            parts=[each.viewer for each in shown_features() if each.viewer is not None],
            strip_modules=[each.strip for each in shown_features() if each.strip is not None],
            sections=_sections(search_input),
            map_address=map_address(),
            photo_parameters=parameters,
            total=total,
            before=before,
        ),
    )
    if photo_id is not None:
        show_form(form, lambda: [photo_id])


def _sections(search_input: SearchInput) -> list[dict[str, object]]:
    """Return the sections of features among the details, with what they are given."""
    sections = (each.section for each in shown_features() if each.section is not None)
    return [
        {"name": each.name, "module": each.module, "data": each.of_search(search_input)}
        for each in sections
    ]


def _photo_of(text: str) -> list[Hit]:
    """Return the photo with the id that the address names, if there is one."""
    photo_id = number_of(text)
    if photo_id is None or not session().photo_count():
        return []
    return session().library.photos([photo_id])


def _list_of(
    parameters: Mapping[str, str], search_input: SearchInput, shown: Hit
) -> tuple[Sequence[Hit], int, str]:
    """Return the photos for the arrow keys, how many come before them, and all, as text."""
    hits = remembered_list(parameters.get("from", ""))
    if any(hit.photo.id == shown.photo.id for hit in hits):
        return hits, 0, f"{len(hits):,}"
    if parameters.get("from") == "timeline":
        try:
            around, before, total = days_around(search_input, shown.photo.id, NEIGHBOURS)
        except ImgsearchError:
            around = []  # the timeline shows the error
        return (around, before, f"{total:,}") if around else ((shown,), 0, "1")
    opened_in = feature_views().get(parameters.get("from", ""))
    if opened_in is not None and opened_in.around is not None:
        try:
            found = opened_in.around(parameters, shown.photo.id)
        except ImgsearchError:
            found = PhotosAround()  # the view shows the error
        total = len(found.hits) if found.total is None else found.total
        return (found.hits, found.before, f"{total:,}") if found.hits else ((shown,), 0, "1")
    if parameters.get("from") == "newest":
        search_input = NEWEST
    if search_input:
        try:
            around, before, total = photos_around(search_input, shown.photo.id, NEIGHBOURS)
        except ImgsearchError:
            around = []  # the search view shows the error
        return (around, before, f"{total:,}") if around else ((shown,), 0, "1")
    return (shown,), 0, "1"


def _results_address(
    parameters: Mapping[str, str], search_input: SearchInput, photo_id: int
) -> str:
    """Return the address of the view that the photo was opened from."""
    view = parameters.get("from", "").split(" ")[0]
    if view == "timeline":
        return address_of(view, {**search_input.parameters, "at": str(photo_id)})
    opened_in = feature_views().get(view)
    if opened_in is not None and opened_in.back is not None:
        return address_of(view, opened_in.back(parameters))
    if view == "labels":
        return address_of(view, {"c": parameters.get("c", "")})
    return address_of(START, search_input.parameters)
