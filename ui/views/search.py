"""Search: by words, by an example image or by both; narrow down; carry away what was found."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from imgsearch import Hit
from ui import cards, elements, exports, filters
from ui.elements import GridLook
from ui.example_image import example_image
from ui.formatting import count_words
from ui.search_state import PAGE, Answered, Question, ask
from ui.session import door

EXAMPLES = ("a cat", "a cup of coffee", "sunset over water", "people at a table", "a motorcycle")
ROWS_PX = {"S": 120, "M": 190, "L": 300}
HELP = """
| write | to find |
|---|---|
| `beach -people` | a beach, unlike people |
| `dog 2:snow` | both; snow counts twice |
| `after:2023-06 before:2024` | taken in that time |
| `in:Holidays camera:canon` | from a folder, by a camera |
| `near:48.85,2.35,5km` | taken near a place |
| `rating:>=4 type:raw orientation:portrait` | with stars, of a format, of a shape |

Or drop an image anywhere on this page, or paste one, to find photos like it.
"""
NEWEST = Question("sort:date")
MAX_SCROLLED = 5 * PAGE  # then a button: nobody should scroll for ever by accident


def show() -> None:
    """The first view."""
    adopt_address()
    if not has_photos():
        cards.empty_library()
        return
    question = ask_box()
    st.query_params.from_dict({"q": question.line} if question.line else {})
    if not question:
        suggestions()
        return
    answer_to(question)


def has_photos() -> bool:
    """Whether there is anything to search."""
    return door().photo_count() > 0


def adopt_address() -> None:
    """The question is in the address, so that it can be shared and the back button works."""
    state, given = st.session_state, st.query_params.get("q", "")
    if state.get("asked_address") != given:
        state["line"] = given
    state.setdefault("line", given)
    # A widget's state is lost while another view is shown; this keeps it.
    state["line"] = state["line"]


def ask_box() -> Question:
    """The box, the filters and the example image."""
    state = st.session_state
    state["line"] = state.pop("next_line", state["line"])
    words, filters_place = st.columns([9, 1.4], vertical_alignment="bottom")
    with words:
        line = st.text_input(
            "Search",
            key="line",
            placeholder="two kids jumping into a lake",
            label_visibility="collapsed",
            icon=":material/search:",
            autocomplete="off",
        )
    with filters_place, st.popover("Filters", icon=":material/tune:", width="stretch"):
        filters.controls()
    filters.chips()
    picture, part = example_image()
    elements.accept_pasted_images()
    state["asked_address"] = line
    return Question(line, picture, part)


def suggestions() -> None:
    """What to type, for who sees the page for the first time; and the newest photos."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("For instance", width="content")
        for text in EXAMPLES:
            st.button(text, on_click=set_line, args=(text,), key=f"example {text}", type="tertiary")
        with st.popover("More than words", icon=":material/lightbulb:", type="tertiary"):
            st.markdown(HELP)
    answered = ask(NEWEST)
    st.session_state["result_ids"] = [hit.photo.id for hit in answered.hits]
    st.session_state["result_times"] = {}
    st.session_state["question"] = NEWEST
    st.markdown(f"**Newest** of {count_words(door().photo_count(), 'photo')}")
    touched = elements.grid(answered.hits, "newest", GridLook(pickable=False))
    if touched.opened is not None:
        look_at(touched.opened)


def set_line(text: str) -> None:
    """Ask this."""
    st.session_state["line"] = text


def answer_to(question: Question) -> None:
    """The answer: what was found, how it looks, what to do with it."""
    state = st.session_state
    if state.get("shown_token") != question.token:
        state.update(shown_token=question.token, shown=PAGE, show_weak=False)
    state["question"] = question
    with st.spinner("Searching…", show_time=True):
        answered = ask(question, state["shown"])
    hits = [hit for hit in answered.hits if hit.level != "weak" or state["show_weak"]]
    state["result_ids"] = [hit.photo.id for hit in hits]
    state["result_times"] = {hit.photo.id: hit.at_s for hit in hits}
    if not answered.hits:
        cards.no_result("No photo passes the filters. Take one out, or widen it.")
    elif not hits:
        cards.no_result("The nearest photos are no nearer than chance would have them.")
    else:
        results(answered, hits, head(answered))
    if len(hits) < len(answered.hits):
        st.button("Show weaker matches too", icon=":material/unfold_more:", on_click=show_weak)


