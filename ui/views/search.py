"""Search by text, by an example image or by both; filter, select and export the results."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from msgspec.structs import replace

from imgsearch import (
    Answer,
    Hit,
    ImgsearchError,
    QueryError,
    UsageError,
    expand_home,
    format_count,
    parse,
)
from ui import cards, elements, examples, exports, filters, saved_shelf, teaching, zip_copies
from ui.addresses import START, address_of, put_in_address
from ui.answer_data import PhotoList, WholeAnswer, answer_of, list_parameters
from ui.coming_photos import show_coming_photos
from ui.elements import AnswerOptions, Selected
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
    """The grid and the bar for selected photos. Selecting a photo reruns only this fragment."""
    state = st.session_state
    stacked = state.get("stacked", False) if answer.can_be_stacked else None
    photos = answer.photos(with_weak=with_weak, stacked=bool(stacked))
    version = photos.version
    there = set(photos.ids.tolist())
    selected = [photo_id for photo_id in state.get("selected", ()) if photo_id in there]
    # It stands above the page (page.css): in its flow, it would move the photos when it appears.
    bar = st.container(horizontal=True, vertical_alignment="center", key="selection")
    events = elements.answer(
        "grid",
        AnswerOptions(
            address=address_of(START, search_input.parameters),
            photos=list_parameters(search_input, with_weak=with_weak, stacked=bool(stacked)),
            version=version,
            heading=_verdict(answer, answer.photos(with_weak=with_weak)),
            other_views=_other_views(search_input),
            weaker=not with_weak and len(answer.everything.ids) > len(answer.strong.ids),
            selectable=True,
            stacked=stacked,
        ),
        Selected(version, photos.ranges_of(selected)),
        f"{search_input.token} {state.get('times_cleared', 0)}",
    )
    if events.selected is not None and events.selected.version == version:
        selected = photos.ids_in(events.selected.ranges)
    state["selected"] = tuple(selected)
    with bar:
        _export_bar(answer, selected)
    if events.weaker:
        _show_weak()
        st.rerun()
    if stacked is not None and events.stacked is not None and events.stacked != stacked:
        state["stacked"] = events.stacked
        st.rerun(scope="fragment")


def _export_bar(answer: WholeAnswer, selected: Sequence[int]) -> None:
    """Ways to export the selected photos. Their paths are read at the click: there may be many."""
    if not selected:
        return

    def hits() -> list[Hit]:
        return session().library.hits_of(answer.found, selected)

    st.button("Clear", icon=":material/close:", on_click=_clear_selection)
    st.markdown(f"**{format_count(len(selected), 'photo')} selected**", width="content")
    st.download_button(
        "Paths",
        lambda: exports.paths_text(hit.path for hit in hits()),
        "photos.txt",
        "text/plain",
        on_click="ignore",
        icon=":material/list:",
    )
    st.download_button(
        "JSON",
        lambda: exports.hits_json(hits()),
        "photos.json",
        "application/json",
        on_click="ignore",
        icon=":material/data_object:",
    )
    if session().has("folders"):
        _library_exports(hits, selected)


def _library_exports(hits: Callable[[], Sequence[Hit]], selected: Sequence[int]) -> None:
    """Offer the exports that need the files of the photos on this machine."""
    is_too_large = len(selected) > zip_copies.MAX_PHOTOS or (
        sum(hit.photo.size_bytes for hit in hits()) > zip_copies.MAX_BYTES
    )
    elements.zip_button([] if is_too_large else selected, zip_copies.TOO_LARGE)
    with st.popover("Folder of links", icon=":material/folder_special:"):
        _link_form(hits)
    with st.popover("Teach from these", icon=":material/school:"):
        teaching.teach_form(selected, "selection")


def _link_form(hits: Callable[[], Sequence[Hit]]) -> None:
    """Creates a folder with a symbolic link to each photo, on the machine that serves the page."""
    folder = st.text_input(
        "New folder", placeholder=str(Path.home() / "selected"), key="link_folder"
    )
    if st.button("Create", disabled=not folder):
        roots = [root.path for root in session().library.folders.all()]
        try:
            number = exports.link_folder(hits(), Path(expand_home(folder)), roots)
        except (ValueError, UsageError) as error:
            st.warning(str(error))
        else:
            st.success(f"Created {format_count(number, 'link')}.")


def _clear_selection() -> None:
    st.session_state["selected"] = ()
    st.session_state["times_cleared"] = st.session_state.get("times_cleared", 0) + 1
