"""Questions about photos: how they are read, and what dates, places, names and pictures answer."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import date, datetime
from pathlib import Path

import pytest

from imgsearch import Library, QuestionAnswer, Settings, UsageError
from imgsearch.features.ask import wording
from imgsearch.features.ask.operations import Questions
from imgsearch.features.ask.questions import read_question
from imgsearch.service.client import Client
from tests.factories import run_cli
from tests.services import serving
from tests.stand_in import StandIn
from tests.travels import AREZZO, FLORENCE, SYDNEY, state_beside, write_taken

HOWTH = (53.388, -6.065)
PHOTOS: dict[str, tuple[str | None, tuple[float, float] | None]] = {
    "arezzo 1": ("2008-10-22T16:00:00", AREZZO),
    "arezzo 2": ("2008-10-22T18:30:00", AREZZO),
    "florence": ("2008-10-24T10:00:00", FLORENCE),
    "sydney": ("2015-02-01T10:00:00", SYDNEY),
    "arezzo again": ("2015-11-05T09:15:00", AREZZO),
    "no place": ("2016-01-02T10:00:00", None),
    "no date": (None, AREZZO),
}


@pytest.fixture
def asked(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """A library of three trips, with a photo without a place and one without a date."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, (taken, at) in PHOTOS.items():
        write_taken(folder / f"{name}.png", taken, at)
    library.index([folder]).run()
    return library


def proof(answer: QuestionAnswer) -> list[str]:
    return [hit.path.stem for hit in answer.hits]


# ------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("text", "asked", "unit", "order", "subject"),
    [
        ("When did we last go skiing?", "when", None, "last", "skiing"),
        ("when was the first time I saw Anna", "when", None, "first", "Anna"),
        ("When was our first trip to Italy?", "when", None, "first", "trip to Italy"),
        ("Where were we last summer?", "where", None, None, "last summer"),
        ("how long ago did we eat ice cream?", "when", None, None, "eat ice cream"),
        ("How long did the wedding last?", "how long", None, None, "the wedding"),
        ("How many days were we in Japan?", "how long", "day", None, "in Japan"),
        ("How many nights did I sleep in a tent?", "how often", "day", None, "sleep in a tent"),
        ("On what date did we see a bear?", "when", "day", None, "a bear"),
        ("What day of the week was it when I saw a bear?", "when", "weekday", None, "a bear"),
        ("Which years were we in Italy?", "which dates", "year", None, "in Italy"),
        ("In which month of 2015 did I build it?", "when", "month", None, "of 2015 build"),
        ("I saw a red bridge. Which country was it in?", "where", "country", None, "a red bridge"),
        ("In Lisbon, when did I see a tram?", "when", None, None, "a tram, In Lisbon"),
        ("How many times was I at the beach?", "how often", None, None, "the beach"),
        ("How many weddings did we go to?", "how often", None, None, "weddings"),
        ("How many photos are there of Max?", "how many photos", None, None, "of Max"),
        ("How many videos do we have?", "how many photos", "video", None, ""),
        ("How many countries did we visit in 2019?", "how many places", "country", None, "in 2019"),
        ("Who was with me in Lisbon?", "who", None, None, "in Lisbon"),
        ("Have we ever been to Rome?", "ever", None, None, "to Rome"),
        ("What did the house look like in 2015?", "look", None, None, "the house in 2015"),
        ("What is the colour of the car I drove?", "other", None, None, "the car I drove"),
        ("Why were we in Rome?", "other", None, None, "in Rome"),
        ("How many windows did the house have?", "other", None, None, "windows did the house"),
        ("When is Easter?", "other", None, None, "Easter"),
        # Other languages
        ("Wann waren wir zuletzt in Lissabon?", "when", None, "last", "Lissabon"),
        ("Wie oft war ich in Paris?", "how often", None, None, "Paris"),
        ("In welchem Land war das Konzert?", "where", "country", None, "Konzert"),
        ("Combien de fois étions-nous à Paris ?", "how often", None, None, "Paris"),
        ("Où étions-nous en 2019 ?", "where", None, None, "2019"),
        ("Quando siamo stati a Roma per la prima volta?", "when", None, "first", "Roma"),
        ("Quante volte siamo stati a Roma?", "how often", None, None, "Roma"),
        ("¿Cuándo estuvimos en Madrid por última vez?", "when", None, "last", "Madrid"),
        ("¿Dónde estuvimos en 2019?", "where", None, None, "2019"),
        ("Onde estivemos em 2019?", "where", None, None, "2019"),
        ("Quantas vezes estivemos em Lisboa?", "how often", None, None, "Lisboa"),
        ("Hoe vaak waren we in Amsterdam?", "how often", None, None, "Amsterdam"),
        ("Wanneer waren we voor het laatst in Gent?", "when", None, "last", "Gent"),
    ],
)
def test_what_a_question_asks(
    text: str, asked: str, unit: str | None, order: str | None, subject: str
) -> None:
    question = read_question(text)
    assert question is not None
    found = (question.asked, question.unit, question.order, question.subject)
    assert found == (asked, unit, order, subject)


