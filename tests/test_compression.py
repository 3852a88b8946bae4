"""Texts are compressed as well as the browser takes it, and scripts only once."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from tests.factories import wait_until
from tests.page_requests import answer_of
from ui import compression
from ui.compression import FOLDER, CompressedTexts

SCRIPT = "export const answer = () => 42; // the answer\n" * 200


def served(
    cache_dir: Path,
    response: Response,
    path: str = "/static/js/a.js",
    method: str = "GET",
    **headers: str,
) -> tuple[Headers, bytes]:
    """The headers and the content that a browser gets."""
    _, sent, content = answer_of(CompressedTexts(response, cache_dir), path, method, **headers)
    return sent, content


def script(**headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(SCRIPT, media_type="text/javascript", headers=named)


def decoded(content: bytes, coding: str) -> bytes:
    return (
        bytes(pytest.importorskip("brotli").decompress(content))
        if coding == "br"
        else (gzip.decompress(content))
    )


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("GZIP", "gzip"),
    ],
)
@pytest.mark.parametrize("path", ["/static/js/a.js", "/", "/answer/list"])
def test_the_best_coding_that_a_browser_takes(
    tmp_path: Path, accepted: str, coding: str, path: str
) -> None:
    if coding == "br":
        pytest.importorskip("brotli")
    headers, content = served(tmp_path, script(), path, accept_encoding=accepted)
    assert headers["content-encoding"] == coding
    assert headers["content-length"] == str(len(content)) and len(content) < len(SCRIPT) / 10
    assert headers["vary"] == "Accept-Encoding"
    assert decoded(content, coding).decode() == SCRIPT


@pytest.mark.parametrize(
    "case",
    [
        {"accept_encoding": ""},
        {"accept_encoding": "gzip;q=0"},
        {"accept_encoding": "identity, deflate"},
        {"accept_encoding": "gzip", "path": "/original/7"},
    ],
)
def test_what_is_sent_as_it_is(tmp_path: Path, case: dict[str, str]) -> None:
    headers, content = served(tmp_path, script(), **case)
    assert "content-encoding" not in headers and content.decode() == SCRIPT


@pytest.mark.parametrize(
    "response",
    [
        Response(b"\0" * 5000, media_type="image/webp"),
        Response(b"\0" * 5000, media_type="font/woff2"),
        PlainTextResponse("short"),
        PlainTextResponse("x" * 5000, 404),
        PlainTextResponse("x" * 5000, 206),
        PlainTextResponse("x" * 5000, headers={"content-encoding": "deflate"}),
        PlainTextResponse("x" * 5000, media_type="text/event-stream"),
    ],
)
def test_what_is_no_whole_text_is_not_compressed(tmp_path: Path, response: Response) -> None:
    headers, content = served(tmp_path, response, accept_encoding="gzip, br")
    assert content == bytes(response.body)
    assert headers.get("content-encoding") in (None, "deflate")


def test_points_and_lists_of_paths_are_compressed(tmp_path: Path) -> None:
    points = Response(b"\0\1\2\3" * 2000, media_type="application/octet-stream")
    headers, content = served(tmp_path, points, "/meaning/points", accept_encoding="gzip")
    assert headers["content-encoding"] == "gzip" and gzip.decompress(content) == points.body
    headers, content = served(tmp_path, points, "/answer/list", accept_encoding="gzip")
    assert "content-encoding" not in headers and content == points.body


def kept_in(cache_dir: Path) -> list[Path]:
    folder = cache_dir / FOLDER
    return [each for each in folder.iterdir() if each.suffix == ""] if folder.is_dir() else []


def test_a_script_is_compressed_as_well_as_possible_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("brotli")
    monkeypatch.setattr(compression, "WAIT_S", 0.0)
    _, quick = served(tmp_path, script(), accept_encoding="br")
    wait_until(lambda: len(kept_in(tmp_path)) == 1)
    (kept,) = kept_in(tmp_path)
    assert kept.stat().st_mode & 0o777 == 0o600

    def refuse(*arguments: Any) -> bytes:
        raise AssertionError("it is in the cache folder")

    monkeypatch.setattr(compression, "_compress", refuse)
    _, best = served(tmp_path, script(), accept_encoding="br")
    assert len(best) < len(quick) and decoded(best, "br").decode() == SCRIPT
    with pytest.raises(AssertionError, match="it is in the cache folder"):  # lists change
        served(tmp_path, script(), "/answer/list", accept_encoding="br")


def test_many_scripts_are_compressed_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("brotli")
    monkeypatch.setattr(compression, "WAIT_S", 0.2)
    texts = CompressedTexts(script(), tmp_path)
    contents = [f"{SCRIPT} // {number}".encode() for number in range(5)]
    for content in contents * 3:
        texts.compressed_once(content, "br")
    wait_until(lambda: len(kept_in(tmp_path)) == 5)
    assert sum(each.name == "imgsearch-compress" for each in threading.enumerate()) <= 1


def test_a_damaged_cache_is_made_again_and_a_lacking_one_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("brotli")
    monkeypatch.setattr(compression, "WAIT_S", 0.0)
    served(tmp_path, script(), accept_encoding="br")
    wait_until(lambda: len(kept_in(tmp_path)) == 1)
    (kept,) = kept_in(tmp_path)
    kept.write_bytes(b"damaged" + kept.read_bytes())
    _, again = served(tmp_path, script(), accept_encoding="br")
    assert decoded(again, "br").decode() == SCRIPT
    (tmp_path / "file").write_text("")
    _, without = served(tmp_path / "file", script(), accept_encoding="br")
    assert decoded(without, "br").decode() == SCRIPT


class CountedAnswers:
    """An application that counts the requests that reach it."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests += 1
        await self._response(scope, receive, send)


