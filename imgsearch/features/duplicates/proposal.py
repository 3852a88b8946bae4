"""Groups near-duplicates, and proposes which photos of each group to keep.

A photo is superfluous only where a photo that is kept resembles it directly: a series of pictures
that changes little by little keeps several of them. A photo and a video never replace each other,
nor do videos of different durations, and a RAW file stays with the developed photo of its shot.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from math import inf
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.decode.formats import RAW
from imgsearch.features.duplicates.records import (
    DuplicateGroup,
    GroupedPhoto,
    Pair,
    Pairs,
    Sharpness,
)
from imgsearch.features.duplicates.sharpness import is_sharper
from imgsearch.records.answer import Hit
from imgsearch.records.photo import Photo
from imgsearch.records.worth import LOSSY
from imgsearch.search.hits import make_hits
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.text import words_of

# Of the numbers of pixels: above it, a photo is a smaller copy, whose sharpness does not count.
LARGER_RATIO = 1.05
DARKER_RATIO = 0.95  # of the lightness: below it, a photo is a darker copy
COMPRESSED_RATIO = 0.75  # of a JPEG's bits: below it, a photo is a more strongly compressed copy
OLDER_S = 1.0  # pictures taken within a second are equally old
SAME_DURATION_S = 0.5
# Words in the names of folders where copies end up, in the languages of common systems.
_COPY_WORDS = frozenset(
    ("download", "downloads", "telechargements", "descargas", "herunterladen", "whatsapp",
     "telegram", "signal", "messenger", "screenshots", "export", "exports", "exported", "copy",
     "copies", "copie", "kopie", "kopien", "copia", "backup", "backups", "bak", "sicherung",
     "duplicate", "duplicates", "tmp", "temp", "cache", "trash", "old", "resized", "small",
     "thumbs", "web")
)  # fmt: skip
_EQUAL = "as good as the kept photo in all that is compared"
_ONLY_THE_PATH = "as good as the others; the first by its path"
_ALONE = "resembles no other photo that is kept"
_SHARPER_SHOT = "of another moment, and sharper than the larger one"
_SAME_SHOT = "of the same shot as the kept photo"


_BestOf: TypeAlias = Callable[[Sequence[int]], Sequence[int]]


class _Criterion(Struct, frozen=True):
    """One step of the choice: which of some photos go on to the next, and how that is said."""

    best_of: _BestOf  # photo ids, at least one
    better: str  # of the photo that is kept
    worse: Callable[[Hit, Hit], str]  # of another, with the photo that is kept


def group_pairs(pairs: Iterable[Pair]) -> tuple[tuple[int, ...], ...]:
    """Return the ids of photos that these pairs, best first, link directly or through others.

    The group with the best pair comes first; inside a group ids ascend.
    """
    group_of: dict[int, list[int]] = {}
    first_members: dict[int, None] = {}  # a photo of each group, in the order of the pairs
    for pair in pairs:
        group_a, group_b = group_of.get(pair.a, [pair.a]), group_of.get(pair.b, [pair.b])
        first_members[pair.a] = None
        if group_a is not group_b:
            group_a += group_b
            group_of.update(dict.fromkeys([pair.a, *group_b], group_a))
    groups: dict[int, tuple[int, ...]] = {}
    for photo_id in first_members:
        members = group_of[photo_id]
        groups.setdefault(id(members), tuple(sorted(members)))
    return tuple(groups.values())


def propose(
    pairs: Pairs,
    hits: Mapping[int, Hit],
    min_score: float,
    raw_pairs: Collection[tuple[int, int]] = (),
    prefer: Sequence[Path] = (),
) -> tuple[DuplicateGroup, ...]:
    """Return the groups that pairs of at least `min_score` form, with a proposal for each photo.

    `hits` has the photos by id; pairs of others are left out. `raw_pairs` are the (developed, RAW)
    photos of one shot. The kept photo is chosen by these criteria, in order: a photo in one of the
    folders `prefer`; a RAW file; the larger, by more than 5 %; the sharper; the larger at all; the
    one with a date in its metadata; the older by that date; the lighter; the JPEG that is less
    strongly compressed; the older by the date of its file; the one that is not in a folder of
    copies or downloads. A smaller photo of another moment stays as well if it is sharper.
    """
    shots = {frozenset(pair) for pair in raw_pairs}
    linked = [
        pair
        for pair in pairs.pairs
        if pair.score >= min_score
        and pair.a in hits
        and pair.b in hits
        and _can_replace(hits[pair.a], hits[pair.b])
        and frozenset((pair.a, pair.b)) not in shots
    ]
    scores: dict[int, dict[int, float]] = {}
    for pair in linked:
        scores.setdefault(pair.a, {})[pair.b] = pair.score
        scores.setdefault(pair.b, {})[pair.a] = pair.score
    criteria = _criteria({photo_id: hits[photo_id] for photo_id in scores}, pairs.sharpness, prefer)
    groups = (
        _propose_for(members, hits, scores, shots, criteria, pairs.sharpness)
        for members in group_pairs(linked)
    )
    return tuple(group for group in groups if group.others)


def propose_among(
    photos: LibraryPhotos, pairs: Pairs, min_score: float, prefer: Sequence[Path]
) -> tuple[DuplicateGroup, ...]:
    """Propose as `propose` does, for the photos of a library; deleted photos are left out."""
    ids = pairs.photo_ids(min_score)
    hits = {hit.photo.id: hit for hit in make_hits(photos, ids)}
    return propose(pairs, hits, min_score, photos.raw_pairs(ids), prefer)


def with_kept(group: DuplicateGroup, kept_ids: Collection[int]) -> DuplicateGroup:
    """Return the group with another choice: the photos with these ids are kept, and no others.

    Where that differs from the proposal, the reason says that it was chosen.
    """
    photos = [
        photo
        if photo.keep == (photo.hit.photo.id in kept_ids)
        else replace(photo, keep=not photo.keep, reason="chosen by hand", score=None)
        for photo in group.photos
    ]
    return DuplicateGroup(tuple(sorted(photos, key=lambda photo: not photo.keep)))


def _propose_for(
    members: Sequence[int],
    hits: Mapping[int, Hit],
    scores: Mapping[int, Mapping[int, float]],
    shots: Collection[frozenset[int]],
    criteria: Sequence[_Criterion],
    sharpness: Mapping[int, Sharpness],
) -> DuplicateGroup:
    kept: list[GroupedPhoto] = []
    others: list[GroupedPhoto] = []
    remaining = sorted(members, key=lambda photo_id: str(hits[photo_id].path))
    sharper_shots: set[int] = set()  # than a photo that is kept
    while remaining:
        best_id, lost_at = _best(remaining, criteria)
        best, similar = hits[best_id], scores[best_id]
        sharper = {
            photo_id
            for photo_id in similar
            if is_sharper(sharpness.get(photo_id, ()), sharpness.get(best_id, ()))
            and _are_two_moments(hits[photo_id], best)
        }
        replaced = [each for each in remaining if each in similar and each not in sharper]
        partners = [photo_id for photo_id in remaining if frozenset((photo_id, best_id)) in shots]
        decisive = {lost_at.get(photo_id) for photo_id in replaced}
        won_by = dict.fromkeys(step.better for step in criteria if step in decisive)
        alone = _SHARPER_SHOT if best_id in sharper_shots else _ALONE
        reason = " and ".join(won_by) or (_ONLY_THE_PATH if replaced else alone)
        sharper_shots |= sharper
        kept.append(GroupedPhoto(best, True, reason))
        kept += [GroupedPhoto(hits[photo_id], True, _SAME_SHOT) for photo_id in partners]
        for photo_id in replaced:
            step, hit = lost_at.get(photo_id), hits[photo_id]
            why = _EQUAL if step is None else step.worse(hit, best)
            others.append(GroupedPhoto(hit, False, why, similar[photo_id]))
        done = {best_id, *partners, *replaced}
        remaining = [photo_id for photo_id in remaining if photo_id not in done]
    return DuplicateGroup((*kept, *others))


def _best(
    remaining: Sequence[int], criteria: Sequence[_Criterion]
) -> tuple[int, dict[int, _Criterion]]:
    """Return the best of these photos, and the criterion at which each other lost."""
    left = remaining
    lost_at: dict[int, _Criterion] = {}
    for step in criteria:
        best = step.best_of(left)
        lost_at |= dict.fromkeys(set(left).difference(best), step)
        left = best
    return left[0], lost_at


def _criteria(
    hits: Mapping[int, Hit], sharpness: Mapping[int, Sharpness], prefer: Sequence[Path]
) -> tuple[_Criterion, ...]:
    ranks = {photo_id: -_rank(hit, prefer) for photo_id, hit in hits.items()}
    raws = {photo_id: hit.photo.facts.format == RAW.name for photo_id, hit in hits.items()}
    pixels = {photo_id: hit.photo.width_px * hit.photo.height_px for photo_id, hit in hits.items()}
    own_dates = {photo_id: hit.photo.taken_at is not None for photo_id, hit in hits.items()}
    # Of photos without a date of their own, the lightness says more than the date of the file: a
    # copy may have an older one. A photo without any date counts as the newest.
    ages_s = {photo_id: -_seconds(hit) for photo_id, hit in hits.items()}
    own_ages_s = {each: ages_s[each] if own_dates[each] else 0.0 for each in hits}
    lightness = {photo_id: hit.photo.facts.lightness for photo_id, hit in hits.items()}
    bits = {photo_id: _bits_per_pixel(hit.photo) for photo_id, hit in hits.items()}
    originals = {photo_id: not _is_among_copies(hit) for photo_id, hit in hits.items()}

    def sharpest(ids: Sequence[int]) -> Sequence[int]:
        best = ids[0]
        for one in ids:
            if is_sharper(sharpness.get(one, ()), sharpness.get(best, ()), ratio=1.0):
                best = one
        of_best = sharpness.get(best, ())
        return [one for one in ids if not is_sharper(of_best, sharpness.get(one, ()))]

    def near_highest(facts: Mapping[int, float | None], ratio: float) -> _BestOf:
        """Return the choice of the photos with at least a share of the highest known value.

        A photo whose value is unknown stays.
        """

        def best_of(ids: Sequence[int]) -> Sequence[int]:
            known = [value for each in ids if (value := facts[each]) is not None]
            least = ratio * max(known, default=0.0)
            return [each for each in ids if (value := facts[each]) is None or value >= least]

        return best_of

    larger = _Criterion(
        lambda ids: _highest(ids, pixels),
        "larger",
        lambda hit, best: f"smaller: {_size_text(hit)}, not {_size_text(best)}",
    )
    older = _Criterion(
        lambda ids: _highest(ids, ages_s, within=OLDER_S),
        "older",
        lambda hit, best: f"newer: {_date_text(hit)}, not {_date_text(best)}",
    )
    return (
        _Criterion(
            lambda ids: _highest(ids, ranks),
            "in a preferred folder",
            lambda hit, best: "not in the preferred folder",
        ),
        _Criterion(
            lambda ids: _highest(ids, raws), "a RAW file", lambda hit, best: "not a RAW file"
        ),
        # Before the sharpness: a copy that was made smaller, or cut out, may show more of it.
        replace(larger, best_of=lambda ids: _highest(ids, pixels, share=1 / LARGER_RATIO)),
        _Criterion(sharpest, "sharper", lambda hit, best: "less sharp"),
        larger,
        _Criterion(
            lambda ids: _highest(ids, own_dates),
            "dated by its metadata",
            lambda hit, best: "without a date of its own",
        ),
        replace(older, best_of=lambda ids: _highest(ids, own_ages_s, within=OLDER_S)),
        _Criterion(near_highest(lightness, DARKER_RATIO), "lighter", lambda hit, best: "darker"),
        # A JPEG that was saved again is often as large, and may have an older file.
        _Criterion(
            near_highest(bits, COMPRESSED_RATIO),
            "less compressed",
            lambda hit, best: "more strongly compressed",
        ),
        older,
        _Criterion(
            lambda ids: _highest(ids, originals),
            "in a better folder",
            lambda hit, best: "in a folder of copies or downloads",
        ),
    )


def _highest(
    ids: Sequence[int], values: Mapping[int, float], *, share: float = 1.0, within: float = 0.0
) -> Sequence[int]:
    """Return the photos with the highest value, a share of it, or at most `within` less."""
    highest = max(values[one] for one in ids)
    return [one for one in ids if values[one] >= share * highest - within]


def _bits_per_pixel(photo: Photo) -> float | None:
    """Return the bits that a JPEG has for each pixel; None for other formats."""
    pixels = photo.width_px * photo.height_px
    return 8 * photo.size_bytes / pixels if photo.facts.format == LOSSY and pixels else None


def _can_replace(one: Hit, other: Hit) -> bool:
    durations = [hit.photo.facts.duration_s for hit in (one, other)]
    a, b = durations
    return a == b if a is None or b is None else abs(a - b) <= SAME_DURATION_S


def _are_two_moments(one: Hit, other: Hit) -> bool:
    """Return whether these were taken at different times by their metadata.

    Then neither is the other's copy.

    The offset from UTC, which many photos do not state, is ignored.
    """
    a, b = one.photo.taken_at, other.photo.taken_at
    if a is None or b is None:
        return False
    return abs((a.replace(tzinfo=None) - b.replace(tzinfo=None)).total_seconds()) > OLDER_S


def _rank(hit: Hit, prefer: Sequence[Path]) -> int:
    """Return the place of the photo's folder among the preferred ones; after them for any other."""
    places = (
        place
        for place, folder in enumerate(prefer)
        if any(path.is_relative_to(folder) for path in hit.paths)
    )
    return next(places, len(prefer))


def _seconds(hit: Hit) -> float:
    """Return the date in seconds.

    Its offset from UTC, which many photos do not state, is ignored.
    """
    if hit.date is None:
        return inf
    return (hit.date.replace(tzinfo=None) - datetime(1, 1, 1)).total_seconds()


def _is_among_copies(hit: Hit) -> bool:
    """Return whether every file of the photo is in a folder where copies end up."""
    return all(_COPY_WORDS.intersection(words_of(str(path.parent))) for path in hit.paths)


def _size_text(hit: Hit) -> str:
    return f"{hit.photo.width_px} × {hit.photo.height_px} px"


def _date_text(hit: Hit) -> str:
    return "" if hit.date is None else f"{hit.date:%Y-%m-%d %H:%M:%S}"
