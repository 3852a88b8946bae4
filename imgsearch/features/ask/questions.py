"""Reads questions about photos: what is asked for, and about what.

The rules are for English. The table `question_words.txt` has how questions begin in other
languages; the words that no photo shows are those of `imgsearch.language.asking_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.features.ask.records import Asked
from imgsearch.language.asking_words import without_asking_words
from imgsearch.language.calendar_words import DAY_PARTS, MONTHS, SEASONS, TIME_WORDS
from imgsearch.language.function_words import ARTICLES, words_as
from imgsearch.language.phrasing import PICTURES, asks_for_any_photo, unwrapped

Order: TypeAlias = Literal["first", "last"]
_OF_ALL_PHOTOS: tuple[Asked, ...] = ("how many photos", "how many places", "which dates")


class Question(Struct, frozen=True):
    """A question: what it asks for, and the `subject`, the words that say about what.

    `unit` narrows what is asked for: "year" of a date, "town" of a place, "hour" of a duration.
    With `is_several`, it asks for all of them: "which years". `is_ago` asks how long ago it was.
    """

    asked: Asked
    subject: str
    order: Order | None = None
    unit: str | None = None
    is_several: bool = False
    is_ago: bool = False

    @property
    def says_about_what(self) -> bool:
        """Whether it can be answered: "How many photos?" can, and "When?" cannot."""
        return bool(self.subject or self.order) or self.asked in _OF_ALL_PHOTOS


# ------------------------------------------------------------------------- words of questions

_IN = r"(?:(?:on|in|at|during|for|from|since|to|by|until) )?"
_WHICH = r"(?:what|which)"
_PAST = r"(?:did|was|were|have|has|had)"
_DATE_UNITS = {
    "date": "day",
    "day": "day",
    "month": "month",
    "year": "year",
    "season": "season",
    "day of the week": "weekday",
    "days of the week": "weekday",
    "weekday": "weekday",
    "time": "time",
    "time of day": "time",
}
_PLACE_UNITS = {
    "country": "country",
    "countries": "country",
    "city": "town",
    "cities": "town",
    "town": "town",
    "village": "town",
    "region": "region",
    "county": "region",
    "state": "region",
    "province": "region",
    "place": "place",
}
_DATE = "|".join(sorted(_DATE_UNITS, key=len, reverse=True))
_PLACE = "|".join(sorted(_PLACE_UNITS, key=len, reverse=True))
# Of things that photos cannot tell by dates and places; the thing itself can be looked for.
_ATTRIBUTE = (
    "colou?r|brand|name|number|title|type|kind|sort|make|model|price|cost|size|shape|flavou?r|taste"
    "|weight|height|text|address"
)
_LASTS = "minutes|hours|days|nights|weeks|months|years"
# The beginnings of English questions, in the order in which they are tried: what is asked for, and
# the group of the pattern that names a unit.
_LEADS: tuple[tuple[str, Asked], ...] = (
    (r"how long ago", "when"),
    (rf"{_IN}how long", "how long"),
    (r"how (?:often|frequently)", "how often"),
    (r"(?:on )?how many (?:times|occasions|trips|visits|holidays|vacations|journeys)", "how often"),
    (r"how many (?:photos|photographs|pictures|images|pics|shots|(?P<media>video)s)",
     "how many photos"),
    (rf"how many (?:different )?(?P<place>{_PLACE})s?", "how many places"),
    (r"on how many (?P<date>day)s", "how often"),
    (r"how many (?P<part>morning|afternoon|evening|night)s", "how often"),
    (rf"how many (?P<lasts>{_LASTS})(?= (?:did it take|(?:was|were|am|are) |.*\b(?:spend|spent|stay"
     r"|stayed|take|last|lasted)\b|(?:have|has|had) \S+ been))", "how long"),
    (r"how many (?P<date>day)s", "how often"),
    (r"how many (?:people|persons)", "who"),
    (r"(?:with )?whom?", "who"),
    (rf"{_WHICH} (?:is|was) the name of the (?P<place>{_PLACE})", "where"),
    (rf"{_WHICH} (?:is|was) the (?:exact |specific )?(?P<date>{_DATE})", "when"),
    (rf"{_IN}{_WHICH} (?:exact |specific )?(?P<date>{_DATE})(?P<several>s)?(?: of the year)?",
     "when"),
    (rf"{_IN}{_WHICH} (?P<place>{_PLACE})s?", "where"),
    (r"(?:what|how) (?:did|does|do)(?= .* look like\b)", "look"),
    (r"(?:when|where) (?:is|are|will|shall|should|do|does|can|could)", "other"),
    (r"when", "when"),
    (r"where", "where"),
    (rf"(?:what|which) (?:is|was|are|were) (?:the|my|our) (?:{_ATTRIBUTE})s?(?: of)?", "other"),
    (rf"{_IN}(?:what|which) (?:{_ATTRIBUTE})s?(?: of)?", "other"),
    (r"how (?:many|much)", "other"),
    (rf"{_IN}(?:what|which|why|how|whose)", "other"),
    (rf"{_PAST}|(?:is|are) there", "ever"),
)  # fmt: skip
_COUNTED_OCCASIONS = re.compile(
    r"how many (?P<thing>(?:\S+ ){1,3}?)(?:did|have|were|was) (?:i|we) "
    r"(?:go|gone|been|attend|attended|visit|visited|celebrate|celebrated)\b(?: to| at| on)?"
)
_AUXILIARIES = {
    *("did", "do", "does", "was", "were", "is", "are", "am", "have", "has", "had", "be", "been"),
    *("can", "could", "would", "will", "shall", "should", "'s", "used"),
}
_PRONOUNS = {
    *("i", "we", "you", "me", "us", "it", "they", "he", "she", "my", "our", "them", "him"),
    *("anyone", "anybody", "somebody", "someone", "everyone", "everybody", "myself", "ourselves"),
}
# Verbs that say no more than that somebody was there.
_LIGHT_VERBS = {
    *("go", "went", "gone", "going", "visit", "visited", "visiting", "see", "saw", "seen"),
    *("seeing", "be", "been", "being", "take", "took", "taken", "spend", "spent", "stay", "stayed"),
    *("do", "done", "doing", "attend", "attended", "travel", "travelled", "traveled", "happen"),
    *("happened", "come", "came", "meet", "met", "get", "got", "have", "had", "make", "made"),
    *(
        "remember",
        "place",
        "lasted",
        "arrive",
        "arrived",
        "find",
        "can't",
        "cannot",
        "don't",
        "normally",
        "want",
    ),
}
_LITTLE_WORDS = {
    *("that", "when", "where", "which", "who", "there", "then", "ever", "also", "actually", "in"),
    *("exactly", "usually", "often", "normally", "just", "together", "with", "to", "on", "at"),
}
_AT_START = _AUXILIARIES | _PRONOUNS | _LIGHT_VERBS | _LITTLE_WORDS
_AT_END = {
    *("ever", "there", "then", "again", "before", "already", "altogether", "total", "all", "taken"),
    *("happen", "happened", "visited", "visit"),
    *words_as("before_subject"),
    *("go", "gone", "been", "be", "see", "seen", "have", "had", "take", "place", "exist", "it"),
    *("located", "born"),
}
_PREPOSITIONS = words_as("before_subject")
_DETERMINERS = ARTICLES | words_as("determiner")
_SINCE_THEN = {
    *("time", "day", "week", "weekend", "month", "year", "night", "evening", "morning", "decade"),
    *("century", "spring", "days", "weeks", "months", "years", "easter", "christmas"),
    *SEASONS,
    *MONTHS,
    *TIME_WORDS,
}
_FIRSTS = {"day", "aid", "floor", "birthday", "communion", "name", "prize"}  # "first day of school"
_ORDER_TIMES = re.compile(
    r"\b(?:for )?(?:the )?(?P<order>very last|last|latest|most recent|very first|first) times?\b"
)
# "where I saw a Buddha", "of 2015 did I build": such words say nothing among those to look for.
_INSIDE = re.compile(
    r" (?:(?:when|where|that|which|in which) (?:i|we)(?: was| were| had| have)?"
    r"|(?:did|was|were|have|had|do) (?:i|we))"
    r"(?: (?:go|went|gone|visit|visited|see|saw|seen|attend|attended|have|had|buy|bought))?"
    r"(?: to)?(?= )"
)
_PUNCTUATION = "?!.,;:'’¿¡\"“”„‘"


def read_question(text: str) -> Question | None:
    """Return what a text asks, or None for a text that is no question.

    A text without a question mark is one if it begins as only questions do: "when did". Words of
    other sentences belong to the subject where the question itself has none: "I saw a red bridge.
    Where was it?"
    """
    clauses = list(_clauses(text))
    for number in reversed(range(len(clauses))):
        clause = clauses[number]
        question = _english(clause) or _foreign(clause)
        if question is None:
            continue
        others = [each for at, each in enumerate(clauses) if at != number]
        context = ", ".join(filter(None, map(_statement, others)))
        if context and question.subject:
            return replace(question, subject=f"{question.subject}, {context}")
        return replace(question, subject=question.subject or context)
    return None


def _clauses(text: str) -> Iterator[str]:
    """Yield the sentences of a text; one that begins before its question, in its parts."""
    for sentence in re.split(r"(?<=[.!?？])\s+", " ".join(text.split())):
        parts = re.split(r",\s+", sentence)
        if len(parts) > 1 and not _begins_question(parts[0]) and _begins_question(parts[-1]):
            yield from parts
        elif sentence:
            yield sentence


def _begins_question(text: str) -> bool:
    return _lead_of(_lower(text.split())) is not None


def _statement(text: str) -> str:
    """Return the subject of a sentence beside a question: "I saw a bridge in Lisbon"."""
    words = text.rstrip(" .!?").split()
    if words and words[0].lower() == "assuming":  # of another day than today
        return ""
    return _subject(words)[0]


# ------------------------------------------------------------------------- English


def _lower(words: Sequence[str]) -> str:
    """Return words in lower case, a space between each two."""
    return " ".join(word.lower().replace("’", "'") for word in words)


def _lead_of(lower: str) -> tuple[Asked, re.Match[str]] | None:
    """Return what a text asks for that begins as an English question, and its beginning."""
    for pattern, asked in _LEADS:
        if found := re.match(rf"(?:{pattern})(?=[ ?]|$)", lower):
            return asked, found
    return None


def _english(text: str) -> Question | None:
    """Read an English question."""
    words = text.split()
    lower = _lower(words)
    lead = _lead_of(lower)
    if lead is None or not (text.endswith(("?", "？")) or _is_plain_lead(lower)):
        return None
    asked, found = lead
    rest = words[len(found[0].split()) :]
    if rest:
        rest = [*rest[:-1], rest[-1].rstrip("?？ ")]
    counted = _COUNTED_OCCASIONS.match(lower)
    if counted and asked == "other" and not counted["thing"].startswith("different "):
        thing = words[2 : 2 + len(counted["thing"].split())]
        after = words[len(counted[0].split()) :]
        asked, rest = "how often", [*thing, *after]
    named = found.groupdict()
    if asked == "look":
        rest = _before_look_like(rest)
    subject, order = _subject(rest, is_duration=asked == "how long")
    return Question(
        "which dates" if named.get("several") else asked,
        subject,
        order,
        _unit_of(named),
        bool(named.get("several")),
        is_ago=lower.startswith("how long ago"),
    )


def _is_plain_lead(lower: str) -> bool:
    """Return whether words begin as only a question does, so that no question mark is needed."""
    first, *rest = lower.split()
    if lower.startswith(("how often", "how many", "how long")):
        return True
    is_question_word = first in {"when", "where", "who", "what", "which", "why", "how"}
    return is_question_word and bool(rest) and (
        rest[0] in _AUXILIARIES
        or (first in {"what", "which"} and not _AUXILIARIES.isdisjoint(rest[1:8]))
    )  # fmt: skip


def _unit_of(named: dict[str, str | None]) -> str | None:
    """Return the unit that the beginning of a question names."""
    if date := named.get("date"):
        return _DATE_UNITS[date]
    if place := named.get("place"):
        return _PLACE_UNITS[place]
    if lasts := named.get("lasts"):
        return lasts.removesuffix("s")
    return "day" if named.get("part") else named.get("media")


def _before_look_like(words: Sequence[str]) -> list[str]:
    """Return the words of a question without "look like"."""
    lower = [word.lower().strip(_PUNCTUATION) for word in words]
    at = next(at for at in range(len(words)) if lower[at : at + 2] == ["look", "like"])
    return [*words[:at], *words[at + 2 :]]


def _subject(words: Sequence[str], is_duration: bool = False) -> tuple[str, Order | None]:
    """Return the words that say what a question is about, and whether it is the first or the last.

    "did we last go skiing in Austria" is about "skiing in Austria", the last time.
    """
    text, order = " ".join(words), None
    if found := _ORDER_TIMES.search(text.lower()):
        order = _order_of(found["order"])
        text = f"{text[: found.start()]} {text[found.end() :]}"
    kept = text.split()
    lower = [word.lower().strip(_PUNCTUATION).replace("’", "'") for word in kept]
    if order is None:
        for at, word in enumerate(lower):
            after = lower[at + 1] if at + 1 < len(lower) else ""
            if _says_order(word, after, is_duration):
                order = _order_of(word)
                kept[at : at + 1], lower[at : at + 1] = [], []
                if at and lower[at - 1] == "most":  # "most recently"
                    kept[at - 1 : at], lower[at - 1 : at] = [], []
                break
    if is_duration and lower[-1:] == ["last"]:
        kept, lower = kept[:-1], lower[:-1]
    kept = _without_inside(kept)
    lower = [word.lower().strip(_PUNCTUATION).replace("’", "'") for word in kept]
    start = 0
    while start < len(kept) and lower[start] in _AT_START and not _leads_name(kept, lower, start):
        start += 1
    end = len(kept)
    while end > start and lower[end - 1] in _AT_END and not kept[end - 1][:1].isupper():
        end -= 1
    kept, lower = kept[start:end], lower[start:end]
    if lower[:1] and lower[0] in _PREPOSITIONS and not _leads_name(kept, lower, 0):
        kept = kept[1:]
    subject = " ".join(kept).strip(" ,;")
    return ("" if asks_for_any_photo(subject) else _without_pictures(subject)), order


def _without_inside(words: Sequence[str]) -> list[str]:
    """Return the words without "where I saw" and "did we" between others."""
    lower = _lower(words)
    kept, place = [], 0  # the place of a word in the text
    spans = [found.span() for found in _INSIDE.finditer(lower)]
    for word in words:
        if not any(first < place + 1 <= end for first, end in spans):
            kept.append(word)
        place += len(word) + 1
    return kept


def _without_pictures(subject: str) -> str:
    """Return a subject without the words that merely ask for photos: "photos of Anna"."""
    words = subject.split()
    if words and words[0].lower() in PICTURES and len(words) > 1:
        rest = words[2:] if words[1].lower() in {"of", "with", "showing"} else words[1:]
        return " ".join(rest)
    return unwrapped(subject) if subject else ""


def _says_order(word: str, after: str, is_duration: bool) -> bool:
    """Return whether a word asks for the first or the last time: not "last summer"."""
    if word in ("latest", "recently", "newest", "earliest", "oldest"):
        return True
    if word == "last":
        return after not in _SINCE_THEN and not (is_duration and not after)
    return word == "first" and after not in _FIRSTS


def _order_of(word: str) -> Order:
    return "first" if word.split()[-1] in ("first", "earliest", "oldest") else "last"


def _leads_name(words: Sequence[str], lower: Sequence[str], at: int) -> bool:
    """Return whether a preposition stands before a name or a date, and so belongs to it.

    "in Lisbon", "on Saturdays" and "in the summer" are filters together; "at the beach" is a thing.
    """
    if lower[at] not in _PREPOSITIONS:
        return False
    following = at + 1
    while following < len(words) and lower[following] in _DETERMINERS:
        following += 1
    if following == len(words):
        return False
    word = lower[following].removesuffix("'s")
    is_date = word in SEASONS or word in MONTHS or word in TIME_WORDS or word in DAY_PARTS
    return words[following][:1].isupper() or word[:1].isdecimal() or is_date or (
        word in _SINCE_THEN or word in {"last", "this", "every"}
    )  # fmt: skip


# ------------------------------------------------------------------------- other languages


class _Lead(Struct, frozen=True):
    """How a question begins in another language, and the word in its place that all rules know."""

    asked: Asked
    unit: str | None
    is_several: bool
    words: tuple[str, ...]
    known_lead: str


def _foreign(text: str) -> Question | None:
    """Read a question in another language."""
    words = text.split()
    lower = [word.lower().strip(_PUNCTUATION).replace("’", "'") for word in words]
    leads, orders = _table()
    found = [each for each in leads if tuple(lower[: len(each.words)]) == each.words]
    if not found or len(words) == len(found[0].words):
        return None
    lead = max(found, key=lambda each: len(each.words))
    rest = " ".join(words[len(lead.words) :]).rstrip("?？ ")
    order: Order | None = None
    for phrase, says in orders:
        if match := re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", rest.lower()):
            rest, order = f"{rest[: match.start()]} {rest[match.end() :]}", says
            break
    subject = without_asking_words(" ".join(f"{lead.known_lead} {rest}".split()))
    subject = "" if subject.lower() == lead.known_lead else subject
    return Question(lead.asked, subject, order, lead.unit, lead.is_several)


@cache
def _table() -> tuple[tuple[_Lead, ...], tuple[tuple[str, Order], ...]]:
    """Return the beginnings of questions, and the words for the first and the last time."""
    leads: list[_Lead] = []
    orders: list[tuple[str, Order]] = []
    for line in Path(__file__).with_name("question_words.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        kind, known_lead, phrases = line.split("\t")
        asked, _, unit = kind.partition("/")
        if asked in ("first", "last"):
            says: Order = "first" if asked == "first" else "last"
            orders += [(phrase, says) for phrase in phrases.split("|")]
            continue
        leads += [
            _Lead(_asked_named(asked), unit or None, asked == "which dates", words, known_lead)
            for phrase in phrases.split("|")
            if (words := tuple(phrase.split()))
        ]
    orders.sort(key=lambda each: -len(each[0]))
    return tuple(leads), tuple(orders)


def _asked_named(name: str) -> Asked:
    """Return what a line of the table asks for."""
    return next(each for _, each in (*_LEADS, ("", "which dates")) if each == name)
