"""Orders photos by how much they are worth keeping (`sort:best`), and gives the reasons.

Each photo has points: for its light, its sharpness, its pixels, the bytes that a JPEG has for them,
and its closeness to favourites. A picture that is as dark, bright or blurred as `is:dark`,
`is:bright` and `is:blurred` say loses one point for each, less on the way there and more beyond.
Sharpness is that of the sharpest twentieth of the picture, so that a soft background costs nothing.
The strip of `imgsearch strip` chooses its photos by the same points for light and sharpness.

The first photos are also compared with each other: of those that are nearly the same, the one with
the most points stays, and the others come after the photos without a better twin. A favourite
stays in any case. Frames of one size and about the same light are ordered by their sharpness: they
lose points for being less sharp than the sharpest of them, and light counts the same for all. It is
that of the whole picture, since what moves or is out of focus differs between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan, log2
from typing import TYPE_CHECKING

from imgsearch.errors import QueryError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.records.photo import LOOKS, Photo
from imgsearch.records.worth import (
    BestOrder,
    PictureMeasures,
    ReasonName,
    Taste,
    Worth,
    WorthReason,
)
from imgsearch.search.stacking import hidden_by_stack, stacks_of

if TYPE_CHECKING:
    from imgsearch.records.query import Selection
    from imgsearch.records.worth import Numbers
    from imgsearch.search.context import SearchContext

MAX_ORDERED = 1_000_000  # photos of one answer
MAX_COMPARED = 1_000  # photos, the best ones, of which the vectors are read

_MIDDLE, _DARK_FROM, _BRIGHT_FROM = 55.0, 30.0, 75.0  # of lightness
_DARK = LOOKS["dark"].values.high or 0.0
_BRIGHT = LOOKS["bright"].values.low or 100.0
_LIGHT_SLOPE = 0.003  # of a point for each step of lightness from the middle, also of good light
_BLURRED = LOOKS["blurred"].values.high or 0.0
_SOFT = 0.09  # detail below which a picture begins to look soft
_SHARP_SLOPE = 0.05  # of a point for each doubling of detail above that
_MOST_MEGAPIXELS, _SIZE_SLOPE = 24.0, 0.25  # of a point for each halving of pixels below that
_ENOUGH_BITS, _BITS_SLOPE = 2.0, 0.15  # of a point for each halving of a JPEG's bits below that
_STRONG_COMPRESSION = 0.7  # bits below which people are told so
_FAVOURITE, _TASTE_SLOPE, _MOST_DEVIATIONS = 1.0, 0.15, 2.0
_SOFTER_SLOPE = 2.0  # points for each halving of the sharpness of the sharpest near-twin
# As far as frames of one burst may be apart in lightness: absolute, and of the lighter one's.
_SAME_LIGHT, _SAME_LIGHT_SHARE = 5.0, 0.2
_SOFTER_FROM = 0.3  # points from which people are told so: a tenth less sharp
_LIKE_FAVOURITES = 0.15  # points from which people are told so: one standard deviation


# ------------------------------------------------------------------------- points of a picture


def light_points(lightness: Numbers) -> Numbers:
    """Return the points (n,) for the mean lightness of pictures; NaN where it is unknown."""
    import numpy as np

    dark = (_DARK_FROM - lightness) / (_DARK_FROM - _DARK)
    bright = (lightness - _BRIGHT_FROM) / (_BRIGHT - _BRIGHT_FROM)
    # A little too dark or too bright may be the subject, so the loss begins slowly.
    loss = np.maximum(0, np.maximum(dark, bright)) ** 2
    points: Numbers = -(_LIGHT_SLOPE * np.abs(lightness - _MIDDLE) + loss)
    return points


def sharpness_points(detail: Numbers) -> Numbers:
    """Return the points (n,) for the detail of pictures; NaN where it is unknown."""
    import numpy as np

    doublings = np.log2(np.maximum(detail, 1e-4) / _SOFT)
    loss = 1 / np.log2(_SOFT / _BLURRED)
    points: Numbers = np.where(doublings > 0, _SHARP_SLOPE, loss) * doublings
    return points


def _size_points(megapixels: Numbers) -> Numbers:
    import numpy as np

    points: Numbers = _SIZE_SLOPE * np.minimum(0, np.log2(megapixels / _MOST_MEGAPIXELS))
    return points


def _compression_points(bits: Numbers) -> Numbers:
    import numpy as np

    points: Numbers = _BITS_SLOPE * np.minimum(0, np.log2(bits / _ENOUGH_BITS))
    return points


def _points_of(measures: PictureMeasures) -> dict[ReasonName, Numbers]:
    """Return the points of pictures by the name of their reason."""
    return {
        "sharpness": sharpness_points(measures.detail),
        "light": light_points(measures.lightness),
        "size": _size_points(measures.megapixels),
        "compression": _compression_points(measures.bits),
    }


def look_points(photos: Iterable[Photo]) -> dict[int, float]:
    """Return the points for light and sharpness of each photo, by its id.

    Unknown facts count as good.
    """
    import numpy as np

    measures = _measures_of(photos)
    both = np.stack([light_points(measures.lightness), sharpness_points(measures.detail)])
    return dict(zip(measures.ids.tolist(), np.nansum(both, axis=0).tolist(), strict=True))


def _measures_of(photos: Iterable[Photo]) -> PictureMeasures:
    return PictureMeasures.of_rows(
        (
            photo.id,
            photo.facts.format,
            photo.width_px,
            photo.height_px,
            photo.size_bytes,
            photo.facts.lightness,
            photo.facts.detail,
            photo.facts.sharpness,
        )
        for photo in photos
    )


# ------------------------------------------------------------------------- the order


def best_order(context: SearchContext, selection: Selection) -> BestOrder:
    """Return the photos of a selection, the most worth keeping first; each shot once.

    Raises QueryError for more than `MAX_ORDERED` photos.
    """
    if selection.among is not None:
        return _best_order(context, selection)
    # Who sees the first page of a million photos asks for the next one soon.
    key = ("best order", context.row, selection)
    return context.reads.recent.get(key, lambda: _best_order(context, selection))


def _best_order(context: SearchContext, selection: Selection) -> BestOrder:
    import numpy as np

    count = context.photos.count(selection).photos
    if count > MAX_ORDERED:
        raise QueryError(
            f"sort:best orders at most {MAX_ORDERED:,} photos, and {count:,} were found. Add a "
            "filter, for example after:2023"
        )
    measures = context.photos.measures(selection)
    among = selection if selection.filters else None
    hidden = hidden_by_stack(context, measures.ids.tolist(), among)
    points = np.nansum(np.stack(list(_points_of(measures).values())), axis=0)
    taste = _taste(context)
    points[np.isin(measures.ids, list(taste.favourites))] += _FAVOURITE
    order = np.lexsort((measures.ids, -points))
    ids = [photo_id for photo_id in measures.ids[order].tolist() if photo_id not in hidden]
    compared, others = ids[:MAX_COMPARED], ids[MAX_COMPARED:]
    tastes = _taste_points(context, compared)
    rows = np.flatnonzero(np.isin(measures.ids, compared))
    measures = measures.of(rows)
    by_id = dict(zip(measures.ids.tolist(), points[rows].tolist(), strict=True))
    for photo_id, taste_points in tastes.items():
        by_id[photo_id] += taste_points
    compared.sort(key=by_id.__getitem__, reverse=True)
    stacks = [(top, *behind) for top, behind in stacks_of(context, compared, len(compared)).items()]
    softer, evened = _frame_points(measures, stacks)
    for frame_points in (softer, evened):
        for photo_id, each in frame_points.items():
            by_id[photo_id] += each
    compared.sort(key=by_id.__getitem__, reverse=True)
    twins: dict[int, int] = {}
    for stack in stacks:
        best = max(stack, key=by_id.__getitem__)
        twins |= {twin: best for twin in stack if twin not in (best, *taste.favourites)}
    firsts = [photo_id for photo_id in compared if photo_id not in twins]
    seconds = [photo_id for photo_id in compared if photo_id in twins]
    return BestOrder((*firsts, *seconds, *others), twins, tastes, softer, evened)


def _frame_points(
    measures: PictureMeasures, stacks: Sequence[Sequence[int]]
) -> tuple[dict[int, float], dict[int, float]]:
    """Return how the frames of each stack are compared: two changes of their points, by their ids.

    The first is what they lose to a sharper frame, the second what they gain so that none loses
    more for its light than the best lit frame: a passing cloud does not tell frames apart. Frames
    have the same number of pixels and about the same light: noise and compression count for more in
    a darker picture, and could make it seem sharper.
    """
    import numpy as np

    stacked = np.flatnonzero(np.isin(measures.ids, [each for stack in stacks for each in stack]))
    row_of = dict(zip(measures.ids[stacked].tolist(), stacked.tolist(), strict=True))
    softer: dict[int, float] = {}
    evened: dict[int, float] = {}
    for stack in stacks:
        rows = np.array([row_of[photo_id] for photo_id in stack], np.int64)
        sharpness, light = measures.sharpness[rows], measures.lightness[rows]
        megapixels = measures.megapixels[rows]
        allowed = np.minimum(_SAME_LIGHT, _SAME_LIGHT_SHARE * np.maximum(light, light[:, None]))
        is_frame = (megapixels == megapixels[:, None]) & (np.abs(light - light[:, None]) <= allowed)
        sharpest = np.where(is_frame, np.nan_to_num(sharpness), 0.0).max(axis=1)
        shares = sharpness / np.where(sharpest > 0, sharpest, np.nan)
        lit = light_points(light)
        gains = np.where(is_frame, lit, lit[:, None]).max(axis=1) - lit
        for photo_id, share, gain in zip(stack, shares.tolist(), gains.tolist(), strict=True):
            if 0 < share < 1:  # neither unknown (NaN) nor the sharpest
                softer[photo_id] = _SOFTER_SLOPE * log2(share)
            if gain > 0:  # nor is this NaN
                evened[photo_id] = gain
    return softer, evened


def _taste(context: SearchContext) -> Taste:
    """Return the taste of a library, cached until anything in it changes."""
    reads, row = context.reads, context.row

    def learn() -> Taste:
        named = installed.taste()
        if named is None:
            return Taste(frozenset(reads.definitions.favourites()))
        learned: Taste = load(named)(reads, row)
        return learned

    return reads.recent.get(("taste", row.key), learn)


def _taste_points(context: SearchContext, ids: Sequence[int]) -> dict[int, float]:
    """Return the points of photos for their closeness to favourites.

    Empty where nothing was learned.
    """
    taste = _taste(context)
    if taste.direction is None:
        return {}
    points = {}
    for photo_id, photo in context.photos.vectors_of(ids).items():
        deviations = (float(photo.vectors[0] @ taste.direction) - taste.mean) / taste.deviation
        bounded = min(max(deviations, -_MOST_DEVIATIONS), _MOST_DEVIATIONS)
        points[photo_id] = _TASTE_SLOPE * bounded
    return points


# ------------------------------------------------------------------------- reasons


def worths_of(
    context: SearchContext, order: BestOrder, photos: Iterable[Photo]
) -> dict[int, Worth]:
    """Return how much each of these photos of an order is worth keeping, by its id."""
    measures = _measures_of(photos)
    points = _points_of(measures)
    ids: list[int] = measures.ids.tolist()
    better = {order.twins[photo_id] for photo_id in ids if photo_id in order.twins}
    paths = {
        photo_id: found.files[0].path for photo_id, found in context.photos.records(better).items()
    }
    favourites = _taste(context).favourites
    worths = {}
    for row, photo_id in enumerate(ids):
        gained = {"light": order.evened.get(photo_id, 0.0)}
        reasons = [
            WorthReason(name, points[name][row].item() + gained.get(name, 0.0), text)
            for name, text in _texts(measures, row).items()
        ]
        if lost := order.softer.get(photo_id):
            compared = "less sharp than" if lost <= -_SOFTER_FROM else "about as sharp as"
            reasons.append(WorthReason("twins", lost, f"{compared} its near-twin"))
        liked = order.tastes.get(photo_id, 0.0) + _FAVOURITE * (photo_id in favourites)
        text = _taste_text(liked, photo_id in favourites)
        if liked:
            reasons.append(WorthReason("favourites", liked, text))
        worths[photo_id] = Worth(
            sum(reason.points for reason in reasons),
            tuple(reasons),
            paths.get(order.twins[photo_id]) if photo_id in order.twins else None,
        )
    return worths


def _texts(measures: PictureMeasures, row: int) -> Mapping[ReasonName, str]:
    """Return the reasons for one picture in words, by their names; unknown ones are left out."""
    detail, lightness = float(measures.detail[row]), float(measures.lightness[row])
    megapixels, bits = float(measures.megapixels[row]), float(measures.bits[row])
    texts: dict[ReasonName, str] = {}
    if not isnan(detail):
        is_soft = "soft" if detail < _SOFT else "sharp"
        texts["sharpness"] = "blurred" if detail < _BLURRED else is_soft
    if not isnan(lightness):
        texts["light"] = _light_text(lightness)
    if not isnan(megapixels):
        texts["size"] = f"{megapixels:.1f} megapixels"
    if not isnan(bits):
        strength = "strongly" if bits < _STRONG_COMPRESSION else "lightly"
        texts["compression"] = f"{strength} compressed"
    return texts


def _light_text(lightness: float) -> str:
    if lightness < _DARK_FROM:
        return "dark" if lightness < _DARK else "rather dark"
    if lightness > _BRIGHT_FROM:
        return "bright" if lightness > _BRIGHT else "rather bright"
    return "well lit"


def _taste_text(points: float, is_favourite: bool) -> str:
    if is_favourite:
        return "a favourite"
    if abs(points) < _LIKE_FAVOURITES:
        return "neither like nor unlike your favourites"
    return "like your favourites" if points > 0 else "unlike your favourites"
