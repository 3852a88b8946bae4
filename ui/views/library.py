"""The library: folders, indexing, unreadable files, the index, the model, photos by year."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import streamlit as st

from imgsearch import (
    EncoderInfo,
    EncoderTrial,
    ImgsearchError,
    Library,
    Root,
    Status,
    StoredEncoder,
    TrialQuery,
    format_count,
    format_duration,
    printable,
)
from ui import cards, elements, folder_picker
from ui.features import PageJob, shown_features
from ui.formatting import escape_markdown, format_datetime, format_size
from ui.library_state import follow, library_state
from ui.session import session
from ui.tasks import INDEX, Task, other_process_bar, progress_bar

REBUILD, TRY = "rebuild", "try"  # names of tasks
TRIED_PHOTOS = 2000  # in a trial of another model, unless the visitor says otherwise
NUMBERS_EVERY_S = 3.0  # while something changes the library
MAX_FAILURES_SHOWN = 500
_FOLDER = "folder to index"  # key of the text input


def show() -> None:
    """Show the contents and state of the library, and the actions to maintain it."""
    library = session().library
    state = library_state()
    busy = False
    titles = {
        INDEX: "Indexing",
        REBUILD: "Rebuilding",
        **{name: job.title for name, job in _jobs_of_features().items()},
        TRY: "Trying a model",
    }
    for name, title in titles.items():
        task = session().tasks.get(name)
        if task is not None and task.running:
            progress_bar(task, title, "photos")
            busy = True
        elif task is not None:
            _outcome(name, task)
    busy = other_process_bar(library) or busy
    if library.exists():
        status = session().library.status()
        _numbers(busy)
        _folders(status.roots, busy)
        _failures(status, busy)
        left, right = st.columns(2, gap="large")
        with left:
            _index(status, busy)
            _model(status, busy)
            for feature in shown_features():
                if feature.library_section is not None:
                    feature.library_section(status, busy)
        with right:
            _over_time()
        _trial(busy)
    elif busy:
        st.caption(
            "The library is being created. Photos can be searched as soon as they are indexed."
        )
        _add_folder_form(busy)
    else:
        cards.card(
            "No library yet",
            "Add a folder with photos. They are only read, never changed.",
            ":material/photo_library:",
        )
        with st.container(horizontal=True, horizontal_alignment="center"):
            folder_picker.usual_folder_buttons()
        _add_folder_form(busy)
    _messages()
    follow(state)


def _jobs_of_features() -> dict[str, PageJob]:
    """Return the jobs of features that this view shows, by the names of their tasks."""
    jobs = (job for feature in shown_features() for job in feature.jobs.values())
    return {job.task: job for job in jobs if job.title}


def _outcome(name: str, task: Task) -> None:
    """Show the outcome of a job until the visitor dismisses it."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"outcome {name}"):
        if task.error is not None:
            cards.error_card(task.error)
        elif task.report is not None:
            of_feature = _jobs_of_features().get(name)
            outcome = _report if of_feature is None else of_feature.outcome
            st.success(outcome(task.report), icon=":material/check_circle:")
        else:
            st.info("Stopped. The work done so far is kept; start it again to continue.")
        st.button(
            "Dismiss",
            key=f"dismiss {name}",
            icon=":material/close:",
            on_click=session().tasks.dismiss,
            args=(name,),
        )


def _report(report: object) -> str:
    """Return the report of a job as a sentence: "Done in 3.2 s: 21 new, 1 failed."."""
    if isinstance(report, EncoderTrial):
        photos = format_count(report.photos, "photo")
        return f"{escape_markdown(report.encoder)} was tried on {photos}. See below."
    copied = getattr(report, "copied", 0)
    counts = [
        (getattr(report, "new", 0), "new"),
        (getattr(report, "moved", 0) - copied, "moved"),
        (copied, "copied"),
    ]
    names = ("unchanged", "gone", "offline", "missing", "failed", "vectors")
    counts += [(getattr(report, name, 0), name) for name in names]
    parts = [f"{number:,} {name}" for number, name in counts if number]
    seconds = getattr(report, "seconds", 0.0)
    return f"Done in {seconds:.1f} s: {', '.join(parts) or 'nothing to do'}."


