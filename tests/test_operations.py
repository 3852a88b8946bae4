"""Operations: JSON in both directions, requests that are refused with a sentence, the document."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from imgsearch import Library, OperationAnswer, Settings, requested
from imgsearch.errors import (
    EncoderError,
    ImgsearchError,
    PhotoError,
    QueryError,
    Reason,
    SettingsError,
    UsageError,
)
from imgsearch.language.grammar import parse
from imgsearch.operations.bodies import query_form
from imgsearch.operations.records import dump_json, encode_json, from_json, load_json, to_json
from imgsearch.operations.requests import Operation
from imgsearch.records.answer import Answer, Hit, Verdict
from imgsearch.records.browse import (
    CountryCount,
    MonthCount,
    PlaceCounts,
    RegionCount,
    Timeline,
    TownCount,
    YearCount,
)
from imgsearch.records.index import SnapshotInfo
from imgsearch.records.photo import FACTS as DECLARED
from imgsearch.records.photo import Facts, Photo
from imgsearch.records.picture_text import TextLine
from imgsearch.records.query import Clause, Example, Query, Region, Term, UnderstoodPart
from imgsearch.records.status import (
    ArchiveCopy,
    Failure,
    MissingExtra,
    Root,
    Status,
    ThumbnailCounts,
    UnfinishedJob,
)
from imgsearch.records.worth import Worth, WorthReason
from imgsearch.service.answering import read_body
from imgsearch.service.openapi import openapi_document
from imgsearch.service.refusals import error_of, refusal_of
from imgsearch.service.table import operations

# The values of all facts: of their types, and some that are harder to send.
MOMENT = datetime(2023, 6, 1, 12, 30, tzinfo=timezone(timedelta(hours=2)))
VALUES: dict[type, Any] = {
    str: "a text",
    int: 3,
    float: 0.5,
    bool: True,
    tuple: ("a", "b"),
    datetime: MOMENT,
}
FACTS = replace(
    Facts(**{fact.name: VALUES[fact.type] for fact in DECLARED}),
    lat=-33.8,
    lon=151.2,
    dated_by="exif",
    rating=-1,
    keywords=("A|B", "ø"),
    town="Genève",
    country="Switzerland",
    near_town=True,
    exposure_s=0.004,
    flash=False,
    date_precision="day",
    motion="beside",
)
HIT = Hit(
    photo=Photo(7, "ab" * 32, 123, FACTS),
    paths=(Path("/a/not\udcffutf8.jpg"), Path("/b.jpg")),
    score=0.1 + 0.2,
    offline=True,
    missing=True,
    date=datetime(2023, 6, 1, 12, 30),
    dated_by="exif",
    level="likely",
    at_s=3.25,
    text_lines=(TextLine("Table 12", 0.1, 0.2, 0.3, 0.05, 0.98),),
    matched_by=("file_name", "people"),
    worth=Worth(-0.5, (WorthReason("sharpness", -0.5, "soft"),), Path("/photos/better.jpg")),
)
BARE = Hit(Photo(8, "cd" * 32, 5, Facts("PNG", 1, 2)), (Path("/c.png"),), None)
CLAUSE = Clause("A dog, in Italy in 2019.", "A dog", "country:Italy", "on:2019", "a cat")
PART = UnderstoodPart("in Italy", "country:Italy", '"Italy" a dog', "a dog")
STATUS = Status(
    kind="library",
    address="/data",
    failed=1,
    recall_text=0.98,
    recall_image=0.99,
    roots=(Root(3, Path("/photos"), False, 9, 2, True),),
    photos=9,
    vectors=10,
    encoder="lite",
    snapshot=SnapshotInfo(
        "1.faiss",
        "lite/1",
        "flat",
        9,
        8,
        7,
        "ef",
        datetime(2026, 11, 25, tzinfo=UTC),
        {"nprobe": 3},
    ),
    tail=2,
    failures=(
        Failure(
            Path("/x.jxl"),
            Reason.UNSUPPORTED,
            "It needs jxl.",
            "jxl",
            "pillow 12",
            datetime(2026, 11, 25, tzinfo=UTC),
        ),
    ),
    wants=(MissingExtra("jxl", "JPEG XL", 3, "pip install it"),),
    unfinished=(
        UnfinishedJob(
            "faces", 5, datetime(2026, 11, 25, tzinfo=UTC), (Path("/photos"),), True, True
        ),
    ),
    disk_bytes=11,
    copy=ArchiveCopy(Path("/cache/copy"), 7, True),
    thumbnails=ThumbnailCounts(3, 4096),
)


FULL = (
    HIT,
    HIT.photo,
    FACTS,
    Answer(
        (HIT,),
        "next",
        Verdict("found", 3.5),
        "a dog",
        ("Do: imgsearch undo",),
        False,
        (PART,),
        ("imgsearch undo",),
        (CLAUSE,),
    ),
    Verdict("found", 3.5, 1, 2, 3, True, 0.3, 0.2, 0.1, 2),
    PART,
    STATUS,
    STATUS.roots[0],
    STATUS.snapshot,
    STATUS.failures[0],
    STATUS.wants[0],
    Region(1, 2, 3, 4, True),
    Example(Path("/a.jpg"), Region(1, 2, 3, 4)),
    Query((Term("a", 2.0),), parse("type:png").filters, 0.1, "date"),
)


@pytest.mark.parametrize("record", FULL, ids=lambda record: type(record).__name__)
def test_the_records_used_here_have_a_value_in_every_field(record: Any) -> None:
    """So that a new field which no form carries is noticed.

    Fields that do not count in comparisons are for this process only.
    """
    for name, default in defaults_of(record).items():
        assert getattr(record, name) != default, f"{name}: give it a value here"


def defaults_of(record: Any) -> dict[str, object]:
    if dataclasses.is_dataclass(record):
        return {field.name: field.default for field in dataclasses.fields(record) if field.compare}
    # Only the last fields have defaults.
    pairs = zip(
        reversed(record.__struct_fields__), reversed(record.__struct_defaults__), strict=False
    )
    return dict(pairs)


def sent(form: object) -> object:
    """What arrives at the other side."""
    return load_json(encode_json(form))


@pytest.mark.parametrize(
    "answer",
    [
        Answer((HIT, BARE), "next", Verdict("found", 3.5, 1, 2, 3, True, 0.3, 0.2, 0.1)),
        Answer((), None, Verdict("nothing", -1.5)),  # no score reaches its bounds
        Answer((BARE,)),
    ],
)
def test_answers_come_back_unchanged(answer: Answer) -> None:
    assert from_json(sent(answer), Answer) == answer


@pytest.mark.parametrize("name", ["plain.jpg", "Zürich 🐶.jpg", os.fsdecode(b"caf\xe9.jpg")])
def test_an_answer_is_sent_with_any_file_name(name: str) -> None:
    """A name that is not UTF-8 comes back as it was, and a usual one is the same in both forms."""
    answer = Answer((replace(BARE, paths=(Path("/photos", name),)),))
    assert load_json(encode_json(answer)) == load_json(dump_json(to_json(answer)).encode())
    assert from_json(sent(answer), Answer) == answer


def test_status_comes_back_unchanged() -> None:
    assert from_json(sent(STATUS), Status) == STATUS
    bare = replace(STATUS, snapshot=None, encoder=None, roots=(), failures=())
    assert from_json(sent(bare), Status) == bare


def test_counts_come_back_unchanged() -> None:
    months = (MonthCount("2023-06", 3, 1), MonthCount("2023-07", 1, 0))
    timeline = Timeline((YearCount(2022, 0, 0, ()), YearCount(2023, 4, 1, months)))
    assert from_json(sent(timeline), Timeline) == timeline
    region = RegionCount("Tuscany", 3, (TownCount("Arezzo", 2), TownCount(None, 1)))
    country = CountryCount(None, 1, (RegionCount(None, 1, (TownCount("Genève", 1),)),))
    places = PlaceCounts((CountryCount("Italy", 3, (region,)), country), unnamed=2, unknown=1)
    assert from_json(sent(places), PlaceCounts) == places


def test_answers_of_a_real_library_come_back_unchanged(demo: Library) -> None:
    for query in ("a cat", "a submarine", "type:png sort:path", "photo:3 -dog"):
        answer = demo.find(query, 5)
        assert answer.hits
        assert from_json(sent(answer), Answer) == answer
    assert from_json(sent(demo.status()), Status) == demo.status()


def answered(
    library: Library, method: str, path: str, content: bytes, fields: dict[str, str]
) -> OperationAnswer:
    """The answer to a request in this process."""
    return requested(library, method, path, content, fields).answered(library)


def named(name: str, method: str = "POST") -> Operation:
    """The operation of this name."""
    (found,) = [
        each for each in operations() if (each.name, each.declared.method) == (name, method)
    ]
    return found


def search(form: object) -> dict[str, Any]:
    """The arguments that the service reads from this JSON value."""
    return read_body(named("search"), json.dumps(form).encode())


@pytest.mark.parametrize(
    "line",
    [
        "sunset over water -people 2:night",
        'in:"My Holidays" camera:canon|nikon -type:raw near:48.85,2.35,500m rating:>=4',
        "image:/a/b.jpg -0.5:photo:12 after:2023-06 t:0.25 sort:date",
        'keyword:"a|b" width:3..5 "a \\"quoted\\" text"',
    ],
)
def test_queries_come_back_unchanged(line: str) -> None:
    query = parse(line)
    assert search({"query": query_form(query), "k": 3})["query"] == query
    assert search({"query": line})["query"] == query


def test_a_line_is_part_of_a_query_with_an_example() -> None:
    region = {"x": 10, "y": 20, "width": 30, "height": 40, "percent": True}
    example = {"photo_id": 7, "region": region}
    line = "Anna -rain in:Italy t:0.2 sort:date"
    query = search({"query": {"line": line, "terms": [example], "filters": ["type:png"]}})["query"]
    alone, png = parse(line), parse("type:png")
    assert query.terms == (*alone.terms, Term(Example(7, Region(10, 20, 30, 40, True))))
    assert query.terms[0].is_free, "its words are searched for names, as in any line"
    assert query.filters == (*alone.filters, *png.filters)
    assert (query.min_score, query.sort) == (0.2, "date")
    beside = search({"query": {"line": line, "min_score": 0.3, "sort": "path"}})["query"]
    assert (beside.min_score, beside.sort) == (0.3, "path"), "what is given beside it counts"
    assert search({"query": {"line": " ", "filters": ["type:png"]}})["query"] == png
    with pytest.raises(QueryError, match="Unknown filter"):
        search({"query": {"line": "contry:Italy", "terms": [example]}})


def test_an_image_is_sent_once_and_named_in_searches(demo_data: Path, tmp_path: Path) -> None:
    settings = Settings.load(data_dir=demo_data, cache_dir=tmp_path)
    with Library.open(settings) as library:
        image = library.photos([1])[0].path.read_bytes()
        sent_image = json.dumps({"image": base64.b64encode(image).decode()}).encode()
        kept = load_json(answered(library, "POST", "/examples", sent_image, {}).json)
        body = json.dumps({"example": {"kept_image": kept}, "k": 3}).encode()
        found = from_json(load_json(answered(library, "POST", "/similar", body, {}).json), Answer)
        assert found == library.similar(Example(image), 3)
        other = json.dumps({"example": {"kept_image": "0" * 16}}).encode()
        with pytest.raises(PhotoError, match="not on this machine"):
            answered(library, "POST", "/similar", other, {})
    with pytest.raises(UsageError, match=r"cannot name a kept image\. Send its bytes"):
        search({"query": {"terms": [{"kept_image": kept}]}})


def test_words_stay_free_and_exact_texts_exact() -> None:
    query = parse('Anna "in Italy"')
    sent_query = search({"query": query_form(query)})["query"]
    assert [term.is_free for term in sent_query.terms] == [True, False]
    assert [term.is_free for term in search({"query": "Anna"})["query"].terms] == [True]


TERMS = st.builds(
    Term,
    st.one_of(
        st.text(min_size=1),
        st.builds(
            Example,
            st.one_of(
                st.integers(1, (1 << 63) - 1),
                st.binary(),
                st.just(Path("/not\udcffutf8.jpg")),
            ),
            st.one_of(
                st.none(),
                st.builds(
                    Region,
                    st.floats(0, 1e6),
                    st.floats(0, 1e6),
                    st.floats(1, 1e6),
                    st.floats(1, 1e6),
                    st.booleans(),
                ),
            ),
        ),
    ),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(st.lists(TERMS, max_size=4), st.one_of(st.none(), st.floats(-1, 1)))
def test_any_terms_come_back_unchanged(terms: list[Term], min_score: float | None) -> None:
    query = Query(tuple(terms), min_score=min_score, sort="path")
    assert search({"query": query_form(query)})["query"] == query


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.text(max_size=3),
                st.sampled_from(
                    ["query", "k", "cursor", "terms", "text", "photo_id", "path", "image", "region",
                     "weight", "filters", "min_score", "sort", "x", "y", "width", "height",
                     "classes", "template", "is_free", "line", "kept_image"]
                ),
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


BODIES = [
    name
    for name in ("search", "similar", "label", "timeline", "concepts_teach", "saved")
    if any((each.name, each.declared.method) == (name, "POST") for each in operations())
]


@given(JSON)
def test_every_request_is_understood_or_refused_with_a_sentence(value: object) -> None:
    for name in BODIES:
        try:
            read_body(named(name), json.dumps(value).encode())
        except UsageError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ([], "request body must be an object"),
        ({"query": "cat", "kk": 3}, "unknown field 'kk'"),
        ({"query": {"terms": [{"txt": "a"}]}}, r"query\.terms\[0\] has an unknown field 'txt'"),
        ({}, "needs a field query"),
        ({"query": None}, "needs a field query"),
        ({"query": 3}, "query must be a text or an object"),
        ({"query": "cat", "k": "3"}, "k must be a whole number"),
        ({"query": "cat", "k": True}, "k must be a whole number"),
        ({"query": {"filters": "type:png"}}, "query.filters must be a list"),
        ({"query": {"terms": [{}]}}, "An example needs exactly one of"),
        ({"query": {"terms": [{"photo_id": 1, "path": "/a"}]}}, "An example needs exactly one of"),
        (
            {"query": {"terms": [{"text": "a", "photo_id": 3}]}},
            "A term is one of: a text, an example",
        ),
        ({"query": {"terms": [{"path": "../a.jpg"}]}}, "absolute"),
        ({"query": {"terms": [{"path": "/a\0.jpg"}]}}, "absolute"),
        ({"query": {"terms": [{"image": "no base64!"}]}}, "image must be the bytes .* in Base64"),
        ({"query": {"terms": [{"photo_id": 1 << 63}]}}, "not a photo id"),
        ({"query": {"filters": ["a cat"]}}, "not one filter"),
        ({"query": {"filters": ["camera:a type:png"]}}, "not one filter"),
        ({"query": {"sort": "size"}}, "Unknown sort order"),
        ({"query": {"min_score": 1e308}}, "min_score is a cosine"),
        ({"query": {"min_score": 10**400}}, "min_score must be a number"),
    ],
)
def test_an_invalid_request_is_refused(form: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        search(form)


def test_null_counts_as_absent() -> None:
    request = search({"query": {"terms": None, "filters": ["type:png"], "sort": None}, "k": None})
    assert (request["k"], request["query"]) == (20, parse("type:png"))


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"query": NaN}', b"[" * 100_000, b"\xff\xfe\x00", b'{"k": -Infinity}']
)
def test_invalid_json_is_refused(text: bytes) -> None:
    with pytest.raises(UsageError, match="Invalid JSON"):
        load_json(text)
    with pytest.raises(UsageError, match="Invalid JSON"):
        read_body(named("search"), text)


def test_every_id_in_a_request_may_be_a_text() -> None:
    number = (1 << 62) + 1
    for name, form in {
        "photos": {"ids": [str(number)]},
        "marks": {"photo_ids": [str(number)], "hidden": True},
        "people_decide": {"faces": [str(number)], "person_id": str(number), "is_person": True},
        "people_merge": {"person_id": str(number), "into": str(number)},
    }.items():
        read = read_body(named(name), json.dumps(form).encode())
        given = [value for value in read.values() if value is not None]
        lists = [value if isinstance(value, tuple | list) else (value,) for value in given]
        numbers = [each for values in lists for each in values]
        assert numbers.count(number) >= 1 and str(number) not in numbers, name
    with pytest.raises(UsageError, match="must be a whole number"):
        read_body(named("search"), b'{"query": "a", "k": "20"}')


def test_a_request_is_answered_without_a_service_and_says_whether_it_is_a_change(
    demo_data: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(demo_data, tmp_path / "library"))
    with Library.open(data) as library:
        before = library.version()
        photo = answered(library, "GET", "/photo/1", b"", {})
        assert load_json(photo.json)["hit"]["photo"]["id"] == 1 and not photo.is_change
        marks = answered(library, "POST", "/marks/of", b'{"photo_ids": [1, 2]}', {})
        assert not marks.is_change
        timeline = answered(library, "POST", "/timeline", b"{}", {})
        assert not timeline.is_change and library.version() == before
        marked = answered(library, "POST", "/marks", b'{"photo_ids": [1], "rating": 4}', {})
        assert marked.is_change and load_json(marked.json)["photos"] == 1
        assert answered(library, "DELETE", "/past-queries", b"{}", {}).is_change
        for path in ("/thumbnail/1", "/photo/1/nothing", "/photo/"):
            with pytest.raises(UsageError, match=f"no operation GET {path}"):
                answered(library, "GET", path, b"", {})
        with pytest.raises(UsageError, match="the path of a file"):
            answered(library, "POST", "/search", b'{"query": {"terms": [{"path": "/a"}]}}', {})


def test_json_that_is_too_deep_is_said_so() -> None:
    for text in (b"[" * 100_000, b'{"a":' * 100_000):
        with pytest.raises(UsageError, match="in each other too deeply"):
            read_body(named("search"), text)


def test_a_number_too_large_for_json_is_not_a_score() -> None:
    with pytest.raises(QueryError, match="min_score is a cosine"):
        read_body(named("search"), b'{"query": {"min_score": 1e400}}')


def test_errors_in_a_request_come_back_and_no_others() -> None:
    def returned(error: ImgsearchError) -> UsageError | None:
        return error_of(sent(refusal_of(error)))

    with pytest.raises(QueryError) as raised:
        parse("a cat camrea:canon")
    back = returned(raised.value)
    assert isinstance(back, QueryError)
    assert (str(back), back.line, back.at) == (str(raised.value), "a cat camrea:canon", 6)
    for error in (UsageError("no"), SettingsError("no")):
        assert type(returned(error)) is type(error)
    for other in (EncoderError("no"), ImgsearchError("no")):
        assert returned(other) is None


@pytest.mark.parametrize(
    "answer",
    [[], {}, {"hits": [{}], "cursor": None, "verdict": None}, {"hits": 3}, {"error": "?"}, None],
)
def test_a_malformed_answer_is_an_error_of_ours(answer: object) -> None:
    for kind in (Answer, Status):
        with pytest.raises(UsageError):
            from_json(answer, kind)
    with pytest.raises(UsageError):
        error_of(answer)


DOCUMENT: Any = openapi_document(operations())


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.name)
def test_the_document_describes_every_operation(operation: Operation) -> None:
    declared = operation.declared
    described = DOCUMENT["paths"][declared.path][declared.method.lower()]
    assert described["summary"] and not described["summary"].startswith("_")
    schemas = DOCUMENT["components"]["schemas"]
    if declared.method == "POST":
        body = described["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        fields = schemas[body.rpartition("/")[2]]
        assert list(fields["properties"]) == list(operation.request.__struct_fields__)
        assert fields["additionalProperties"] is False
    else:
        parameters = [each["name"] for each in described.get("parameters", [])]
        assert parameters == list(operation.request.__struct_fields__)


def test_the_document_has_every_fact_of_a_photo() -> None:
    described = DOCUMENT["components"]["schemas"]["Facts"]["properties"]
    assert set(described) == set(Facts.__struct_fields__)
    assert described["taken_at"]["anyOf"] == [{"type": "string"}, {"type": "null"}]


def test_a_description_of_an_operation_is_its_docstring() -> None:
    for each in operations():
        summary = DOCUMENT["paths"][each.declared.path][each.declared.method.lower()]["summary"]
        assert " ".join(each.description.split()).startswith(summary), each.name
