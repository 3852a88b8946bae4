"""Labels: name classes, see the photos sorted into them, adjust the names, save the labels."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from msgspec.structs import replace

from imgsearch.features.labels.records import Classes, Label
from imgsearch.records.answer import Hit
from imgsearch.text import format_count
from ui import cards, elements
from ui.addresses import address_of, put_in_address
from ui.features import PageFeature, ShownView
from ui.formatting import escape_markdown
from ui.page_view import PageView
from ui.search_state import open_search, remember_list
from ui.session import session

MAX_SHOWN = 120  # photos of a class
EXAMPLES = ("cat, dog, horse, bird", "indoors, outdoors", "people, landscape, food, building")


def page() -> PageFeature:
    """Return the share of labels in the page."""
    view = PageView(
        "Labels",
        "label",
        "none",
        (),
        "labels",
        about="All photos sorted into classes that you name, and new ones as they come",
    )
    return PageFeature(
        part="labels",
        views={"labels": ShownView(view, show, before="library", state=_state)},
        filter_nouns={"label": "Label"},
        icons={"label": "label"},
    )


def show() -> None:
    """Show the class names, the saved labels, and the photos by class."""
    state = st.session_state
    state.setdefault("classes", st.query_params.get("c", ""))
    # Streamlit drops a widget's state while another view is shown; assigning it keeps it.
    state["classes"] = state["classes"]
    classes = _class_inputs()
    put_in_address("labels", {"c": state["classes"]} if state["classes"] else {})
    _saved_labels()
    if classes is None:
        _introduction()
        return
    labels = _labels_by_class(classes)
    chosen = _class_choice(labels, classes)
    if chosen:
        _show_class(chosen, labels[chosen])
    _save_form(classes)


def _state() -> str:
    """Return how many sets of labels are saved."""
    saved = len(session().library.labels.facets())
    return f"{saved:,} saved" if saved else "None saved yet"


def _class_inputs() -> Classes | None:
    """Return the classes that the visitor typed; None if there are none yet."""
    box, button = st.columns([8, 1.4], vertical_alignment="bottom")
    line = box.text_input(
        "Classes, separated by commas",
        key="classes",
        placeholder=EXAMPLES[0],
        icon=":material/label:",
        autocomplete="off",
    )
    with button, st.popover("Options", icon=":material/tune:", width="stretch"):
        template = st.text_input(
            "Template",
            placeholder="a drawing of a {}",
            help="The text that each class name is put into. If empty, several are averaged.",
        )
        none_of_these = st.toggle("A photo may be none of these", value=True)
    names = tuple(name.strip() for name in line.split(",") if name.strip())
    return Classes(names, template.strip() or None, none_of_these) if names else None


def _introduction() -> None:
    """Explain the purpose of this view, with examples."""
    cards.card(
        "Sort your photos into classes",
        "Name as many classes as you like, and every photo gets the most likely one. Nothing is "
        "trained, and no photo is changed.",
        ":material/label:",
    )
    with st.container(horizontal=True):
        for line in EXAMPLES:
            st.button(line, on_click=_set_classes, args=(line,), type="tertiary")


def _set_classes(line: str) -> None:
    st.session_state["classes"] = line


def _labels_by_class(classes: Classes) -> dict[str, list[Label]]:
    """Return the label of every photo, by class, the most probable first.

    The last result is reused.
    """
    key = (classes, session().photo_count())
    cached = st.session_state.get("labels_by_class")
    if cached is not None and cached[0] == key:
        labels_by_class: dict[str, list[Label]] = cached[1]
        return labels_by_class
    with st.spinner("Sorting…", show_time=True), session().exclusive_library() as library:
        labels = library.label(classes)
    labels_by_class = {name: [] for name in classes.labels}
    for label in sorted(labels, key=lambda label: -label.probability):
        labels_by_class[label.name].append(label)
    st.session_state["labels_by_class"] = (key, labels_by_class)
    return labels_by_class


def _class_choice(labels: dict[str, list[Label]], classes: Classes) -> str | None:
    """Buttons to choose the class whose photos are shown."""
    options = list(classes.labels)
    return st.segmented_control(
        "Class",
        options,
        default=None if st.session_state.get("class") in options else options[0],
        key="class",
        format_func=lambda name: f"{escape_markdown(name)} ({len(labels[name]):,})",
        label_visibility="collapsed",
    )


def _show_class(name: str, labels: Sequence[Label]) -> None:
    """Show the photos of one class, the most probable first."""
    if not labels:
        cards.card(
            "No photos in this class",
            f"For no photo is “{escape_markdown(name)}” the most likely class.",
            ":material/label_off:",
        )
        return
    hits = _hits_of(labels[:MAX_SHOWN])
    parameters = {"c": st.session_state["classes"]}
    remember_list("labels", hits)
    elements.tiles(
        hits,
        "class grid",
        150,
        address=address_of("labels", parameters),
        photo_parameters={"from": "labels", **parameters},
    )
    if len(labels) > MAX_SHOWN:
        st.caption(f"The {MAX_SHOWN} most likely of {format_count(len(labels), 'photo')}.")


def _hits_of(labels: Sequence[Label]) -> list[Hit]:
    """Return the labelled photos, with the probability of the label as the score."""
    probability = {label.photo_id: label.probability for label in labels}
    hits = session().library.photos(list(probability))
    return [replace(hit, score=probability[hit.photo.id]) for hit in hits]


def _save_form(classes: Classes) -> None:
    """Save the labels: they become a filter, and new photos are labelled too."""
    with st.form("save labels", border=False):
        box, button = st.columns([5, 1], vertical_alignment="bottom")
        name = box.text_input("Save these labels as", placeholder="animals").strip()
        is_pressed = button.form_submit_button("Save", type="primary", width="stretch")
    if is_pressed and not name:
        st.warning("Enter a name first.")
    elif is_pressed:
        with st.spinner("Labelling all photos…"), session().exclusive_library() as library:
            library.labels.save(name, classes)
        st.rerun()


def _saved_labels() -> None:
    """Show the saved labels. A click searches for a label."""
    facets = session().library.labels.facets()
    if not facets:
        return
    with st.expander(f"Saved: {', '.join(escape_markdown(facet.name) for facet in facets)}"):
        for facet, counts in facets.items():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{escape_markdown(facet.name)}**", width="content")
                for name, count in sorted(counts.items(), key=lambda item: -item[1]):
                    if st.button(
                        f"{escape_markdown(name)} ({count:,})",
                        key=f"label {facet.id} {name}",
                        type="tertiary",
                        icon=":material/search:",
                    ):
                        value = f"{facet.name}/{name}".replace("\\", "\\\\").replace('"', '\\"')
                        open_search(f'label:"{value}"')
                st.button(
                    "Edit",
                    key=f"edit {facet.id}",
                    icon=":material/edit:",
                    on_click=_set_classes,
                    args=(", ".join(facet.classes.names),),
                )
                st.button(
                    "Delete",
                    key=f"delete {facet.id}",
                    icon=":material/delete:",
                    help="Deletes the labels; no photo is changed.",
                    on_click=_delete_labels,
                    args=(facet.name,),
                )


def _delete_labels(name: str) -> None:
    session().library.labels.forget(name)
