"""Lines that people made longer at each failure: every stated time, place and order is read.

The real ones are topics of the Lifelog Search Challenge, which lie beside the repository. Their
facts were read by hand: what is said, not what the pictures have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch.features.sequences.reading import with_sign
from imgsearch.language.grammar import parse
from imgsearch.language.understanding import understand
from imgsearch.store.reading.names import NameReads
from tests.test_understanding import TODAY, library_of, photo

pytestmark = pytest.mark.features("when", "sequences")

# The places and days that the lines state, and some that they do not: Orange, Born and Busan are
# towns, too.
TRAVELS = (
    ("2019-09-15T10:00:00", None, "Thailand"),
    ("2020-04-29T16:00:00", "Tullamore", "Ireland"),
    ("2020-02-06T16:00:00", "Musgrave MarketPlace", "Ireland"),
    ("2019-08-31T08:18:14", "Dublin City University", "Ireland"),
    ("2019-03-18T14:42:05", "Wicklow", "Ireland"),
    ("2019-03-15T13:08:58", "Bangkok", "Thailand"),
    ("2019-01-06T16:57:32", "Thessaloniki", "Greece"),
    ("2020-01-12T06:19:57", "Chiang Mai", "Thailand"),
    ("2019-09-06T18:07:55", "Brazen Head", "Ireland"),
    ("2019-04-19T21:50:42", "Dublin", "Ireland"),
    ("2020-01-08T08:52:35", "Daejeon", "South Korea"),
    ("2020-01-07T10:35:28", "Seoul", "South Korea"),
    ("2020-06-27T08:18:47", "Molton Brown", "Ireland"),
    ("2018-08-31T08:18:14", "Orange", "France"),
    ("2018-08-31T08:18:14", "Born", "Netherlands"),
    ("2018-08-31T08:18:14", "Busan", "South Korea"),
    ("2018-05-06T20:00:00", "Lisbon", "Portugal"),
)
# For each topic, its stated facts as filters, and a word of each part of a stated order.
STATED = {
    "108": ({"on:2019-09", "country:Thailand"}, ()),
    "109": ({"country:Ireland", "on:2020-04-29"}, ()),
    "110": ({'place:"Musgrave MarketPlace"', "on:2020-02"}, ()),
    "111": (
        {"weekday:sat", "time:morning", 'place:"Dublin City University"', "day:08-31"},
        ("coffee", "image", "second"),
    ),
    "112": ({"season:spring", "place:Wicklow", "on:2019"}, ("walk", "edge")),
    "113": ({"place:Bangkok"}, ("seeing", "dinner")),
    "114": ({"weekday:sun", "place:Thessaloniki", "country:Greece", "on:2019-01"}, ()),
    "115": (set(), ("stayed", "driving")),
    "116": ({'place:"Chiang Mai"', "country:Thailand", "on:2020-01"}, ()),
    "117": (
        {'place:"Brazen Head"', "on:2019", "month:09", "weekday:fri", "time:evening"},
        ("Meeting", "walking"),
    ),
    "118": ({"on:2019-04"}, ("doing", "watching")),
    "119": ({"place:Daejeon", "on:2020-01"}, ()),
    "120": ({'country:"south korea"', "on:2020-01"}, ()),
    "121": ({'place:"Molton Brown"', "time:4..10", "time:morning", "on:2020-06"}, ()),
}
MADE = (
    (
        "A yellow tram on a steep street. There were two dogs beside it, but hardly any people. "
        "It was on a Sunday evening in Lisbon. We had fish before walking to the river. "
        "It was in May 2018.",
        {"weekday:sun", "time:evening", "place:Lisbon", "on:2018-05"},
        ("fish", "walking"),
    ),
    (
        "After a long ride, we came to a lake with an old boat. It was a warm day in Spring in "
        "Wicklow, in March 2019.",
        {"season:spring", "place:Wicklow", "on:2019-03"},
        ("ride", "boat"),
    ),
    (
        "An old man in a bar called the Brazen Head. It was the last day of August. He read the "
        "paper after the rain, with a big green glass.",
        {'place:"Brazen Head"', "day:08-31"},
        (),
    ),
    (
        "Two monks under a tree, in an orange robe, born free. It was in Korea, on a Wednesday.",
        {'country:"south korea"', "weekday:wed"},
        (),
    ),
)


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameReads]:
    photos = [photo(day, town=town, country=country) for day, town, country in TRAVELS]
    store = library_of(tmp_path_factory.mktemp("library"), photos)
    yield store.reads.names
    store.close()


def facts(reads: NameReads, line: str) -> set[str]:
    """The filters that a line states; none of them is set aside without the others."""
    parts = understand(reads, parse(line), TODAY).parts
    return {each for part in parts for each in _filters(part.filters)}


def _filters(text: str) -> list[str]:
    return [text] if '"' in text else text.split()


def check_order(line: str, words: tuple[str, ...]) -> None:
    """Each part of the line as a sequence has its word, and there are no other parts."""
    read = with_sign(line)
    parts = [] if read is None else read.split(" ~> ")
    assert len(parts) == len(words), read
    for word, part in zip(words, parts, strict=True):
        assert word in part


@pytest.mark.parametrize(("line", "stated", "order"), MADE)
def test_made_lines(reads: NameReads, line: str, stated: set[str], order: tuple[str, ...]) -> None:
    assert facts(reads, line) == stated
    check_order(line, order)


@pytest.mark.parametrize("number", STATED)
def test_topics_of_the_lifelog_search_challenge(
    reads: NameReads, shared_data: Path, number: str
) -> None:
    lines = (shared_data / "remembering" / "topics.jsonl").read_text("utf-8").splitlines()
    topics = [json.loads(line) for line in lines]
    (line,) = (each["hints"][-1] for each in topics if each["topic"].endswith(number))
    stated, order = STATED[number]
    assert facts(reads, line) == stated
    check_order(line, order)


def test_the_part_that_a_line_is_about_has_its_other_sentences() -> None:
    line = "We ate fish after seeing an old tram. It was yellow. The tram had two dogs in it."
    assert with_sign(line) == (
        "seeing an old tram. It was yellow. The tram had two dogs in it ~> ate fish"
    )
    assert with_sign("A yellow tram. We ate fish after seeing it.") == (
        "A yellow tram. seeing it ~> ate fish"
    )
    about_the_sentence = "A boy on a sledge. I left, after washing my car. It was cold."
    assert with_sign(about_the_sentence) == (
        "washing my car ~> A boy on a sledge. left. It was cold"
    )


@pytest.mark.parametrize(
    "line",
    [
        "We ate fish after seeing a tram. We slept before taking a train.",  # which of them?
        "A street after the rain. It was in Lisbon.",
        "What did we see? We ate fish after seeing a tram?",
        "A boy on a sledge, after jumping off a ramp. It was cold.",  # one photo
        'He said "we ate. After seeing a tram" I left.',
    ],
)
def test_lines_whose_order_is_in_doubt(line: str) -> None:
    assert with_sign(line) is None
