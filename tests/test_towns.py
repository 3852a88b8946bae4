"""The file of the towns is what its command makes."""

from __future__ import annotations

import lzma

from imgsearch.gazetteer import TOWNS_FILE
from training.towns import table


def test_the_towns_are_those_of_the_package_that_they_are_made_from() -> None:
    assert lzma.decompress(TOWNS_FILE.read_bytes()) == table()
