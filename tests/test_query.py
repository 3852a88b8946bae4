"""The query language: what a line means, its normal form, and its error messages."""

from __future__ import annotations

import math
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsearch.errors import QueryError
from imgsearch.language.fields import FIELDS, field_of, number_with_unit
from imgsearch.language.grammar import (
    MAX_CHARS,
    example_of,
    filter_of,
    parse,
    region_of,
    resolve_query,
    term_of,
    to_text,
)
from imgsearch.records.query import (
    MINUS_WEIGHT,
    Example,
    Filter,
    FilterSpec,
    Interval,
    Place,
    Query,
    Region,
    Term,
)


def quoted(text: str) -> Term:
    return Term(text, is_quoted=True)


@pytest.mark.parametrize("mark", [".", ",", "?!", ";"])
def test_a_mark_behind_a_quote_changes_nothing(mark: str) -> None:
    assert parse(f'he said "a dog"{mark} type:"png"{mark}') == parse('he said "a dog" type:"png"')


def test_one_line_can_hold_every_kind_of_item() -> None:
    query = parse(
        "sunset over water -people after:2023-06 before:2024 in:Holidays camera:canon lens:50mm "
        "near:48.85,2.35,5km type:raw orientation:landscape rating:>=4 keyword:family is:offline "
        "t:0.25"
    )
    assert query.terms == (Term("sunset over water"), Term("people", -MINUS_WEIGHT))
    assert query.filters == (
        Filter("after", ("2023-06",)),
        Filter("before", ("2024",)),
        Filter("in", ("Holidays",)),
        Filter("camera", ("canon",)),
        Filter("lens", ("50mm",)),
        Filter("near", (Place(48.85, 2.35, 5.0),)),
        Filter("type", ("raw",)),
        Filter("orientation", ("landscape",)),
        Filter("rating", (Interval(low=4.0),)),
        Filter("keyword", ("family",)),
        Filter("is", ("offline",)),
    )
    assert query.min_score == 0.25


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ("a dog", (Term("a dog"),)),
        ("  a   dog ", (Term("a dog"),)),
        ("a dog -cat in snow", (Term("a dog in snow"), Term("cat", -MINUS_WEIGHT))),
        ("-cat a dog", (Term("cat", -MINUS_WEIGHT), Term("a dog"))),
        ('"a dog" "a cat"', (quoted("a dog"), quoted("a cat"))),
        ('plain:"a dog" plain:cat', (Term("a dog"), Term("cat"))),
        ('-plain:"a dog" 2:"a cat"', (Term("a dog", -MINUS_WEIGHT), Term("a cat", 2.0))),
        ("a dog -1:cat", (Term("a dog"), Term("cat", -1.0))),
        ("2:sunset", (Term("sunset", 2.0),)),
        ("not a dog", (Term("dog", -MINUS_WEIGHT),)),
        ("No dogs", (Term("dogs", -MINUS_WEIGHT),)),
        ("a beach but no people", (Term("a beach"), Term("people", -MINUS_WEIGHT))),
        ("mountains without snow at sunset",
         (Term("mountains at sunset"), Term("snow", -MINUS_WEIGHT))),
        ("a street without cars or people",
         (Term("a street"), Term("cars", -MINUS_WEIGHT), Term("people", -MINUS_WEIGHT))),
        ('"a cat" without a red ball', (quoted("a cat"), Term("red ball", -MINUS_WEIGHT))),
        ("no people, no cars", (Term("people", -MINUS_WEIGHT), Term("cars", -MINUS_WEIGHT))),
        ("show me photos without people", (Term("people", -MINUS_WEIGHT),)),
        ("a no parking sign", (Term("a no parking sign"),)),
        ("praia no domingo", (Term("praia no domingo"),)),
        ("a woman not looking at us", (Term("a woman not looking at us"),)),
        ("a man without a shirt on is rock climbing",
         (Term("a man without a shirt on is rock climbing"),)),
        ('"without cars"', (quoted("without cars"),)),
        ('-.5:"red car" bus', (Term("red car", -0.5), Term("bus"))),
        ("photo:12 -2:photo:7", (Term(Example(12)), Term(Example(7), -2.0))),
        ('image:a.jpg image:"b c.jpg"', (Term(Example(Path("a.jpg"))),
                                         Term(Example(Path("b c.jpg"))))),
        ("a sign saying: stop", (Term("a sign saying: stop"),)),
        ("2:- x", (Term("-", 2.0), Term("x"))),
        (r'"say \"cheese\" \\o/"', (quoted(r'say "cheese" \o/'),)),
        ("dog's 東京 🐶", (Term("dog's 東京 🐶"),)),
        ("a|b c@d (e)", (Term("a|b c@d (e)"),)),
    ],
)  # fmt: skip
def test_terms(line: str, terms: tuple[Term, ...]) -> None:
    assert parse(line) == Query(terms)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("camera:canon|nikon", Filter("camera", ("canon", "nikon"))),
        ('-camera:"eos 5d"|r5', Filter("camera", ("eos 5d", "r5"), negated=True)),
        ('keyword:"a|b"', Filter("keyword", ("a|b",))),
        ("Camera:Canon", Filter("camera", ("Canon",))),
        ("on:2023/6/5", Filter("on", ("2023-06-05",))),
        ("day:2-29", Filter("day", ("02-29",))),
        ("after:2023-06-15T9:05", Filter("after", ("2023-06-15T09:05",))),
        ("near:-33.9,151.2", Filter("near", (Place(-33.9, 151.2, 5.0),))),
        ("near:0,0,500m", Filter("near", (Place(0.0, 0.0, 0.5),))),
        ("rating:3..5", Filter("rating", (Interval(3.0, 5.0),))),
        ("width:>3000", Filter("width", (Interval(low=3000.0, low_open=True),))),
        ("height:<=1080", Filter("height", (Interval(high=1080.0),))),
        ("megapixels:12.5", Filter("megapixels", (Interval(12.5, 12.5),))),
        ("type:JPG|heic", Filter("type", ("jpeg", "heif"))),
        ("is:online", Filter("is", ("online",))),
    ],
)
def test_filters(line: str, expected: Filter) -> None:
    assert parse(line).filters == (expected,)


