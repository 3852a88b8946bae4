"""Search by text, by an example image or by both; filter, select and export the results."""

from __future__ import annotations

import base64

import streamlit as st
from msgspec.structs import replace

from imgsearch import Answer, ImgsearchError, QueryError, format_count, parse
from ui import album_shelf, cards, elements, examples, filters, saved_shelf
from ui.addresses import START, address_of, put_in_address
from ui.answer_data import PhotoList, WholeAnswer, answer_of, list_parameters
from ui.coming_photos import show_coming_photos
from ui.elements import AnswerOptions
from ui.formatting import escape_markdown
from ui.query_line import LINE, query_line
from ui.search_state import NEWEST, SearchInput
from ui.session import session

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


def begin() -> str:
    """Find out what is searched for in this run; to be called before `show`.

    Returns the title of the view: the address has the query of the run before until the view has
    written it.
    """
    filters.take_changes()
    parameters = st.query_params.to_dict()
    typed = query_line().start(parameters.get("q", ""))
    if typed is not None:
        _remember(typed)
    has_example = SearchInput.from_address(parameters).has_example
    return query_line().line or ("Search by image" if has_example else "")


def show() -> None:
    """The first view of the page."""
    if not session().photo_count():
        cards.empty_library()
        return
    search_input = _search_box()
    if session().has("folders"):
        show_coming_photos(query_line().note_click)
    if search_input:
        if session().has("saved"):
            saved_shelf.header(search_input)
        if session().has("albums"):
            album_shelf.header(search_input)
        _show_results(search_input)
    else:
        if session().has("saved"):
            saved_shelf.shelf()
        _suggestions()


def _search_box() -> SearchInput:
    """The box, the filters and the example image."""
    with st.container(horizontal=True, key="search_row", gap="small"):
        line = st.text_input(
            "Search",
            key=LINE,
            placeholder="two kids jumping into a lake",
            label_visibility="collapsed",
            icon=":material/search:",
            autocomplete="off",
            on_change=query_line().note_typing,
        )
        elements.suggestions("Search")
        refused = elements.example_button()
        filter_button = st.popover("Filters", icon=":material/tune:")
        search_input = replace(SearchInput.from_address(st.query_params.to_dict()), line=line)
        if session().has("saved"):
            saved_shelf.save_popover(search_input)
    examples.tell_refused(refused)
    # Before the elements that follow reach the browser: a click on one of them sends the URL along,
    # and an old one would bring back the old query.
    _set_address(search_input)
    with filter_button:
        filters.filter_form()
    filters.filter_chips()
    _example_image(search_input)
    return search_input


def _remember(line: str) -> None:
    """Keep what was typed, so that it is suggested; but nothing that the language refuses."""
    try:
        parse(line)
    except QueryError:
        return
    session().library.lines.remember(line)


def _set_address(search_input: SearchInput) -> None:
    """Put the whole search into the address of this view."""
    put_in_address(search_input.parameters)
    query_line().note_address(search_input.line)


def _example_image(search_input: SearchInput) -> None:
    """Takes an image to search by, and shows it with the part of it that counts."""
    try:
        image_id = examples.uploaded_image()
        if image_id is not None:
            _set_address(SearchInput(search_input.line, image_id=image_id))
            st.rerun()
        if search_input.has_example:
            with st.container(horizontal=True, key="example_image"):
                _show_example(search_input)
                st.button("Remove", icon=":material/close:", on_click=_remove_example)
    except ImgsearchError as error:
        cards.error_card(error)
        if search_input.has_example:
            st.button("Remove the image", icon=":material/close:", on_click=_remove_example)


def _show_example(search_input: SearchInput) -> None:
    """The image or the photo, to draw the part on it that counts."""
    key = search_input.image_id or str(search_input.photo_id)
    thumbnail = _example_thumbnail(key, search_input)
    source = "data:image/webp;base64," + base64.b64encode(thumbnail).decode()
    drawn = elements.crop(source, search_input.region, f"crop {key}")
    if drawn is not None and drawn[0] != search_input.region:
        _set_address(replace(search_input, region=drawn[0]))
        st.rerun()


