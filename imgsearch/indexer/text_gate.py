"""Which photos look as if they showed text, by their stored vectors: no photo is opened for that.

A photo is compared with descriptions of photos that show text, as in zero-shot classification
(Radford et al. 2021, section 3.1). Its mean cosine with the three that fit best is put in standard
deviations from its mean cosine with unrelated captions (in speaker verification: T-norm), so that
one threshold serves every encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from imgsearch.index.recall import prompts
from imgsearch.store.reads import photo_starts

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vectors
    from imgsearch.store.reads import Reads

EmbedTexts: TypeAlias = "Callable[[Sequence[str]], Vectors]"

# These and the threshold were chosen on 560 photos of Flickr8k's train split and 304 of ImageNet,
# of which OCR found text in 93; there, a third of the photos pass. Documents and screenshots have
# scores above 2.
_DESCRIPTIONS = (
    "a sign with writing",
    "a street sign",
    "a shop front with its name",
    "an advertisement",
    "a poster with words",
    "a banner with letters",
    "a race car with advertising",
    "a sports jersey with a number",
    "the name on a bus",
    "a label on a bottle",
    "a newspaper",
    "a receipt",
    "a document",
    "a screenshot of a computer screen",
    "a whiteboard with writing",
    "a menu",
    "a page of a book",
    "written text",
    "text",
)
_BEST = 3
THRESHOLD = 1.4


def gate_scores(reads: Reads, encoder_key: int, embed: EmbedTexts) -> Mapping[int, float]:
    """By photo id, how much each photo looks as if it showed text; higher is likelier.

    The score of a photo with several parts is that of the likeliest. From `THRESHOLD` on, a photo
    passes the gate. `embed` embeds texts as those of queries are.
    """
    import numpy as np

    captions = prompts()
    vectors = embed((*_DESCRIPTIONS, *captions))
    descriptions, unrelated = vectors[: len(_DESCRIPTIONS)], vectors[len(_DESCRIPTIONS) :]
    scores: dict[int, float] = {}
    for _, ids, chunk in reads.vectors(encoder_key):
        best = np.sort(chunk @ descriptions.T, axis=1)[:, -_BEST:].mean(axis=1)
        usual = chunk @ unrelated.T
        deviations = (best - usual.mean(axis=1)) / usual.std(axis=1).clip(1e-6)
        starts = photo_starts(ids)
        of_photos = np.maximum.reduceat(deviations, starts)
        scores.update(zip(ids[starts].tolist(), of_photos.tolist(), strict=True))
    return scores