EXPOSURE = field_of(FilterSpec("exposure", "number", "", {"s": 1, "ms": 0.001}, fractions=True))


@pytest.mark.parametrize(
    ("text", "expected", "normal_form"),
    [
        ("1/250", Interval(0.004, 0.004), "1/250"),
        ("1/250s", Interval(0.004, 0.004), "1/250"),
        (">1s", Interval(low=1.0, low_open=True), ">1"),
        (">= 2.5 S", Interval(low=2.5), ">=2.5"),
        ("<=20ms", Interval(high=0.02), "<=1/50"),
        ("1/60..1/30", Interval(1 / 60, 1 / 30), "1/60..1/30"),
        ("1..500ms", Interval(0.001, 0.5), "1/1000..1/2"),
        ("1ms..2s", Interval(0.001, 2.0), "1/1000..2"),
        ("0.3", Interval(0.3, 0.3), "0.3"),
        ("0", Interval(0.0, 0.0), "0"),
    ],
)
def test_numbers_with_units_and_fractions(text: str, expected: Interval, normal_form: str) -> None:
    assert EXPOSURE.read(text) == expected
    assert EXPOSURE.write(expected) == normal_form
    assert EXPOSURE.read(normal_form) == expected


@pytest.mark.parametrize("text", ["1/0", "9" * 400, "5m", "s", "1/2/3", "2..1", "1s..1ms", ">"])
def test_invalid_numbers_with_units(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|not a finite number|ends before it begins"):
        EXPOSURE.read(text)


def test_units_and_fractions_must_be_declared() -> None:
    assert number_with_unit({"mm": 1})("35..70mm") == Interval(35.0, 70.0)
    for text in ("35mm", "1/2"):
        with pytest.raises(ValueError, match="not a number"):
            number_with_unit({})(text)


def test_settings() -> None:
    query = parse("dog sort:date t:-0.1")
    assert (query.sort, query.min_score) == ("date", -0.1)


@pytest.mark.parametrize(
    ("line", "at", "message"),
    [
        ("dog taag:x", 4, "Did you mean keyword:?"),
        ("dog camra:x", 4, "Did you mean camera:?"),
        ("folder:x", 0, "Did you mean in:?"),
        ("see http://x", 4, "put it in quotes"),
        ("xyzzy:1", 0, "Unknown filter xyzzy:. Known: after, before"),
        ('a "b', 2, "never closed"),
        ('a"b"', 1, "quote inside a word"),
        ('"a"b', 3, "space is missing"),
        ('camera:"a"b', 10, "space is missing"),
        ("after:2023-13", 6, "not a date"),
        ("on:2023-02-29", 3, "not a date"),
        ("on:0000", 3, "not a date"),
        ("near:91,0", 5, "Latitude 91 is out of range"),
        ("near:0,181", 5, "Longitude 181 is out of range"),
        ("near:0,0,0km", 5, "radius of 0 km is out of range"),
        ("near:20km", 5, "not a place"),
        ("rating:many", 7, "not a number"),
        ("rating:5..3", 7, "ends before it begins"),
        ("type:jpgg", 5, "Did you mean jpg?"),
        (
            "is:lost",
            3,
            "Known: animated, blurred, bright, bw, dark",
        ),
        ("0:x", 0, "weight of 0 is invalid"),
        ("a -nan:x", 3, "weight of nan is invalid"),
        ("1" + "0" * 400 + ":x", 0, "above 0"),
        ("2:camera:x", 0, "Only words and examples can have a weight"),
        ("camera: canon", 6, "right after the colon"),
        ("camera:a|", 9, "needs a value"),
        ('camera:" "', 7, "needs a value"),
        ('dog ""', 4, "between these quotes is empty"),
        ("photo:x", 6, "not a photo id"),
        ("t:2", 2, "cosine from -1 to 1"),
        ("t:nan", 2, "cosine from -1 to 1"),
        ("t:.2 t:.3", 5, "given twice"),
        ("-sort:date", 0, "cannot be negated"),
        ("sort:size", 5, "Unknown sort order 'size'. Known: relevance, date, path"),
    ],
)
def test_an_error_points_at_the_character_at_fault(line: str, at: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(line)
    assert message in str(caught.value)
    assert (caught.value.line, caught.value.at) == (line, at)
    assert f"(character {at + 1})" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("a cat camra:canon type:png", "a cat camera:canon type:png"),
        ('-Make:"Canon EOS"', '-camera:"Canon EOS"'),
        ("folder:x -subject:y", "in:x -subject:y"),  # one error at a time
        ("xyzzy:1", None),
        ("a cat after:2023-13", None),
    ],
)
def test_an_unknown_filter_carries_the_line_that_was_meant(line: str, meant: str | None) -> None:
    with pytest.raises(QueryError) as caught:
        parse(line)
    assert caught.value.suggestion == meant