@pytest.mark.parametrize(
    "text",
    [
        *("a dog on a beach", "when harry met sally", "where the wild things are", ""),
        *("what a day", "who", "how", "?", "Anna in Lisbon", "last summer", "many photos"),
        *("did", "was ist das für ein Hund", "die Wanne", "写真はどこ", "когда"),
    ],
)
def test_what_is_no_question(text: str) -> None:
    """So the search field looks for it as ever."""
    assert read_question(text) is None


def test_the_questions_of_a_life(shared_data: Path) -> None:
    """Nearly all real questions are read, and what photos cannot tell is left to be refused."""
    with (shared_data / "remembering" / "questions.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    read = {row["question"]: read_question(row["question"]) for row in rows}
    assert sum(question is not None for question in read.values()) >= len(rows) - 2
    for row in rows:
        question = read[row["question"]]
        if question is None:
            continue
        if row["kind"] in ("Color", "OCR"):
            assert question.asked in ("other", "where"), row["question"]
        if row["kind"] == "Time" and not row["question"].startswith("Which year's"):
            assert question.asked == "when", row["question"]
        if row["kind"] == "Duration":
            assert question.asked == "how long", row["question"]


# ------------------------------------------------------------------------- facts


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("When was I last in Italy?", "Last on 5 November 2015, in Arezzo."),
        ("When was I first in Italy?", "First from 22 to 24 October 2008, in Arezzo."),
        (
            "When was I in Arezzo?",
            "At least twice: on 22 October 2008 and on 5 November 2015.",
        ),
        ("What year was I in Sydney?", "In 2015, on 1 February 2015, in Sydney."),
        ("Which years was I in Italy?", "In 2008 and 2015."),
        ("In which month was I in Australia?", "In February 2015, on 1 February 2015, in Sydney."),
        (
            "What day of the week was I in Sydney?",
            "On a Sunday, 1 February 2015, in Sydney.",
        ),
        ("In which season was I in Sydney?", "In summer, on 1 February 2015, in Sydney."),
        ("At what time was I in Sydney?", "At 10:00, on 1 February 2015, in Sydney."),
        ("Where was I in October 2008?", "In Arezzo and Florence."),
        ("In which country was I in 2008?", "In Italy, from 22 to 24 October 2008."),
        (
            "How often was I in Arezzo?",
            "At least twice; last on 5 November 2015, in Arezzo.",
        ),
        (
            "How long was I in Arezzo in 2008?",
            "At least 2 hours and 30 min, on 22 October 2008, from 16:00 to 18:30, in Arezzo.",
        ),
        (
            "How many days was I in Italy?",
            "At least 3 days, from 22 to 24 October 2008, in Arezzo; the longest of 2 occasions.",
        ),
        ("How many photos of 2008?", "3 photos."),
        ("How many photos are there?", "7 photos."),
        ("How many videos are there?", "No photo seems to show it."),
        ("How many countries did I visit?", "At least 2 countries: Italy and Australia."),
        ("Was I ever in Sydney?", "Yes, at least once: on 1 February 2015, in Sydney."),
        ("What did Sydney look like?", "1 photo shows it."),
        (
            "When was I in Reykjavik?",
            "No photo was taken in Reykjavik, as far as places are known.",
        ),
        ("How often was I in Arezzo in 2013?", "The library has no photo of 2013."),
        ("Wie oft war ich in Arezzo?", "At least twice; last on 5 November 2015, in Arezzo."),
        ("Wann war ich zuletzt in Italien?", "Last on 5 November 2015, in Arezzo."),
    ],
)
def test_what_facts_answer(asked: Library, question: str, sentence: str) -> None:
    assert asked.ask(question).sentence == sentence


