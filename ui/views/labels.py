"""Labels: name classes, see the library sorted into them, adjust them, keep them."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from imgsearch import Classes, Hit, Label
from ui import cards, elements
from ui.elements import GridLook
from ui.formatting import count_words, unmarked
from ui.session import door

SHOWN = 120  # photos of a class
EXAMPLES = ("cat, dog, horse, bird", "indoors, outdoors", "people, landscape, food, building")


def show() -> None:
    """The box, what was saved, and the library sorted."""
    if not door().photo_count():
        cards.empty_library()
        return
    state = st.session_state
    state.setdefault("classes", st.query_params.get("c", ""))
    state["classes"] = state["classes"]  # a widget's state is lost while another view is shown
    classes = class_box()
    st.query_params.from_dict({"c": state["classes"]} if state["classes"] else {})
    saved()
    if classes is None:
        introduction()
        return
    labels = labels_by(classes)
    chosen = choose(labels, classes)
    if chosen:
        sorted_into(chosen, labels[chosen])
    keep(classes)


def class_box() -> Classes | None:
    """The classes, and what they are put into; None while none are named."""
    names, more = st.columns([8, 1.4], vertical_alignment="bottom")
    line = names.text_input(
        "Classes, with commas between",
        key="classes",
        placeholder=EXAMPLES[0],
        icon=":material/label:",
        autocomplete="off",
    )
    with more, st.popover("Options", icon=":material/tune:", width="stretch"):
        template = st.text_input(
            "Template",
            placeholder="a drawing of a {}",
            help="What each class is put into; empty is an average over several.",
        )
        none = st.toggle("A photo may be none of these", value=True)
    given = tuple(name.strip() for name in line.split(",") if name.strip())
    return Classes(given, template.strip() or None, none) if given else None


def introduction() -> None:
    """What this view is for."""
    cards.card(
        "Sort the library by words",
        "Name classes, as many as you like, and every photo gets the likeliest one. Nothing is "
        "trained, and no photo is touched.",
        ":material/label:",
    )
    with st.container(horizontal=True):
        for text in EXAMPLES:
            st.button(text, on_click=set_classes, args=(text,), type="tertiary")


def set_classes(text: str) -> None:
    """Sort into these."""
    st.session_state["classes"] = text


def labels_by(classes: Classes) -> dict[str, list[Label]]:
    """Every photo's label, by class, the likeliest first. The same question costs nothing."""
    known = st.session_state.get("labelled")
    count = door().photo_count()
    if known is not None and known[0] == (classes, count):
        found: dict[str, list[Label]] = known[1]
        return found
    with st.spinner("Sorting…", show_time=True), door().asking() as library:
        labels = library.label(classes)
    by_class: dict[str, list[Label]] = {name: [] for name in classes.labels}
    for label in sorted(labels, key=lambda label: -label.probability):
        by_class[label.name].append(label)
    st.session_state["labelled"] = ((classes, count), by_class)
    return by_class


def choose(labels: dict[str, list[Label]], classes: Classes) -> str | None:
    """The class that is looked at."""
    options = list(classes.labels)
    chosen = st.session_state.get("class")
    return st.segmented_control(
        "Class",
        options,
        default=None if chosen in options else options[0],
        key="class",
        format_func=lambda name: f"{unmarked(name)} ({len(labels[name]):,})",
        label_visibility="collapsed",
    )


def sorted_into(name: str, labels: list[Label]) -> None:
    """The photos of one class, the likeliest first."""
    if not labels:
        cards.card("No photo", f"None is likeliest to be {unmarked(name)}.", ":material/label_off:")
        return
    hits = shown(labels)
    touched = elements.grid(hits, "class grid", GridLook(row_px=150, pickable=False))
    if len(labels) > SHOWN:
        st.caption(f"The likeliest {SHOWN} of {count_words(len(labels), 'photo')}.")
    if touched.opened is not None:
        st.session_state["result_ids"] = [hit.photo.id for hit in hits]
        st.session_state["question"] = None
        st.switch_page(st.session_state["pages"]["photo"], query_params={"id": str(touched.opened)})


def shown(labels: list[Label]) -> list[Hit]:
    """The photos with their probability where a score would stand."""
    likeliest = {label.photo_id: label.probability for label in labels[:SHOWN]}
    hits = door().library.photos(list(likeliest))
    return [replace(hit, score=likeliest[hit.photo.id]) for hit in hits]


def keep(classes: Classes) -> None:
    """Save the labels, so that they filter, and new photos get one too."""
    with st.form("keep", border=False):
        name, button = st.columns([5, 1], vertical_alignment="bottom")
        facet = name.text_input("Keep these labels as", placeholder="animals")
        pressed = button.form_submit_button("Keep", type="primary", width="stretch")
    if pressed and not facet.strip():
        st.warning("Give them a name first.")
    elif pressed:
        with st.spinner("Labelling every photo…"), door().asking() as library:
            library.save_labels(facet.strip(), classes)
        st.rerun()


def saved() -> None:
    """What was kept: a click searches for a label."""
    facets = door().library.saved_labels()
    if not facets:
        return
    with st.expander(f"Kept: {', '.join(unmarked(facet.name) for facet in facets)}"):
        for facet, counts in facets.items():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{unmarked(facet.name)}**", width="content")
                for name, count in sorted(counts.items(), key=lambda item: -item[1]):
                    if st.button(
                        f"{unmarked(name)} ({count:,})",
                        key=f"label {facet.id} {name}",
                        type="tertiary",
                        icon=":material/search:",
                    ):
                        look_for(facet.name, name)
                st.button(
                    "Edit",
                    key=f"edit {facet.id}",
                    icon=":material/edit:",
                    on_click=set_classes,
                    args=(", ".join(facet.classes.names),),
                )
                st.button(
                    "Forget",
                    key=f"forget {facet.id}",
                    icon=":material/delete:",
                    help="The labels go; no photo is touched.",
                    on_click=forget,
                    args=(facet.name,),
                )


def look_for(facet: str, name: str) -> None:
    """Search for a label."""
    value = f"{facet}/{name}".replace("\\", "\\\\").replace('"', '\\"')
    st.switch_page(st.session_state["pages"]["search"], query_params={"q": f'label:"{value}"'})


def forget(name: str) -> None:
    """Drop labels that were kept."""
    door().library.forget_labels(name)
