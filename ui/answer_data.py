"""Whole answers to searches, as the grid of results asks for them: their ids, and ranges of tiles.

An answer of 100,000 photos is a list of ids; what a photo shows is read when it comes into sight.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import groupby
from urllib.parse import urlencode

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import Answer, DayPhotos, FoundPhotos, Hit, ImgsearchError
from ui.addresses import number_of
from ui.recent_answers import recent_answers
from ui.responses import NOT_STORED
from ui.search_state import NEWEST, SearchInput
from ui.session import session
from ui.tiles import captioned_tile_json, id_text, marks_of

MAX_TILES = 500  # of one request
UNJUDGED_SHOWN = 10  # photos of an answer that nothing is known of but their order
MAX_STACKED = 10_000  # photos of an answer that are looked through for similar ones
# Of the lines that separate the levels, in their order; what comes first needs none.
HEADINGS = {"sure": "", "likely": "Likely", "possible": "Possible", "weak": "Weaker matches"}
_LEVELS = tuple(HEADINGS)


class PhotoList(Struct, frozen=True, dict=True):  # for what is computed once
    """Photos in the order in which a grid shows them. Equal lists have equal versions."""

    ids: np.ndarray  # int64 (n,)
    sections: tuple[tuple[str, int], ...]  # heading and number of photos
    marked: tuple[str, ...]  # levels that are marked on the tiles
    days: tuple[DayPhotos, ...] = ()  # in place of sections, for photos in the order of dates
    stacks: Mapping[int, tuple[int, ...]] = field(
        default_factory=dict
    )  # what is behind some of them

    @property
    def version(self) -> str:
        """Changes whenever the list does."""
        digest = hashlib.sha256(self.ids.tobytes())
        digest.update(
            repr((self.sections, [(each.day, each.dated_by_file) for each in self.days])).encode()
        )
        return digest.hexdigest()[:16]

    @cached_property
    def shapes(self) -> tuple[int, ...]:
        """Width of each photo in percent of its height; 100 where the size is not known."""
        return session().library.browse.shapes_of(self.ids.tolist())

    def offset_of(self, photo_id: int) -> int | None:
        """Return the position of a photo, or of that on top of it.

        None if it is not among these.
        """
        tops = (top for top, behind in self.stacks.items() if photo_id in behind)
        photo_id = next(tops, photo_id)
        (found,) = np.nonzero(self.ids == photo_id)
        return int(found[0]) if len(found) else None


class WholeAnswer(Struct, frozen=True, dict=True):  # for what is computed once
    """All photos that a search finds, with the remarks about it."""

    search_input: SearchInput
    first: Answer  # without photos: the verdict, remarks and the like
    found: FoundPhotos
    total: int  # photos that were searched

    @cached_property
    def everything(self) -> PhotoList:
        """All photos, the weak ones included."""
        return self._listed(self.found.ids.tolist())

    @cached_property
    def strong(self) -> PhotoList:
        """All photos but the weak ones."""
        levels = self._levels
        return self._listed([each for each in self.found.ids.tolist() if levels[each] != "weak"])

    @cached_property
    def everything_stacked(self) -> PhotoList:
        """All photos, those that are nearly the same behind one of them."""
        return self._stacked(self.everything)

    @cached_property
    def strong_stacked(self) -> PhotoList:
        """All photos but the weak ones, those that are nearly the same behind one of them."""
        return self._stacked(self.strong)

    @property
    def can_be_stacked(self) -> bool:
        """Whether the photos are few enough to be compared."""
        return len(self.found.ids) <= MAX_STACKED

    def photos(self, *, with_weak: bool, stacked: bool = False) -> PhotoList:
        """Return the photos of the grid, in its order."""
        if stacked and self.can_be_stacked:
            return self.everything_stacked if with_weak else self.strong_stacked
        return self.everything if with_weak else self.strong

    def _stacked(self, photos: PhotoList) -> PhotoList:
        stacks = session().library.browse.stacks_of(photos.ids.tolist())
        hidden = {photo_id for behind in stacks.values() for photo_id in behind}
        tops = [photo_id for photo_id in photos.ids.tolist() if photo_id not in hidden]
        return replace(self._listed(tops), stacks=stacks)

    def _listed(self, ids: Sequence[int]) -> PhotoList:
        """Return the photos under their days if that is their order, else by level."""
        if self.found.query.sort != "date" or not ids:
            return _photo_list(np.array(ids, np.int64), [self._levels[each] for each in ids])
        days = session().library.browse.days_of(np.array(ids, np.int64))
        by_day = np.concatenate([day.photo_ids for day in days])
        return PhotoList(by_day, (("", len(by_day)),), ("sure", "possible"), days)

    @cached_property
    def _levels(self) -> Mapping[int, str | None]:
        """By the id of each photo."""
        ids = self.found.ids.tolist()
        if not self.first.is_read:  # the model makes no sense of the words
            return dict.fromkeys(ids, "weak")
        levels = dict(zip(ids, self.found.levels(), strict=True))
        if self.is_unjudged:
            levels |= dict.fromkeys(ids[UNJUDGED_SHOWN:], "weak")
        return levels

    @property
    def is_unjudged(self) -> bool:
        """Whether words were searched for before the library had a measure for their answers.

        Every photo has some score, so only the closest are shown at first. Examples and named
        directions need no such measure.
        """
        terms = self.found.query.terms
        is_about_words = bool(terms) and all(isinstance(each.what, str) for each in terms)
        return is_about_words and self.first.verdict is None and self.found.scores is not None


def _photo_list(ids: np.ndarray, levels: Sequence[str | None]) -> PhotoList:
    """Return the photos with a line before each level, where levels come one after the other."""
    runs = [(level, len(list(group))) for level, group in groupby(levels)]
    order = [_LEVELS.index(level) for level, _ in runs if level is not None]
    if len(order) < len(runs) or order != sorted(order):
        # Some were found by name or stand in the order of dates: levels do not separate them.
        return PhotoList(ids, (("", len(ids)),), ("sure", "possible"))
    return PhotoList(ids, tuple((HEADINGS[str(level)], count) for level, count in runs), ("sure",))


def answer_of(search_input: SearchInput) -> WholeAnswer:
    """Return the answer to a search, up to a minute old.

    Raises the errors of the query language and of the library.
    """
    here = session()
    return recent_answers(here, _whole_answer).get(search_input, here.content_state())


def photos_around(
    search_input: SearchInput, photo_id: int, reach: int
) -> tuple[list[Hit], int, int]:
    """Return a photo in the answer to a search, and as many as `reach` on either side of it.

    With them, how many photos come before these, and how many there are; no photo, 0 and 0 if it
    is not there.
    """
    answer = answer_of(search_input)
    photos, offset = answer.strong, answer.strong.offset_of(photo_id)
    if offset is None:
        photos, offset = answer.everything, answer.everything.offset_of(photo_id)
    if offset is None:
        return [], 0, 0
    first = max(0, offset - reach)
    ids = photos.ids[first : offset + reach + 1].tolist()
    return session().library.hits_of(answer.found, ids), first, len(photos.ids)


def forget_answers() -> None:
    """Search anew: what a name in queries stands for has changed."""
    recent_answers(session(), _whole_answer).clear()


def list_parameters(
    search_input: SearchInput,
    *,
    with_weak: bool = False,
    stacked: bool = False,
    is_newest: bool = False,
) -> str:
    """Return the request parameters with which a grid asks for the photos of a search."""
    given = {"from": "newest"} if is_newest else dict(search_input.parameters)
    switches = {"weak": with_weak, "stacked": stacked}
    return urlencode({**given, **{name: "1" for name, is_on in switches.items() if is_on}})


def _whole_answer(search_input: SearchInput) -> WholeAnswer:
    """Return the answer to a search with all photos that it finds.

    The search comes from the service if it runs: its model is loaded, and it stores the vector
    of the query where the library finds it.
    """
    here = session()
    query = search_input.query()
    first = here.find(query, 1)
    with here.exclusive_library() as opened:
        found = opened.find_all(query)
        total = opened.photo_count()  # now: while more are being added, none that was found is left
    return WholeAnswer(search_input, first, found, total)


# ------------------------------------------------------------------------- JSON for the grid


def photo_list(request: Request) -> Response:
    """Return the photos of an answer: their ids, and the sections that they stand in.

    `at` is the id of a photo whose position is asked for. The list of the version `of` is given
    where it is the last that was computed: what stands above a grid tells of that one, and has been
    drawn on the server. That is why this is no operation of the library.
    """
    photo_id = number_of(request.query_params.get("at", ""))
    is_newest = request.query_params.get("from") == "newest"
    try:
        photos = _listed_photos(request.query_params)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(
        {
            "version": photos.version,
            "ids": list(map(id_text, photos.ids.tolist())),
            "sections": photos.sections,
            "shapes": photos.shapes,
            "days": _days_json(photos.days) if photos.days and not is_newest else None,
            "offset": None if photo_id is None else photos.offset_of(photo_id),
        },
        headers=NOT_STORED,
    )


def _days_json(days: Sequence[DayPhotos]) -> list[dict[str, object]]:
    """Return the days as `Browse.day_counts` has them."""
    return [
        {
            "day": day.day.isoformat(),
            "photos": len(day.photo_ids),
            "dated_by_file": day.dated_by_file,
        }
        for day in days
    ]


def _listed_photos(parameters: Mapping[str, str]) -> PhotoList:
    kept, _ = _requested(parameters, is_kept=True)
    return kept if kept.version == parameters.get("of") else _requested(parameters)[0]


def tiles(request: Request) -> Response:
    """Answer a request for tiles `first` to `first + count - 1` of one version of a list.

    An answer that was computed a while ago is served as it was, so that a grid does not change
    while it is looked at and photos are being indexed. A range belongs to such a version, and a
    tile is a fraction of a `Hit`: that is why this is no operation of the library.
    """
    parameters = request.query_params
    first, count = (number_of(parameters.get(name, "")) for name in ("first", "count"))
    if first is None or count is None or count > MAX_TILES:
        return PlainTextResponse(f"State first and count, at most {MAX_TILES}.", 400, NOT_STORED)
    try:
        photos, answer = _requested(parameters, is_kept=True)
        if parameters.get("version") != photos.version:
            return PlainTextResponse("The photos have changed.", 409, NOT_STORED)
        ids = photos.ids[first : first + count].tolist()
        hits = {hit.photo.id: hit for hit in session().library.hits_of(answer.found, ids)}
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    marks = marks_of(hits)
    is_newest = parameters.get("from") == "newest"
    linked = {"from": "newest"} if is_newest else answer.search_input.parameters
    return JSONResponse(
        [
            captioned_tile_json(
                hits[photo_id],
                linked,
                photos.marked,
                len(photos.stacks.get(photo_id, ())),
                marks.get(photo_id),
            )
            if photo_id in hits
            else None
            for photo_id in ids
        ],
        headers=NOT_STORED,
    )


def _requested(
    parameters: Mapping[str, str], *, is_kept: bool = False
) -> tuple[PhotoList, WholeAnswer]:
    """Return the list that `list_parameters` names; with `is_kept`, as it was computed last."""
    is_newest = parameters.get("from") == "newest"
    search_input = NEWEST if is_newest else SearchInput.from_address(parameters)
    kept = recent_answers(session(), _whole_answer).kept(search_input) if is_kept else None
    answer = kept or answer_of(search_input)
    with_weak, stacked = (parameters.get(name) == "1" for name in ("weak", "stacked"))
    return answer.photos(with_weak=with_weak, stacked=stacked), answer