def _numbers(busy: bool) -> None:
    """Show the size of the library; while something changes it, the numbers follow."""
    st.fragment(_current_numbers, run_every=NUMBERS_EVERY_S if busy else None)()


def _current_numbers() -> None:
    status = session().library.status()
    with st.container(key="numbers"):
        tiles = st.columns(4)
    tiles[0].metric("Photos", f"{status.photos:,}", border=True)
    tiles[1].metric("Folders", f"{len(status.roots):,}", border=True)
    tiles[2].metric("Unreadable", f"{len(status.failures):,}", border=True)
    tiles[3].metric("Disk used", format_size(status.disk_bytes), border=True)


def _folders(roots: Sequence[Root], busy: bool) -> None:
    """Show the photo folders, with buttons to update, pause and remove each, and to add one."""
    st.header("Folders", anchor=False)
    for root in roots:
        with st.container(horizontal=True, vertical_alignment="center", key=f"root {root.id}"):
            _folder_state(root)
            st.text(printable(root.path))
            st.caption(format_count(root.photos, "photo"))
            if root.paused:
                _resume_button(root, busy)
            else:
                _update_and_pause_buttons(root, busy)
            _remove_button(root, busy)
        if root.missing:
            _missing_photos(root, busy)
    _add_folder_form(busy)


def _folder_state(root: Root) -> None:
    if root.paused:
        st.badge("paused", icon=":material/pause:", color="orange")
    elif root.online:
        st.badge("online", icon=":material/check:", color="green")
    else:
        st.badge("offline", icon=":material/cloud_off:", color="gray")


def _update_and_pause_buttons(root: Root, busy: bool) -> None:
    st.button(
        "Update",
        key=f"update {root.id}",
        disabled=busy or not root.online,
        icon=":material/sync:",
        on_click=session().index,
        args=((root.path,),),
    )
    if st.button(
        "Pause",
        key=f"pause {root.id}",
        disabled=busy,
        icon=":material/pause:",
        help="Leave this folder alone until you resume it: neither indexing nor watching reads it. "
        "Its photos stay in the library and are found as before.",
    ):
        session().library.folders.pause(root.path)
        st.rerun()


def _resume_button(root: Root, busy: bool) -> None:
    if st.button(
        "Resume",
        key=f"resume {root.id}",
        disabled=busy,
        icon=":material/play_arrow:",
        help="End the pause, and bring the folder up to date.",
    ):
        session().library.folders.resume(root.path)
        if root.online:
            session().index((root.path,))
        st.rerun()


def _remove_button(root: Root, busy: bool) -> None:
    """Remove a folder from the library, after a second click."""
    with st.popover("Remove", icon=":material/folder_off:", disabled=busy, key=f"sure {root.id}"):
        photos = format_count(root.photos, "photo")
        st.markdown(
            f"Its {photos} leave the library, unless they are in another folder of it too. No file "
            "is touched. If you add the folder again within 30 days, nothing is read again."
        )
        if st.button("Remove from the library", key=f"remove {root.id}", type="primary"):
            session().library.folders.forget(root.path)
            session().forget_counts()
            st.rerun()


def _missing_photos(root: Root, busy: bool) -> None:
    """Many files disappeared at once: the visitor says whether they were removed on purpose."""
    st.warning(
        f"{format_count(root.missing, 'photo')} of this folder disappeared at once, and will be "
        "kept until you confirm that you removed them.",
        icon=":material/question_mark:",
    )
    st.button(
        "I removed them",
        key=f"accept {root.id}",
        disabled=busy,
        icon=":material/delete_sweep:",
        on_click=session().index,
        args=((root.path,),),
        kwargs={"accept_removals": True},
    )


def _add_folder_form(busy: bool) -> None:
    """Add a folder; while others are being indexed, it waits for them."""
    indexing = session().tasks.get(INDEX)
    can_wait = indexing is not None and indexing.running
    is_refused = busy and not can_wait
    _waiting_folders()
    if st.button(
        "Choose a folder …",
        icon=":material/create_new_folder:",
        disabled=is_refused,
        key="choose folder",
    ):
        folder_picker.open_picker(lambda folder: session().index((folder,)))
    with st.form("add folder", border=False):
        box, button = st.columns([5, 1], vertical_alignment="bottom")
        box.text_input(
            "Add a folder on this machine",
            key=_FOLDER,
            placeholder=str(Path.home() / "Pictures"),
        )
        # By a callback: the label is another one when the job that runs has ended, and Streamlit
        # would take a click on the one before for a click on nothing.
        if (
            button.form_submit_button(
                "Index next" if can_wait else "Index",
                type="primary",
                disabled=is_refused,
                width="stretch",
                on_click=_index_typed,
            )
            and not st.session_state[_FOLDER].strip()
        ):
            st.warning("Enter a folder first.")


