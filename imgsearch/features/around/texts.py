"""The time between two photos in words."""

from __future__ import annotations

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def time_between(seconds: float) -> str:
    """Return how long before or after: "2 h 5 min before", "40 s after", "same second"."""
    whole = round(abs(seconds))
    if not whole:
        return "same second"
    place = next(number for number, (size, _) in enumerate(_UNITS) if whole >= size)
    size, unit = _UNITS[place]
    count, rest = divmod(whole, size)
    text = f"{count} {unit}"
    if rest and place + 1 < len(_UNITS):
        smaller, smaller_unit = _UNITS[place + 1]
        if rest // smaller:
            text += f" {rest // smaller} {smaller_unit}"
    return f"{text} {'before' if seconds < 0 else 'after'}"