def test_a_script_is_answered_from_memory_when_it_is_compressed_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("brotli")
    monkeypatch.setattr(compression, "WAIT_S", 0.0)
    counted = CountedAnswers(script())
    texts = CompressedTexts(counted, tmp_path)

    def ask(path: str = "/static/js/a.js", **headers: str) -> tuple[int, Headers, bytes]:
        return answer_of(texts, path, **{"accept_encoding": "br", **headers})

    quick = ask()[2]
    wait_until(lambda: len(kept_in(tmp_path)) == 1)
    best = ask()
    assert counted.requests == 2 and len(best[2]) < len(quick)
    for again in (ask(), ask()):
        assert (again[0], again[2]) == (best[0], best[2])
        assert dict(again[1]) == dict(best[1])
    assert counted.requests == 2
    for other in (
        {"accept_encoding": "gzip"},
        {"accept_encoding": ""},
        {"range": "bytes=0-9"},
        {"if_none_match": "etag"},
        {"path": "/static/js/b.js"},
        {"path": "/answer/list"},
    ):
        before = counted.requests
        ask(**other)
        assert counted.requests == before + 1, other
    ask("/answer/list")
    assert ask(accept_encoding="gzip")[1]["content-encoding"] == "gzip"
    assert counted.requests == 2 + 6 + 1, "gzip is in memory, and lists are not"


@pytest.mark.parametrize(
    "response",
    [PlainTextResponse("x" * 5000, 404), script(set_cookie="of=one visitor")],
    ids=["an error", "a cookie"],
)
def test_what_is_not_for_everybody_is_not_answered_from_memory(
    tmp_path: Path, response: Response
) -> None:
    counted = CountedAnswers(response)
    texts = CompressedTexts(counted, tmp_path)
    for _ in range(2):
        answer = answer_of(texts, "/modules/1/a.js", accept_encoding="gzip")
        assert answer[0] == response.status_code
    assert counted.requests == 2


def test_the_head_of_an_answer_is_passed_on(tmp_path: Path) -> None:
    headers, _ = served(tmp_path, script(), method="HEAD", accept_encoding="gzip")
    assert "content-encoding" not in headers and headers["content-length"] == str(len(SCRIPT))