@pytest.mark.parametrize("line", [" \n", "-", " - ", "--"])
def test_an_empty_line_is_refused(line: str) -> None:
    with pytest.raises(QueryError, match="empty"):
        parse(line)


def test_a_dash_between_words_is_no_minus() -> None:
    assert parse("Paris - the tower") == parse("Paris the tower")
    assert parse("t-shirt, 5% - no - ") == parse("t-shirt, 5% no")
    assert parse("- a caption -dogs") == parse("a caption -dogs") != parse("a caption dogs")


def test_options_need_no_quotes() -> None:
    assert filter_of("camera", "canon eos|nikon") == Filter("camera", ("canon eos", "nikon"))
    assert term_of("2:two people") == Term("two people", 2.0)
    assert term_of("at 3:30") == Term("at 3:30")
    assert term_of("people", 0.5) == Term("people", 0.5)
    assert example_of("0.5:photo:3") == Term(Example(3), 0.5)
    assert example_of("my photo.jpg") == Term(Example(Path("my photo.jpg")))
    assert region_of("1, 2,3.5,4") == Region(1, 2, 3.5, 4)
    assert region_of("25%,0%,50%,100%") == Region(25, 0, 50, 100, percent=True)
    for make, text in (
        (term_of, "0:x"),
        (term_of, "  "),
        (example_of, "photo:x"),
        (example_of, ""),
        (region_of, "1,2,3"),
        (region_of, "1,2,0,4"),
        (region_of, "1%,2,3,4"),
    ):
        with pytest.raises(QueryError) as caught:
            make(text)
        assert caught.value.line is None
    with pytest.raises(QueryError, match="near: Latitude 99"):
        filter_of("near", "99,0")


# ------------------------------------------------------------------------- random queries

texts = st.text(st.characters(exclude_categories=()), min_size=1, max_size=20).filter(str.strip)
words = st.lists(
    st.sampled_from(
        ["dog", "-", "-x", "2:", "2:x", "in:", "in:x", "t:1", '"', "a\\", "|", "é", "\n"]
    ),
    min_size=1,
    max_size=4,
).map(" ".join)
weights = st.floats(1e-300, 1e300).flatmap(lambda weight: st.sampled_from([weight, -weight]))
examples = st.one_of(
    st.integers(1, (1 << 63) - 1),
    (texts | words | st.sampled_from(["\n", " ", "\t\r"])).map(
        lambda text: Path(text.replace("\0", ""))
    ),
).map(Example)
terms = st.builds(Term, texts.map(str.strip).filter(bool) | words.filter(str.strip) | examples,
                  st.just(1.0) | st.sampled_from([-1.0, -MINUS_WEIGHT]) | weights,
                  is_quoted=st.booleans())  # fmt: skip