def _index_typed() -> None:
    folder = st.session_state[_FOLDER].strip()
    if folder:
        session().index((folder,))


def _waiting_folders() -> None:
    """Show the folders that are indexed next, each with a button that takes it back."""
    for title in session().tasks.waiting(INDEX):
        with st.container(horizontal=True, vertical_alignment="center", key=f"next {title!r}"):
            st.badge("next", icon=":material/hourglass_top:", color="gray")
            st.text(printable(title), width="stretch")
            st.button(
                "Do not index it",
                key=f"take back {title!r}",
                icon=":material/close:",
                on_click=session().tasks.take_back,
                args=(INDEX, title),
            )


def _start_retry(reasons: Sequence[str]) -> None:
    """Read failed files again: those with these reasons, or all."""
    session().start(INDEX, lambda library: library.folders.retry(reasons))


def _start_trial(encoder: str, photos: int) -> None:
    """Try another model on a sample."""
    session().start(TRY, lambda library: library.encoders.try_out(encoder, photos))


def _start_rebuild(encoder: str | None = None) -> None:
    """Rebuild the index; with `encoder`, embed all photos with this model first."""
    session().start(REBUILD, lambda library: library.rebuild(encoder))


def _failures(status: Status, busy: bool) -> None:
    """Show the files that could not be read, why, what would help, and a button to retry."""
    if not status.failures:
        return
    reasons = Counter(failure.reason for failure in status.failures)
    summary = ", ".join(f"{count} {reason.words}" for reason, count in reasons.most_common())
    with st.expander(f"Unreadable: {summary}", icon=":material/broken_image:"):
        for extra in status.wants:
            files = format_count(extra.files, f"{extra.format} file")
            st.info(f"To read {files}: `{extra.cure}`", icon=":material/extension:")
        chosen = st.pills(
            "Reason",
            list(reasons),
            format_func=lambda reason: reason.words,
            selection_mode="multi",
        )
        rows = [
            {
                "file": printable(failure.path),
                "reason": failure.reason.words,
                "details": printable(failure.message),
            }
            for failure in status.failures
            if not chosen or failure.reason in chosen
        ]
        st.dataframe(rows[:MAX_FAILURES_SHOWN], hide_index=True, width="stretch")
        if len(rows) > MAX_FAILURES_SHOWN:
            st.caption(f"The first {MAX_FAILURES_SHOWN} of {len(rows):,}.")
        st.button(
            "Try again",
            icon=":material/replay:",
            disabled=busy,
            on_click=_start_retry,
            args=(tuple(chosen),),
            help="Reads these files again now. Files that have changed, or that a newly installed "
            "decoder can read, are tried again automatically.",
        )


def _index(status: Status, busy: bool) -> None:
    """Show the index file, its size, and its recall."""
    st.header("Index", anchor=False)
    snapshot = status.snapshot
    if snapshot is None:
        rows = [("Index", "none needed yet: all photos are compared with each query")]
    else:
        recall = [
            f"{value:.1%} for {name.removeprefix('recall_')}s"
            for name, value in sorted(snapshot.details.items())
            if name.startswith("recall_") and isinstance(value, float)
        ]
        rows = [
            ("Kind", snapshot.kind),
            ("Vectors", f"{snapshot.vectors:,}, and {status.tail:,} newer searched exactly"),
            ("Recall of the top ten", ", ".join(recall) or "100 % (exact)"),
            ("Size", format_size(snapshot.size_bytes)),
            ("Built", format_datetime(snapshot.built_at)),
        ]
    elements.facts(rows, "index facts")
    st.button(
        "Rebuild",
        disabled=busy or not status.vectors,
        icon=":material/build:",
        on_click=_start_rebuild,
        help="Rebuilds the index from the stored vectors; no photo is read.",
    )


