"""Measures how many questions `imgsearch ask` answers rightly, on a made library of 2,000 photos.

    python -m benchmarks.bench_ask DATA [--part development|held-out]

DATA has the photos of flickr8k, coco-dev and imagenet-samples (../shared/data). They are placed
into the occasions of a made life: ten years in Howth, with trips, where XMP files beside the photos
state dates, places and people. What an occasion was about (THEMES) is shown by photos of which at
least three captions say so; photos of which one or two do are left out, so that the right answers
are known. The questions have the forms of those of the Lifelog Search Challenge. Half of them are
held out: the rules were made with the others.

An answer is right if its sentence has what it should have, or if it is refused where photos cannot
tell. A wrong one should say its doubt. The encoder is `lite`.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import random
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from imgsearch import Library, QuestionAnswer, Settings

PHOTOS = 2000
UNDATED = 40
SAID_BY = 3  # captions of a photo that is about a theme
SEED = 50
FIRST_AFTER = 7  # minutes, of the first photo of other things
DOUBT = re.compile(
    r"at least|it seems|seems? to show|perhaps|may show|as far as|not known|the library has no"
)

PLACES = {
    "Howth": ("Ireland", 53.388, -6.065),
    "Galway": ("Ireland", 53.271, -9.057),
    "Cork": ("Ireland", 51.898, -8.471),
    "Lisbon": ("Portugal", 38.717, -9.137),
    "Innsbruck": ("Austria", 47.269, 11.393),
    "Kyoto": ("Japan", 35.021, 135.754),
    "Tokyo": ("Japan", 35.690, 139.692),
    "Rome": ("Italy", 41.892, 12.511),
    "Barcelona": ("Spain", 41.389, 2.159),
    "Nairobi": ("Kenya", -1.283, 36.817),
    "Sydney": ("Australia", -33.868, 151.207),
    "Berlin": ("Germany", 52.524, 13.411),
    "New York": ("United States", 40.714, -74.006),
}
# What occasions are about, by what captions say.
THEMES = {
    "skiing": r"\bski(s|er|ers|ing)?\b",
    "surfing": r"\bsurf",
    "guitar": r"\bguitar",
    "giraffe": r"\bgiraffe",
    "tennis": r"\btennis",
    "horse": r"\bhorses?\b",
    "basketball": r"\bbasketball",
    "bath": r"\bbath(tub|ing)?\b|\btub\b",
    "soccer": r"\bsoccer",
    "motorcycle": r"\bmotorcycle|\bmotorbike|\bdirt ?bike",
    "kayak": r"\bkayak|\bcanoe",
    "elephant": r"\belephant",
    "baseball": r"\bbaseball",
    "train": r"\btrains?\b",
    "frisbee": r"\bfrisbee",
    "pizza": r"\bpizza",
    "hockey": r"\bhockey",
}
# Photos that are neither in an occasion with a theme nor in the rest of the life: too much alike.
LEFT_OUT = r"\bsnowboard|\bzebra|\bfootball|\brugby|\bsled|\bdonkey|\bpony|\bwake ?board|\bracquet"
# Words of ImageNet classes that are left out for the same reason.
LEFT_OUT_CLASSES = (
    "ski snow bobsled dogsled alp surf guitar tennis racket horse zebra basketball bath tub soccer "
    "football rugby motor moped scooter kayak canoe paddle elephant tusker baseball ballplayer "
    "train locomotive carriage streetcar frisbee pizza hockey puck banjo violin sorrel oxcart"
)


class Outing(Struct, frozen=True):
    """An occasion of the made life: where, when, with whom, and what it was about."""

    start: str
    place: str
    people: tuple[str, ...] = ()
    days: int = 1
    theme: str | None = None
    shown: int = 0  # photos of the theme, within two hours of the first day
    others: int = 6  # photos of other things, on each day
    title: str | None = None


OUTINGS = (
    Outing("2017-02-11T10:00", "Innsbruck", ("Anna", "Max"), 3, "skiing", 4),
    Outing("2019-02-16T10:00", "Innsbruck", ("Anna",), 4, "skiing", 4),
    Outing("2021-01-23T10:00", "Innsbruck", ("Max",), 2, "skiing", 3),
    Outing("2016-07-09T13:00", "Galway", ("Max",), 1, "surfing", 4),
    Outing("2022-08-20T11:00", "Lisbon", ("Anna",), 3, "surfing", 4),
    Outing("2018-05-19T20:00", "Howth", ("Tom",), 1, "guitar", 5),
    Outing("2020-01-10T09:00", "Nairobi", ("Anna", "Tom"), 5, "giraffe", 4),
    Outing("2020-01-12T15:00", "Nairobi", ("Anna", "Tom"), 1, "elephant", 3, 0),
    Outing("2016-06-04T15:00", "Howth", ("Rose",), 1, "tennis", 3),
    Outing("2018-06-16T15:00", "Howth", ("Rose",), 1, "tennis", 3),
    Outing("2023-07-01T15:00", "Howth", (), 1, "tennis", 2),
    Outing("2019-09-14T11:00", "Cork", ("Rose",), 1, "horse", 5),
    Outing("2017-11-25T18:00", "Howth", ("Tom",), 1, "basketball", 5),
    Outing("2020-11-14T18:00", "Howth", ("Tom",), 1, "basketball", 5),
    Outing("2015-08-02T18:30", "Howth", (), 1, "bath", 6),
    Outing("2016-05-07T14:00", "Howth", ("Max",), 1, "soccer", 4),
    Outing("2019-05-18T14:00", "Howth", ("Max",), 1, "soccer", 4),
    Outing("2022-06-11T14:00", "Howth", (), 1, "soccer", 4),
    Outing("2018-08-25T12:00", "Barcelona", ("Tom",), 2, "motorcycle", 5),
    Outing("2017-07-15T11:00", "Galway", ("Anna",), 1, "kayak", 3),
    Outing("2021-07-24T11:00", "Cork", ("Anna",), 1, "kayak", 4),
    Outing("2019-07-06T16:00", "New York", ("Max",), 4, "baseball", 6),
    Outing("2023-06-17T16:00", "New York", ("Max",), 3, "baseball", 5),
    Outing("2020-08-08T10:00", "Berlin", ("Rose",), 3, "train", 5),
    Outing("2018-04-21T13:00", "Howth", (), 1, "frisbee", 4),
    Outing("2024-05-04T13:00", "Howth", (), 1, "frisbee", 5),
    Outing("2017-09-28T19:00", "Rome", ("Anna", "Tom"), 5, "pizza", 3),
    Outing("2022-01-15T19:00", "Berlin", ("Max",), 2, "hockey", 3),
    Outing("2015-05-12T10:00", "Lisbon", ("Anna",), 6),
    Outing("2018-10-03T10:00", "Lisbon", ("Anna", "Max"), 5),
    Outing("2016-04-03T10:00", "Kyoto", ("Anna",), 7),
    Outing("2016-04-10T10:00", "Tokyo", ("Anna",), 3),
    Outing("2019-03-08T10:00", "Barcelona", ("Max",), 3),
    Outing("2023-01-02T10:00", "Sydney", ("Anna", "Tom"), 11),
    Outing("2021-06-19T12:00", "Howth", ("Anna", "Max", "Tom", "Rose"), 1, others=14,
           title="Wedding of Anna and Max"),
    Outing("2024-03-02T15:00", "Howth", ("Rose", "Tom"), 1, others=8,
           title="Rose turns forty"),
)  # fmt: skip


class Posed(Struct, frozen=True):
    """A question, and a pattern that the sentence of a right answer matches; None: refused."""

    form: str
    text: str
    right: str | None


NONE = r"(?i)^no photo|^the library has no photo|^nobody"
DEVELOPMENT = (
    Posed("when", "When did we last go skiing?", r"23 January 2021"),
    Posed("when", "When was the first time I went skiing?", r"11 February 2017"),
    Posed("when", "When did somebody play the guitar?", r"19 May 2018"),
    Posed("when", "What was the date when I saw a giraffe in Kenya?", r"10 January 2020"),
    Posed("when", "On what date did Rose ride a horse?", r"14 September 2019"),
    Posed("when", "What year did we go to Japan?", r"^In 2016"),
    Posed("when", "Which month of the year did I go to Sydney?", r"January 2023"),
    Posed("when", "What day of the week was it when I saw a horse in Cork?", r"Saturday"),
    Posed("when", "When was I last in Lisbon?", r"20 to 22 August 2022"),
    Posed("when", "When was the wedding?", r"19 June 2021"),
    Posed("when", "When did I first surf?", r"9 July 2016"),
    Posed("when", "Which years was I in Lisbon?", r"2015, 2018 and 2022"),
    Posed("when", "In which year did I last play tennis?", r"2023"),
    Posed("when", "When did we last play basketball?", r"14 November 2020"),
    Posed("when", "When was I in Reykjavik?", NONE),
    Posed("when", "How long ago was the wedding of Anna and Max?", r"years ago, on 19 June 2021"),
    Posed("where", "Where did I last go surfing?", r"^(Mostly in|Perhaps in|In) Lisbon"),
    Posed("where", "Where did we go skiing?", r"^In Innsbruck"),
    Posed(
        "where",
        "Which country was it? I remember seeing a giraffe.",
        r"^(Mostly in|Perhaps in|In) Kenya",
    ),
    Posed(
        "where",
        "What city was I in when I saw a person on a horse?",
        r"^(Mostly in|Perhaps in|In) Cork",
    ),
    Posed("where", "Where was I in April 2016?", r"Kyoto and Tokyo|Kyoto, Tokyo"),
    Posed("where", "Where was the guitar player?", r"^(Mostly in|Perhaps in|In) Howth"),
    Posed("where", "In which country was Innsbruck?", r"^(Mostly in|Perhaps in|In) Austria"),
    Posed("how often", "How often was I in Lisbon?", r"3 times"),
    Posed("how often", "How many times did I go skiing?", r"3 times"),
    Posed("how often", "How often did we play tennis?", r"3 times"),
    Posed("how often", "How often did I surf?", r"twice"),
    Posed("how often", "How many times did I go to Lisbon in 2018?", r"once"),
    Posed("how often", "How often was Anna in Innsbruck?", r"twice"),
    Posed("how often", "How often was I in Kenya in 2017?", NONE),
    Posed("how long", "How long were we in Japan?", r"10 days"),
    Posed("how long", "How many days did I spend in Sydney?", r"11 days"),
    Posed("how long", "How long did I stay in Lisbon in 2015?", r"6 days"),
    Posed("how long", "How many days were we in Nairobi?", r"5 days"),
    Posed("counting", "How many photos of Rose do we have?", "@Rose"),
    Posed("counting", "How many photos of Anna in 2019?", "@Anna 2019"),
    Posed("counting", "How many countries did I visit in 2019?", r"4 countries"),
    Posed("counting", "How many giraffes did I see in Kenya?", None),
    Posed("who", "Who was at the wedding?", r"(?=.*Tom)(?=.*Rose)(?=.*Anna)(?=.*Max)"),
    Posed("who", "Who was with me in Sydney?", r"(?=.*Anna)(?=.*Tom)"),
    Posed("ever", "Did I ever go to Barcelona?", r"^Yes"),
    Posed("ever", "Was Anna in Kyoto in 2016?", r"^Yes"),
    Posed("ever", "Have we ever been to Brazil?", NONE),
    Posed("object", "What brand of guitar did Tom play?", None),
    Posed("object", "What kind of cake did I eat in Lisbon?", None),
    Posed("colour", "What is the colour of the horse I saw in Cork?", None),
    Posed("text", "What is the name of the hotel where I stayed in Kyoto?", None),
    Posed("text", "What was written on the sign in Nairobi?", None),
    Posed("object", "Why did we go to Innsbruck?", None),
    Posed("object", "How much did the surfboard cost?", None),
)
HELD_OUT = (
    Posed("when", "When did I last watch a soccer match?", r"11 June 2022"),
    Posed("when", "When did we first play soccer?", r"7 May 2016"),
    Posed("when", "On which date did we eat pizza in Rome?", r"28 September 2017"),
    Posed("when", "When did I see a motorcycle in Barcelona?", r"25 August 2018"),
    Posed("when", "What was the date when I saw an elephant?", r"12 January 2020"),
    Posed("when", "What year did I go to Rome?", r"^In 2017"),
    Posed("when", "In which month of 2022 was I in Berlin?", r"January 2022"),
    Posed("when", "What day of the week was it when I saw the train in Berlin?", r"Saturday"),
    Posed("when", "When was I last in New York?", r"17 to 19 June 2023"),
    Posed("when", "When did Rose turn forty?", r"2 March 2024"),
    Posed("when", "When was the last time we played frisbee?", r"4 May 2024"),
    Posed("when", "Which years was I in Innsbruck?", r"2017, 2019 and 2021"),
    Posed("when", "In which year did I last go kayaking?", r"2021"),
    Posed("when", "When did I watch a hockey game?", r"15 January 2022"),
    Posed("when", "When was Max in Tokyo?", NONE),
    Posed("when", "How long ago was I in Kyoto?", r"years ago, (on|from) .*April 2016"),
    Posed("where", "Where did I last go kayaking?", r"^(Mostly in|Perhaps in|In) Cork"),
    Posed("where", "Where did we watch baseball?", r"^In New York"),
    Posed(
        "where",
        "I remember seeing an elephant. Which country was it?",
        r"^(Mostly in|Perhaps in|In) Kenya",
    ),
    Posed("where", "What city was I in when I ate a pizza?", r"^(Mostly in|Perhaps in|In) Rome"),
    Posed("where", "Where was I in October 2018?", r"Lisbon"),
    Posed("where", "Where did I see the hockey players?", r"^(Mostly in|Perhaps in|In) Berlin"),
    Posed("where", "In which country was Kyoto?", r"^(Mostly in|Perhaps in|In) Japan"),
    Posed("how often", "How often was I in New York?", r"twice"),
    Posed("how often", "How many times did we play soccer?", r"3 times"),
    Posed("how often", "How often did we go kayaking?", r"twice"),
    Posed("how often", "How often did I play frisbee?", r"twice"),
    Posed("how often", "How many times did I go to Berlin in 2020?", r"once"),
    Posed("how often", "How often was Max in New York?", r"twice"),
    Posed("how often", "How often was I in Italy in 2020?", NONE),
    Posed("how long", "How long were we in Italy?", r"5 days"),
    Posed("how long", "How many days did I spend in Kyoto?", r"7 days"),
    Posed("how long", "How long did I stay in Lisbon in 2018?", r"5 days"),
    Posed("how long", "How many days were we in Australia?", r"11 days"),
    Posed("counting", "How many photos of Tom do we have?", "@Tom"),
    Posed("counting", "How many pictures of Max in 2021?", "@Max 2021"),
    Posed("counting", "How many countries did I visit in 2020?", r"3 countries"),
    Posed("counting", "How many elephants did I see in Nairobi?", None),
    Posed("who", "Who was there when Rose turned forty?", r"(?=.*Tom)"),
    Posed("who", "With whom was I in Innsbruck in 2017?", r"(?=.*Anna)(?=.*Max)"),
    Posed("ever", "Have I ever been to Rome?", r"^Yes"),
    Posed("ever", "Was Tom in Kenya in 2020?", r"^Yes"),
    Posed("ever", "Did we ever go to Norway?", NONE),
    Posed("object", "What type of pizza did I eat in Rome?", None),
    Posed("object", "What did I buy in New York?", None),
    Posed("colour", "What colour was the motorcycle in Barcelona?", None),
    Posed("text", "What is the name of the restaurant where I had pizza in Rome?", None),
    Posed("text", "What was the number of the train in Berlin?", None),
    Posed("object", "How did I travel to Galway?", None),
    Posed("object", "How much did the kayak cost?", None),
)
PARTS = {"development": DEVELOPMENT, "held-out": HELD_OUT}


# ------------------------------------------------------------------------- the library


class TakenPhoto(Struct, frozen=True):
    """A photo of the made life, and what the file beside it states."""

    file: Path
    taken_at: datetime | None
    place: str | None
    people: tuple[str, ...] = ()


def captioned(data: Path) -> dict[Path, list[str]]:
    """Return the captions of the photos that train nothing, in lower case."""
    captions: dict[Path, list[str]] = defaultdict(list)
    for name in ("flickr8k", "coco-dev"):
        with (data / name / "captions.csv").open(newline="") as lines:
            for row in csv.DictReader(lines):
                if row["split"] in ("dev", "unassigned"):
                    file = data / name / "images" / row["image"]
                    captions[file].append(row["caption"].lower())
    return captions


def sorted_by_theme(data: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Return the photos of each theme, and those of none, in random order."""
    by_theme: dict[str, list[Path]] = defaultdict(list)
    others: list[Path] = []
    for file, captions in sorted(captioned(data).items()):
        said = {
            theme: sum(bool(re.search(pattern, each)) for each in captions)
            for theme, pattern in THEMES.items()
        }
        about = [theme for theme, count in said.items() if count >= SAID_BY]
        is_clear = sum(count > 0 for count in said.values()) == 1
        if any(re.search(LEFT_OUT, each) for each in captions):
            continue
        if about and is_clear:
            by_theme[about[0]].append(file)
        elif not any(said.values()):
            others.append(file)
    with (data / "imagenet-samples" / "labels.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            name = row["name"].lower().replace("_", " ")
            if not any(word in name for word in LEFT_OUT_CLASSES.split()):
                others.append(data / "imagenet-samples" / "images" / row["image"])
    rng = random.Random(SEED)
    for files in (*by_theme.values(), others):
        rng.shuffle(files)
    return by_theme, others


def made_life(data: Path) -> list[TakenPhoto]:
    """Return the photos of ten years."""
    rng = random.Random(SEED)
    by_theme, others = sorted_by_theme(data)
    life: list[TakenPhoto] = []
    for outing in OUTINGS:
        start = datetime.fromisoformat(outing.start)
        shown = [by_theme[outing.theme].pop() for _ in range(outing.shown)] if outing.theme else []
        for number, file in enumerate(shown):
            moment = start + timedelta(minutes=number * 120 / max(outing.shown, 1))
            life.append(TakenPhoto(file, moment, outing.place, outing.people))
        for day in range(outing.days):
            for number in range(outing.others):
                moment = start + timedelta(days=day, minutes=FIRST_AFTER + number * 25)
                life.append(TakenPhoto(others.pop(), moment, outing.place, outing.people))
    taken = [datetime.fromisoformat(each.start) for each in OUTINGS]
    days = [datetime(2015, 1, 3) + timedelta(days=7 * week) for week in range(520)]
    free = [
        day for day in days if all(not timedelta(-4) < day - each < timedelta(16) for each in taken)
    ]
    while len(life) < PHOTOS - UNDATED:
        start = rng.choice(free) + timedelta(hours=rng.uniform(9, 19))
        people = (rng.choice(("Anna", "Max", "Tom", "Rose", "")),)
        for _ in range(min(rng.randint(2, 8), PHOTOS - UNDATED - len(life))):
            start += timedelta(minutes=rng.uniform(1, 15))
            life.append(TakenPhoto(others.pop(), start, "Howth", tuple(filter(None, people))))
    life += [TakenPhoto(others.pop(), None, None) for _ in range(UNDATED)]
    return life


def write(life: Sequence[TakenPhoto], folder: Path) -> None:
    """Write the photos with the files beside them that state their facts."""
    for number, each in enumerate(life):
        path = folder / f"{number:04}{each.file.suffix}"
        shutil.copyfile(each.file, path)
        if each.taken_at is None or each.place is None:
            continue
        country, lat, lon = PLACES[each.place]
        people = "".join(f"<rdf:li>{name}</rdf:li>" for name in each.people)
        path.with_suffix(".xmp").write_text(
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
            'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
            'xmlns:exif="http://ns.adobe.com/exif/1.0/" '
            'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
            'xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
            f'photoshop:DateCreated="{each.taken_at.isoformat(timespec="seconds")}" '
            f'photoshop:City="{each.place}" photoshop:Country="{country}" '
            f'exif:GPSLatitude="{int(abs(lat))},{abs(lat) % 1 * 60:.5f}{"NS"[lat < 0]}" '
            f'exif:GPSLongitude="{int(abs(lon))},{abs(lon) % 1 * 60:.5f}{"EW"[lon < 0]}">'
            f"<ext:PersonInImage><rdf:Bag>{people}</rdf:Bag></ext:PersonInImage>"
            "</rdf:Description></rdf:RDF></x:xmpmeta>"
        )


def fill(library: Library, life: Sequence[TakenPhoto], folder: Path) -> None:
    """Index the life, and give its titles to events."""
    write(life, folder)
    library.index([folder]).run()
    for outing in OUTINGS:
        if outing.title is not None:
            first = datetime.fromisoformat(outing.start) + timedelta(minutes=FIRST_AFTER)
            library.events.set_title(first, outing.title)


# ------------------------------------------------------------------------- the questions


def pattern_of(posed: Posed, life: Sequence[TakenPhoto]) -> str | None:
    """Return what a right sentence matches; "@Anna 2019" stands for that number of photos."""
    if posed.right is None or not posed.right.startswith("@"):
        return posed.right
    name, _, year = posed.right[1:].partition(" ")
    count = sum(
        name in each.people and (not year or (each.taken_at or datetime.min).year == int(year))
        for each in life
    )
    return rf"^{count:,} photos\.$"


def is_right(answer: QuestionAnswer, pattern: str | None) -> bool:
    """Return whether an answer is right, or rightly refused."""
    if pattern is None:
        return answer.certainty == "refused"
    return re.search(pattern, answer.sentence) is not None


def has_doubt(answer: QuestionAnswer) -> bool:
    """Return whether the sentence of an answer says that it may be wrong, or that it is none."""
    is_none = answer.certainty in ("none", "refused")
    return is_none or DOUBT.search(answer.sentence.lower()) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", choices=PARTS, default="development")
    parser.add_argument("--library", type=Path, help="keep the library in this folder")
    given = parser.parse_args()
    life = made_life(given.data)
    with TemporaryDirectory() as temporary:
        folder = given.library or Path(temporary)
        is_new = not (folder / "library").exists()
        (folder / "photos").mkdir(parents=True, exist_ok=True)
        settings = Settings.load(data_dir=folder / "library", encoder="lite")
        with Library.open(settings) as library:
            if is_new:
                fill(library, life, folder / "photos")
            asked, right, wrong_without_doubt = Counter[str](), Counter[str](), 0
            for posed in PARTS[given.part]:
                answer = library.ask(posed.text)
                good = is_right(answer, pattern_of(posed, life))
                wrong_without_doubt += not good and not has_doubt(answer)
                asked[posed.form] += 1
                right[posed.form] += good
                print(f"{'right' if good else 'WRONG':6} {posed.text}  {answer.sentence}")
            for form, number in asked.items():
                print(f"{form:10} {right[form]:3} of {number}")
            print(f"all        {right.total():3} of {asked.total()}")
            print(f"wrong without a doubt: {wrong_without_doubt}")


if __name__ == "__main__":
    main()
