"""The route by which the browser sends an image to search by."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from tests.page_requests import put
from ui import example_upload
from ui.session import session


@pytest.fixture(autouse=True)
def cache(demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of the page of a library of its own."""
    shutil.copytree(demo_data, tmp_path / "library")
    monkeypatch.setenv("IMGSEARCH_DATA", str(tmp_path / "library"))
    monkeypatch.setenv("IMGSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def picture(demo_photos: Path) -> bytes:
    content = BytesIO()
    Image.open(demo_photos / "chelsea.png").convert("RGB").save(content, "JPEG")
    return content.getvalue()


def text_of(answer: Response) -> str:
    return bytes(answer.body).decode()


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def keep_chunks(chunks: AsyncIterator[bytes]) -> Response:
    """The answer to a body that arrives in chunks."""

    async def receive() -> dict[str, Any]:
        chunk = await anext(chunks, b"")
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def answer() -> Response:
        return await example_upload.keep(Request({"type": "http", "headers": []}, receive))

    return asyncio.run(answer())


def test_an_image_is_kept_in_the_cache_alone_under_the_id_of_the_reply(
    picture: bytes, cache: Path, demo_photos: Path
) -> None:
    photos = files_in(demo_photos)
    answer = put(example_upload.keep, picture)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    image_id = json.loads(bytes(answer.body))["id"]
    assert session().library.pictures.kept_example(image_id) == picture
    (kept,) = files_in(cache / "examples")
    assert kept.stat().st_mode & 0o077 == 0
    assert files_in(demo_photos) == photos


@pytest.mark.parametrize("content", [b"", b"this is no image at all", b"\xff\xd8\xff\xe0cut off"])
def test_what_is_no_image_is_refused_and_not_kept(content: bytes, cache: Path) -> None:
    answer = put(example_upload.keep, content)
    assert answer.status_code == 422
    assert text_of(answer).startswith("Cannot read this image: ")
    assert not files_in(cache / "examples")


def test_an_image_that_is_too_large_is_not_read_to_its_end(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example_upload, "MAX_MB", 1)
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield bytes(1 << 18)

    answer = keep_chunks(chunks())
    assert answer.status_code == 413 and sent == 5
    assert "Choose a smaller one" in text_of(answer) and not files_in(cache)


def test_an_image_that_stops_arriving_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example_upload, "ARRIVAL_S", 0.05)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"\xff\xd8"
        await asyncio.Event().wait()

    answer = keep_chunks(chunks())
    assert answer.status_code == 408 and "in time" in text_of(answer)


def test_a_cache_folder_that_cannot_be_written_is_told(picture: bytes, cache: Path) -> None:
    cache.mkdir()
    (cache / "examples").write_text("in the way")
    answer = put(example_upload.keep, picture)
    assert answer.status_code == 409
    assert text_of(answer).startswith("Cannot keep the example image in ")
