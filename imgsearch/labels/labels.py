"""Labels photos by classes named in words: once, or kept as a facet that new photos join."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.reader import decode
from imgsearch.decode.tiles import images_to_embed
from imgsearch.errors import FolderError, PhotoError, UsageError
from imgsearch.progress import Progress
from imgsearch.records.labels import Classes, Confusion, Facet, Label
from imgsearch.store.reads import photo_starts

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.labels.zero_shot import ZeroShotClassifier
    from imgsearch.records.arrays import Ids, PixelBatch, Pixels, Vectors
    from imgsearch.records.status import EncoderRow
    from imgsearch.store.store import Store

MAX_CLASSES = 1_000
_CHUNK_ROWS = 20_000


def check(classes: Classes) -> Classes:
    """The classes, if they make sense; else UsageError."""
    names = [name.casefold() for name in classes.names]
    if len(names) + classes.none_of_these < 2:
        raise UsageError("Name at least two classes: imgsearch label 'dog,cat'")
    if not all(name.strip() for name in names):
        raise UsageError("A class has no name. Write them with commas between: 'dog,cat,horse'")
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise UsageError(f"The class {double!r} is named twice.")
    if len(names) > MAX_CLASSES:
        raise UsageError(f"These are {len(names)} classes; at most {MAX_CLASSES} are possible.")
    if classes.template is not None and classes.template.count("{}") != 1:
        raise UsageError(
            "The template needs {} once, where the class goes: --template 'a drawing of a {}'"
        )
    return classes


def rows_of(classes: Classes, row: EncoderRow, encoder: Encoder) -> Vectors:
    """What photos are compared with: a row a class, then unrelated captions for "none of these"."""
    import numpy as np

    from imgsearch.encoders import prompts as prompting
    from imgsearch.index.recall import prompts

    templates = (
        prompting.class_templates(row.name) if classes.template is None else (classes.template,)
    )
    named = prompting.embed_in(encoder, [(name, templates) for name in classes.names])
    unrelated = prompts() if classes.none_of_these else []
    return np.concatenate([named, encoder.encode_texts(unrelated)]) if unrelated else named


def recogniser(classes: Classes, rows: Vectors, scale: float) -> ZeroShotClassifier:
    """The recogniser that such rows make."""
    from imgsearch.labels.zero_shot import ZeroShotClassifier

    count = len(classes.names)
    return ZeroShotClassifier(rows[:count], rows[count:], scale)


def label(
    store: Store, row: EncoderRow, encoder: Encoder, classes: Classes, among: Ids | None = None
) -> list[Label]:
    """The likeliest class of each photo that some path points at, or of those in `among`.

    In the order they came into the library. One of several parts is as much like each class as
    the best of them.
    """
    import numpy as np

    judge = recogniser(check(classes), rows_of(classes, row, encoder), encoder.logit_scale)
    wanted = store.reads.live_ids(among)
    found: list[Label] = []
    for _, ids, vectors in store.reads.vectors(row.key, chunk_rows=_CHUNK_ROWS):
        rows = np.isin(ids, wanted)
        found += _labelled(judge, classes, ids[rows], vectors[rows])
    return found


def _labelled(
    judge: ZeroShotClassifier, classes: Classes, ids: Ids, vectors: Vectors
) -> list[Label]:
    names = classes.labels
    starts = photo_starts(ids)
    numbers, chances = judge.recognise(vectors, starts)
    return [
        Label(photo_id, names[number], chance)
        for photo_id, number, chance in zip(
            ids[starts].tolist(), numbers.tolist(), chances.tolist(), strict=True
        )
    ]


# ---------------------------------------------------------------------------- facets


def save(store: Store, name: str, classes: Classes) -> Facet:
    """Enter a facet; `refresh` labels the photos. Raises UsageError for a name without letters."""
    if not name.strip():
        raise UsageError("The facet needs a name: --save-as animals")
    return store.labels.save_facet(name.strip(), check(classes))


def refresh(store: Store, row: EncoderRow, encoder: Callable[[], Encoder]) -> int:
    """Label what is new for every facet, or all after a change of encoder; how many photos.

    The model is loaded only where there is something to do.
    """
    last_seq = store.reads.last_seq(row.key)
    done = 0
    for facet in store.labels.facets():
        known = store.labels.class_vectors(facet.id, row.key)
        if known is None:
            rows, seq = rows_of(facet.classes, row, encoder()), 0
            store.labels.start_facet(facet.id, row.key, rows)
        else:
            rows, seq = known
        if seq < last_seq:
            judge = recogniser(facet.classes, rows, encoder().logit_scale)
            for last, ids, vectors in store.reads.vectors(row.key, seq, _CHUNK_ROWS):
                found = _labelled(judge, facet.classes, ids, vectors)
                store.labels.set_labels(facet.id, last, found)
                done += len(found)
    return done


# ---------------------------------------------------------------------------- evaluation


@dataclass(frozen=True, slots=True)
class LabelTrial:
    """Photos in folders that are named by their class; `more` classes have no folder.

    A folder's underscores are spaces. `more` also says which template to use, and whether there
    is a class "none of these".
    """

    folder: Path
    more: Classes | None = None
    max_megapixels: float = 200.0

    def photos(self) -> dict[str, list[Path]]:
        """The photos of each class. Raises FolderError where there are none."""
        if not self.folder.is_dir():
            raise FolderError(f"{self.folder} is not a folder. Name one with a folder a class.")
        found = {}
        for each in sorted(self.folder.iterdir()):
            if each.is_dir() and not each.name.startswith("."):
                paths = sorted(path for path in each.rglob("*") if is_photo_name(path.name))
                found[each.name.replace("_", " ")] = paths
        if not any(found.values()):
            raise FolderError(f"{self.folder} has no folders with photos in them, named by class.")
        return found

    def classes(self, known: Iterable[str]) -> Classes:
        """All classes, those with photos first."""
        if self.more is None:
            return Classes(tuple(known), none_of_these=False)
        names = dict.fromkeys([*known, *self.more.names])
        return replace(self.more, names=tuple(names))


def evaluate(
    trial: LabelTrial, row: EncoderRow, encoder: Encoder
) -> Generator[Progress, None, Confusion]:
    """Label photos whose class is known, and count; one Progress a photo."""
    import numpy as np

    photos = trial.photos()
    classes = check(trial.classes(photos))
    judge = recogniser(classes, rows_of(classes, row, encoder), encoder.logit_scale)
    counts = np.zeros((len(photos), len(classes.labels)), np.int64)
    total, done, unread = sum(map(len, photos.values())), 0, 0
    for place, paths in enumerate(photos.values()):
        for start in range(0, len(paths), encoder.batch_size):
            batch: list[Pixels] = []
            starts: list[int] = []
            for path in paths[start : start + encoder.batch_size]:
                try:
                    limits = (encoder.side_px, trial.max_megapixels)
                    images, _ = images_to_embed(decode(path, *limits, all_frames=True))
                    pixels = [encoder.prepare(image) for image in images]
                    starts.append(len(batch))
                    batch += pixels
                except (PhotoError, OSError):
                    unread += 1
                done += 1
                yield Progress(done, total, path)
            if batch:
                vectors = encoder.encode_pixels(cast("PixelBatch", np.stack(batch)))
                numbers, _ = judge.recognise(vectors, np.array(starts))
                counts[place] += np.bincount(numbers, minlength=counts.shape[1])
    table = tuple(tuple(counted) for counted in counts.tolist())
    return Confusion(tuple(photos), classes.labels, table, unread)
