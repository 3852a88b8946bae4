"""Tells screenshots and documents from photos, by their vectors and the facts of their files.

The score of a caption is a number of standard deviations above the mean score that the picture has
with unrelated captions, so it means the same for each model and picture. A picture with the name of
a camera was taken by it, and is no screenshot. For an encoder of no known kind, names of files
alone decide: nobody knows what its scores mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np
from msgspec import Struct

from imgsearch.encoders.registry import kind_of
from imgsearch.features.kinds.numbers import KindNumbers, numbers, version
from imgsearch.features.kinds.records import KindName, PictureKind
from imgsearch.features.kinds.store import KindStore
from imgsearch.index.recall import prompts
from imgsearch.indexer.embedding import encode_texts
from imgsearch.records.arrays import Ids, Vectors
from imgsearch.records.index import EncoderRow
from imgsearch.search.hubness import vectors_of_texts
from imgsearch.store.database import Database
from imgsearch.store.reading.vectors import photo_starts
from imgsearch.store.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.indexer.context import IndexingContext

CHUNK_ROWS = 20_000  # vectors whose kinds are committed together
KINDS: tuple[KindName, KindName] = ("screenshot", "document")
_NAMED = 0.99  # the probability of a file that is named like one
# As Android, iOS, macOS, Windows and GNOME name them.
_SCREENSHOT_NAME = re.compile(
    r"(?:^|/)(?:screen[ _-]?shot|bildschirm(?:foto|aufnahme)|capture d.écran|schermata"
    r"|captura de (?:pantalla|ecrã|tela)|schermafbeelding)[^/]*$",
    re.IGNORECASE,
)
# As apps name them that scan paper. "Scan 12.jpg" may be a print of a photo.
_DOCUMENT_NAME = re.compile(
    r"(?:^|/)(?:camscanner|adobe[ _-]?scan|office[ _-]?lens|genius[ _-]?scan)[^/]*$", re.IGNORECASE
)
# Widths and heights of screens, the shorter side first; common ones of phones, tablets, computers.
_SCREENS = frozenset(
    {
        *((720, 1280), (720, 1520), (720, 1560), (720, 1600), (750, 1334), (640, 1136)),
        *((828, 1792), (1080, 1920), (1080, 2160), (1080, 2220), (1080, 2280), (1080, 2310)),
        *((1080, 2316), (1080, 2340), (1080, 2376), (1080, 2400), (1080, 2408), (1080, 2412)),
        *((1125, 2436), (1170, 2532), (1179, 2556), (1206, 2622), (1220, 2712), (1242, 2208)),
        *((1242, 2688), (1284, 2778), (1290, 2796), (1320, 2868), (1440, 2560), (1440, 2960)),
        *((1440, 3040), (1440, 3088), (1440, 3120), (1440, 3200), (768, 1024), (1536, 2048)),
        *((1620, 2160), (1640, 2360), (1668, 2388), (2048, 2732), (768, 1366), (800, 1280)),
        *((900, 1440), (900, 1600), (1050, 1680), (1200, 1920), (1600, 2560), (1964, 3024)),
        *((1800, 2880), (2160, 3840), (1440, 3440), (2880, 5120), (1080, 2560)),
    }
)


class FileFacts(Struct, frozen=True):
    """Facts of the file of a picture by which its kind is judged."""

    width_px: int = 0
    height_px: int = 0
    format: str = ""
    camera: str | None = None
    is_video: bool = False
    names: tuple[str, ...] = ()

    def is_named(self, pattern: re.Pattern[str]) -> bool:
        """Return whether one of its paths matches a pattern."""
        return any(pattern.search(normalize("NFC", each)) for each in self.names)


def judge_new_photos(context: IndexingContext, store: Store, row: EncoderRow) -> None:
    """Judge new photos, or all after a change of encoder or of the numbers."""
    embed = partial(encode_texts, context, row)
    judge(store, row, context.settings.cache_dir, embed)


def judge(
    store: Store, row: EncoderRow, cache_dir: Path, embed: Callable[[Sequence[str]], Vectors]
) -> int:
    """Judge the photos that were not judged yet; returns how many.

    `embed` is called only if there is something to do, and its result is cached.
    """
    kinds, key = KindStore(store.database), version()
    seq, judged = kinds.judged_to(row.key, key), 0
    if seq >= store.reads.vectors.last_seq(row.key):
        return 0
    captions = None
    if kind_of(row.encoder_id) is not None:
        captions = caption_vectors(cache_dir, row.encoder_id, embed, numbers())
    for chunk_seq, ids, vectors in store.reads.vectors.chunks(row.key, seq, CHUNK_ROWS):
        starts = photo_starts(ids)
        photo_ids = ids[starts].tolist()
        facts = facts_of(store.database, photo_ids)
        if captions is None:
            found = np.tile((1.0, 0.0, 0.0), (len(facts), 1))
        else:
            inputs = picture_numbers(vectors, starts, captions, facts)
            found = probabilities(inputs, numbers())
        made = dict(zip(photo_ids, kinds_of(found, facts, numbers()), strict=True))
        kinds.record(row.key, key, chunk_seq, made)
        judged += len(photo_ids)
    return judged


def caption_vectors(
    cache_dir: Path,
    encoder_id: str,
    embed: Callable[[Sequence[str]], Vectors],
    by: KindNumbers,
) -> tuple[Vectors, Vectors]:
    """Return the vectors of the captions, and of unrelated ones; the cache folder keeps them."""
    captions = [f"{each}." for each in by.captions]
    rows = vectors_of_texts(cache_dir, encoder_id, embed, (*captions, *prompts()))
    return rows[: len(captions)], rows[len(captions) :]


def picture_numbers(
    vectors: Vectors,
    starts: Ids,
    captions: tuple[Vectors, Vectors],
    facts: Sequence[FileFacts],
) -> NDArray[np.float64]:
    """Return the numbers that weights are for, a row for each picture: see `KindNumbers`.

    A picture with several parts has the best score of any.
    """
    named, unrelated = (
        np.maximum.reduceat(vectors @ each.T, starts, axis=0).astype(np.float64)
        for each in captions
    )
    mean, deviation = unrelated.mean(axis=1), unrelated.std(axis=1)
    scores = (named - mean[:, None]) / np.maximum(deviation, 1e-6)[:, None]
    flags = [
        (each.format == "PNG", tuple(sorted((each.width_px, each.height_px))) in _SCREENS)
        for each in facts
    ]
    return np.concatenate([scores, np.array(flags, np.float64)], axis=1)


def probabilities(inputs: NDArray[np.float64], by: KindNumbers) -> NDArray[np.float64]:
    """Return the probabilities of photo, screenshot and document: (n, 3)."""
    standard = (inputs - np.array(by.means)) / np.array(by.deviations)
    logits = standard @ np.array(by.weights) + np.array(by.bias)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    made: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return made


def kinds_of(
    found: NDArray[np.float64], facts: Sequence[FileFacts], by: KindNumbers
) -> list[PictureKind | None]:
    """Return the kind of each picture: None for a photo, a video, and where it is not sure."""
    return [_kind(row, each, by) for row, each in zip(found.tolist(), facts, strict=True)]


def _kind(row: Sequence[float], facts: FileFacts, by: KindNumbers) -> PictureKind | None:
    if facts.is_video:
        return None
    if facts.is_named(_SCREENSHOT_NAME) and facts.camera is None:
        return PictureKind(KINDS[0], max(_NAMED, row[1]))
    if facts.is_named(_DOCUMENT_NAME):
        return PictureKind(KINDS[1], max(_NAMED, row[2]))
    if row[1] >= by.least[0] and facts.camera is None:
        return PictureKind(KINDS[0], row[1])
    return PictureKind(KINDS[1], row[2]) if row[2] >= by.least[1] else None


def facts_of(database: Database, photo_ids: Sequence[int]) -> list[FileFacts]:
    """Return the facts of the files of photos, in the order of their ids."""
    among = json.dumps(list(photo_ids))
    rows = database.fetch_all(
        "SELECT id, width_px, height_px, format, camera, duration_s IS NOT NULL FROM photos "
        "WHERE id IN (SELECT value FROM json_each(?))",
        among,
    )
    paths = database.fetch_all(
        "SELECT photo_id, name FROM paths WHERE photo_id IN (SELECT value FROM json_each(?))", among
    )
    names: dict[int, list[str]] = {}
    for photo_id, name in paths:
        names.setdefault(photo_id, []).append(bytes(name).decode("utf-8", "replace"))
    by_id = {
        photo_id: FileFacts(
            width or 0,
            height or 0,
            kind,
            camera or None,
            bool(video),
            tuple(names.get(photo_id, ())),
        )
        for photo_id, width, height, kind, camera, video in rows
    }
    return [by_id.get(each, FileFacts()) for each in photo_ids]
