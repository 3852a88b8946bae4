"""Hits, verdicts and labels as JSON, and back."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from imgsearch.records import Answer, Facts, Hit, Photo, Verdict
from imgsearch.wire.reading import Given

if TYPE_CHECKING:
    from imgsearch.findings import Label
    from imgsearch.records import Level

Form: TypeAlias = dict[str, object]

_SHOWN_DIGITS = 4  # of a score or a probability, for people's programs
_FILE = ("content_hash", "size_bytes", "format", "camera", "lens", "lat", "lon", "dated_by",
         "rating", "keywords", "duration_s")  # fmt: skip
_HIT = ("score", "level", "path", "paths", "photo_id", "taken_at", "date", "dated_by", "width_px",
        "height_px", "at_s", "motion", "animated", "offline", "missing", "file")  # fmt: skip
_VERDICT = ("words", "strength", "sure", "likely", "more", "sure_from", "likely_from")


def hit_form(hit: Hit) -> Form:
    """A hit; `file` holds what the photo's file tells besides."""
    return {**_shown(hit), "file": _file_form(hit.photo)}


def hit_record(rank: int, hit: Hit) -> Form:
    """A hit as `search --json` prints it: with its rank, the score rounded."""
    score = None if hit.score is None else round(hit.score, _SHOWN_DIGITS)
    return {"rank": rank, **_shown(hit), "score": score}


def label_record(label: Label, path: Path) -> Form:
    """The label of the photo that lies at `path`, the probability rounded."""
    return {
        "label": label.name,
        "probability": round(label.probability, _SHOWN_DIGITS),
        "path": str(path),
        "photo_id": label.photo_id,
    }


def answer_form(answer: Answer) -> Form:
    """One page of hits, the cursor of the next, and the verdict."""
    return {
        "hits": [hit_form(hit) for hit in answer.hits],
        "cursor": answer.cursor,
        "verdict": None if answer.verdict is None else _verdict_form(answer.verdict),
    }


def answer_of(form: object) -> Answer:
    """The answer of which `answer_form` made this."""
    given = Given(form, ("hits", "cursor", "verdict"))
    return Answer(
        tuple(_hit_of(hit) for hit in given.objects("hits")),
        given.maybe("cursor", str),
        _verdict_of(given.raw("verdict")) if "verdict" in given else None,
    )


def _shown(hit: Hit) -> Form:
    taken_at = hit.photo.taken_at
    return {
        "score": hit.score,
        "level": hit.level,
        "path": str(hit.path),
        "paths": _texts(hit.paths),
        "photo_id": hit.photo.id,
        "taken_at": None if taken_at is None else taken_at.isoformat(),
        "date": None if hit.date is None else hit.date.isoformat(),
        "dated_by": hit.dated_by,
        "width_px": hit.photo.width_px,
        "height_px": hit.photo.height_px,
        "at_s": hit.at_s,
        "motion": hit.photo.facts.motion,
        "animated": hit.photo.facts.animated,
        "offline": hit.offline,
        "missing": hit.missing,
    }


def _texts(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]


def _file_form(photo: Photo) -> Form:
    facts = photo.facts
    return {
        "content_hash": photo.content_hash,
        "size_bytes": photo.size_bytes,
        "format": facts.format,
        "camera": facts.camera,
        "lens": facts.lens,
        "lat": facts.lat,
        "lon": facts.lon,
        "dated_by": facts.dated_by,
        "rating": facts.rating,
        "keywords": list(facts.keywords),
        "duration_s": facts.duration_s,
    }


def _hit_of(form: object) -> Hit:
    given = Given(form, _HIT)
    file = Given(given.raw("file"), _FILE)
    facts = Facts(
        format=file.one("format", str),
        width_px=given.one("width_px", int),
        height_px=given.one("height_px", int),
        taken_at=given.moment("taken_at"),
        camera=file.maybe("camera", str),
        lens=file.maybe("lens", str),
        lat=file.maybe("lat", float),
        lon=file.maybe("lon", float),
        dated_by=file.maybe("dated_by", str),
        rating=file.maybe("rating", int),
        keywords=file.several("keywords", str),
        duration_s=file.maybe("duration_s", float),
        motion=given.maybe("motion", str),
        animated=given.one("animated", bool),
    )
    size_bytes, content_hash = file.one("size_bytes", int), file.one("content_hash", str)
    return Hit(
        photo=Photo(given.one("photo_id", int), content_hash, size_bytes, facts),
        paths=tuple(Path(path) for path in given.several("paths", str)),
        score=given.maybe("score", float),
        offline=given.one("offline", bool),
        missing=given.one("missing", bool),
        date=given.moment("date"),
        dated_by=given.maybe("dated_by", str),
        level=cast("Level | None", given.maybe("level", str)),
        at_s=given.maybe("at_s", float),
    )


def _verdict_form(verdict: Verdict) -> Form:
    """`words` says the rest for people; a bound that nothing reaches is null: JSON has no ∞."""
    return {
        "words": str(verdict),
        "strength": verdict.strength,
        "sure": verdict.sure,
        "likely": verdict.likely,
        "more": verdict.more,
        "sure_from": verdict.sure_from if isfinite(verdict.sure_from) else None,
        "likely_from": verdict.likely_from if isfinite(verdict.likely_from) else None,
    }


def _verdict_of(form: object) -> Verdict:
    given = Given(form, _VERDICT)
    sure_from, likely_from = given.maybe("sure_from", float), given.maybe("likely_from", float)
    return Verdict(
        strength=given.one("strength", float),
        sure=given.one("sure", int),
        likely=given.one("likely", int),
        more=given.one("more", bool),
        sure_from=inf if sure_from is None else sure_from,
        likely_from=inf if likely_from is None else likely_from,
    )