def _model(status: Status, busy: bool) -> None:
    """Show the model and its properties, and a form to change it."""
    st.header("Model", anchor=False)
    models = {info.name: info for info in session().library.encoders.choices()}
    info = models.get(status.encoder or "")
    rows = [("In use", status.encoder or "none yet")]
    if info is not None:
        rows += [
            ("Vectors", f"{info.dim} dimensions"),
            ("Accuracy", info.accuracy),
            ("Licence", info.licence),
        ]
    elements.facts(rows, "model facts")
    with st.popover("Change the model", icon=":material/model_training:", disabled=busy):
        _change_form(models, busy)
    _other_models(busy)


def _change_form(models: Mapping[str, EncoderInfo], busy: bool) -> None:
    """Try another model on a sample, or changes to it."""
    st.markdown(
        "Try a model first: it embeds a sample, and answers the same queries as the one in use. "
        "You see what a change would cost and bring, and nothing is decided."
    )
    name = st.selectbox("Model", list(models), format_func=lambda name: _choice(models[name]))
    photos = st.number_input("Photos to try it on", 20, value=TRIED_PHOTOS, step=500)
    if st.button("Try it", icon=":material/science:", disabled=busy or not name) and name:
        _start_trial(name, int(photos))
        st.rerun()
    st.markdown(
        "Or embed all photos. Searches use the old vectors until the new ones are complete, and "
        "the old ones are kept."
    )
    if st.button("Embed all photos", type="primary", disabled=busy or not name):
        _start_rebuild(name)
        st.rerun()


def _other_models(busy: bool) -> None:
    """Show the models with vectors in the library that it does not use, with their actions."""
    error = st.session_state.pop("model_error", None)
    if error is not None:
        cards.error_card(error)
    for number, stored in enumerate(session().stored_encoders()):
        if stored.state == "current":
            continue
        with st.container(horizontal=True, vertical_alignment="center", key=f"model {number}"):
            size = f"{format_count(stored.photos, 'photo')}, {format_size(stored.size_bytes)}"
            st.markdown(f"{escape_markdown(stored.name)} :small[is kept: {size}]", width="stretch")
            if stored.state == "kept":
                _use_button(stored, busy)
            _delete_button(stored, busy)


def _use_button(stored: StoredEncoder, busy: bool) -> None:
    """Goes back to a model, after a second click."""
    with st.popover(
        "Use", icon=":material/undo:", disabled=busy, key=f"use {stored.name} {stored.state}"
    ):
        missing = format_count(stored.missing, "photo")
        st.markdown(
            f"Let {escape_markdown(stored.name)} answer searches from now on? No photo is read, "
            "and the model in use is kept."
            + (f" {missing} will not be found by what they show." if stored.missing else "")
        )
        if st.button("Use this model", key=f"sure use {stored.name}", type="primary"):
            _change_models(lambda library: library.encoders.use(stored.name))
            st.rerun()


def _delete_button(stored: StoredEncoder, busy: bool) -> None:
    """Delete the vectors of a model, after a second click."""
    with st.popover(
        "Delete", icon=":material/delete:", disabled=busy, key=f"drop {stored.name} {stored.state}"
    ):
        st.markdown(
            f"Delete the vectors of {escape_markdown(stored.name)}, "
            f"{format_size(stored.size_bytes)}? To use it again, "
            f"{format_count(stored.photos, 'photo')} must be embedded again. No photo is touched."
        )
        if st.button("Delete the vectors", key=f"sure drop {stored.name}", type="primary"):
            _change_models(lambda library: library.encoders.drop(stored.name))
            st.rerun()


def _change_models(change: Callable[[Library], object]) -> None:
    """Do something with the models of the library; an error is shown by the next run."""
    try:
        with st.spinner("Changing the library…"):
            change(session().library)
    except ImgsearchError as error:
        st.session_state["model_error"] = error
    session().forget_counts()


