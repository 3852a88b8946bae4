"""Search by text, by an example image or by both; filter, select and export the results."""

from __future__ import annotations

import streamlit as st

from imgsearch import Answer, Verdict, format_count
from ui import cards, elements, memories, shelf
from ui.addresses import START, address_of
from ui.answer_data import PhotoList, WholeAnswer, answer_of, list_parameters
from ui.coming_photos import show_coming_photos
from ui.elements import AnswerOptions
from ui.features import search_forms, shown_features
from ui.formatting import escape_markdown
from ui.query_line import query_line
from ui.search_state import NEWEST, SearchInput
from ui.session import session
from ui.view_table import linked_views

EXAMPLES = ("a cat", "espresso", "sunset over water", "people at a table", "a motorcycle")
HELP = """
| Type | To find |
|---|---|
| `beach in Italy 2019` | a beach, among photos of Italy and 2019 |
| `DSCN0042` | a file, folder or title of that name |
| `beach -people` | a beach, without people |
| `dog 2:snow` | both; snow counts twice |
| `after:2023-06 before:2024` | taken in that period |
| `in:Holidays camera:canon` | in a folder, taken with a camera |
| `near:48.85,2.35,5km` | taken near a location |
| `rating:>=4 type:raw orientation:portrait` | by rating, format and orientation |

To find photos like an image, drop the image anywhere, in every view, or paste it. `?` lists the
keyboard shortcuts.
"""


def show() -> None:
    """Show the first view of the page."""
    search_input = SearchInput.of_address()
    show_coming_photos(query_line().note_click)
    if search_input:
        features = shown_features()
        if any(each.answer is not None and each.answer(search_input) for each in features):
            return
        for feature in features:
            if feature.header is not None:
                feature.header(search_input)
        with st.spinner("Searching…", show_time=True):
            answer = answer_of(search_input)
        _remarks(answer.first)
        state = st.session_state
        if state.get("shown_token") != search_input.token:
            state.update(shown_token=search_input.token, show_weak=False)
        for feature in features:
            if feature.above_photos is not None:
                feature.above_photos(answer)
        _show_results(search_input, answer)
    else:
        _suggestions()


def _suggestions() -> None:
    """Without a query: what to type, photos of earlier years, collections, the newest photos."""
    with st.container(horizontal=True, vertical_alignment="center", key="suggestions"):
        st.caption("Try", width="content")
        for text in EXAMPLES:
            st.button(
                text,
                on_click=query_line().replace,
                args=(text,),
                key=f"example {text}",
                type="tertiary",
            )
        with st.popover("Search tips", icon=":material/lightbulb:", type="tertiary"):
            st.markdown(HELP)
    answer = answer_of(NEWEST)
    if not len(answer.found.ids):
        return
    # Without hidden ones, as in the other views.
    photos, rows = format_count(len(answer.found.ids), "photo"), memories.rows()
    rows[1:1] = shelf.rows()  # on the first screen, whatever day it is
    elements.fill_window()
    elements.answer(
        "newest",
        AnswerOptions(
            address=address_of(START),
            photos=list_parameters(NEWEST, is_newest=True),
            version=answer.everything.version,
            heading=(photos, "") if rows else ("Newest", f"of {photos}"),
            rows=rows,
            first_title="Newest",
        ),
    )


def _show_results(search_input: SearchInput, answer: WholeAnswer) -> None:
    """Show the results, what they are worth, and what can be done with them."""
    with_weak = st.session_state["show_weak"]
    if len(answer.photos(with_weak=with_weak).ids):
        elements.fill_window()
        _result_grid(search_input, answer, with_weak)
        return
    if not len(answer.found.ids):
        cards.no_results("No photo matches the filters. Remove one above, or widen it.")
    else:
        if answer.first.is_read:
            words = str(answer.found.verdict).capitalize()
            cards.no_results(f"{words}: even the closest photos match no better than chance.")
        else:
            cards.no_results("The model cannot read this query.")
        st.button("Show weaker matches", icon=":material/unfold_more:", on_click=_show_weak)
    for form in search_forms(search_input).values():  # which the menu above photos has else
        if st.button(form.label, icon=f":material/{form.icon}:", type="tertiary"):
            form.show(search_input)


def _remarks(results: Answer) -> None:
    """Show remarks about the query, and a corrected query if there is one."""
    for remark in results.remarks:
        st.info(escape_markdown(remark), icon=":material/info:")
        cards.command_buttons(line for line in results.remark_commands if line in remark)
    if results.suggestion is not None:
        cards.suggestion_button(results.suggestion)


def _show_weak() -> None:
    query_line().note_click()
    st.session_state["show_weak"] = True


def result_heading(answer: WholeAnswer, photos: PhotoList) -> tuple[str, str]:
    """Return "12 good matches · 30 possible" and "42 of 8,091 photos"."""
    number, verdict = len(photos.ids), answer.first.verdict
    rest = f"of {format_count(answer.total, 'photo')}"
    if verdict is not None:
        return _in_words(verdict), f"{number:,} {rest}"
    if answer.found.scores is None:
        return f"{number:,}", rest
    return f"The {number:,} closest{', not judged yet' if answer.is_unjudged else ''}", rest


def _in_words(verdict: Verdict) -> str:
    """Return how many photos match, for people: sure and likely ones are good matches."""
    if not verdict.found:
        return str(verdict).capitalize()
    good = verdict.sure + verdict.likely
    counts = (
        (verdict.named, f"{verdict.named:,} by name"),
        (good, f"{good:,} good {'match' if good == 1 else 'matches'}"),
        (verdict.possible, f"{verdict.possible:,} possible"),
        (verdict.more, "and more"),
    )
    return " · ".join(words for count, words in counts if count)


def _other_views(search_input: SearchInput) -> tuple[tuple[str, str, str], ...]:
    """Return the views that show the same photos in another way: icon, label and address."""
    return tuple(
        (view.icon, view.link, address_of(name, search_input.parameters))
        for name, view in linked_views(session().has).items()
    )


@st.fragment
def _result_grid(search_input: SearchInput, answer: WholeAnswer, with_weak: bool) -> None:
    """Show the grid of the photos.

    Stacking them reruns only this fragment.
    """
    state = st.session_state
    stacked = state.get("stacked", False) if answer.can_be_stacked else None
    events = elements.answer(
        "grid",
        AnswerOptions(
            address=address_of(START, search_input.parameters),
            photos=list_parameters(search_input, with_weak=with_weak, stacked=bool(stacked)),
            version=answer.photos(with_weak=with_weak, stacked=bool(stacked)).version,
            heading=result_heading(answer, answer.photos(with_weak=with_weak)),
            other_views=_other_views(search_input),
            forms=tuple(
                (form.icon, form.label, name) for name, form in search_forms(search_input).items()
            ),
            weaker=not with_weak and len(answer.everything.ids) > len(answer.strong.ids),
            stacked=stacked,
        ),
    )
    if events.weaker:
        _show_weak()
        st.rerun()
    if stacked is not None and events.stacked is not None and events.stacked != stacked:
        state["stacked"] = events.stacked
        st.rerun(scope="fragment")
