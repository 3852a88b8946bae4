"""How the words of a query are understood: names that the library has, dates, and traps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from imgsearch.language.date_words import meaning_of
from imgsearch.language.dates import easter_sunday, read_period
from imgsearch.language.fields import FIELDS
from imgsearch.language.foreign_dates import read_foreign_period
from imgsearch.language.grammar import parse, to_text
from imgsearch.language.understanding import exact_line, understand
from imgsearch.language.words import is_common
from imgsearch.records.photo import Facts
from imgsearch.records.query import Query, Term
from imgsearch.store.reading.names import NameReads
from imgsearch.store.store import Store
from tests.factories import ingested, random_vectors

TODAY = date(2026, 11, 26)
ANY_SUMMER = "season:summer" if "season" in FIELDS else "month:06|07|08"
VECTOR = random_vectors(1, 2)
# Usual words that are also first names, surnames or towns. Each is both in the library of traps.
_TRAPS = """
may nice reading orange bath rose mark will grace hope joy faith dawn eve summer autumn april june
august bill art pat sue ray gene dean drew grant chase hunter mason carter cooper parker baker
cook fisher miller hill lake wood forest field brook river stone rock beach park garden church
bridge castle king queen prince white black brown green gray red violet ruby pearl amber jade
crystal diamond lily daisy ivy iris olive holly hazel heather jasmine sage ginger basil robin wren
jay martin buck wolf fox bear bush reed cliff glen dale mobile split cork hull tours turkey jersey
sandy misty star sky penny victory rich young long short sharp love earl buddy angel mercy dusty
gold page
"""
TRAPS = _TRAPS.split()
# Months, seasons and feasts of other languages that are no date here.
FOREIGN_TRAPS = (
    *("mars", "mai", "août", "juli", "marzo", "maja", "été", "noël", "lato", "été au lac"),
    *("the planet mars", "3 mars bars", "3 mars", "a mai tai", "2 mai tais", "juli and her dog"),
    *("ein Hund im Sommer", "un chien en hiver", "playa en verano", "mare d'estate"),
    *("sapin de Noël", "arbre de mai", "mercatino di Natale", "de 2 letzten Fotos", "der letzte"),
    *("dernier jour", "la última casa", "vor dem Haus", "nach Hause", "die 3 Hunde"),
)
IN_USE = {  # queries with traps that people type
    "reading": "a man reading on a bench",
    "nice": "nice view",
    "orange": "a man in an orange vest",
    "bath": "a baby in the bath",
    "may": "flowers that may bloom",
    "turkey": "roast turkey on a table",
    "jersey": "a player in a red jersey",
    "white": "a woman in white",
    "mobile": "a mobile phone",
    "rose": "a red rose",
    "summer": "a summer dress",
    "april": "april showers",
    "long": "a long beach",
    "young": "a young woman with a rose",
    "castle": "at a castle",
}


def season_of(season: str, year: str, months: str) -> str:
    """Return the filters for a season of a year, where its feature is there, or without it."""
    if "season" in FIELDS:
        return f"season:{season} on:{year}"
    return "on:" + "|".join(f"{year}-{month}" for month in months.split())


def library_of(tmp_path: Path, photos: list[Facts]) -> Store:
    store = Store.open(tmp_path, writable=True)
    root = store.files.add_root("/photos")
    key = store.vectors.add_encoder("test/1", "test", 2).key
    store.record(
        root,
        key,
        [
            ingested(f"/photos/Genève/IMG_{number:04}.jpg", VECTOR, facts=facts)
            for number, facts in enumerate(photos)
        ],
    )
    return store


def photo(day: str, *people: str, town: str | None = None, country: str | None = None) -> Facts:
    taken_at = datetime.fromisoformat(day)
    return Facts(
        "JPEG", 8, 8, taken_at=taken_at, dated_by="exif", people=people, town=town, country=country
    )


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameReads]:
    photos = [
        photo("2019-06-15", "Anna Smith", town="Arezzo", country="Italy"),
        photo("2018-08-01", "Bob", "Zoë Müller", town="Nice", country="France"),
        photo("2020-12-25", "Mom", "\u200fأحمد\u200f", town="New York", country="United States"),
        photo("2021-06-15", "Florence", town="Florence", country="Italy"),
        photo("2019-05-01", "May Lindqvist", "李雷", town="Reykjavík", country="The Netherlands"),
    ]
    store = library_of(tmp_path_factory.mktemp("library"), photos)
    yield store.reads.names
    store.close()


def exact(reads: NameReads, line: str) -> str:
    return to_text(understand(reads, parse(line), TODAY).query)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Anna at the beach in Italy 2019", "beach person:Anna country:Italy on:2019"),
        ("anna smith at the beach, italy, 2019",
         'beach person:"anna smith" country:italy on:2019'),
        ("photos of Zoë", "person:Zoë"),
        ("zoe muller", 'person:"zoe muller"'),
        ("Anna and Bob", "person:Anna person:Bob"),
        ("Anna or Bob", "person:Anna|Bob"),
        ("Anna's dog", "dog person:Anna"),
        ("李雷 in reykjavik", "person:李雷 place:reykjavik"),
        ("أحمد", "person:أحمد"),
        ("a dog in new york", 'a dog place:"new york"'),
        ("a dog in the USA", 'a dog country:"united states"'),
        ("a dog in the United States", 'a dog country:"United States"'),
        ("tulips in Netherlands", 'tulips country:"the netherlands"'),
        ("tulips in the netherlands", 'tulips country:"the netherlands"'),
        ("in Nice", "place:Nice"),
        ("dinner with mom", "dinner person:mom"),
        ("a statue in Florence", "a statue place:Florence"),
        ("lunch with Florence", "lunch person:Florence"),
        ("-cars Anna", "-cars person:Anna"),
        ("Anna without hat", "-hat person:Anna"),
        ("sunset June 2021", "sunset on:2021-06"),
        ("15.6.2021", "on:2021-06-15"),
        ("Christmas 2020", "on:2020-12-24|2020-12-25|2020-12-26"),
        ("tree at christmas", "tree day:12-24|12-25|12-26"),
        ("flowers in may", "flowers month:05"),
        ("since 2020", "after:2020"),
        ("before June 2019", "before:2019-06"),
        ("from 2018 to 2020", "after:2018 before:2021"),
        ("between 2018 and 2020", "after:2018 before:2021"),
        ("dogs last summer", "dogs on:2026-06|2026-07|2026-08"),
        ("five years ago", "on:2021"),
        # what no photo shows is left out beside a name or a date
        ("what did we do in Reykjavik", "place:Reykjavik"),
        ("What did we do in Reykjavik?", "place:Reykjavik"),
        ("our trip to Italy", "country:Italy"),
        ("my last holiday in Italy 2019", "country:Italy on:2019"),
        ("when did we visit Anna", "person:Anna"),
        ("please show me Anna", "person:Anna"),
        ("where did we eat pizza in Italy", "eat pizza country:Italy"),
        ("what was the dog doing in Italy", "dog doing country:Italy"),
        ("the last train in Italy", "the last train country:Italy"),
        ("my dog in Italy", "my dog country:Italy"),
        ("please show me a dog in Italy", "dog country:Italy"),
        ("what did the dog do in Italy", "dog country:Italy"),
        ("see in Italy", "see country:Italy"),
        # a month, a season or a feast beside names alone
        ("italy june", "country:italy month:06"),
        ("Anna summer", f"person:Anna {ANY_SUMMER}"),
        ("Christmas New York", 'day:12-24|12-25|12-26 place:"New York"'),
        ("Anna in a summer dress", "summer dress person:Anna"),
        ("what did we do", "what did we do"),
        # not understood
        ('"Anna" at the beach', 'Anna "at the beach"'),
        ("Annabel at the beach", "Annabel at the beach"),
        ("in Rome 2012", "in Rome 2012"),
        ("in Smith", "in Smith"),
        ("with Italy", "with Italy"),
        ("york", "york"),
        ("an anna", "an anna"),
        ("a christmas tree", "a christmas tree"),
        ("kids in winter jackets", "kids in winter jackets"),
        ("2,019 people", "2,019 people"),
        ("IMG 0002", "IMG 0002"),
        ("may lindqvist", 'person:"may lindqvist"'),
    ],
)  # fmt: skip
def test_lines_and_their_exact_form(reads: NameReads, line: str, expected: str) -> None:
    assert exact(reads, line).replace('"Anna" at the beach', 'Anna "at the beach"') == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plage en été 2019", "plage " + season_of("summer", "2019", "06 07 08")),
        ("l'été dernier", "on:2026-06|2026-07|2026-08"),
        ("le 15 juin 2021", "on:2021-06-15"),
        ("1er mai 2019", "on:2019-05-01"),
        ("1er mai", "day:05-01"),
        ("Noël 2020", "on:2020-12-24|2020-12-25|2020-12-26"),
        ("depuis juin 2019", "after:2019-06"),
        ("Hund im Juni 2021", "Hund on:2021-06"),
        ("vorigen Sommer", "on:2026-06|2026-07|2026-08"),
        ("Weihnachten 2020", "on:2020-12-24|2020-12-25|2020-12-26"),
        ("15. Juni", "day:06-15"),
        ("seit 2020", "after:2020"),
        ("im Jahr 2019", "on:2019"),
        ("letztes Jahr", "on:2025"),
        ("15 de junio de 2019", "on:2019-06-15"),
        ("verano 2018", season_of("summer", "2018", "06 07 08")),
        ("el verano pasado", "on:2026-06|2026-07|2026-08"),
        ("mare nell'estate 2018", "mare " + season_of("summer", "2018", "06 07 08")),
        ("15 giugno 2021", "on:2021-06-15"),
        ("praia em junho de 2021", "praia on:2021-06"),
        ("strand in juni 2021", "strand on:2021-06"),
        ("w czerwcu 2021", "on:2021-06"),
        ("lato 2018", season_of("summer", "2018", "06 07 08")),
        ("июнь 2021", "on:2021-06"),
        ("höst 2019", "höst on:2019"),  # no photo of that autumn
        # An English word, and no season.
        *((f"{word} 2018", f"{word} on:2018") for word in ("host", "tel", "natal", "vara")),
        ("a house on an estate 2018", "a house on an estate on:2018"),
        ("2021 június", "on:2021-06"),
        ("kesäkuussa 2021", "on:2021-06"),
        ("Ιούνιος 2021", "on:2021-06"),
        # not understood: no year, or no date at all
        *((line, line) for line in FOREIGN_TRAPS),
    ],
)  # fmt: skip
def test_dates_in_other_languages(reads: NameReads, line: str, expected: str) -> None:
    assert exact(reads, line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("was haben wir in Arezzo gemacht?", "place:Arezzo"),
        ("unser letzter Urlaub in Arezzo", "place:Arezzo"),
        ("zeig mir Anna", "person:Anna"),
        ("wo war der Hund in Arezzo", "Hund place:Arezzo"),
        ("plage à Arezzo", "plage place:Arezzo"),
        ("qu'avons-nous fait à Arezzo", "place:Arezzo"),
        ("le dernier voyage à Arezzo 2019", "place:Arezzo on:2019"),
        ("il nostro viaggio ad Arezzo", "place:Arezzo"),
        ("cosa abbiamo fatto a Arezzo", "place:Arezzo"),
        ("¿qué hicimos en Arezzo?", "place:Arezzo"),
        ("nuestras vacaciones en Arezzo", "place:Arezzo"),
        ("o que fizemos em Arezzo", "place:Arezzo"),
        ("onze vakantie in Arezzo", "place:Arezzo"),
        ("co robiliśmy w Arezzo", "place:Arezzo"),
        ("ce am făcut în Arezzo", "place:Arezzo"),
        ("что мы делали в Arezzo", "place:Arezzo"),
        ("що ми робили в Arezzo", "place:Arezzo"),
        ("Arezzo tatilimiz", "place:Arezzo"),
        ("co jsme dělali v Arezzo", "place:Arezzo"),
        ("mit csináltunk Arezzo", "place:Arezzo"),
        ("τι κάναμε στο Arezzo", "place:Arezzo"),
        ("vad gjorde vi i Arezzo", "place:Arezzo"),
        ("vores ferie i Arezzo", "place:Arezzo"),
        ("hva gjorde vi i Arezzo", "place:Arezzo"),
        ("mitä teimme Arezzo", "place:Arezzo"),
        # English words, whatever they mean elsewhere
        ("hat in Arezzo", "hat place:Arezzo"),
        ("son in Arezzo", "son place:Arezzo"),
    ],
)
def test_words_that_no_photo_shows_in_other_languages(
    reads: NameReads, line: str, expected: str
) -> None:
    assert exact(reads, line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2019年", "on:2019"),
        ("2019年6月", "on:2019-06"),
        ("2019年6月15日", "on:2019-06-15"),
        ("犬 2019年6月15日", "犬 on:2019-06-15"),
        ("2019年6月的海滩", "海滩 on:2019-06"),
        ("桜2020年12月の京都", "桜 京都 on:2020-12"),
        ("２０１９年６月", "on:2019-06"),
        ("2019년 6월 15일 바다", "바다 on:2019-06-15"),
        ("6月15日", "day:06-15"),
        # No photos, no such date, a decade, a fiscal year, a month of any year.
        ("2018年6月", "2018年6月"),
        ("2019年13月", "2019年13月"),
        ("2019年2月30日", "2019年2月30日"),
        ("1980年代", "1980年代"),
        ("2019年度", "2019年度"),
        ("6月", "6月"),
    ],
)
def test_dates_in_chinese_japanese_and_korean(reads: NameReads, line: str, expected: str) -> None:
    assert exact(reads, line) == expected


def test_no_word_of_another_language_is_a_date_by_itself() -> None:
    lines = files("imgsearch.language").joinpath("date_words.txt").read_text("utf-8").splitlines()
    words = [line.split("\t")[0] for line in lines[1:]]
    assert len(words) > 700
    dates = [word for word in words if read_foreign_period([word], TODAY) is not None]
    assert {meaning_of(word) for word in dates} == {"yesterday"}
    assert {meaning_of(word) for word in words} >= {"june", "summer", "christmas", "last", "of"}


def test_a_name_of_the_library_is_no_month(tmp_path: Path) -> None:
    people = photo("2019-04-15", "Avril Martin", "Maja")
    store = library_of(tmp_path, [people, photo("2019-05-15", town="Mayo")])
    assert exact(store.reads.names, "Avril 2019") == "person:Avril on:2019"
    assert exact(store.reads.names, "avril 15") == "15 person:avril"
    assert exact(store.reads.names, "maja 2019") == "person:maja on:2019"
    assert exact(store.reads.names, "mai 2019") == "on:2019-05"
    store.close()


def test_each_part_can_be_undone(reads: NameReads) -> None:
    line = 'Anna at the beach in Italy 2019 -cars "red hat" camera:canon'
    parts = understand(reads, parse(line), TODAY).parts
    assert [(part.words, part.filters) for part in parts] == [
        ("Anna", "person:Anna"),
        ("in Italy", "country:Italy"),
        ("2019", "on:2019"),
    ]
    for part in parts:
        undone = understand(reads, parse(part.undo), TODAY)
        assert [each.filters for each in undone.parts] == [
            each.filters for each in parts if each is not part
        ]
        assert Term(part.words) in undone.query.terms
        assert Term("red hat", is_quoted=True) in undone.query.terms


def test_each_part_can_be_left_out(reads: NameReads) -> None:
    line = 'Anna at the beach in Italy 2019 -cars "red hat" camera:canon'
    parts = understand(reads, parse(line), TODAY).parts
    assert [part.rest for part in parts] == [
        'at the beach in Italy 2019 -cars "red hat" camera:canon',
        'Anna at the beach 2019 -cars "red hat" camera:canon',
        'Anna at the beach in Italy -cars "red hat" camera:canon',
    ]
    (part,) = understand(reads, parse('in Italy "red hat" sort:date'), TODAY).parts
    assert part.rest == '"red hat" sort:date'
    (part,) = understand(reads, parse("in Italy"), TODAY).parts
    assert part.rest == ""


def test_an_exact_query_is_taken_as_it_is(reads: NameReads) -> None:
    query = Query((Term("Anna in Italy"),))
    assert understand(reads, query, TODAY).query == query
    assert understand(reads, query, TODAY).parts == ()
    for line in ("Anna at the beach", '"Anna at the beach"', "beach -Anna", '2:"in Italy" dog'):
        exact_query = understand(reads, parse(line), TODAY).query
        again = understand(reads, parse(exact_line(reads, exact_query)), TODAY)
        assert again.query == exact_query and again.parts == (), line


def test_a_name_of_a_folder_or_file_is_not_taken_apart(tmp_path: Path) -> None:
    store = Store.open(tmp_path, writable=True)
    root = store.files.add_root("/photos")
    key = store.vectors.add_encoder("test/1", "test", 2).key
    facts = photo("2019-06-15", "Anna", country="Italy")
    store.record(root, key, [ingested("/photos/Italy 2019/IMG 2019.jpg", VECTOR, facts=facts)])
    assert exact(store.reads.names, "italy 2019") == "italy 2019"
    assert exact(store.reads.names, "img 2019 anna") == "img 2019 person:anna"
    assert exact(store.reads.names, "Anna in Italy 2019") == "person:Anna country:Italy on:2019"
    store.close()


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameReads]:
    """Paul, two Hartmanns and a Smith, in a town that is a usual word; a night of fireworks."""
    photos = [
        photo("2019-06-15", "Paul Berger", "Lena Hartmann", town="Split", country="Croatia"),
        photo("2019-08-01", "Klara Hartmann", "Tom Smith"),
        photo("2018-01-01T00:30:00"),
        photo("2017-05-01", "Lena Hartmann"),
        photo("2016-05-01"),
    ]
    store = library_of(tmp_path_factory.mktemp("family"), photos)
    yield store.reads.names
    store.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Paul and Lena in Split", "person:Paul person:Lena place:Split"),
        ("Lena in Split", "person:Lena place:Split"),
        ("with Lena and Paul in Split in June 2019",
         "person:Lena person:Paul place:Split on:2019-06"),
        ("Paul Laughing Loudly In Split", "Laughing Loudly In Split person:Paul"),  # a title
        ("Lena & Paul", "person:Lena person:Paul"),
        ("Lena + Paul", "person:Lena person:Paul"),
        ("Lena & Paul at the beach", "beach person:Lena person:Paul"),
        ("Hartmann 2019", "person:Hartmann on:2019"),
        ("hartmann at the beach", "beach person:hartmann"),
        ("Smith 2019", "person:Smith on:2019"),
        ("a smith", "a smith"),
        ("Paul without Hartmann", "person:Paul -person:Hartmann"),
        ("Paul -Hartmann", "person:Paul -person:Hartmann"),
        ('Paul -"Hartmann"', "-Hartmann person:Paul"),
        ("Split without Paul", "place:Split -person:Paul"),
        ("-person:Lena Split", "place:Split -person:Lena"),
        ("Split", "Split"),
        ("split without Paul", "split -person:Paul"),
        ("Paul without dogs", "-dogs person:Paul"),
        ("Paul without 2019", "person:Paul -on:2019"),
        ("a dog -smith", "a dog -person:smith"),
        ("Hartmann 2012", "person:Hartmann"),  # no photo of that year
        ("new year's eve 2017", "after:2017-12-31 before:2018-01-01T06"),
        ("New Year’s Eve 2017", "after:2017-12-31 before:2018-01-01T06"),
        ("fireworks on new years eve 2017", "fireworks after:2017-12-31 before:2018-01-01T06"),
        ("new year's eve 2016", "new year's eve on:2016"),  # no photo of that night
        ("ＰＡＵＬ　２０１９", "person:PAUL on:2019"),
        ("ｗｉｔｈｏｕｔ ｄｏｇｓ", "-dogs"),
    ],
)  # fmt: skip
def test_families_surnames_and_the_last_night_of_the_year(
    family: NameReads, line: str, expected: str
) -> None:
    assert exact(family, line) == expected


def test_a_date_without_photos_is_named(family: NameReads) -> None:
    def empty_dates(line: str) -> tuple[str, ...]:
        return understand(family, parse(line), TODAY).empty_dates

    assert empty_dates("fireworks, new year's eve 2016") == ("new year's eve 2016",)
    assert empty_dates("fireworks June 2016, Lena") == ("June 2016",)
    for line in ("new year's eve 2017", "2019", "in Rome 2012", "June 2019"):
        assert empty_dates(line) == (), line


@pytest.fixture(scope="module")
def trap_reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameReads]:
    photos = [
        photo(f"2020-{number % 12 + 1:02}-01", trap.title(), town=trap.title(), country="Italy")
        for number, trap in enumerate(TRAPS)
    ]
    store = library_of(tmp_path_factory.mktemp("traps"), photos)
    yield store.reads.names
    store.close()


def test_there_are_enough_traps(trap_reads: NameReads) -> None:
    assert len(set(TRAPS)) >= 100
    for trap in TRAPS:  # each would be understood if it were not a usual word
        assert trap_reads.knows_name("people", trap) and trap_reads.knows_name("place", trap)


@pytest.mark.parametrize("trap", TRAPS)
def test_a_usual_word_is_no_name(trap_reads: NameReads, trap: str) -> None:
    for line in (trap, trap.title(), f"a {trap}", f"the {trap.title()}", f"{trap} photos",
                 f"a dog and a {trap}", f"{trap} at night", f"{trap.title()} at night",
                 f"two people near a {trap}", IN_USE.get(trap, f"my {trap}")):  # fmt: skip
        assert understand(trap_reads, parse(line), TODAY).parts == (), line


@pytest.mark.parametrize("trap", ["nice", "reading", "orange", "bath", "cork", "mobile"])
def test_a_usual_word_written_as_a_name_is_one(trap_reads: NameReads, trap: str) -> None:
    assert exact(trap_reads, f"a dog in {trap.title()}") == f"a dog place:{trap.title()}"


def test_names_are_told_from_usual_words() -> None:
    for word in ("anna", "italy", "geneva", "jurgen", "tom", "arezzo", "vienna", "2019", "zoe",
                 "hartmann", "smith", "werner", "moreau"):  # fmt: skip
        assert not is_common(word), word
    for word in (*TRAPS, "beaches", "dogs", "selfie", "colour", "wedding", "running"):
        assert is_common(word) or word in ("april", "june"), word


@pytest.mark.alone  # measures time
def test_long_and_odd_lines_are_answered_fast(reads: NameReads) -> None:
    started = time.perf_counter()
    for line in ("Anna " * 1_900, "2019 " * 1_900, "in " * 3_000, "a" * 9_999, "\u200f" * 50,
                 "\u202eAnna\u202c", "Anna,,, ;;; in in in", "1 2 3 4 5 6 7 8 9 0 " * 2,
                 "in Italy " * 15):  # fmt: skip
        understand(reads, parse(line), TODAY)
    assert time.perf_counter() - started < 2
    assert exact(reads, "\u202eAnna\u202c at the beach") == "beach person:\u202eAnna\u202c"


# ------------------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("june 15th 2021", "on:2021-06-15"),
        ("june 15 2021", "on:2021-06-15"),
        ("the 15th of june 2021", "on:2021-06-15"),
        ("2021-06", "on:2021-06"),
        ("25/12/2020", "on:2020-12-25"),
        ("12/25/2020", "on:2020-12-25"),
        ("summer of 2019", season_of("summer", "2019", "06 07 08")),
        ("winter 2019", season_of("winter", "2019", "01 02 12")),
        ("last winter", "on:2025-12|2026-01|2026-02"),
        ("last christmas", "on:2025-12-24|2025-12-25|2025-12-26"),
        ("last november", "on:2025-11"),
        ("last june", "on:2026-06"),
        ("this year", "on:2026"),
        ("last month", "on:2026-10"),
        ("yesterday", "on:2026-11-25"),
        ("last weekend", "on:2026-11-21|2026-11-22"),
        ("3 months ago", "on:2026-08"),
        ("easter 2019", "on:2019-04-19|2019-04-20|2019-04-21|2019-04-22"),
        ("halloween 2018", "on:2018-10-31"),
        ("new year's eve 2019", "after:2019-12-31 before:2020-01-01T06"),
        ("last new year's eve", "after:2025-12-31 before:2026-01-01T06"),
        ("new year's eve", "day:12-31"),
        ("24 december", "day:12-24"),
    ],
)
def test_dates_as_people_write_them(text: str, expected: str) -> None:
    period = read_period(text.split(), TODAY)
    assert period is not None
    assert to_text(Query(filters=period.filters())) == expected


@pytest.mark.parametrize(
    "text",
    ["2050", "1700", "6/7/2021", "june 31 2021", "30.2.2020", "13/2020", "sun", "second", "march 5",
     "last supper", "this dog", "four", "999 years ago", "2020-2018", "may june 2020"],
)  # fmt: skip
def test_what_is_no_date_or_not_only_one(text: str) -> None:
    assert read_period(text.split(), TODAY) is None


def test_easter() -> None:
    # Astronomical Applications Department of the U.S. Naval Observatory, "The Date of Easter"
    known = ("2000-04-23", "2008-03-23", "2011-04-24", "2019-04-21", "2024-03-31", "2025-04-20")
    for day in known:
        assert easter_sunday(int(day[:4])).isoformat() == day
