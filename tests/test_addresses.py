"""Addresses of objects where a path is expected."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

from imgsearch.addresses import as_path
from imgsearch.operations.records import from_json, to_json
from imgsearch.text import path_text, printable

ADDRESS = "s3://photos/2020//a ferry.jpg"


def test_an_address_keeps_its_text() -> None:
    path = as_path(ADDRESS)
    assert isinstance(path, Path)
    assert str(path) == os.fspath(path) == path_text(path) == printable(path) == ADDRESS
    assert path != as_path("s3://photos/2020/a ferry.jpg") != Path(ADDRESS)
    assert path in {as_path(ADDRESS)}
    assert (path.name, path.stem, path.suffix) == ("a ferry.jpg", "a ferry", ".jpg")
    assert str(path.parent) == "s3://photos/2020/"
    assert [str(each) for each in path.parents] == [
        *("s3://photos/2020/", "s3://photos/2020", "s3://photos")
    ]
    assert pickle.loads(pickle.dumps(path)) == copy.deepcopy(path) == path
    assert type(as_path("/photos/2020//a.jpg")) is type(Path())


def test_an_address_comes_back_from_json() -> None:
    assert from_json(to_json(as_path(ADDRESS)), Path) == as_path(ADDRESS)
