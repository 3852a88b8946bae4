"""No public name and no signature changes by accident."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from tests.public_api import FILE, public_api


@pytest.mark.features()
def test_the_public_api_is_the_one_that_was_agreed() -> None:
    """A change that is meant updates the list: docs/compatibility.md says when it is allowed."""
    expected, now = FILE.read_text().splitlines(), public_api().splitlines()
    gone = sorted(set(expected) - set(now))
    new = sorted(set(now) - set(expected))
    assert (gone, new) == ([], []), "if it is meant, run: python -m tests.public_api --update"
    assert expected == now


@pytest.mark.features()
def test_the_list_says_what_matters() -> None:
    listed = set(FILE.read_text().splitlines())
    assert "imgsearch.UsageError(ImgsearchError)" in listed
    assert "imgsearch.Photo.id: int" in listed
    assert any(line.startswith("imgsearch.Library.search(self, text") for line in listed)
    assert any(line.startswith("imgsearch.encoders.base.Encoder.encode_texts(") for line in listed)


def test_the_list_is_the_same_in_every_process() -> None:
    assert not re.search(r" at 0x|lambda|Annotated", FILE.read_text())


def test_type_checkers_use_the_types() -> None:
    assert files("imgsearch").joinpath("py.typed").is_file()
