"""Measures the gain of rephrasing queries as they are meant, on sets of captioned photos.

    python -m benchmarks.bench_phrasing COCO-DEV FLICKR8K --split dev

**Words that ask for a photo**, such as "a photo of": captions with them in front, embedded as they
are typed and as they are read.

**Singular and plural**: how many of the first ten photos both forms of a noun find, and the mean
average precision (mAP) of the nouns in the captions. As typed means averaged over the templates of
a short text. A photo is right if two of its captions have either form.
**Negations**: the captions with "without", "no" and the like, as they are, and with what is negated
read as a minus.
"""

# ruff: noqa: T201

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from benchmarks.bench_confidence import NAME, Split, chosen_splits, embed_searched
from benchmarks.bench_prompting import average_precision
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.lite.kind import KIND
from imgsearch.encoders.prompts import embed_in, embed_texts
from imgsearch.index.recall import prompts
from imgsearch.language.negation import split_negations
from imgsearch.language.numbers import number_forms
from imgsearch.records.arrays import Vectors
from imgsearch.records.query import MINUS_WEIGHT
from imgsearch.search.composition import compose, negative_rows
from imgsearch.search.short_texts import text_kind

WRAPPINGS = ("a photo of", "a picture that shows", "my pictures of", "show me", "find", "image of")
CAPTIONS = 500  # of each set, drawn at random
NOUNS = """
dog cat man woman child person horse bird boy girl car boat bike motorcycle train bus tree
flower mountain beach ball hat shirt street wall rock wave building bench table chair plate bowl
pizza sandwich cake sink toilet bed window clock sign skateboard surfboard snowboard kite umbrella
bottle cup knife phone camera book player swimmer runner climber skier surfer puppy kid baby fence
stick toy pool park field river lake
"""
FIRST = 10

Embed = Callable[[Sequence[str]], Vectors]


def report_wrappings(split: Split, encoder: Encoder) -> None:
    """Recall of the captions alone, and with words in front that ask for a photo."""
    rows = np.random.default_rng(11).permutation(len(split.captions))[:CAPTIONS]
    captions = [split.captions[row].strip(" .") for row in rows]
    captions = [caption[:1].lower() + caption[1:] for caption in captions]
    own = split.own[rows]

    def as_read(texts: Sequence[str]) -> Vectors:
        return embed_searched(encoder, texts)

    print(f"  {'captions as they are':32} {_recall(split, as_read, captions, own)}")
    for wrapping in WRAPPINGS:
        wrapped = [f"{wrapping} {caption}" for caption in captions]
        print(
            f"  {wrapping + ' …, as typed':32} {_recall(split, encoder.encode_texts, wrapped, own)}"
        )
        print(f"  {wrapping + ' …, as read':32} {_recall(split, as_read, wrapped, own)}")


def _recall(split: Split, embed: Embed, texts: Sequence[str], own: np.ndarray) -> str:
    scores = embed(texts) @ split.photos.T
    better = (scores > scores[np.arange(len(own)), own][:, None]).sum(axis=1)
    return f"R@1 {np.mean(better < 1):.3f}   R@10 {np.mean(better < 10):.3f}"


def report_numbers(split: Split, encoder: Encoder) -> None:
    """Overlap and precision of singular and plural, as typed and as read."""
    captions = [set(re.findall("[a-z]+", caption.lower())) for caption in split.captions]
    right: dict[tuple[str, str], set[int]] = {}
    for forms in filter(None, map(number_forms, NOUNS.split())):
        counts = Counter(
            photo
            for words, photo in zip(captions, split.own.tolist(), strict=True)
            if words & set(forms)
        )
        right[forms] = {photo for photo, count in counts.items() if count >= 2}
    nouns = [forms for forms in right if right[forms]]

    def as_typed(texts: Sequence[str]) -> Vectors:
        return embed_in(encoder, [(text, KIND.templates) for text in texts])

    for name, embed in (("as typed", as_typed), ("as read", partial(embed_searched, encoder))):
        scores = [embed([forms[number] for forms in nouns]) @ split.photos.T for number in (0, 1)]
        first = [np.argsort(-rows, axis=1)[:, :FIRST] for rows in scores]
        overlap = np.mean([len(set(a) & set(b)) / FIRST for a, b in zip(*first, strict=True)])
        singular, plural = (
            np.mean(
                [
                    average_precision(row, right[forms])
                    for row, forms in zip(rows, nouns, strict=True)
                ]
            )
            for rows in scores
        )
        print(
            f"  {len(nouns)} nouns, {name:9} overlap {overlap:.2f}   "
            f"mAP singular {singular:.3f}, plural {plural:.3f}"
        )


def report_negations(split: Split, encoder: Encoder) -> None:
    """The rank of the photo of each caption with a negation, as it is and read as a minus."""
    usual_caption = embed_texts(encoder, NAME, prompts()).mean(axis=0)
    ranks: dict[str, list[int]] = {"as they are": [], "read as a minus": []}
    for caption, own in zip(split.captions, split.own.tolist(), strict=True):
        words, negated = split_negations(caption.strip(" .").split(), max_words=len(caption))
        if not (words and negated):
            continue
        whole, rest = embed_searched(encoder, [caption, " ".join(words)])
        negative = embed_searched(encoder, negated, negative=True)
        rows = negative_rows(
            [(text_kind(NAME, " ".join(words)), 1.0)],
            [text_kind(NAME, text) for text in negated],
            np.full(len(negated), -MINUS_WEIGHT, np.float32),
            negative,
            usual_caption,
            is_less_mean_noun=True,
        )
        minus = compose(rest[None], rows.sum(axis=0))[0]
        for name, vector in zip(ranks, (whole, minus), strict=True):
            scores = split.photos @ vector
            ranks[name].append(1 + int((scores > scores[own]).sum()))
    for name, of_name in ranks.items():
        found = np.mean(np.array(of_name) <= FIRST)
        print(
            f"  {len(of_name)} captions with a negation, {name:16} R@10 {found:.2f}   "
            f"median rank {np.median(of_name):g}"
        )


def main() -> None:
    for split, encoder in chosen_splits(__doc__ or ""):
        report_wrappings(split, encoder)
        report_numbers(split, encoder)
        report_negations(split, encoder)


if __name__ == "__main__":
    main()