def test_the_photos_are_the_proof(asked: Library) -> None:
    answer = asked.ask("When was I last in Italy?")
    assert (answer.certainty, answer.asked, proof(answer)) == ("known", "when", ["arezzo again"])
    assert answer.is_answered and answer.photos == 1
    assert asked.search(answer.query, k=9), "the query can be searched for"
    often = asked.ask("How often was I in Arezzo?")
    assert proof(often)[:2] == ["arezzo again", "arezzo 2"], "one of each occasion, newest first"
    assert [(each.start.year, each.photos) for each in often.occasions] == [(2008, 2), (2015, 1)]
    assert [each.place for each in often.occasions] == ["Arezzo", "Arezzo"]
    assert proof(asked.ask("How often was I in Arezzo?", k=1)) == ["arezzo again"]


def test_photos_without_a_date_or_place_do_not_count_and_are_told(asked: Library) -> None:
    answer = asked.ask("How often was I in Arezzo?")
    assert "no date" not in proof(answer)
    assert "1 photo of it without a date of its own does not count." in answer.remarks
    nowhere = asked.ask("Where was I in January 2016?")
    assert nowhere.sentence == "The photo of it has no place." and not nowhere.is_answered
    assert any("--set-place" in each for each in nowhere.remarks)
    assert nowhere.remark_commands and nowhere.remark_commands[0].startswith("imgsearch correct")
    assert asked.ask("How many photos of Arezzo?").photos == 4, "a number needs no date"


def test_how_long_of_one_moment_is_not_known(asked: Library) -> None:
    answer = asked.ask("How long was I in Sydney?")
    assert answer.sentence.startswith("How long it was is not known: all photos of it are of one")
    assert answer.certainty == "none" and proof(answer) == ["sydney"]


def test_what_dates_and_places_do_not_tell_is_refused(asked: Library) -> None:
    for question in ("Why was I in Sydney?", "How much did the hotel in Sydney cost?"):
        answer = asked.ask(question)
        assert answer.certainty == "refused" and not answer.is_answered, question
        assert answer.sentence.startswith("That cannot be read from dates and places"), question
    assert proof(asked.ask("Why was I in Sydney?")) == ["sydney"]


def test_the_title_of_an_event_and_the_name_of_an_album_answer(asked: Library) -> None:
    asked.events.set_title(datetime(2015, 2, 1, 10), "Wedding of Anna and Max")
    for question in ("When was the wedding?", "When was the wedding of Anna?"):
        answer = asked.ask(question)
        assert (answer.sentence, answer.certainty) == ("On 1 February 2015, in Sydney.", "known")
    if "albums" in asked.capabilities:
        ids = [hit.photo.id for hit in asked.search("on:2008", k=9)]
        asked.albums.make("Our honeymoon", photo_ids=ids)
        answer = asked.ask("Where was our honeymoon?")
        assert (answer.sentence, answer.certainty) == ("In Arezzo and Florence.", "known")


def test_dates_that_are_not_exact(asked: Library, tmp_path: Path) -> None:
    state_beside(tmp_path / "photos" / "sydney.png", "1974-07", SYDNEY)
    asked.index().run()
    answer = asked.ask("When was I in Sydney?")
    assert answer.sentence == "In July 1974, in Sydney."
    assert asked.ask("What time was I in Sydney?").sentence == (
        "In July 1974, at a time of day that is not known, in Sydney."
    )
    assert "not known" in asked.ask("How long was I in Sydney?").sentence
    assert asked.ask("What year was I in Sydney?").sentence == "In 1974, in July 1974, in Sydney."
    several = asked.ask("Which months was I in Sydney?")
    assert several.sentence == "In July 1974."


# ------------------------------------------------------------------------- people