def _trial(busy: bool) -> None:
    """Show the result of the last trial of a model: its costs, and answers side by side."""
    trial = session().library.encoders.last_trial()
    if trial is None:
        return
    models = (trial.encoder_in_use, trial.encoder)
    st.header(f"Trial of {printable(trial.encoder)}", anchor=False)
    time = "unknown" if trial.left_s is None else format_duration(trial.left_s)
    left = format_count(trial.left, "further photo")
    rows = [
        ("Compared on", format_count(trial.photos, "photo")),
        ("Time", f"{time} for {left}" if trial.left else "none: all photos were embedded"),
        ("Disk", format_size(trial.size_bytes)),
        ("Memory", f"{format_size(trial.memory_bytes)} at most"),
    ]
    rows += [
        (
            f"Right of {format_count(known.queries, known.source)}",
            f"{known.before:.0%} with {models[0]}, {known.after:.0%} with {models[1]}",
        )
        for known in trial.known_items
    ]
    elements.facts([(name, printable(value)) for name, value in rows], "trial facts")
    chosen = st.selectbox(
        "Query", range(len(trial.queries)), format_func=lambda at: _query_name(trial.queries[at])
    )
    query = trial.queries[chosen]
    sides = st.columns(2, gap="large")
    for side, model, ids in zip(sides, models, (query.before, query.after), strict=True):
        with side:
            st.markdown(f"**{escape_markdown(model)}**")
            st.caption(_judged(query, ids))
            elements.tiles(
                session().library.photos(ids),
                f"trial {model}",
                110,
                address="/library",
            )
    with st.popover(
        f"Change to {printable(trial.encoder)}", icon=":material/model_training:", disabled=busy
    ):
        st.markdown(
            f"Embed {left}{f' ({time})' if trial.left_s else ''}, and let "
            f"{escape_markdown(trial.encoder)} answer searches then? "
            f"{escape_markdown(trial.encoder_in_use)} is kept, and you can go back to it."
        )
        if st.button("Change the model to this one", type="primary", disabled=busy):
            _start_rebuild(trial.encoder)
            st.rerun()


def _query_name(query: TrialQuery) -> str:
    texts = ("caption", "keyword")
    source = f"a {query.source}" if query.source in texts else f"a {query.source} search"
    return f"{printable(query.line)} ({'yours' if query.source == 'own' else source})"


def _judged(query: TrialQuery, photo_ids: tuple[int, ...]) -> str:
    """Return a sentence about the quality of an answer, as far as it is known."""
    if not query.right:
        return f"{query.shared} of {len(photo_ids)} photos are in both answers."
    right = query.right_in(photo_ids)
    if len(query.right) > 1:
        most = min(len(query.right), len(photo_ids))
        return f"{right} of {most} photos that have this keyword."
    if not right:
        return "The photo with this caption is not among the first ten."
    return f"The photo with this caption has rank {photo_ids.index(query.right[0]) + 1}."


def _choice(info: EncoderInfo) -> str:
    size = "installed" if info.weights_here else f"{info.size_mb:,} MB to download"
    return f"{info.name} ({size}; {info.licence})"


def _over_time() -> None:
    """Show photos by year taken, and by day added to the library."""
    counts = session().library.folders.counts()
    if not counts.months and not counts.added:
        return
    st.header("Photos by date", anchor=False)
    taken, added = st.tabs(["Taken", "Added"])
    years: Counter[str] = Counter()
    for month, number in counts.months.items():
        years[month[:4]] += number
    with taken:
        if years:
            elements.bars(
                _without_gaps(years), "Photos by the year in which they were taken", "taken"
            )
        dated = years.total()
        st.caption(
            f"{dated:,} of {format_count(session().photo_count(), 'photo')}: those whose metadata "
            "says when they were taken. Photos that are offline count."
        )
    with added:
        if counts.added:
            elements.bars(counts.added, "Photos by the day on which they were indexed", "added")
        st.caption("All photos, by the day on which they were indexed.")


def _without_gaps(years: Mapping[str, int]) -> dict[str, int]:
    """Return every year from the first to the last; a year without photos has 0."""
    numbers = range(int(min(years)), int(max(years)) + 1)
    return {f"{number:04}": years.get(f"{number:04}", 0) for number in numbers}


def _messages() -> None:
    """Messages from the library since the page was started, the newest first."""
    if session().messages:
        with st.expander("Messages", icon=":material/info:"):
            for message in reversed(session().messages):
                st.markdown(escape_markdown(message))
