"""Decides whether a face shows enough to be told from the faces of strangers.

research/notes/faces.md has the measurements.
"""

from __future__ import annotations

_SIDE_PX = 14.0
_SCORE = 0.8
CLEAR = 8.0  # length of a feature from which on the face can be made out
_TURN = 1.0
_UPRIGHT_SCORE = 0.87


def may_found_group(size_px: float, score: float, quality: float, turn: float) -> bool:
    """Return whether a face may found a group.

    `quality` and `turn` are NaN where they are not measured.

    Faces that are small, uncertain, blurred, covered or seen from the side resemble those of
    strangers. They can still join a group and be proposed.
    """
    return size_px >= _SIDE_PX and score >= _SCORE and not quality < CLEAR and not turn > _TURN


def is_surely_upright(score: float, quality: float) -> bool:
    """Return whether a face is certain and clear.

    Then its picture need not be turned to find others.

    Of a face on its head, YuNet often finds a box with landmarks of nothing: its score is low, or
    its feature short.
    """
    return score >= _UPRIGHT_SCORE and not quality < CLEAR
