"""Teaching concepts on the page: a judgement of one photo, and a form for several."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from imgsearch.errors import ImgsearchError
from imgsearch.features.concepts.records import TaughtConcept
from imgsearch.language.grammar import to_text
from imgsearch.records.query import Query, Term
from imgsearch.text import format_count
from ui.answer_data import forget_answers
from ui.features import PageFeature, ViewerSection
from ui.formatting import alt_text, escape_markdown
from ui.search_state import SearchInput, open_search
from ui.session import session
from ui.tiles import thumbnail_url

MAX_SHOWN = 8  # concepts that a photo is judged by; those in the query come first
PROPOSED, COLUMNS = 6, 3  # photos to judge next
SHOW_IT, DO_NOT = "show it", "do not show it"


def page() -> PageFeature:
    """Return the share of concepts in the page."""
    return PageFeature(
        part="concepts",
        actions="concepts/actions.js",
        section=ViewerSection("concepts", "concepts/section.js", judged_concepts),
        forms={"teach": teach_by_selection, "teach-photo": teach_by_photo},
        icons={"concept": "school"},
    )


def concept_line(name: str) -> str:
    """Return the query line that finds a concept."""
    return to_text(Query((Term(TaughtConcept(name)),)))


def judged_concepts(search_input: SearchInput) -> list[str]:
    """Return the names of the concepts that a photo is judged by, those in a query first."""
    concepts = [each for each in session().library.concepts.all() if each.is_ready]
    asked_for = search_input.line.casefold()
    concepts.sort(key=lambda each: each.name.casefold() not in asked_for)
    return [concept.name for concept in concepts[:MAX_SHOWN]]


@st.dialog("Teach a concept")
def teach_by_photo(photos: Sequence[int]) -> None:
    """Teach a concept by the photo that is shown."""
    teach_form(photos, "photo")


@st.dialog("Teach from the selected photos")
def teach_by_selection(photos: Sequence[int]) -> None:
    """Teach a concept by the selected photos."""
    if photos:
        teach_form(photos, "tray")
    else:
        st.markdown("No photo is selected any more.")


def teach_form(ids: Sequence[int], key: str) -> None:
    """Teaches a concept, new or known, by the photos with these ids."""
    library = session().library
    these = "This photo" if len(ids) == 1 else f"These {format_count(len(ids), 'photo')}"
    name = st.selectbox(
        "Name of the concept",
        [concept.name for concept in library.concepts.all()],
        index=None,
        placeholder="our dog Max",
        accept_new_options=True,
        key=f"concept name {key}",
    )
    verb = st.radio(these, (SHOW_IT, DO_NOT), key=f"concept side {key}", horizontal=True)
    if st.button("Teach", disabled=not name, key=f"teach {key}") and name:
        try:
            with st.spinner("Looking through all photos…"):
                if verb == SHOW_IT:
                    concept = library.concepts.teach(name, ids)
                else:
                    concept = library.concepts.teach(name, unlike=ids)
        except ImgsearchError as error:
            st.warning(escape_markdown(str(error)))
            return
        forget_answers()
        st.session_state[f"taught {key}"] = concept.name
    taught = st.session_state.get(f"taught {key}")
    if taught is not None and taught == name:
        st.success(escape_markdown(library.concepts.get(taught).sentence()))
        _search_buttons(taught, key)
        _proposals(taught, key)


def _search_buttons(name: str, key: str) -> None:
    """Offer to search for a concept that was just taught."""
    if st.button("Search for it", icon=":material/search:", key=f"search taught {key}"):
        open_search(concept_line(name))


def _proposals(name: str, key: str) -> None:
    """Show the photos whose judgement would help the concept most, each with thumbs up and down."""
    error = st.session_state.pop("judging_error", None)
    if error is not None:
        st.warning(escape_markdown(error), icon=":material/school:")
    hits = session().library.concepts.to_judge(name, PROPOSED)
    if not hits:
        return
    st.markdown(f"Do these show {escape_markdown(name)}? Your answers help most here.")
    columns = st.columns(COLUMNS)
    for number, hit in enumerate(hits):
        picture = f"![{escape_markdown(alt_text(hit))}]({thumbnail_url(hit)})"
        with columns[number % COLUMNS], st.container(key=f"proposed {key} {number}", gap="small"):
            st.markdown(picture)
            with st.container(horizontal=True, gap="small"):
                for is_like, label, icon in ((True, "Yes", "up"), (False, "No", "down")):
                    st.button(
                        label,
                        icon=f":material/thumb_{icon}:",
                        key=f"proposed {key} {hit.photo.id} {label}",
                        on_click=_judge,
                        args=(name, hit.photo.id, is_like),
                    )


def _judge(name: str, photo_id: int, is_like: bool) -> None:
    """Add a judgement of a photo that was proposed."""
    concepts = session().library.concepts
    try:
        if is_like:
            concepts.teach(name, [photo_id])
        else:
            concepts.teach(name, unlike=[photo_id])
    except ImgsearchError as error:
        st.session_state["judging_error"] = str(error)
        return
    forget_answers()
