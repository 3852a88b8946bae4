"""One photo: a large picture, its facts, its paths, and why it matched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import streamlit as st

from imgsearch import Hit, ImgsearchError, Query, clock, format_count, printable, to_text
from ui import cards, elements
from ui.formatting import date_of, format_datetime, format_size
from ui.search_state import SearchInput, open_search
from ui.session import session

DATE_SOURCES = {
    "exif": "from EXIF",
    "xmp": "from XMP",
    "iptc": "from IPTC",
    "text": "from text in the file",
    "video": "from the video",
    "sidecar": "from a file beside the photo",
    "file": "file modification time",
}
MOTION = {
    "inside": "motion photo; its video is in the same file",
    "beside": "Live Photo; its video is in a separate file",
    "animated": "animation; its first frame is shown",
}


def show() -> None:
    """The photo that the URL names."""
    hit = _requested_photo()
    if hit is None:
        cards.card(
            "Photo not found",
            "It may have been removed from the library. Search for it again.",
            ":material/hide_image:",
        )
        st.page_link(st.session_state["pages"]["search"], label="Back to search")
        return
    st.query_params["id"] = str(hit.photo.id)
    _navigation(hit)
    left, right = st.columns([2.2, 1], gap="large")
    with left:
        step = elements.preview(
            hit,
            "The drive with this photo is not connected, and there is no thumbnail of it."
            if hit.offline
            else "Cannot show this photo. It may have been moved since it was indexed.",
        )
    with right:
        _details(hit)
    if step:
        _go(step)
        st.rerun()


def _requested_photo() -> Hit | None:
    """The photo in the URL, else the one that was clicked; None if the library lacks it."""
    state, text = st.session_state, st.query_params.get("id", "")
    photo_id = int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
    photo_id = photo_id or state.get("photo_id")
    library = session().library
    if photo_id is None or not library.exists():
        return None
    state["photo_id"] = photo_id
    hits = library.photos([photo_id])
    return replace(hits[0], at_s=_result_times().get(photo_id)) if hits else None


def _result_times() -> dict[int, float | None]:
    """By photo id, in the order of the results: when in a video the best matching frame is."""
    times: dict[int, float | None] = st.session_state.get("result_times", {})
    return times


def _navigation(hit: Hit) -> None:
    """Back to the results, to the previous and the next result, and to similar photos."""
    results = list(_result_times())
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Results", icon=":material/arrow_back:"):
            open_search(st.session_state.get("line_in_url", ""))
        if hit.photo.id in results:
            position = results.index(hit.photo.id)
            st.button(
                "Previous",
                icon=":material/chevron_left:",
                on_click=_go,
                args=(-1,),
                disabled=position == 0,
            )
            st.button(
                "Next",
                icon=":material/chevron_right:",
                on_click=_go,
                args=(1,),
                disabled=position == len(results) - 1,
            )
            st.caption(f"{position + 1} of {len(results):,}")
        if st.button("Find similar", icon=":material/image_search:", type="primary"):
            open_search(f"photo:{hit.photo.id}")


def _go(step: int) -> None:
    """Go to the previous (-1) or next (1) result."""
    results = list(_result_times())
    photo_id = st.session_state.get("photo_id")
    if photo_id in results:
        position = min(max(results.index(photo_id) + step, 0), len(results) - 1)
        st.session_state["photo_id"] = results[position]
        st.query_params["id"] = str(results[position])


def _details(hit: Hit) -> None:
    """Facts, location, paths, and why the photo matched."""
    st.subheader("Details", anchor=False)
    elements.facts(_fact_rows(hit), "facts")
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
    _paths(hit)
    _explanation(hit)


def _fact_rows(hit: Hit) -> list[tuple[str, str]]:
    """Names and values of what is known about the photo."""
    photo, facts = hit.photo, hit.photo.facts
    megapixels = photo.width_px * photo.height_px / 1e6
    date_source = DATE_SOURCES.get(hit.dated_by or facts.dated_by or "")
    rows = [
        ("Date", format_datetime(date_of(hit)) + (f" ({date_source})" if date_source else "")),
        ("Size", f"{photo.width_px} × {photo.height_px} px, {megapixels:.1f} megapixels"),
        ("File", f"{facts.format}, {format_size(photo.size_bytes)}"),
        ("Duration", "" if facts.duration_s is None else clock(facts.duration_s)),
        ("Best match at", "" if hit.at_s is None else clock(hit.at_s)),
        ("Motion", MOTION.get("animated" if facts.animated else facts.motion or "", "")),
        ("Camera", facts.camera or ""),
        ("Lens", facts.lens or ""),
        ("Rating", _stars(facts.rating)),
        ("Title", facts.title or ""),
        ("Headline", facts.headline or ""),
        ("Description", facts.description or ""),
        ("People", ", ".join(facts.people)),
        ("Keywords", ", ".join(facts.keywords)),
        ("Creator", facts.creator or ""),
    ]
    for facet, label in session().library.labels_of(photo.id).items():
        rows.append((facet, f"{label.name}, {label.probability:.0%}"))
    rows.append(("Place", facts.place or ""))
    if facts.lat is not None and facts.lon is not None:
        rows.append(("Location", f"{facts.lat:.5f}, {facts.lon:.5f}"))
    return [(name, value) for name, value in rows if value]


def _stars(rating: int | None) -> str:
    """ "★★★☆☆"; "rejected" for a negative rating, as XMP has it."""
    if rating is None:
        return ""
    return "rejected" if rating < 0 else "★" * rating + "☆" * (5 - rating)


def _location(lat: float, lon: float) -> None:
    """Where it was taken. Nothing is requested from a map server before the map is switched on."""
    if st.toggle(
        "Show a map", key="map", help="Sends this location to a map server on the internet."
    ):
        st.map({"lat": [lat], "lon": [lon]}, zoom=11, height=260)
    if st.button("Photos nearby", icon=":material/near_me:"):
        open_search(f"near:{lat:.5f},{lon:.5f},5km")


def _paths(hit: Hit) -> None:
    """All paths of the photo, to copy, and to show on the desktop."""
    st.subheader(
        "Path" if len(hit.paths) == 1 else format_count(len(hit.paths), "path"), anchor=False
    )
    command = _file_manager()
    for number, path in enumerate(hit.paths):
        st.code(printable(path), language=None, wrap_lines=True)
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


def _explanation(hit: Hit) -> None:
    """Why the search that led here found the photo."""
    search_input: SearchInput | None = st.session_state.get("search_input")
    if not search_input:
        return
    try:
        with session().exclusive_library() as library:
            explanation = library.explain(hit.path, search_input.query())
    except ImgsearchError:
        return  # the search view shows the error
    rows = [("Rank", f"{explanation.rank:,}")] if explanation.rank else []
    rows += [("Score", f"{explanation.score:.3f}")] if explanation.score is not None else []
    for share in explanation.shares:
        what = share.term.what
        name = what if isinstance(what, str) else "Example image"
        rows.append((name, f"adds {share.share:+.3f} (alone {share.cosine:.3f})"))
    for condition, passes in explanation.filters:
        text = to_text(Query(filters=(condition,)))
        rows.append((text, "matches" if passes else "does not match"))
    if rows:
        st.subheader("Why it matched", anchor=False)
        elements.facts(rows, "why")
