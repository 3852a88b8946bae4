"""Reads the hours in which a wall is dark: "22:00-07:00"."""

from __future__ import annotations

import re
from datetime import time

from imgsearch.errors import UsageError
from imgsearch.features.wall.records import Pause

_PAUSE = re.compile(r"\s*(\d{1,2})(?::(\d\d))?\s*[-–]\s*(\d{1,2})(?::(\d\d))?\s*")


def read_pause(text: str) -> Pause:
    """Return the hours of a text such as "22-7" or "21:30-06:15". Raises UsageError."""
    match = _PAUSE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        hours = [int(each or 0) for each in match.groups()]
        start, end = time(hours[0] % 24, hours[1]), time(hours[2] % 24, hours[3])
        if start == end or max(hours[0], hours[2]) > 24:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"{text!r} are no hours of a day. Write when the pause begins and ends: 22:00-07:00"
        ) from None
    return Pause(start, end)
