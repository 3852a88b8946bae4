"""The record of the quality of searches on known photos."""

from __future__ import annotations

from msgspec import Struct


class Evaluation(Struct, frozen=True):
    """The quality of finding photos by their captions. Shares are from 0 to 1.

    `kept` is the share of captions whose photo is not hidden as weak, None without verdicts;
    `index_recall` is the share of the exact ten best photos that the index finds.
    """

    captions: int
    photos: int  # of the library, all of them candidates
    unknown: int  # captions of photos that are not in the library
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    kept: float | None
    index_recall: float
