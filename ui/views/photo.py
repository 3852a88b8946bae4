"""One photo: a large picture, its facts, its paths, and why it matched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from imgsearch import (
    Hit,
    ImgsearchError,
    clock,
    format_count,
    path_text,
    printable,
)
from ui import cards, corrected_facts, elements, search_row, teaching
from ui.addresses import START, address_of, number_of
from ui.answer_data import photos_around
from ui.elements import NEIGHBOURS, ViewerOptions
from ui.events_data import event_hits
from ui.formatting import date_of, escape_markdown, format_datetime, format_size
from ui.navigation import go_to
from ui.search_state import NEWEST, SearchInput, open_search, remembered_list
from ui.session import session
from ui.timeline_data import days_around

DATE_SOURCES = {
    "exif": "from EXIF",
    "xmp": "from XMP",
    "iptc": "from IPTC",
    "text": "from text in the file",
    "video": "from the video",
    "sidecar": "from a file beside the photo",
    "file": "file modification time",
    "you": "corrected by you",
}
MAP_ZOOM = 7  # of the map around a photo: a region with its coast
SHOWN_IN_OTHER_WORDS = ("Taken", "Format", "Duration", "Rating")  # labels of facts
MAX_TEXT = 600  # characters shown of the text in a picture
MAX_FACES, FACE_PX = 24, 96  # shown beside the photo, and the side of each
MOTION = {
    "inside": "motion photo; its video is in the same file",
    "beside": "Live Photo; its video is in a separate file",
    "animated": "animation; its first frame is shown",
}


def title() -> str:
    """The name of the photo's file; empty if the library lacks the photo."""
    found = _photo_of(st.query_params.get("id", ""))
    return printable(found[0].path.name) if found else ""


def show() -> None:
    """The photo that the address names."""
    parameters = st.query_params.to_dict()
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
    search_row.box_to_results(search_input)
    hits, before, total = _list_of(parameters, search_input, found[0])
    hit = next(hit for hit in hits if hit.photo.id == found[0].photo.id)
    with st.container(key="photo_view"):
        left, right = st.columns([2.2, 1], gap="large")
    with left:
        elements.viewer(
            hits,
            hit,
            ViewerOptions(
                results=_results_address(parameters, search_input, hit.photo.id),
                photo_parameters=parameters,
                total=total,
                before=before,
            ),
        )
    # The viewer shows them beside the photo, or the photo alone (viewer.js).
    with right, st.container(key="photo_details"):
        _details(hit, search_input)


def _photo_of(text: str) -> list[Hit]:
    """The photo with the id that the address names, if there is one."""
    photo_id = number_of(text)
    if photo_id is None or not session().photo_count():
        return []
    return session().library.photos([photo_id])


def _list_of(
    parameters: Mapping[str, str], search_input: SearchInput, shown: Hit
) -> tuple[Sequence[Hit], int, str]:
    """The photos that the arrow keys step through, how many come before these, and all, as text."""
    hits = remembered_list(parameters.get("from", ""))
    if any(hit.photo.id == shown.photo.id for hit in hits):
        return hits, 0, f"{len(hits):,}"
    if parameters.get("from") == "timeline":
        try:
            around, before, total = days_around(search_input, shown.photo.id, NEIGHBOURS)
        except ImgsearchError:
            around = []  # the timeline shows the error
        return (around, before, f"{total:,}") if around else ((shown,), 0, "1")
    if parameters.get("from") == "events":
        around, before, total = event_hits(parameters.get("event", ""), shown.photo.id, NEIGHBOURS)
        return (around, before, f"{total:,}") if around else ((shown,), 0, "1")
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
    """The address of the view that the photo was opened from."""
    view = parameters.get("from", "").split(" ")[0]
    if view == "timeline":
        return address_of(view, {**search_input.parameters, "at": str(photo_id)})
    if view == "events":
        return address_of(view, {"event": parameters.get("event", "")})
    if view == "similar":
        return address_of(view, search_input.parameters)
    if view == "labels":
        return address_of(view, {"c": parameters.get("c", "")})
    return address_of(START, search_input.parameters)


def _details(hit: Hit, search_input: SearchInput) -> None:
    """Facts, location, paths, and why the photo matched."""
    st.header("Details", anchor=False)
    elements.facts(_fact_rows(hit), "facts")
    if session().has("corrections"):
        corrected_facts.show(hit)
    if hit.offline:
        st.info("The drive with this photo is not connected.", icon=":material/cloud_off:")
    if hit.missing:
        st.warning(
            "This file disappeared together with many others. The photo is kept until you confirm "
            "in the Library view that you removed it.",
            icon=":material/question_mark:",
        )
    if hit.photo.facts.lat is not None and hit.photo.facts.lon is not None:
        _location(hit.photo.facts.lat, hit.photo.facts.lon)
    if session().has("people"):
        _faces(hit)
    _paths(hit)
    if session().has("concepts"):
        teaching.judge_photo(hit, search_input.line)
    _explanation(hit, search_input)