def show_weak() -> None:
    """Unfold the tail."""
    st.session_state["show_weak"] = True


def head(answered: Answered) -> GridLook:
    """The verdict, and how the results are shown."""
    verdict, view = st.columns([5, 3], vertical_alignment="center")
    verdict.markdown(verdict_words(answered))
    with view, st.container(horizontal=True, horizontal_alignment="right"):
        shape = st.segmented_control(
            "Shape",
            ["fit", "square"],
            default="fit",
            key="shape",
            label_visibility="collapsed",
            format_func={"fit": "Uncropped", "square": "Square"}.__getitem__,
        )
        size = st.segmented_control(
            "Size", list(ROWS_PX), default="M", key="size", label_visibility="collapsed"
        )
    return GridLook("square" if shape == "square" else "fit", ROWS_PX[size or "M"])


def verdict_words(answered: Answered) -> str:
    """ "**12 sure, 30 likely, nothing else** among 8,091 photos, 18 ms"."""
    number = len(answered.hits)
    if answered.verdict is not None:
        found = str(answered.verdict)
    elif answered.hits[0].score is None:
        found = count_words(number, "photo") + (" and more" if answered.cursor else "")
    else:
        found = f"The {number:,} nearest"
    among = count_words(door().photo_count(), "photo")
    return f"**{found}** among {among}, {answered.seconds * 1000:,.0f} ms"


@st.fragment
def results(answered: Answered, hits: list[Hit], look: GridLook) -> None:
    """The grid. A tick reruns this part only."""
    state = st.session_state
    is_folded = len(hits) < len(answered.hits)
    more = f"Show {PAGE} more" if answered.cursor and not is_folded else ""
    by_id = {hit.photo.id: hit for hit in hits}
    bar = st.container()
    touched = elements.grid(
        hits,
        "grid",
        GridLook(look.layout, look.row_px, more, scroll=len(hits) < MAX_SCROLLED),
        state.get("picked", ()),
        f"{answered.token} {state.get('cleared', 0)}",
    )
    state["picked"] = tuple(each for each in touched.picked if each in by_id)
    with bar:
        carry_away([by_id[each] for each in state["picked"]])
    if touched.opened is not None:
        look_at(touched.opened)
    if touched.more:
        state["shown"] += PAGE
        st.rerun()


def look_at(photo_id: int) -> None:
    """Go to the view of one photo."""
    st.session_state["photo_id"] = photo_id
    st.switch_page(st.session_state["pages"]["photo"], query_params={"id": str(photo_id)})


def carry_away(hits: list[Hit]) -> None:
    """What can be done with the photos that are ticked."""
    if not hits:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f"**{count_words(len(hits), 'photo')} selected**")
        st.download_button(
            "Paths",
            exports.as_paths(hits),
            "photos.txt",
            "text/plain",
            on_click="ignore",
            icon=":material/list:",
        )
        st.download_button(
            "JSON",
            exports.as_json(hits),
            "photos.json",
            "application/json",
            on_click="ignore",
            icon=":material/data_object:",
        )
        zip_button(hits)
        with st.popover("Folder of links", icon=":material/folder_special:"):
            links(hits)
        st.button("Clear", icon=":material/close:", on_click=clear_picked)


def zip_button(hits: list[Hit]) -> None:
    """Copies, made when asked for."""
    total_bytes = sum(hit.photo.size_bytes for hit in hits)
    st.download_button(
        "Zip of copies",
        lambda: exports.as_zip(hits),
        "photos.zip",
        "application/zip",
        on_click="ignore",
        icon=":material/folder_zip:",
        disabled=total_bytes > exports.MAX_ZIP_BYTES,
        help="Above 1 GB, make a folder of links." if total_bytes > exports.MAX_ZIP_BYTES else None,
    )


def links(hits: list[Hit]) -> None:
    """A folder with a symbolic link to each photo, on the machine the page runs on."""
    place = st.text_input("New folder", placeholder=str(Path.home() / "picked"), key="link_folder")
    if st.button("Make it", disabled=not place):
        roots = [root.path for root in door().library.status().roots]
        try:
            made = exports.link_folder(hits, Path(place).expanduser(), roots)
        except ValueError as error:
            st.warning(str(error))
        else:
            st.success(f"{count_words(made, 'link')} made.")


def clear_picked() -> None:
    """Tick nothing."""
    st.session_state["picked"] = ()
    st.session_state["cleared"] = st.session_state.get("cleared", 0) + 1
