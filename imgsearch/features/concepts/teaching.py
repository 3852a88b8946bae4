"""Teaches concepts: fits their probes to stored vectors, and finds the photos that show them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from msgspec import Struct

from imgsearch.errors import UsageError
from imgsearch.features.concepts import probe
from imgsearch.features.concepts.reading import learned
from imgsearch.features.concepts.records import ConceptExample, FittedConcept
from imgsearch.features.concepts.store import ConceptStore
from imgsearch.records.directions import CalibratedDirection, Level
from imgsearch.store.reading.vectors import CHUNK_ROWS, photo_starts

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids, Vector, Vectors
    from imgsearch.records.index import EncoderRow
    from imgsearch.store.store import Store

SAMPLE_PHOTOS = 4_096  # of the library, against which a concept is fitted
MAX_NAME_CHARS = 60
MAX_EXAMPLES = 2_000
MAX_WORDS_CHARS = 500
_REFIT_GROWTH = 0.5  # fit again once the library has grown or shrunk by more than this
_SEED = 18


class Embedder(Protocol):
    """Embeds the words and the example pictures of concepts."""

    def words(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as a search for each of them alone does: (n, dim)."""

    def picture(self, picture: bytes) -> Vector:
        """Embed an encoded image: (dim,)."""


class Lesson(Struct, frozen=True):
    """A lesson for a concept: new judgements, examples to withdraw, and words that describe it.

    `withdrawn` are content hashes. `words` is None to leave them as they are, "" for none. An
    `is_new` concept must not exist yet.
    """

    name: str
    judged: tuple[ConceptExample, ...] = ()
    withdrawn: frozenset[bytes] = frozenset()
    words: str | None = None
    is_new: bool = False


def teach(store: Store, row: EncoderRow, lesson: Lesson, embed: Embedder) -> None:
    """Teach a concept, or add to one that was taught before, and find the photos that show it.

    A photo that is judged again changes sides. Raises UsageError for a name that is not valid, for
    one that is taken by another concept if the lesson is new, and if no liked example is left.
    """
    name = valid_name(lesson.name)
    state = ConceptStore(store.database).state_of(name)
    if state is not None and lesson.is_new:
        raise UsageError(
            f"There is a concept {state.name!r} already. Choose another name, or add to that one: "
            f"imgsearch teach {state.name} --like PHOTO"
        )
    if state is None and not lesson.judged:
        raise UsageError(
            f"The list of examples is empty. Name photos that show it: imgsearch teach {name} "
            "--like PHOTO PHOTO PHOTO"
        )
    known = [] if state is None else ConceptStore(store.database).examples(state.id)
    examples = {each.content_hash: each for each in (*known, *lesson.judged)}
    missing = lesson.withdrawn - examples.keys()
    if missing:
        raise UsageError(
            f"A photo to withdraw is not an example of {name!r}. To list them: "
            f"imgsearch teach {name}"
        )
    for content_hash in lesson.withdrawn:
        del examples[content_hash]
    words = (state.words if state else None) if lesson.words is None else lesson.words.strip()
    if len(examples) > MAX_EXAMPLES:
        raise UsageError(f"Too many examples: {len(examples):,}, at most {MAX_EXAMPLES:,}.")
    if words and len(words) > MAX_WORDS_CHARS:
        raise UsageError(f"The words are too long: at most {MAX_WORDS_CHARS} characters.")
    embedded = _embedded(examples.values(), embed)
    fitted = _fit(store, row, name, embedded, words or None, embed)
    concept_id = ConceptStore(store.database).save(
        name if state is None else state.name, embedded, row.key, fitted
    )
    _find_photos(store, row, concept_id, 0, fitted.probe, embedded)


def update_concepts(store: Store, row: EncoderRow, embed: Embedder) -> None:
    """Judge new photos by every concept.

    A concept is fitted again after a change of the encoder, and when the library has changed much
    in size. One without a liked example keeps its probe, and is not ready for another encoder.
    """
    vectors = store.vectors.count(row.key)
    last_seq = store.reads.vectors.last_seq(row.key)
    for state in ConceptStore(store.database).states():
        is_fitted = state.encoder_key == row.key
        examples = ConceptStore(store.database).examples(state.id)
        growth = abs(vectors - state.vectors) > _REFIT_GROWTH * state.vectors
        seq = state.last_seq
        if any(each.is_like for each in examples) and (growth or not is_fitted):
            known = examples if is_fitted else [replace(each, vector=None) for each in examples]
            examples = _embedded(known, embed)
            fitted = _fit(store, row, state.name, examples, state.words, embed)
            ConceptStore(store.database).refit(state.id, examples, row.key, fitted)
            seq, is_fitted = 0, True
        if is_fitted and seq < last_seq:
            fitted_probe = learned(store.database, row.key, state.name)
            assert fitted_probe is not None
            _find_photos(store, row, state.id, seq, fitted_probe, examples)