def _fact_rows(hit: Hit) -> list[tuple[str, str]]:
    """Names and values of what is known about the photo: all facts that are declared."""
    photo, facts = hit.photo, hit.photo.facts
    megapixels = photo.width_px * photo.height_px / 1e6
    date_source = DATE_SOURCES.get(hit.dated_by or facts.dated_by or "")
    rows = [
        ("Date", format_datetime(date_of(hit)) + (f" ({date_source})" if date_source else "")),
        ("Size", f"{photo.width_px} × {photo.height_px} px, {megapixels:.1f} megapixels"),
        ("File", f"{_format_of(hit)}, {format_size(photo.size_bytes)}"),
        ("Duration", "" if facts.duration_s is None else clock(facts.duration_s)),
        ("Best match at", "" if hit.at_s is None else clock(hit.at_s)),
        ("Motion", MOTION.get("animated" if facts.animated else facts.motion or "", "")),
        ("Rating", _stars(facts.rating)),
        ("Worth keeping", "" if hit.worth is None else printable(str(hit.worth))),
    ]
    rows += [(label, text) for label, text in facts.shown() if label not in SHOWN_IN_OTHER_WORDS]
    if session().has("labels"):
        for facet, label in session().library.labels.of_photo(photo.id).items():
            rows.append((facet, f"{label.name}, {label.probability:.0%}"))
    text = session().library.pictures.text_of(photo.id)
    if text is not None and text.lines:
        shown = " · ".join(line.text for line in text.lines)
        rows.append(("Text in it", shown if len(shown) <= MAX_TEXT else f"{shown[:MAX_TEXT]} …"))
    if facts.lat is not None and facts.lon is not None:
        rows.append(("Location", f"{facts.lat:.5f}, {facts.lon:.5f}"))
    return [(name, value) for name, value in rows if value]


def _format_of(hit: Hit) -> str:
    """The format of the file; of a video, that of its container: MP4, MOV."""
    suffix = hit.path.suffix.removeprefix(".").upper()
    is_video = hit.photo.facts.duration_s is not None
    return suffix if is_video and suffix else hit.photo.facts.format


def _stars(rating: int | None) -> str:
    """ "★★★☆☆"; "rejected" for a negative rating, as XMP has it."""
    if rating is None:
        return ""
    return "rejected" if rating < 0 else "★" * rating + "☆" * (5 - rating)


def _location(lat: float, lon: float) -> None:
    """Show where the photo was taken. No map server is contacted before the map is switched on."""
    if st.toggle(
        "Show a map", key="map", help="Sends this location to a map server on the internet."
    ):
        st.map({"lat": [lat], "lon": [lon]}, zoom=11, height=260)
    with st.container(horizontal=True):
        if st.button("Photos nearby", icon=":material/near_me:"):
            open_search(f"near:{lat:.5f},{lon:.5f},5km")
        if st.button("Around it on the map", icon=":material/map:"):
            go_to(address_of("map", {"at": f"{lat:.5f},{lon:.5f},{MAP_ZOOM}"}))


def _faces(hit: Hit) -> None:
    """The faces in the photo, each with a way to its person and to more of that face."""
    faces = session().library.people.faces_in(hit.photo.id)
    # Of a video, each person once: a face is seen in many frames.
    seen = {face.person_id or -face.id: face for face in reversed(faces)}
    shown = [face for face in faces if seen[face.person_id or -face.id] is face][:MAX_FACES]
    if not shown:
        return
    st.header("Faces", anchor=False)
    with st.container(horizontal=True):
        for face in shown:
            name = face.name or "Who is this?"
            with st.container(key=f"face {face.id}", width=FACE_PX + 16, gap="small"):
                st.markdown(f"![{escape_markdown(name)}](/face/small/{face.id})")
                if face.person_id is None:
                    st.caption("Seen once")
                    if st.button(
                        "More of this face",
                        key=f"face like {face.id}",
                        type="tertiary",
                        help="The faces most like this one, to say who it is",
                    ):
                        go_to(address_of("people", {"face": str(face.id)}))
                elif st.button(
                    escape_markdown(name),
                    key=f"person {face.id}",
                    type="tertiary",
                    help="All faces of this person",
                ):
                    go_to(address_of("people", {"person": str(face.person_id)}))


def _paths(hit: Hit) -> None:
    """All paths of the photo, to copy, and to show on the desktop."""
    st.header("Path" if len(hit.paths) == 1 else format_count(len(hit.paths), "path"), anchor=False)
    command = _file_manager()
    for number, path in enumerate(hit.paths):
        st.code(printable(path_text(path)), language=None, wrap_lines=True)
        if command and path.exists():
            st.button(
                "Show in the file manager",
                icon=":material/folder_open:",
                key=f"open {number}",
                on_click=_show_in_file_manager,
                args=(path,),
            )


def _file_manager() -> list[str]:
    """The command that shows a folder on this machine's desktop; empty if the visitor has none."""
    if st.context.ip_address not in (None, "127.0.0.1", "::1"):
        return []  # the visitor uses another machine
    if sys.platform == "darwin":
        return ["open", "-R"]
    has_desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return ["xdg-open"] if has_desktop and shutil.which("xdg-open") else []


def _show_in_file_manager(path: Path) -> None:
    """Open the photo's folder. The path is absolute, so it cannot be mistaken for an option."""
    command = _file_manager()
    if command:
        target = path if command[0] == "open" else path.parent
        subprocess.Popen([*command, str(target)], stdout=subprocess.DEVNULL)


def _explanation(hit: Hit, search_input: SearchInput) -> None:
    """Why the search that led here found the photo."""
    if not search_input:
        return
    try:
        with session().exclusive_library() as opened:
            explanation = opened.explain(hit.path, search_input.query())
    except ImgsearchError:
        return  # the search view shows the error
    rows = [("Rank", f"{explanation.rank:,}")] if explanation.rank else []
    rows += [(f"concept:{each.name}", str(each)) for each in explanation.concepts]
    rows += [("Score", f"{explanation.score:.3f}")] if explanation.score is not None else []
    for share in explanation.shares:
        rows.append((share.term, f"adds {share.share:+.3f} (alone {share.cosine:.3f})"))
    for each in explanation.filters:
        rows.append((each.filter, "matches" if each.passes else "does not match"))
    if rows:
        st.header("Why it matched", anchor=False)
        elements.facts(rows, "why")