PEOPLE = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:DateCreated="{}">'
    '<p:PersonInImage xmlns:p="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><rdf:Bag>{}'
    "</rdf:Bag></p:PersonInImage></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def test_who_was_there(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    days = {
        "2019-05-12T10:00:00": ("Anna", "Max"),
        "2019-05-12T11:00:00": ("Anna",),
        "2020-01-01T10:00:00": ("Rose",),
    }
    for number, (day, people) in enumerate(days.items()):
        write_taken(folder / f"{number}.png", day)
        names = "".join(f"<rdf:li>{name}</rdf:li>" for name in people)
        (folder / f"{number}.xmp").write_text(PEOPLE.format(day, names))
    library.index([folder]).run()
    assert library.ask("Who was there on 12 May 2019?").sentence == "Anna and Max, on 12 May 2019."
    library.events.set_title(datetime(2019, 5, 12, 10), "Wedding")
    assert library.ask("Who was at the wedding?").sentence == "Anna and Max, on 12 May 2019."
    # A usual word that is a name here, wherever it stands; and other forms of the words of a title.
    assert library.ask("When was Rose last there?").sentence == "On 1 January 2020."
    assert library.ask("How many photos of Rose and Anna?").sentence == "No photo seems to show it."
    library.events.set_title(datetime(2020, 1, 1, 10), "Rose turns forty")
    assert library.ask("When did Rose turn forty?").sentence == "On 1 January 2020."
    with_anna = library.ask("Who was with Anna?")
    assert with_anna.sentence == "Max, on 12 May 2019."
    assert library.ask("How often did I see Anna?").sentence == "At least once: on 12 May 2019."
    assert library.ask("How many photos of Anna in 2019?").sentence == "2 photos."
    nobody = library.ask("Who was with Rose?")
    assert nobody.sentence == "Nobody on the photos of it is known." and not nobody.is_answered
    if "people" in library.capabilities:
        assert any("imgsearch faces" in each for each in nobody.remarks)
    else:
        assert any("finds no faces" in each for each in nobody.remarks)


# ------------------------------------------------------------------------- pictures


