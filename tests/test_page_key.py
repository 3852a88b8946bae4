"""The key of the page's cookies: made once, and never shared with others."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgsearch import ImgsearchError, page_key


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_key_is_made_once_however_many_ask_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "library"
    before = os.umask(0)
    try:
        with ThreadPoolExecutor(16) as pool:
            keys = set(pool.map(lambda _: page_key(folder), range(64)))
    finally:
        os.umask(before)
    (key,) = keys
    assert len(key) == 32 and (folder / "page.key").read_bytes() == key
    assert mode_of(folder) == 0o700 and mode_of(folder / "page.key") == 0o600
    assert [file.name for file in folder.iterdir()] == ["page.key"]
    assert page_key(tmp_path / "another") != key


@pytest.mark.parametrize("harm", ["open", "short"])
def test_a_key_that_is_not_secret_is_replaced(tmp_path: Path, harm: str) -> None:
    key = page_key(tmp_path)
    if harm == "open":
        (tmp_path / "page.key").chmod(0o640)
    else:
        (tmp_path / "page.key").write_bytes(b"short")
    other = page_key(tmp_path)
    assert other != key and page_key(tmp_path) == other
    assert mode_of(tmp_path / "page.key") == 0o600


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ImgsearchError, match="Cannot keep the key of the page"):
        page_key(tmp_path / "file" / "library")
