"""One photo, closely: a large picture, its facts, where it lies, and what is like it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import streamlit as st

from imgsearch import Hit, ImgsearchError, Query, clock, printable, to_text
from ui import cards, elements
from ui.formatting import count_words, date_of, moment_words, size_words
from ui.search_state import Question
from ui.session import door

TELLERS = {
    "exif": "the camera",
    "xmp": "its XMP data",
    "iptc": "its IPTC data",
    "video": "the video itself",
    "sidecar": "the XMP file beside it",
    "file": "the file's time of change",
}
MOTIONS = {
    "inside": "with a video of its moment in its file",
    "beside": "a Live Photo; its video lies beside it",
    "animated": "an animation; its first frame stands for it",
}


def show() -> None:
    """The photo that the address names."""
    hit = chosen()
    if hit is None:
        cards.card(
            "There is no such photo",
            "It may have left the library since. Search for it again.",
            ":material/hide_image:",
        )
        st.page_link(st.session_state["pages"]["search"], label="Back to the search")
        return
    st.query_params["id"] = str(hit.photo.id)
    top(hit)
    picture, about = st.columns([2.2, 1], gap="large")
    with picture:
        offline = "Its drive is not there now, and no thumbnail was made before."
        broken = "No picture can be made of it now. It may have moved since it was indexed."
        step = elements.preview(hit, offline if hit.offline else broken)
    with about:
        tell(hit)
    go(step)


def chosen() -> Hit | None:
    """The photo in the address, else the one that was clicked."""
    given = st.query_params.get("id", "")
    photo_id = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else None
    photo_id = photo_id or st.session_state.get("photo_id")
    library = door().library
    if photo_id is None or not library.exists():
        return None
    st.session_state["photo_id"] = photo_id
    hit = next(iter(library.photos([photo_id])), None)
    times: dict[int, float | None] = st.session_state.get("result_times", {})
    return None if hit is None else replace(hit, at_s=times.get(photo_id))


def top(hit: Hit) -> None:
    """Back, to the neighbours among the results, and on to what is like it."""
    results: list[int] = st.session_state.get("result_ids", [])
    place = results.index(hit.photo.id) if hit.photo.id in results else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Results", icon=":material/arrow_back:"):
            line = st.session_state.get("asked_address", "")
            st.switch_page(
                st.session_state["pages"]["search"], query_params={"q": line} if line else {}
            )
        if place is not None:
            st.button(
                "Previous",
                icon=":material/chevron_left:",
                on_click=move,
                args=(-1,),
                disabled=place == 0,
            )
            st.button(
                "Next",
                icon=":material/chevron_right:",
                on_click=move,
                args=(1,),
                disabled=place == len(results) - 1,
            )
            st.caption(f"{place + 1} of {len(results):,}")
        if st.button("Find similar", icon=":material/image_search:", type="primary"):
            st.switch_page(
                st.session_state["pages"]["search"],
                query_params={"q": f"photo:{hit.photo.id}"},
            )


def move(step: int) -> None:
    """Go to the next or the previous result."""
    results: list[int] = st.session_state.get("result_ids", [])
    photo_id = st.session_state.get("photo_id")
    if photo_id in results:
        place = min(max(results.index(photo_id) + step, 0), len(results) - 1)
        st.session_state["photo_id"] = results[place]
        st.query_params["id"] = str(results[place])


def go(step: int) -> None:
    """What an arrow key asked for."""
    if step:
        move(step)
        st.rerun()


def tell(hit: Hit) -> None:
    """Facts, place, paths."""
    st.subheader("About", anchor=False)
    elements.facts(rows_of(hit), "facts")
    if hit.offline:
        st.info("Its drive is not there now.", icon=":material/cloud_off:")
    if hit.missing:
        st.warning("It vanished with many others, and is held.", icon=":material/question_mark:")
    if hit.photo.facts.lat is not None and hit.photo.facts.lon is not None:
        place(hit.photo.facts.lat, hit.photo.facts.lon)
    paths(hit)
    why(hit)


def why(hit: Hit) -> None:
    """Why the last question found it."""
    question: Question | None = st.session_state.get("question")
    if question is None or not question or question.line == "sort:date":
        return
    try:
        with door().asking() as library:
            told = library.explain(hit.path, question.query())
    except ImgsearchError:
        return  # the question's own view says what is wrong with it
    rows = [("Rank", f"{told.rank:,}")] if told.rank else []
    rows += [("Score", f"{told.score:.3f}")] if told.score is not None else []
    for share in told.shares:
        what = share.term.what
        name = what if isinstance(what, str) else "the example image"
        rows.append((printable(name), f"{share.share:+.3f} of it; alone {share.cosine:.3f}"))
    for each, passes in told.filters:
        rows.append((to_text(Query(filters=(each,))), "passes" if passes else "does not pass"))
    if rows:
        st.subheader("Why it matched", anchor=False)
        elements.facts(rows, "why")


def rows_of(hit: Hit) -> list[tuple[str, str]]:
    """What is known of it, in words."""
    photo, facts = hit.photo, hit.photo.facts
    megapixels = photo.width_px * photo.height_px / 1e6
    teller = TELLERS.get(hit.dated_by or facts.dated_by or "", "")
    rows = [
        ("Taken", moment_words(date_of(hit)) + (f", says {teller}" if teller else "")),
        ("Size", f"{photo.width_px} × {photo.height_px} px, {megapixels:.1f} megapixels"),
        ("File", f"{facts.format}, {size_words(photo.size_bytes)}"),
        ("Length", "" if facts.duration_s is None else clock(facts.duration_s)),
        ("Fits best at", "" if hit.at_s is None else clock(hit.at_s)),
        ("Motion", MOTIONS["animated"] if facts.animated else MOTIONS.get(facts.motion or "", "")),
        ("Camera", facts.camera or ""),
        ("Lens", facts.lens or ""),
        ("Stars", stars(facts.rating)),
        ("Keywords", ", ".join(facts.keywords)),
    ]
    for facet, label in door().library.labels_of(photo.id).items():
        rows.append((facet, f"{label.name}, {label.probability:.0%}"))
    if facts.lat is not None and facts.lon is not None:
        rows.append(("Place", f"{facts.lat:.5f}, {facts.lon:.5f}"))
    return [(name, value) for name, value in rows if value]


def stars(rating: int | None) -> str:
    """ "★★★☆☆"."""
    if rating is None:
        return ""
    return "rejected" if rating < 0 else "★" * rating + "☆" * (5 - rating)


def place(lat: float, lon: float) -> None:
    """Where it was taken. A map server is asked only when the switch is turned on."""
    if st.toggle("Show a map", key="map", help="Asks a map server on the internet for this place."):
        st.map({"lat": [lat], "lon": [lon]}, zoom=11, height=260)
    if st.button("Photos near here", icon=":material/near_me:"):
        st.switch_page(
            st.session_state["pages"]["search"],
            query_params={"q": f"near:{lat:.5f},{lon:.5f},5km"},
        )


def paths(hit: Hit) -> None:
    """Where it lies; each path can be copied."""
    st.subheader(
        count_words(len(hit.paths), "place") if len(hit.paths) > 1 else "Path", anchor=False
    )
    for number, path in enumerate(hit.paths):
        st.code(printable(path), language=None, wrap_lines=True)
        if opener() and path.exists():
            st.button(
                "Show in the file manager",
                icon=":material/folder_open:",
                key=f"open {number}",
                on_click=open_folder,
                args=(path,),
            )


def opener() -> list[str]:
    """The command that shows a folder on the machine the page runs on; none without a desktop."""
    if st.context.ip_address not in (None, "127.0.0.1", "::1"):
        return []  # the visitor sits at another machine
    if sys.platform == "darwin":
        return ["open", "-R"]
    if shutil.which("xdg-open") and (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return ["xdg-open"]
    return []


def open_folder(path: Path) -> None:
    """Show the photo's folder. The path is absolute, so it cannot be taken for an option."""
    command = opener()
    if command:
        target = path if command[0] == "open" else path.parent
        subprocess.Popen([*command, str(target)], stdout=subprocess.DEVNULL)