def valid_name(name: str) -> str:
    """Return the name without spaces around it. Raises UsageError for one that is not valid."""
    name = " ".join(name.split())
    if not name:
        raise UsageError("The name of the concept is empty: imgsearch teach NAME --like PHOTO")
    if len(name) > MAX_NAME_CHARS:
        raise UsageError(f"The name has {len(name)} characters. Use at most {MAX_NAME_CHARS}.")
    if not name.isprintable() or set(name) & set('/|"\\') or name.startswith("-"):
        raise UsageError(
            f"{name!r} is not a name for a concept. Leave out quotes, / and |, and a - at the "
            "beginning."
        )
    return name


# ------------------------------------------------------------------------- fitting


def _embedded(examples: Collection[ConceptExample], embed: Embedder) -> list[ConceptExample]:
    """Return the examples, those from elsewhere with their vectors."""
    return [
        replace(each, vector=embed.picture(each.picture))
        if each.picture is not None and each.vector is None
        else each
        for each in examples
    ]


def _fit(
    store: Store,
    row: EncoderRow,
    name: str,
    examples: Sequence[ConceptExample],
    words: str | None,
    embed: Embedder,
) -> FittedConcept:
    training = probe.with_words_weighed(
        _training_set(store, row, examples, embed.words([words])[0] if words else None)
    )
    if not len(training.likes):
        raise UsageError(
            f"The concept {name!r} needs at least one photo that shows it: imgsearch teach {name} "
            "--like PHOTO"
        )
    if not len(training.unlikes) + len(training.others):
        raise UsageError(
            f"The library has no other photos that {name!r} could be told from. Add photos: "
            "imgsearch index FOLDER"
        )
    direction = probe.fit(training)
    held_out = probe.hold_out(training)
    calibrated = probe.calibrate(training, direction, held_out)
    return FittedConcept(
        CalibratedDirection(
            name,
            direction,
            calibrated.slope,
            calibrated.intercept,
            calibrated.score_of(probe.SURE),
            calibrated.score_of(probe.LIKELY),
        ),
        probe.assess(training, direction, held_out, calibrated),
        words,
        store.vectors.count(row.key),
    )


def _training_set(
    store: Store, row: EncoderRow, examples: Sequence[ConceptExample], words: Vector | None
) -> probe.TrainingSet:
    ids = [each.photo_id for each in examples if each.photo_id is not None]
    stored = store.reads.vectors.parts(row.key, ids)
    sides: dict[bool, list[Vector]] = {True: [], False: []}
    for each in examples:
        if each.vector is not None:
            sides[each.is_like].append(each.vector)
        elif each.photo_id in stored:
            sides[each.is_like].append(stored[each.photo_id].vectors[0])
    live = store.reads.photos.live_ids()
    others = live[~np.isin(live, ids)]
    chosen = np.random.default_rng(_SEED).permutation(others)[:SAMPLE_PHOTOS]
    sample = store.reads.vectors.parts(row.key, chosen.tolist())
    rows = [sample[photo_id].vectors[0] for photo_id in chosen.tolist() if photo_id in sample]

    def stacked(vectors: list[Vector]) -> Vectors:
        return np.stack(vectors) if vectors else np.empty((0, row.dim), np.float32)

    return probe.TrainingSet(stacked(sides[True]), stacked(sides[False]), stacked(rows), words)


# ------------------------------------------------------------------------- finding photos


def _find_photos(
    store: Store,
    row: EncoderRow,
    concept_id: int,
    after_seq: int,
    fitted: CalibratedDirection,
    examples: Sequence[ConceptExample],
    chunk_rows: int = CHUNK_ROWS,
) -> None:
    """Store the photos that show a concept among those whose vectors came after `after_seq`."""
    judged = {each.photo_id: each.is_like for each in examples if each.photo_id is not None}
    for seq, ids, chunk in store.reads.vectors.chunks(row.key, after_seq, chunk_rows):
        found = dict(_levels(fitted, ids, chunk))
        for photo_id in set(ids.tolist()) & judged.keys():
            found.pop(photo_id, None)
            if judged[photo_id]:
                found[photo_id] = "sure"
        ConceptStore(store.database).add_photos(concept_id, seq, found.items())


def _levels(fitted: CalibratedDirection, ids: Ids, vectors: Vectors) -> Iterator[tuple[int, Level]]:
    """Yield the photos from likely on, each with its level by its best part."""
    starts = photo_starts(ids)
    scores = np.maximum.reduceat(vectors @ fitted.direction, starts)
    for place in np.flatnonzero(scores >= fitted.likely_from).tolist():
        level = fitted.level(float(scores[place]))
        if level is not None:
            yield int(ids[starts[place]]), level
