"""JSON forms: what is read back is what was written, and what makes no sense is a sentence."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsearch import Library
from imgsearch.errors import (
    EncoderError,
    ImgsearchError,
    QueryError,
    Reason,
    SettingsError,
    UsageError,
)
from imgsearch.query.grammar import parse
from imgsearch.records.answer import Answer, Hit, Verdict
from imgsearch.records.photo import Facts, Photo
from imgsearch.records.query import Example, Query, Region, Term
from imgsearch.records.status import Failure, MissingExtra, Root, SnapshotInfo, Status
from imgsearch.service import codec

FACTS = Facts(
    format="JPEG",
    width_px=4000,
    height_px=3000,
    taken_at=datetime(2023, 6, 1, 12, 30, tzinfo=timezone(timedelta(hours=2))),
    camera="Canon EOS 5",
    lens="50mm",
    lat=-33.8,
    lon=151.2,
    dated_by="exif",
    rating=-1,
    keywords=("A|B", "ø"),
    duration_s=12.5,
    motion="beside",
    animated=True,
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
)
BARE = Hit(Photo(8, "cd" * 32, 5, Facts("PNG", 1, 2)), (Path("/c.png"),), None)
STATUS = Status(
    data_dir=Path("/data"),
    roots=(Root(3, Path("/photos"), False, 9, 2),),
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
    wants=(MissingExtra("jxl", "JPEG XL", 3),),
    disk_bytes=11,
)


FULL = (
    HIT,
    HIT.photo,
    FACTS,
    Answer((HIT,), "next", Verdict(3.5)),
    Verdict(3.5, 1, 2, True, 0.3, 0.2),
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
def test_the_records_tried_here_have_something_in_every_field(record: Any) -> None:
    """A field that is new in a record, and that no form carries, must not pass unseen."""
    for field in fields(record):
        assert getattr(record, field.name) != field.default, f"{field.name}: carry it, and try it"


def sent(form: object) -> object:
    """What arrives at the other end."""
    return codec.read_json(json.dumps(form, allow_nan=False).encode())


@pytest.mark.parametrize(
    "answer",
    [
        Answer((HIT, BARE), "next", Verdict(3.5, 1, 2, True, 0.3, 0.2)),
        Answer((), None, Verdict(0.5)),  # its bounds are infinite
        Answer((BARE,)),
    ],
)
def test_answers_come_back_whole(answer: Answer) -> None:
    assert codec.answer_from_json(sent(codec.answer_to_json(answer))) == answer


def test_status_comes_back_whole() -> None:
    assert codec.status_from_json(sent(codec.status_to_json(STATUS))) == STATUS
    bare = replace(STATUS, snapshot=None, encoder=None, roots=(), failures=())
    assert codec.status_from_json(sent(codec.status_to_json(bare))) == bare


def test_what_the_command_prints_is_the_form_with_fewer_digits() -> None:
    form, record = codec.hit_to_json(HIT), codec.hit_to_cli_json(3, HIT)
    assert record == {**{k: v for k, v in form.items() if k != "file"}, "rank": 3, "score": 0.3}


def test_answers_of_a_real_library_come_back_whole(demo: Library) -> None:
    for query in ("a cat", "a submarine", "type:png sort:path", "photo:3 -dog"):
        answer = demo.find(query, 5)
        assert answer.hits
        assert codec.answer_from_json(sent(codec.answer_to_json(answer))) == answer
    assert codec.status_from_json(sent(codec.status_to_json(demo.status()))) == demo.status()


@pytest.mark.parametrize(
    "line",
    [
        "sunset over water -people 2:night",
        'in:"My Holidays" camera:canon|nikon -type:raw near:48.85,2.35,500m rating:>=4',
        "image:/a/b.jpg -0.5:photo:12 after:2023-06 t:0.25 sort:date",
        'keyword:"a|b" width:3..5 "a \\"quoted\\" text"',
    ],
)
def test_queries_come_back_whole(line: str) -> None:
    query = parse(line)
    assert (
        codec.search_request_from_json(sent({"query": codec.query_to_json(query), "k": 3})).query
        == query
    )
    assert codec.search_request_from_json({"query": line}).query == query


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
def test_any_terms_come_back_whole(terms: list[Term], min_score: float | None) -> None:
    query = Query(tuple(terms), min_score=min_score, sort="path")
    assert (
        codec.search_request_from_json(sent({"query": codec.query_to_json(query)})).query == query
    )


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
                     "classes", "template"]
                ),
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_whatever_is_sent_is_understood_or_refused_in_a_sentence(value: object) -> None:
    for read in (
        codec.search_request_from_json,
        codec.similar_request_from_json,
        codec.label_request_from_json,
    ):
        try:
            read(value)
        except UsageError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("form", "about"),
    [
        ([], "object"),
        ({"query": "cat", "kk": 3}, "kk"),
        ({"query": "cat", "k": "3"}, "k must be a whole number"),
        ({"query": "cat", "k": True}, "k must be a whole number"),
        ({"query": {"terms": [{}]}}, "An example is one of"),
        ({"query": {"terms": [{"text": "a", "photo_id": 3}]}}, "not both"),
        ({"query": {"terms": [{"path": "../a.jpg"}]}}, "whole"),
        ({"query": {"terms": [{"path": "/a\0.jpg"}]}}, "whole"),
        ({"query": {"terms": [{"image": "no base64!"}]}}, "Base64"),
        ({"query": {"terms": [{"photo_id": 1 << 63}]}}, "photo's number"),
        ({"query": {"filters": ["a cat"]}}, "not one filter"),
        ({"query": {"filters": ["camera:a type:png"]}}, "not one filter"),
        ({"query": {"sort": "size"}}, "Nothing sorts by"),
        ({"query": {"min_score": 1e400}}, "no score"),
        ({"query": {"min_score": 10**400}}, "min_score must be a number"),
    ],
)
def test_what_makes_no_sense_is_refused(form: object, about: str) -> None:
    with pytest.raises(UsageError, match=about):
        codec.search_request_from_json(form)


@pytest.mark.parametrize("text", [b"", b"{", b'{"query": NaN}', b"[" * 100_000, b"\xff\xfe\x00"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(UsageError, match="no JSON"):
        codec.read_json(text)


def test_errors_about_what_was_asked_come_back_and_no_others() -> None:
    with pytest.raises(QueryError) as raised:
        parse("a cat camrea:canon")
    back = codec.error_from_json(sent(codec.error_to_json(raised.value)))
    assert isinstance(back, QueryError)
    assert (str(back), back.line, back.at) == (str(raised.value), "a cat camrea:canon", 6)
    for error in (UsageError("no"), SettingsError("no")):
        assert type(codec.error_from_json(sent(codec.error_to_json(error)))) is type(error)
    for other in (EncoderError("no"), ImgsearchError("no")):
        assert codec.error_from_json(sent(codec.error_to_json(other))) is None