dates = st.datetimes().flatmap(
    lambda moment: st.sampled_from([4, 7, 10, 13, 16, 19]).map(
        lambda length: moment.isoformat(timespec="seconds")[:length]
    )
)
numbers = st.floats(-1e9, 1e9)
intervals = st.one_of(
    st.tuples(numbers, numbers).map(lambda ends: Interval(min(ends), max(ends))),
    st.builds(Interval, low=numbers, low_open=st.booleans()),
    st.builds(Interval, high=numbers, high_open=st.booleans()),
)
places = st.builds(Place, st.floats(-90, 90), st.floats(-180, 180), st.floats(1e-6, 20_000))
VALUES = {
    "DATE": dates,
    "NUMBER": intervals,
    "LAT,LON[,RADIUS]": places,
    "TEXT": (texts | words).map(str.strip).filter(bool),
    "FOLDER": (texts | words).map(str.strip).filter(bool),
    "SOURCE": st.sampled_from(["exif", "xmp", "iptc", "sidecar", "file"]),
    "TYPE": st.sampled_from(["jpeg", "heif", "raw"]),
    "SHAPE": st.sampled_from(["landscape", "portrait", "square"]),
    "STATE": st.sampled_from(["offline", "online"]),
}
filters = st.sampled_from(sorted(set(FIELDS) & {
    name for name, field in FIELDS.items() if field.metavar in VALUES
})).flatmap(
    lambda name: st.builds(
        Filter,
        st.just(name),
        st.lists(VALUES[FIELDS[name].metavar], min_size=1, max_size=3).map(tuple),
        st.booleans(),
    )
)  # fmt: skip
queries = st.builds(
    Query,
    st.lists(terms, max_size=4).map(tuple),
    st.lists(filters, max_size=4).map(tuple),
    st.none() | st.floats(-1, 1),
    st.sampled_from(["relevance", "date", "path"]),
).filter(lambda query: query != Query())


@given(queries)
@hypothesis.example(Query((Term(Example(Path("\n"))),)))
@hypothesis.example(Query((Term(Example(Path(" ")), -2.0),)))
def test_every_query_reads_back_from_its_line(query: Query) -> None:
    line = to_text(query)
    assert parse(line) == query
    assert to_text(parse(line)) == line


@given(st.text(max_size=60) | st.lists(
    st.sampled_from([*'-"|:.\\, ', "2:", "camera:", "dog", "on:2023", "near:1,2", "t:", "photo:"]),
    max_size=12,
).map("".join))  # fmt: skip
def test_any_line_is_parsed_or_refused_at_one_of_its_characters(line: str) -> None:
    try:
        query = parse(line)
    except QueryError as error:
        assert error.line in (line, None)
        assert 0 <= error.at <= len(line)
    else:
        assert parse(to_text(query)) == query, "the normal form means the same"


@given(intervals)
def test_any_interval_can_be_written_with_fractions(interval: Interval) -> None:
    assert EXPOSURE.read(EXPOSURE.write(interval)) == interval


def test_examples_that_a_line_cannot_express_are_refused() -> None:
    for example in (Example(b"bytes"), Example(1, Region(0, 0, 1, 1))):
        with pytest.raises(ValueError, match="cannot express"):
            to_text(Query((Term(example),)))


def test_which_numbers_lie_in_an_interval() -> None:
    assert 4 in Interval(low=4) and 4 not in Interval(low=4, low_open=True)
    assert 2 not in Interval(high=2, high_open=True) and 1.9 in Interval(high=2, high_open=True)
    assert math.inf in Interval(low=0) and 3 in Interval(3, 3) and 3.1 not in Interval(3, 3)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("a cat " * 700_000, "4,200,000 characters"),
        ('"' + '\\"' * 2_000_000, "4,000,001 characters"),
        (Query((Term("cat " * 3000),)), "12,000 characters"),
        (Query((Term("a" * 6000), Term(Example(Path("/" + "b" * 5999))))), "12,000 characters"),
        (Query(filters=(Filter("camera", ("a" * 6000, "b" * 6000)),)), "12,000 characters"),
        (" ".join(f"-{number}" for number in range(101)), "101 terms"),
        ("type:png " * 501, "501 values of filters"),
        ("camera:" + "|".join("a" * 501), "501 values of filters"),
    ],
)
def test_a_query_has_a_largest_size(query: str | Query, count: str) -> None:
    with pytest.raises(QueryError, match=f"too long: it has {count}") as caught:
        resolve_query(query)
    assert len(str(caught.value)) < 200 and caught.value.line is None


def test_a_query_of_the_largest_size_is_resolved() -> None:
    line = " ".join([f"-w{number}" for number in range(100)] + ["type:png"] * 500)
    assert len(resolve_query(line.ljust(MAX_CHARS)).filters) == 500
    with pytest.raises(QueryError, match="not a photo id"):
        parse("photo:" + "9" * 5000)