@pytest.fixture(scope="module")
def seen(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the demo photos, each of a day and in a town of its own."""
    parent = tmp_path_factory.mktemp("seen")
    folder = parent / "photos"
    shutil.copytree(demo_photos, folder)
    files = sorted(file for file in folder.rglob("*") if file.suffix != ".xmp" and file.is_file())
    for number, file in enumerate(files):
        state_beside(file, f"2019-05-{number + 1:02}T10:00:00", SYDNEY if number % 2 else AREZZO)
    with Library.open(Settings.load(data_dir=parent / "data", encoder="lite")) as library:
        library.index([folder]).run()
    return parent / "data"


def test_what_pictures_answer_is_said_with_a_doubt(seen: Path) -> None:
    with Library.open(Settings.load(data_dir=seen, encoder="lite")) as library:
        cat = library.ask("When did I see a cat?")
        assert proof(cat) == ["chelsea"] and cat.certainty == "likely"
        day = cat.hits[0].date
        assert day is not None
        town = "Sydney" if day.day % 2 == 0 else "Arezzo"
        assert cat.sentence == f"On {day.day} May 2019, in {town}, it seems."
        where = library.ask("Where was the cat?")
        assert where.sentence == f"In {town}, on {day.day} May 2019, it seems."
        assert library.ask("How often did I see a cat?").sentence.startswith("At least once: on ")
        assert library.ask("Did I ever see a cat?").sentence.startswith("Yes, at least once: on ")
        assert library.ask("How many photos of a cat?").sentence.startswith("At least 1 photo, it ")
        unsure = library.ask("When did I see a submarine?")
        assert unsure.certainty in ("unsure", "none")
        assert unsure.sentence.startswith(("Perhaps on ", "No photo seems"))
        nobody = library.ask("When did I see Zoe with a cat?")
        assert nobody.certainty in ("unsure", "none"), "nothing in the library has that name"
        assert "Nothing in the library is called Zoe." in nobody.remarks


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        *(("", "There is no question"), ("  \n ", "There is no question")),
        *(("When?", "does not say what it is about"), ("Who?", "does not say what")),
        *(("a dog on a beach", "no question that is understood"), ("?", "no question that is")),
        *(("写真はどこで撮りましたか", "no question that is"), ("\x1b[2J", "no question that is")),
        ("When did I " + "x" * 1989, "The question has 2,000 characters. Use 400 at most"),
    ],
)
def test_a_question_that_cannot_be_read(asked: Library, question: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as raised:
        asked.ask(question)
    assert "\x1b" not in str(raised.value)


def test_a_long_question_and_other_scripts(asked: Library) -> None:
    long = asked.ask(f"When did I see {'a very ' * 20}long train?")
    assert long.certainty in ("none", "unsure")
    assert asked.ask("When did I see 東京タワー?").certainty in ("none", "unsure")
    with pytest.raises(UsageError, match="1 or more"):
        asked.ask("When was I in Sydney?", k=0)


def test_one_photo(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    write_taken(folder / "one.png", "2019-05-12T10:00:00")
    library.index([folder]).run()
    assert library.ask("When did I see a train?").certainty in ("unsure", "none")
    assert library.ask("How many photos are there?").sentence == "1 photo."
    assert library.ask("When was the first photo taken?").sentence == "On 12 May 2019."


def test_the_first_and_the_last_year_and_one_second(
    library: Library, stand_in: StandIn, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    times = ("0001-01-01T00:00:10", "9999-12-31T23:59:59", *["2019-05-12T10:00:00"] * 3)
    for number, time in enumerate(times):
        write_taken(folder / f"{number}.png", time, AREZZO)
    library.index([folder]).run()
    first = library.ask("When was I first in Arezzo?")
    assert first.sentence == "First on 1 January 1, in Arezzo."
    last = library.ask("When was I last in Arezzo?")
    assert last.sentence == "Last on 12 May 2019, in Arezzo.", "9999 is no date of a photo"
    assert last.remarks == ("1 photo of it without a date of its own does not count.",)
    assert library.ask("Which years was I in Arezzo?").sentence == "In 1 and 2019."
    assert library.ask("How often was I in Arezzo?").sentence == (
        "At least twice; last on 12 May 2019, in Arezzo."
    )
    long = library.ask("How long was I in Arezzo in 2019?")
    assert long.sentence.startswith("How long it was is not known: all photos of it are of one")
    assert library.ask("How long ago was I in Arezzo?").certainty == "known"


def test_no_dates_and_no_places(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        write_taken(folder / f"{number}.png")
    library.index([folder]).run()
    when = library.ask("When was the last photo taken?")
    assert when.sentence == (
        "When that was is not known: 3 photos show it, without a date of their own."
    )
    assert library.ask("How many countries did I visit?").sentence == (
        "None of 3 photos of it has a country."
    )


# ------------------------------------------------------------------------- words


def test_words_of_an_answer() -> None:
    assert wording.listed(["Anna", "Max", "Rose"]) == "Anna, Max and Rose"
    assert wording.listed_in_part([str(n) for n in range(14)]).endswith("10, 11 and 2 more")
    at = datetime(2019, 5, 12, 14, 3)
    assert wording.duration(at, at.replace(hour=16, minute=8)) == "2 hours and 5 min"
    assert wording.duration(at, at.replace(second=20)) == "1 minute"
    assert wording.duration(at, at.replace(minute=45), "minute") == "42 minutes"
    assert wording.duration(at, at.replace(day=20), "week") == "9 days"
    assert wording.duration(at, at.replace(day=26), "week") == "2 weeks"
    assert wording.duration(at, at.replace(day=14), "night") == "2 nights"
    assert wording.time_ago(at, date(2019, 5, 12)) == "today"
    assert wording.time_ago(at, date(2019, 6, 11)) == "30 days ago"
    assert wording.time_ago(at, date(2019, 7, 12)) == "2 months ago"
    assert wording.time_ago(at, date(2024, 5, 11)) == "4 years ago"
    assert wording.season_of(at, is_south=True) == "autumn"
    assert wording.sentence("in a\ntown") == "In a\\ntown."


# ------------------------------------------------------------------------- command and service


def test_the_command(seen: Path) -> None:
    done = run_cli("ask", "When did I see a cat?", data=seen)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()[:2]
    assert first.endswith(", it seems.") and second.endswith("chelsea.png")
    assert second.startswith("  1  ")
    answer = json.loads(run_cli("ask", "When did I see a cat?", "--json", data=seen).stdout)
    assert answer["sentence"] == first and answer["certainty"] == "likely"
    assert answer["occasions"][0]["start"].startswith("2019-05-")
    paths = run_cli("ask", "When did I see a cat?", "--paths", data=seen).stdout
    assert paths.endswith("chelsea.png\n") and paths.count("\n") == 1
    refused = run_cli("ask", "What colour is the cat?", "-k", "1", data=seen)
    assert refused.returncode == 1 and refused.stdout.startswith("That cannot be read")
    wrong = run_cli("ask", "a cat", data=seen)
    assert wrong.returncode == 2 and "imgsearch ask" in wrong.stderr
    both = run_cli("ask", "When did I see a cat?", "--json", "--paths", data=seen)
    assert both.returncode == 2 and "Choose one" in both.stderr


def test_the_service_gives_the_same_answer(seen: Path) -> None:
    question = "When did I see a cat?"
    settings = Settings.load(data_dir=seen, encoder="lite")
    with Library.open(settings) as library:
        answer = library.ask(question, k=2)
    with serving(seen):
        assert Client(settings).call(Questions.ask, question=question, k=2) == answer