def _example_thumbnail(key: str, search_input: SearchInput) -> bytes:
    """WebP, made by the library's isolated decoder: the image is untrusted."""
    cached: tuple[str, bytes] | None = st.session_state.get("example_thumbnail")
    if cached is None or cached[0] != key:
        library = session().library
        if search_input.photo_id:
            picture = library.pictures.thumbnail(search_input.photo_id, examples.THUMBNAIL_PX)
        else:
            content = library.pictures.kept_example(search_input.image_id)
            picture = library.pictures.thumbnail_of(content, examples.THUMBNAIL_PX)
        cached = (key, picture or b"")
        st.session_state["example_thumbnail"] = cached
    return cached[1]


def _remove_example() -> None:
    query_line().note_click()
    _set_address(SearchInput(query_line().line))


def _suggestions() -> None:
    """Without a query: what to type, and the newest photos."""
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
    photos = format_count(answer.total, "photo")
    elements.fill_window()
    elements.answer(
        "newest",
        AnswerOptions(
            address=address_of(START),
            photos=list_parameters(NEWEST, is_newest=True),
            version=answer.everything.version,
            heading=("Newest", f"of {photos}"),
        ),
    )


def _show_results(search_input: SearchInput) -> None:
    """The results, what they are worth, and what can be done with them."""
    state = st.session_state
    if state.get("shown_token") != search_input.token:
        state.update(shown_token=search_input.token, show_weak=False)
    with st.spinner("Searching…", show_time=True):
        answer = answer_of(search_input)
    _remarks(answer.first)
    photos = answer.photos(with_weak=state["show_weak"])
    if not len(answer.found.ids):
        cards.no_results("No photo matches the filters. Remove one above, or widen it.")
    elif len(photos.ids):
        elements.fill_window()
        _result_grid(search_input, answer, state["show_weak"])
    else:
        if answer.first.is_read:
            words = str(answer.found.verdict).capitalize()
            cards.no_results(f"{words}: even the closest photos match no better than chance.")
        else:
            cards.no_results("The model cannot read this query.")
        st.button("Show weaker matches", icon=":material/unfold_more:", on_click=_show_weak)


def _remarks(results: Answer) -> None:
    """Show remarks about the query, and a corrected query if there is one."""
    for remark in results.remarks:
        st.info(escape_markdown(remark), icon=":material/info:")
    if results.suggestion is not None:
        cards.suggestion_button(results.suggestion)


def _show_weak() -> None:
    query_line().note_click()
    st.session_state["show_weak"] = True


def _verdict(answer: WholeAnswer, photos: PhotoList) -> tuple[str, str]:
    """ "12 sure, 30 likely, nothing else" and "42 among 8,091 photos, 18 ms"."""
    number, verdict = len(photos.ids), answer.first.verdict
    everything = format_count(answer.total, "photo")
    rest = f"of {everything}, {answer.seconds * 1000:,.0f} ms"
    if verdict is not None:
        return str(verdict).capitalize(), f"{number:,} {rest}"
    return f"{number:,}" if answer.found.scores is None else f"The {number:,} closest", rest


def _other_views(search_input: SearchInput) -> tuple[tuple[str, str, str], ...]:
    """Views that show the same photos in another way: icon, label and address."""
    return tuple(
        (icon, label, address_of(view, search_input.parameters))
        for view, label, icon in (
            ("timeline", "By date", "calendar_month"),
            ("map", "On the map", "map"),
        )
    )


@st.fragment
def _result_grid(search_input: SearchInput, answer: WholeAnswer, with_weak: bool) -> None:
    """The grid of the photos. Stacking them reruns only this fragment."""
    state = st.session_state
    stacked = state.get("stacked", False) if answer.can_be_stacked else None
    events = elements.answer(
        "grid",
        AnswerOptions(
            address=address_of(START, search_input.parameters),
            photos=list_parameters(search_input, with_weak=with_weak, stacked=bool(stacked)),
            version=answer.photos(with_weak=with_weak, stacked=bool(stacked)).version,
            heading=_verdict(answer, answer.photos(with_weak=with_weak)),
            other_views=_other_views(search_input),
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
