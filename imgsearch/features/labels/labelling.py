"""Labels photos with classes named in words: once, or as a facet that new photos join."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from imgsearch.encoders.base import Encoder
from imgsearch.encoders.prompts import class_templates, embed_in
from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.features.labels.records import Classes, Facet, Label
from imgsearch.features.labels.store import LabelStore
from imgsearch.features.labels.zero_shot import ZeroShotClassifier
from imgsearch.index.recall import prompts
from imgsearch.records.arrays import Ids, Vectors
from imgsearch.records.index import EncoderRow
from imgsearch.store.lock import writing
from imgsearch.store.reading.vectors import photo_starts
from imgsearch.store.store import Store
from imgsearch.text import is_utf8

if TYPE_CHECKING:
    from imgsearch.indexer.context import IndexingContext

MAX_CLASSES = 1_000
MAX_NAME_CHARS = 200  # of a class
MAX_TEMPLATE_CHARS = 1_000
CHUNK_ROWS = 20_000  # vectors whose labels are committed together


# ------------------------------------------------------------------------- classes


def validate(classes: Classes) -> Classes:
    """Return the classes unchanged, or raise UsageError if they are invalid."""
    if len(classes.names) > MAX_CLASSES:
        raise UsageError(f"Too many classes: {len(classes.names):,}. Name at most {MAX_CLASSES:,}.")
    names = [name.casefold() for name in classes.names]
    if len(names) + classes.none_of_these < 2:
        raise UsageError(Sentence("Name at least two classes: ", CommandLine("label 'dog,cat'")))
    if not all(name.strip() for name in names):
        raise UsageError("A class name is empty. Separate the names with commas: 'dog,cat,horse'")
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise UsageError(f"The class {duplicate!r} is named twice. Name it once.")
    if not all(map(is_utf8, (*classes.names, classes.template or ""))):
        raise UsageError("A class name or the template has bytes that are not UTF-8. Retype it.")
    longest = max(map(len, names))
    if longest > MAX_NAME_CHARS:
        raise UsageError(
            f"A class name has {longest:,} characters. Shorten it to {MAX_NAME_CHARS} or fewer."
        )
    template_chars = len(classes.template or "")
    if template_chars > MAX_TEMPLATE_CHARS:
        raise UsageError(
            f"The template has {template_chars:,} characters. Shorten it to "
            f"{MAX_TEMPLATE_CHARS:,} or fewer."
        )
    if classes.template is not None and classes.template.count("{}") != 1:
        raise UsageError(
            "The template must contain {} exactly once, where the class goes: "
            "--template 'a drawing of a {}'"
        )
    return classes


def class_vectors(classes: Classes, row: EncoderRow, encoder: Encoder) -> Vectors:
    """Return the vectors to compare photos with: a row for each class, then "none of these".

    The rows of that class are captions unrelated to the others; without the class there are none.
    """
    own = classes.template
    templates = class_templates(row.name) if own is None else (own,)
    named = embed_in(encoder, [(name, templates) for name in classes.names])
    unrelated = prompts() if classes.none_of_these else []
    return np.concatenate([named, encoder.encode_texts(unrelated)]) if unrelated else named


def make_classifier(classes: Classes, vectors: Vectors, scale: float) -> ZeroShotClassifier:
    """Return the classifier for the `class_vectors` of these classes.

    `scale` is the `logit_scale`.
    """
    count = len(classes.names)
    return ZeroShotClassifier(vectors[:count], vectors[count:], scale)


# ------------------------------------------------------------------------- labelling


def label_photos(
    store: Store, row: EncoderRow, encoder: Encoder, classes: Classes, among: Ids | None = None
) -> list[Label]:
    """Return the likeliest class of each photo that has a path, or of those in `among`.

    In the order in which the photos were indexed. A photo with several parts is as similar to a
    class as the most similar of its parts. Raises UsageError for invalid classes.
    """
    vectors = class_vectors(validate(classes), row, encoder)
    classifier = make_classifier(classes, vectors, encoder.logit_scale)
    wanted = store.reads.photos.live_ids(among)
    labels: list[Label] = []
    for _, ids, chunk in store.reads.vectors.chunks(row.key):
        rows = np.isin(ids, wanted)
        labels += _classify(classifier, classes, ids[rows], chunk[rows])
    return labels


def _classify(
    classifier: ZeroShotClassifier, classes: Classes, ids: Ids, vectors: Vectors
) -> list[Label]:
    starts = photo_starts(ids)
    numbers, probabilities = classifier.classify(vectors, starts)
    return [
        Label(photo_id, classes.labels[number], probability)
        for photo_id, number, probability in zip(
            ids[starts].tolist(), numbers.tolist(), probabilities.tolist(), strict=True
        )
    ]


# ------------------------------------------------------------------------- facets


def save_facet(store: Store, name: str, classes: Classes) -> Facet:
    """Save classes under a name; `update_facets` then labels the photos.

    Raises UsageError for invalid classes, and for a name that is blank or not UTF-8.
    """
    if not name.strip() or not is_utf8(name):
        raise UsageError("The facet needs a name, as text in UTF-8: --save-as animals")
    return LabelStore(store.database).save_facet(name.strip(), validate(classes))


def label_new_photos(context: IndexingContext, store: Store, row: EncoderRow) -> None:
    """Label new photos for every facet, or all photos after a change of encoder."""
    update_facets(store, row, lambda: context.encoders.of(row))


def save_labels(context: IndexingContext, name: str, classes: Classes) -> Facet:
    """Save labels under this name, and label every photo. Raises as `save_facet`."""
    with writing(context.data_dir) as store:
        facet = save_facet(store, name, classes)
        row = store.reads.encoders.current()
        if row is not None:
            label_new_photos(context, store, row)
        return facet


def forget_labels(context: IndexingContext, name: str) -> bool:
    """Delete saved labels; returns whether there were any with this name."""
    with writing(context.data_dir) as store:
        return is_utf8(name) and LabelStore(store.database).delete_facet(name)


def update_facets(
    store: Store,
    row: EncoderRow,
    encoder: Callable[[], Encoder],
    chunk_rows: int = CHUNK_ROWS,
) -> int:
    """Label new photos for every facet, or all photos after a change of encoder.

    Returns the number of labels. `encoder` is called only if there is something to do.
    """
    last_seq = store.reads.vectors.last_seq(row.key)
    labelled = 0
    facets = LabelStore(store.database)
    for facet in facets.facets():
        known = facets.class_vectors(facet.id, row.key)
        if known is None:
            vectors, seq = class_vectors(facet.classes, row, encoder()), 0
            facets.start_facet(facet.id, row.key, vectors)
        else:
            vectors, seq = known
        if seq < last_seq:
            classifier = make_classifier(facet.classes, vectors, encoder().logit_scale)
            for chunk_seq, ids, chunk in store.reads.vectors.chunks(row.key, seq, chunk_rows):
                labels = _classify(classifier, facet.classes, ids, chunk)
                facets.set_labels(facet.id, chunk_seq, labels)
                labelled += len(labels)
    return labelled
