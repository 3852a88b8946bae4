"""Answers a question in one sentence, by rules, from the photos that it is about.

Only photos that facts find are certain. What pictures decide is said with "it seems", and numbers
of occasions with "at least": nobody takes a photo each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.features.ask.evidence import EvidencePhoto
from imgsearch.features.ask.questions import Question
from imgsearch.features.ask.records import Asked, Certainty
from imgsearch.features.ask.wording import (
    clock_times,
    date_in,
    duration,
    listed,
    listed_in_part,
    on_dates,
    sentence,
    time_ago,
    times,
)
from imgsearch.features.events.records import PhotoEvent
from imgsearch.text import format_count

_FEW = 3  # occasions that are all named
_CERTAINTIES: tuple[Certainty, ...] = ("known", "likely", "unsure")  # the best first
_PLURALS = {"country": "countries", "town": "towns", "region": "regions", "place": "places"}


class Occasion(Struct, frozen=True):
    """The photos of one event that a question is about, in order of time; each has a date."""

    event: PhotoEvent
    photos: tuple[EvidencePhoto, ...]
    certainty: Certainty  # of its most certain photo

    @property
    def start(self) -> datetime:
        """When the first of its photos was taken, in local time."""
        return _moment_of(self.photos[0])

    @property
    def end(self) -> datetime:
        """When the last of its photos was taken."""
        return _moment_of(self.photos[-1])

    @property
    def best_rank(self) -> int:
        """The rank of its best photo."""
        return min(each.rank for each in self.photos)

    @property
    def precision(self) -> str | None:
        """How exact its date is: that of the least exact photo, None for a moment."""
        known = {each.precision for each in self.photos}
        return next((each for each in ("year", "season", "month", "day") if each in known), None)

    def place(self, unit: str | None = None) -> str | None:
        """Return the most frequent town, region or country of its photos; None if none is known."""
        named = Counter(filter(None, (place_of(each, unit) for each in self.photos)))
        return next((name for name, _ in named.most_common(1)), None)


class PeopleOfPhotos(Struct, frozen=True):
    """The people on some photos: names, most photos first, and how many have no name.

    With `were_looked_for`, faces were looked for on at least one of the photos.
    """

    names: tuple[str, ...] = ()
    without_name: int = 0
    were_looked_for: bool = False


class Answered(Struct, frozen=True):
    """An answer in words, and the occasions that it is made of, the one that matters most first."""

    sentence: str
    certainty: Certainty
    occasions: tuple[Occasion, ...] = ()
    photos: tuple[EvidencePhoto, ...] = ()  # that it rests on


class AnswerFacts(Struct, frozen=True):
    """The parts of an answer: the question, photos, and occasions in order of time.

    `undated` photos have no date of their own, so they are of no occasion. `people` returns the
    people on photos, which are read if they are asked for.
    """

    question: Question
    photos: tuple[EvidencePhoto, ...]
    occasions: tuple[Occasion, ...]
    undated: int
    by_facts: bool
    today: date
    people: Callable[[Sequence[int]], PeopleOfPhotos]


def occasions_of(
    photos: Sequence[EvidencePhoto], events: Sequence[PhotoEvent]
) -> tuple[Occasion, ...]:
    """Return the occasions of photos with a date, in order of time.

    An occasion is made of its photos of the best certainty: others would only widen it.
    """
    event_of = {photo_id: event for event in events for photo_id in event.photo_ids}
    groups: dict[datetime, list[EvidencePhoto]] = {}
    for photo in photos:
        event = event_of.get(photo.photo_id)
        if event is not None and photo.taken_at is not None:
            groups.setdefault(event.start, []).append(photo)
    made = []
    for start in sorted(groups):
        group = groups[start]
        best = next(each for each in _CERTAINTIES if any(p.certainty == each for p in group))
        kept = sorted(
            (each for each in group if each.certainty == best),
            key=lambda each: (_moment_of(each), each.photo_id),
        )
        made.append(Occasion(event_of[kept[0].photo_id], tuple(kept), best))
    return tuple(made)


def answer_of(facts: AnswerFacts) -> Answered:
    """Answer a question. The certainty is "none" where no photo was found."""
    asked = facts.question.asked
    if asked == "other":
        return _refused(facts)
    if not facts.photos:
        return Answered("No photo seems to show it.", "none")
    if asked in _BY_PHOTOS:
        return _BY_PHOTOS[asked](facts)
    best = _best(facts.occasions)
    return _BY_OCCASIONS[asked](facts, best) if best else _undated(facts)


def _undated(facts: AnswerFacts) -> Answered:
    """Return the answer where no photo has a date of its own."""
    photos = _good(facts.photos) or facts.photos
    text = f"when that was is not known: {_showing(photos)}, {_without_date(photos)}"
    return Answered(sentence(text), "none", photos=photos)


def _showing(photos: Sequence[EvidencePhoto]) -> str:
    """Return how surely photos show it: "2 photos seem to show it"."""
    count, is_one = format_count(len(photos), "photo"), len(photos) == 1
    verb: Mapping[Certainty, str] = {
        "known": "shows" if is_one else "show",
        "likely": "seems to show" if is_one else "seem to show",
    }
    return f"{count} {verb.get(_least_certain(photos), 'may show')} it"


def _without_date(photos: Sequence[EvidencePhoto]) -> str:
    return f"without a date of {'its' if len(photos) == 1 else 'their'} own"


def needs_dates(asked: Asked) -> bool:
    """Return whether photos without a date of their own do not count for such a question."""
    return asked in _BY_OCCASIONS


def place_of(photo: EvidencePhoto, unit: str | None = None) -> str | None:
    """Return the place of a photo: its town, region or country, or the first of these."""
    if unit == "country":
        return photo.country
    if unit == "region":
        return photo.region or photo.country
    return photo.town or (None if unit == "town" else photo.region or photo.country)


def _moment_of(photo: EvidencePhoto) -> datetime:
    assert photo.taken_at is not None, "an occasion has photos with a date only"
    return photo.taken_at


def _best(occasions: Sequence[Occasion]) -> tuple[Occasion, ...]:
    """Return the occasions that count: those that are known or likely, else the best unsure one.

    What only may be is no number of times: one occasion is named as a guess.
    """
    good = tuple(each for each in occasions if each.certainty != "unsure")
    if good or not occasions:
        return good
    best = min(occasions, key=lambda each: each.best_rank)
    photo = min(best.photos, key=lambda each: each.rank)
    return (replace(best, photos=(photo,)),)


def _certainty_of(occasions: Sequence[Occasion]) -> Certainty:
    """Return how certain an answer from all of these occasions is: as the least certain one."""
    return max((each.certainty for each in occasions), key=_CERTAINTIES.index)


def _least_certain(photos: Sequence[EvidencePhoto]) -> Certainty:
    return max((each.certainty for each in photos), key=_CERTAINTIES.index)


def _doubted(text: str, certainty: Certainty) -> str:
    """Return the sentence with its doubt."""
    if certainty == "known":
        return sentence(text)
    if certainty == "likely":
        return sentence(f"{text}, it seems")
    return sentence(f"perhaps {text}; no photo shows it for sure")


def _made(text: str, occasions: Sequence[Occasion]) -> Answered:
    """Return an answer from these occasions, the one that matters most first."""
    certainty = _certainty_of(occasions)
    return Answered(_doubted(text, certainty), certainty, tuple(occasions), _photos_of(occasions))


def _photos_of(occasions: Sequence[Occasion]) -> tuple[EvidencePhoto, ...]:
    """Return the photos of occasions: the best of each first, in their order, then the others."""
    ranked = [sorted(each.photos, key=lambda photo: photo.rank) for each in occasions]
    return (*(each[0] for each in ranked), *(p for each in ranked for p in each[1:]))


def _where(occasion: Occasion) -> str:
    """Return where an occasion was: ", in Howth"; "" if that is not known."""
    place = occasion.place()
    return f", in {place}" if place else ""


def _on(occasion: Occasion) -> str:
    return on_dates(occasion.start, occasion.end, occasion.precision)


def _newest_first(occasions: Sequence[Occasion]) -> tuple[Occasion, ...]:
    return tuple(reversed(occasions))


def _chosen(facts: AnswerFacts, occasions: Sequence[Occasion]) -> Occasion | None:
    """Return the one occasion that a question is about; None where it is about several."""
    if facts.question.order == "first":
        return occasions[0]
    if facts.question.order == "last":
        return occasions[-1]
    return occasions[0] if len(occasions) == 1 else None


def _with_first(first: Occasion, occasions: Sequence[Occasion]) -> tuple[Occasion, ...]:
    """Return the occasions, one of them first, then the newest first."""
    return (first, *(each for each in _newest_first(occasions) if each is not first))


# ------------------------------------------------------------------------- by occasions


def _when(facts: AnswerFacts, occasions: Sequence[Occasion]) -> Answered:
    """Answer "When did we last go skiing?"."""
    question = facts.question
    chosen = _chosen(facts, occasions)
    if chosen is None:
        if question.unit is not None and question.unit not in ("day", "time"):
            return _which_dates(facts, occasions)
        return _several(occasions)
    order = f"{question.order} " if question.order and len(occasions) > 1 else ""
    return _made(f"{order}{_at(facts, chosen)}{_where(chosen)}", (chosen,))


def _at(facts: AnswerFacts, occasion: Occasion) -> str:
    """Return when an occasion was, in the unit that is asked for."""
    unit, start, end = facts.question.unit, occasion.start, occasion.end
    on = _on(occasion)
    if facts.question.is_ago:
        return f"{time_ago(end, facts.today)}, {on}"
    if unit == "time":
        if occasion.precision is not None:
            return f"{on}, at a time of day that is not known"
        return f"{clock_times(start, end)}, {on}" if start.date() == end.date() else on
    if unit == "weekday" and occasion.precision in (None, "day"):
        return f"on a {date_in(start, unit)}, {on.removeprefix('on ')}"
    if unit == "season" and occasion.precision != "year":
        return f"in {date_in(start, unit, _is_south(occasion))}, {on}"
    if unit == "month" and occasion.precision not in ("year", "season"):
        return f"in {date_in(start, unit)}, {on}"
    return f"in {start.year}, {on}" if unit == "year" else on


def _is_south(occasion: Occasion) -> bool:
    return any(each.lat is not None and each.lat < 0 for each in occasion.photos)


def _several(occasions: Sequence[Occasion]) -> Answered:
    """Answer with the number of occasions, and all of a few, or the last one of many."""
    newest = _newest_first(occasions)
    count = f"at least {times(len(occasions))}"
    if len(occasions) <= _FEW:
        return _made(f"{count}: {listed([_on(each) for each in occasions])}", newest)
    return _made(f"{count}; last {_on(newest[0])}{_where(newest[0])}", newest)


def _which_dates(facts: AnswerFacts, occasions: Sequence[Occasion]) -> Answered:
    """Answer "Which years were we in Italy?"."""
    unit = facts.question.unit or "day"
    if unit == "time":
        return _several(occasions)
    exact = [
        each
        for each in occasions
        if each.precision in (None, "day") or unit in ("year", each.precision)
    ]
    if not exact:
        return _several(occasions)
    if unit == "day":
        days = list(dict.fromkeys(_moment_of(photo).date() for o in exact for photo in o.photos))
        texts = [date_in(datetime(day.year, day.month, day.day), "day") for day in days]
    else:
        texts = list(
            dict.fromkeys(
                date_in(_moment_of(photo), unit, _is_south(each))
                for each in exact
                for photo in each.photos
            )
        )
    lead = "on" if unit in ("day", "weekday") else "in"
    article = "a " if unit == "weekday" and len(texts) == 1 else ""
    return _made(f"{lead} {article}{listed_in_part(texts)}", _newest_first(exact))


def _how_often(facts: AnswerFacts, occasions: Sequence[Occasion]) -> Answered:
    """Answer "How often was I in Lisbon?"."""
    newest = _newest_first(occasions)
    if _certainty_of(occasions) == "unsure":
        return _made(f"once, {_on(newest[0])}{_where(newest[0])}", newest)
    if facts.question.unit == "day":
        days = {_moment_of(photo).date() for each in occasions for photo in each.photos}
        if len(days) > 1:
            last = f"last {_on(newest[0])}{_where(newest[0])}"
            return _made(f"on at least {len(days):,} days; {last}", newest)
    if len(occasions) == 1:
        return _made(f"at least once: {_on(newest[0])}{_where(newest[0])}", newest)
    last = f"last {_on(newest[0])}{_where(newest[0])}"
    return _made(f"at least {times(len(occasions))}; {last}", newest)


def _how_long(facts: AnswerFacts, occasions: Sequence[Occasion]) -> Answered:
    """Answer "How long were we in Japan?": from the first photo to the last, so at least."""
    chosen = _chosen(facts, occasions) or max(occasions, key=lambda each: each.end - each.start)
    others = len(occasions) - 1 if facts.question.order is None else 0
    on, where = _on(chosen), _where(chosen)
    if chosen.certainty == "unsure":
        text = sentence(f"how long it was is not known; perhaps it was {on}")
        return Answered(text, "none", (chosen,), chosen.photos)
    is_one_day = chosen.start.date() == chosen.end.date()
    if chosen.precision not in (None, "day") or (chosen.precision == "day" and is_one_day):
        return Answered(
            sentence(f"how long it was is not known: the photos are {on}, without times of day"),
            "none",
            (chosen,),
            chosen.photos,
        )
    if chosen.start == chosen.end:
        at = clock_times(chosen.start, chosen.end)
        return Answered(
            sentence(
                f"how long it was is not known: all photos of it are of one moment, {on} {at}"
            ),
            "none",
            (chosen,),
            chosen.photos,
        )
    length = duration(chosen.start, chosen.end, facts.question.unit)
    clock = ""
    if is_one_day:
        clock = f", {clock_times(chosen.start, chosen.end)}"
    more = f"; the longest of {len(occasions):,} occasions" if others else ""
    ordered = (chosen,) if not others else _with_first(chosen, occasions)
    return _made(f"at least {length}, {on}{clock}{where}{more}", ordered)


# ------------------------------------------------------------------------- by photos


def _good(photos: Sequence[EvidencePhoto]) -> tuple[EvidencePhoto, ...]:
    return tuple(each for each in photos if each.certainty != "unsure")


def _where_it_was(facts: AnswerFacts) -> Answered:
    """Answer "Where was the red bridge?". A place needs no date."""
    unit = facts.question.unit
    occasions = _best(facts.occasions)
    if facts.question.order is not None and occasions:
        chosen = _chosen(facts, occasions)
        assert chosen is not None
        place = chosen.place(unit)
        if place is None:
            return _without_place(facts, chosen.photos, (chosen,))
        return _made(f"in {place}, {_on(chosen)}", (chosen,))
    photos = _good(facts.photos) or facts.photos[:1]
    named = Counter(filter(None, (place_of(each, unit) for each in photos)))
    if not named:
        return _without_place(facts, photos, occasions)
    certainty = _least_certain(photos)
    with_place = [each for each in occasions if each.place(unit)]
    names = [name for name, _ in named.most_common()]
    if len(names) == 1:
        on = f", {_on(with_place[0])}" if len(with_place) == 1 else ""
        text = f"in {names[0]}{on}"
    else:
        text = f"in {listed_in_part(names)}"
        if named[names[0]] > named[names[1]] and certainty != "known":
            text = f"mostly in {names[0]}, and in {listed_in_part(names[1:])}"
    return Answered(
        _doubted(text, certainty),
        certainty,
        _newest_first(with_place),
        tuple(each for each in photos if place_of(each, unit)),
    )


def _without_place(
    facts: AnswerFacts, photos: Sequence[EvidencePhoto], occasions: Sequence[Occasion]
) -> Answered:
    """Return the answer where no photo says where it was taken."""
    what = facts.question.unit or "place"
    text = f"None of {len(photos):,} photos of it has a {what}."
    if len(photos) == 1:
        text = f"The photo of it has no {what}."
    return Answered(text, "none", tuple(occasions), tuple(photos))


def _ever(facts: AnswerFacts) -> Answered:
    """Answer "Did I ever see a lion?", also from photos without a date of their own."""
    good, occasions = _good(facts.photos), _best(facts.occasions)
    if good and not any(each.certainty != "unsure" for each in occasions):
        text = f"yes: {_showing(good)}, {_without_date(good)}"
        return Answered(sentence(text), _least_certain(good), (), good)
    if not occasions:
        return Answered("Perhaps; no photo shows it for sure.", "unsure", (), facts.photos)
    said = _how_often(facts, occasions)
    if said.certainty == "unsure":
        return said
    text = f"yes, {said.sentence[:1].lower()}{said.sentence[1:]}"
    return Answered(sentence(text.removesuffix(".")), said.certainty, said.occasions, said.photos)


def _who(facts: AnswerFacts) -> Answered:
    """Answer "Who was at the wedding?" with the people on all photos of the event."""
    occasions = _best(facts.occasions)
    photos = _good(facts.photos) or facts.photos[:1]
    if not occasions or (facts.by_facts and facts.question.order is None):
        return _people(facts, photos, photos, occasions)
    chosen = _chosen(facts, occasions)
    if chosen is None:
        known = [each for each in occasions if each.certainty == "known"]
        chosen = known[-1] if known else min(occasions, key=lambda each: each.best_rank)
    if facts.by_facts:  # a town, for instance, counts for a photo and not for its event
        return _people(facts, chosen.photos, chosen.photos, (chosen,))
    return _people(facts, chosen.photos, (), (chosen,), chosen.event.photo_ids)


def _people(
    facts: AnswerFacts,
    proof: Sequence[EvidencePhoto],
    looked_at: Sequence[EvidencePhoto],
    occasions: Sequence[Occasion],
    ids: Sequence[int] = (),
) -> Answered:
    """Answer with the people on photos: those that were `looked_at`, or those with these ids."""
    found = facts.people([*ids, *(each.photo_id for each in looked_at)])
    parts = list(found.names)
    if found.without_name:
        people = "person" if found.without_name == 1 else "people"
        parts.append(f"{found.without_name:,} {people} without a name")
    certainty, newest, photos = _least_certain(proof), _newest_first(occasions), tuple(proof)
    if not parts:
        return Answered("Nobody on the photos of it is known.", "none", newest, photos)
    on = f", {_on(occasions[0])}" if len(occasions) == 1 else ""
    text = f"{listed_in_part(parts)}{on}"
    return Answered(_doubted(text, certainty), certainty, newest, photos)


def _how_many_photos(facts: AnswerFacts) -> Answered:
    """Answer "How many photos of Max in 2023?": exactly where facts decide."""
    kind = "video" if facts.question.unit == "video" else "photo"
    good = _good(facts.photos)
    occasions = _newest_first([each for each in facts.occasions if each.certainty != "unsure"])
    if facts.by_facts:
        return Answered(sentence(format_count(len(good), kind)), "known", occasions, good)
    if not good:
        text = f"{format_count(len(facts.photos), kind)} may show it, and none for sure"
        return Answered(sentence(text), "unsure", (), facts.photos)
    more = len(facts.photos) - len(good)
    text = f"at least {format_count(len(good), kind)}, it seems"
    certainty: Certainty = "likely"
    if all(each.certainty == "known" for each in good):
        text, certainty = f"at least {format_count(len(good), kind)}", "known"
    text += f"; {more:,} more may show it" if more else ""
    return Answered(sentence(text), certainty, occasions, good)


def _how_many_places(facts: AnswerFacts) -> Answered:
    """Answer "How many countries did we visit in 2019?"."""
    unit = facts.question.unit or "place"
    photos = _good(facts.photos)
    named = Counter(filter(None, (place_of(each, unit) for each in photos)))
    if not named:
        return _without_place(facts, photos or facts.photos, ())
    what = unit if len(named) == 1 else _PLURALS[unit]
    names = [name for name, _ in named.most_common()]
    certainty = _least_certain(photos)
    text = f"at least {len(names):,} {what}: {listed_in_part(names)}"
    occasions = _newest_first([each for each in facts.occasions if each.place(unit)])
    counted = tuple(each for each in photos if place_of(each, unit))
    return Answered(_doubted(text, certainty), certainty, occasions, counted)


def _look(facts: AnswerFacts) -> Answered:
    """Answer "What did the house look like?" with the photos."""
    good = _good(facts.photos)
    photos = good or facts.photos
    occasions = _newest_first(_best(facts.occasions))
    return Answered(sentence(_showing(photos)), _least_certain(photos), occasions, photos)


def _refused(facts: AnswerFacts) -> Answered:
    """Refuse what dates and places do not tell, and return the photos."""
    photos = _good(facts.photos) or facts.photos
    end = "; these photos may show it" if photos else ", and no photo seems to show it"
    text = sentence(f"that cannot be read from dates and places{end}")
    return Answered(text, "refused", _newest_first(_best(facts.occasions)), photos)


_BY_PHOTOS: Mapping[Asked, Callable[[AnswerFacts], Answered]] = {
    "where": _where_it_was,
    "how many photos": _how_many_photos,
    "how many places": _how_many_places,
    "who": _who,
    "ever": _ever,
    "look": _look,
}
_BY_OCCASIONS: Mapping[Asked, Callable[[AnswerFacts, Sequence[Occasion]], Answered]] = {
    "when": _when,
    "which dates": _which_dates,
    "how often": _how_often,
    "how long": _how_long,
}
