"""Albums on the page: their view, links on the shelf, and the line above the photos of one."""

from __future__ import annotations

import streamlit as st

from imgsearch.errors import ImgsearchError
from imgsearch.features.albums.records import Album, AlbumPhotos
from imgsearch.language.grammar import parse
from imgsearch.records.query import Query
from imgsearch.text import format_count, printable
from ui import component_files
from ui.addresses import START, address_of
from ui.answer_data import forget_answers
from ui.features import PageFeature, ShelfEntry, ShownView
from ui.formatting import escape_markdown
from ui.page_view import PageView
from ui.search_state import SearchInput
from ui.session import session
from ui.shelf import favourites, hidden, of_features, shelf_json
from ui.shown_search import show_search

_albums = component_files.component("albums", "shelf/shelf.css")
_NEEDS_QUOTES = frozenset(' "|')  # as values of filters


def album_line(name: str) -> str:
    """Return the line that finds the photos of an album: `album:Book`, `album:"our dog"`."""
    if not _NEEDS_QUOTES.intersection(name):
        return f"album:{name}"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'album:"{quoted}"'


def shelf() -> list[ShelfEntry]:
    """Return the links to all albums."""
    return [_link_to(each) for each in session().library.albums.all()]


def _link_to(album: Album) -> ShelfEntry:
    missing = f", {album.missing:,} missing" if album.missing else ""
    return ShelfEntry(
        kind="album",
        icon="photo_album",
        name=printable(album.name),
        line=f"Album: {format_count(album.photos, 'photo')}{missing}",
        address=address_of(START, {"q": album_line(album.name)}),
        photos=album.photos,
        cover_id=album.cover_id,
    )


def show() -> None:
    """Show all albums, the newest first, and with them what marks and other features collect."""
    albums = sorted(session().library.albums.all(), key=lambda each: each.made_at, reverse=True)
    first = [*favourites(), *map(_link_to, albums), *hidden()]
    sections = [("Albums", first), *of_features(without=shelf)]
    _albums(
        key="albums",
        data={
            "sections": [
                {"title": title.capitalize(), "entries": shelf_json(entries)}
                for title, entries in sections
            ]
        },
        on_changed_change=forget_answers,
    )


def header(search_input: SearchInput) -> None:
    """Show above the photos of an album its name, missing photos, and how to change it.

    Raises QueryError for an unknown name.
    """
    name = _album_name(search_input)
    if name is None:
        return
    album = session().library.albums.photos(name)
    with st.container(horizontal=True, vertical_alignment="center", key="album_header"):
        missing = ""
        if album.missing_ids:
            gone = format_count(len(album.missing_ids), "photo")
            missing = f" · {gone} missing: the files are gone"
        st.markdown(
            f":small[:material/photo_album: **{escape_markdown(printable(album.name))}**{missing}]",
            width="content",
        )
        # The key closes it once the album has another name.
        with st.popover(
            "Edit", icon=":material/edit:", type="tertiary", key=f"edit album {album.name}"
        ):
            _edit_form(album)


def _album_name(search_input: SearchInput) -> str | None:
    """Return the album that is all of this input."""
    if search_input.has_example or not search_input.line.strip():
        return None
    try:
        query = parse(search_input.line)
    except ImgsearchError:
        return None  # the results show the error
    if len(query.filters) != 1 or query != Query(filters=query.filters):
        return None
    (condition,) = query.filters
    is_one = condition.field == "album" and len(condition.values) == 1 and not condition.negated
    return str(condition.values[0]) if is_one else None


def _edit_form(album: AlbumPhotos) -> None:
    albums = session().library.albums
    with st.form("rename_album", border=False):
        name = st.text_input("Name", album.name, max_chars=100)
        is_renamed = st.form_submit_button("Rename")
    try:
        if is_renamed:
            albums.rename(album.name, name)
            forget_answers()
            show_search(album_line(" ".join(name.split())))
    except ImgsearchError as error:
        st.warning(escape_markdown(str(error)))
    if album.missing_ids and st.button(
        f"Take out {format_count(len(album.missing_ids), 'missing photo')}",
        icon=":material/playlist_remove:",
    ):
        albums.take_out(album.name, album.missing_ids)
        st.rerun()
    if st.button("Remove this album", icon=":material/delete:", help="No photo is touched."):
        albums.remove(album.name)
        forget_answers()
        st.toast(f"Removed {escape_markdown(album.name)}; no photo was touched")
        show_search("")


def page() -> PageFeature:
    """Return the share of albums in the page."""
    view = PageView("Albums", "photo_album", "none", ("albums",), "albums", place="albums")
    return PageFeature(
        part="albums",
        actions="albums/actions.js",
        header=header,
        shelf=shelf,
        shelf_title="albums",
        views={"albums": ShownView(view, show, before="library")},
    )
