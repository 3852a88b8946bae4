"""Days of the week and times of day in the words of a query, in all languages, and traps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from imgsearch.language.grammar import parse, to_text
from imgsearch.language.understanding import understand
from imgsearch.records.query import Filter, Selection
from imgsearch.store.reading.names import NameReads
from tests.test_understanding import TODAY, exact, library_of, photo

pytestmark = pytest.mark.features("when")

TIMES = {"weekday", "time", "on", "after", "before"}
# Lines with a day of the week or a part of the day that is a thing, a name or a greeting.
STAY_WORDS = (
    "sat on a chair",
    "a girl in a Sun hat",
    "the sun",
    "a wedding",
    "mon ami",
    "may",
    "last night of the proms",
    "this evening dress",
    "the Tonight Show",
    "night stand",
    "a night stand",
    "Friday the dog",
    "a dog called Friday",
    "the evening sun",
    "in the evening light",
    "in the morning mist",
    "a night market",
    "at night market stalls",
    "the night sky",
    "in the night sky",
    "starry night",
    "a morning glory",
    "good morning",
    "morning",
    "evening dress",
    "an evening gown",
    "breakfast",
    "breakfast table",
    "at the breakfast table",
    "lunch box",
    "at a lunch counter",
    "dinner party",
    "a Sunday dress",
    "a Sunday roast",
    "Sunday newspaper",
    "on the Sunday newspaper",
    "Saturday Night Live",
    "Saturday Night Fever",
    "Friday night lights",
    "Black Friday",
    "Ash Wednesday",
    "Good Friday",
    "Palm Sunday",
    "Ruby Tuesday",
    "Manic Monday",
    "Fat Tuesday",
    "mardi gras",
    "sunrise",
    "sunset",
    "golden hour",
    "midnight blue",
    "a midnight blue dress",
    "high noon",
    "afternoon tea",
    "in the afternoon sun",
    "weekend bag",
    "a weekend house",
    "late",
    "early bird",
    "a late model car",
    "one night stand",
    "night",
    "the night",
    "the morning after",
    "a knight",
    "every day",
    "day and night",
    "la nuit étoilée",
    "la noche estrellada",
    "une robe du soir",
    "Abendkleid",
    "ein Abendkleid",
    "Nachttisch",
    "Morgenrock",
    "der Morgenstern",
    "Santo Domingo",
    "midi skirt",
    "a midi dress",
    "ein Bier am Strand",
    "este perro",
    "buenas noches",
    "buona notte",
    "bonne nuit",
    "guten Morgen",
    "dobré ráno",
    "dobrou noc",
    "mañana",
    "le matin des magiciens",
    "at 6",
    "a table at 12",
    "6 am Strand",
    "a clock showing 10:10",
    "a clock at the station",
    "scale 1:50",
    "John 3:16",
    "the 18:30 train",
    "a 24h race",
    "8.30",
    "at 25:10",
    "after 6:30",
    "before 8 o'clock",
    "channel 4",
    "3 people",
    "19 and 20",
    "2 to 4 dogs",
    "from 6 to 8 dogs",
    '"18:30"',
)
UNDERSTOOD = {
    "on Saturdays": "weekday:sat",
    "a dog on Saturdays": "a dog weekday:sat",
    "on a Sunday": "weekday:sun",
    "every Sunday morning": "weekday:sun time:morning",
    "Sunday": "weekday:sun",
    "monday to wednesday": "weekday:mon..wed",
    "on Saturday and Sunday": "weekday:sat|sun",
    "at the weekend": "weekday:weekend",
    "Friday night": "weekday:fri,18..5",
    "in the evening": "time:evening",
    "beach in the evening": "beach time:evening",
    "in the early morning": "time:4..10",
    "late at night": "time:22..5",
    "at night": "time:night",
    "a street at night": "a street at night time:night",
    "at noon": "time:noon",
    "at breakfast": "breakfast time:breakfast",
    "pancakes at breakfast": "pancakes at breakfast time:breakfast",
    "Anna at breakfast": "breakfast person:Anna time:breakfast",
    "Anna saturday": "person:Anna weekday:sat",
    "summer evenings 2019": "season:summer time:evening on:2019",
    "on winter mornings": "season:winter time:morning",
    "every Christmas Eve": "day:12-24",
    "every summer": "season:summer",
    "two years ago in May": "on:2024 month:05",
    "last night": "after:2026-11-25T18 before:2026-11-26T06",
    "this morning": "on:2026-11-26 time:morning",
    "yesterday evening": "on:2026-11-25 time:evening",
    "tonight": "after:2026-11-26T18 before:2026-11-27T06",
    # By the clock: half an hour before and after, and both halves of the day where it may be either
    "at 6pm": "time:17:30..18:30",
    "a dog at 6 p.m.": "a dog time:17:30..18:30",
    "18:30": "time:18..19",
    "a dog 18:30": "a dog time:18..19",
    "beach 6pm": "beach time:17:30..18:30",
    "at around 6pm on the beach": "beach time:17..19",
    "at 6 o'clock": "time:5:30..6:30|17:30..18:30",
    "06:30": "time:6..7",
    "6:30": "time:6..7|18..19",
    "at 12am": "time:23:30..0:30",
    "at 12:15pm": "time:11:45..12:45",
    "after 10pm": "time:22..5",
    "after 3pm": "time:15..24",
    "before 8am": "time:0..8",
    "between 6 and 8pm": "time:18..20",
    "from 11 to 1pm": "time:11..13",
    "18:00-20:00": "time:18..20",
    "Anna at 6pm 2019": "person:Anna time:17:30..18:30 on:2019",
    "6 o'clock in the evening": "time:5:30..6:30|17:30..18:30 time:evening",
    "um 18 Uhr": "time:17:30..18:30",
    "Strand um 18:30 Uhr": "Strand time:18..19",
    "gegen 18 Uhr am Strand": "am Strand time:17..19",
    "nach 20 Uhr": "time:20..5",
    "vor 8 Uhr": "time:0..8",
    "zwischen 18 und 20 Uhr": "time:18..20",
    "18 Uhr 30": "time:18..19",
    "um 8 Uhr abends": "time:7:30..8:30|19:30..20:30 time:evening",
    "plage à 18h30": "plage time:18..19",
    "vers 18h": "time:17..19",
    "a las 18:30": "time:18..19",
    "alle 18:30": "time:18..19",
    "om 18 uur": "time:17:30..18:30",
    "kl. 18:30": "time:18..19",
    # Other languages
    "am Sonntag": "weekday:sun",
    "sonntags": "weekday:sun",
    "Sonntagmorgen": "weekday:sun time:morning",
    "am Sonntagmorgen mit Anna": "weekday:sun time:morning person:Anna",
    "abends am Strand": "am Strand time:evening",
    "gestern Abend": "on:2026-11-25 time:evening",
    "gestern": "on:2026-11-25",
    "letzte Woche": "on:2026-11-16|2026-11-17|2026-11-18|2026-11-19|2026-11-20|2026-11-21"
    "|2026-11-22",
    "le dimanche": "weekday:sun",
    "dimanche matin": "weekday:sun time:morning",
    "plage le soir": "plage time:evening",
    "la domenica": "weekday:sun",
    "sabato sera": "weekday:sat time:evening",
    "los sábados": "weekday:sat",
    "sábado por la noche": "weekday:sat,18..5",
    "por la mañana": "time:morning",
    "à noite": "time:night",
    "sábado de manhã": "weekday:sat time:morning",
    "zaterdagavond": "weekday:sat time:evening",
    "in de avond": "time:evening",
    "w sobotę": "weekday:sat",
    "w nocy": "time:night",
    "sâmbătă seara": "weekday:sat time:evening",
    "в субботу": "weekday:sat",
    "утром": "time:morning",
    "по вечерам": "time:evening",
    "в суботу ввечері": "weekday:sat time:evening",
    "cumartesi akşamı": "weekday:sat time:evening",
    "geceleri": "time:night",
    "sobota ráno": "weekday:sat time:morning",
    "v noci": "time:night",
    "vasárnap reggel": "weekday:sun time:morning",
    "szombaton": "weekday:sat",
    "Κυριακή πρωί": "weekday:sun time:morning",
    "lördagskväll": "weekday:sat time:evening",
    "på kvällen": "time:evening",
    "søndag aften": "weekday:sun time:evening",
    "om kvelden": "time:evening",
    "sunnuntaiaamu": "weekday:sun time:morning",
    "lauantaina": "weekday:sat",
}
# Sentences as people describe what they look for, with what is to be understood of the time.
DESCRIBED = {
    "A painted bench in front of a shop on a Saturday morning in Arezzo after tea and before a "
    "second tea elsewhere.": {"weekday:sat", "time:morning"},
    "Red wine on a Sunday. I was in a small restaurant, drinking from a jug, and eating soup with "
    "bread. I was sitting at a long wooden table. It was in Arezzo in Italy in January 2019.": {
        "weekday:sun"
    },
    "Seeing friends outside a pub, before walking to another one for drinks. It was in 2019 in "
    "September, on a Friday evening. I got a bus to the pub.": {"weekday:fri", "time:evening"},
    "Buying soap in a shop in the early morning. I was at an open market and driving a long way": {
        "time:4..10"
    },
    "Waiting for a train in a station that was in a film called Last Train Home, with friends, one "
    "of whom was wearing a blue jacket. We ate dinner after that.": set(),
    "It was the last day of August.": set(),
}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameReads]:
    """The names of a library with a photo every seven hours from 2019 to 2020."""
    start = datetime(2019, 1, 1, 0, 30)
    photos = [
        photo(
            (start + timedelta(hours=7 * number)).isoformat(),
            *(["Anna Smith"] if number % 3 == 0 else []),
            town="Arezzo",
            country="Italy",
        )
        for number in range(1500)
    ]
    store = library_of(tmp_path_factory.mktemp("year"), photos)
    yield store.reads.names
    store.close()


@pytest.mark.parametrize(("line", "expected"), UNDERSTOOD.items())
def test_times_are_understood(year: NameReads, line: str, expected: str) -> None:
    assert exact(year, line) == expected


@pytest.mark.parametrize("line", STAY_WORDS)
def test_words_that_are_no_time_stay(year: NameReads, line: str) -> None:
    filters = understand(year, parse(line), TODAY).query.filters
    assert not TIMES.intersection(each.field for each in filters), to_text(
        understand(year, parse(line), TODAY).query
    )


def test_there_are_enough_lines_that_stay_words() -> None:
    assert len(set(STAY_WORDS)) >= 60


def times_of(year: NameReads, line: str) -> set[str]:
    """Return the filters on the time of day and the day of the week that a line is given."""
    understood = understand(year, parse(line), TODAY).query
    times = (each for each in understood.filters if each.field in ("weekday", "time"))
    return {f"{each.field}:{value}" for each in times for value in each.values}


@pytest.mark.parametrize(("line", "expected"), DESCRIBED.items())
def test_times_of_descriptions(year: NameReads, line: str, expected: set[str]) -> None:
    assert times_of(year, line) == expected


def test_times_of_the_topics_of_the_lifelog_search_challenge(
    year: NameReads, shared_data: Path
) -> None:
    """Compare all hints of all topics with what a person has read in them."""
    saturday, friday = {"weekday:sat", "time:morning"}, {"weekday:fri", "time:evening"}
    stated = {  # by topic: the first hint that states it, from 1, and what it states
        "LSC-111": (3, saturday),
        "LSC-114": (1, {"weekday:sun"}),
        "LSC-117": (5, friday),
        "LSC-121": (2, {"time:4..10"}),
    }
    file = shared_data / "remembering" / "topics.jsonl"
    if not file.exists():
        pytest.skip("needs the topics of the Lifelog Search Challenge")
    topics = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len(topics) == 14
    for topic in topics:
        first, expected = stated.get(topic["topic"], (99, set()))
        for number, hint in enumerate(topic["hints"], 1):
            times = times_of(year, hint.replace('"', " "))
            if topic["topic"] == "LSC-121" and number >= 5:  # "that morning" as well
                expected = {"time:4..10", "time:morning"}
            assert times == (expected if number >= first else set()), hint


def test_a_name_of_the_library_is_no_time(tmp_path: Path) -> None:
    people = ("Friday Jones", "Domenica Rossi")
    photos = [photo("2019-06-14T20:00:30", *people), photo("2019-06-16T20:00:30")]
    store = library_of(tmp_path, photos)
    names = store.reads.names
    assert exact(names, "domenica sera") == "sera person:domenica"
    assert exact(names, "friday jones") == 'person:"friday jones"'
    assert exact(names, "on Friday evening") == "weekday:fri time:evening"
    store.close()


def test_seasons_are_of_the_hemisphere_of_a_photo(tmp_path: Path) -> None:
    southern = replace(photo("2019-01-05T12:00:30", "Anna"), lat=-33.9, lon=151.2)
    northern = replace(photo("2019-07-05T12:00:30", "Anna"), lat=43.4, lon=11.9)
    store = library_of(tmp_path, [southern, northern, photo("2019-02-01T12:00:30", "Bob")])

    def found(line: str) -> list[int]:
        query = understand(store.reads.names, parse(line), TODAY).query
        ids: list[int] = store.reads.selections.ids(Selection(query.filters)).tolist()
        return ids

    assert found("summer 2019") == [1, 2]
    assert found("winter 2019") == [3]
    assert found("Anna summer") == [1, 2]
    store.close()


def test_a_time_without_photos_is_named(tmp_path: Path) -> None:
    store = library_of(tmp_path, [photo("2019-06-14T20:00:30", "Anna")])
    understood = understand(store.reads.names, parse("Anna on Sundays"), TODAY)
    assert understood.query.filters == (Filter("person", ("Anna",)),)
    assert understood.empty_dates == ("Sundays",)
    store.close()
