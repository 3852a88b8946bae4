"""A library measured by captions: ranks that a person can check."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsearch import Library
from imgsearch.errors import UsageError

CAPTIONS = {
    "chelsea.png": "a cat with green eyes",
    "coffee.png": "a cup of coffee on a saucer with a spoon",
    "motorcycle_left.png": "a motorcycle in a garage",
    "rocket.jpg": "a rocket takes off from its launch pad",
    "retina.jpg": "a train station full of people",  # not what it shows
}


def test_right_captions_are_found_and_a_wrong_one_is_not(demo: Library, tmp_path: Path) -> None:
    file = tmp_path / "captions.csv"
    lines = [f'{name},"{caption}"' for name, caption in CAPTIONS.items()]
    file.write_text("\n".join(["photo,caption", *lines, "unknown.jpg,a dog"]))
    found = demo.evaluate(file)
    assert (found.captions, found.photos, found.unknown) == (5, 21, 1)
    assert (found.recall_at_1, found.recall_at_5) == (0.8, 0.8)
    assert found.median_rank == 1
    assert found.kept == 0.6  # the wrong one is folded, and so is the rocket, though it is first
    assert found.index_recall == 1


def test_paths_and_other_columns_will_do(demo: Library, demo_photos: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text(f"{demo_photos / 'chelsea.png'},a cat\n")
    named = tmp_path / "named.csv"
    named.write_text("caption,number,image\na cat,0,chelsea.png\n")
    assert demo.evaluate(plain) == demo.evaluate(named)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "None of the 0"),
        (b"photo,caption\nunknown.jpg,a dog\n", "None of the 1"),
        (b"chelsea.png\n", "no caption"),
        (b"chelsea.png,\n", "no caption"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_files_that_cannot_be_used(demo: Library, tmp_path: Path, text: bytes, says: str) -> None:
    file = tmp_path / "captions.csv"
    file.write_bytes(text)
    with pytest.raises(UsageError, match=says):
        demo.evaluate(file)
    with pytest.raises(UsageError, match="cannot be read"):
        demo.evaluate(tmp_path / "missing.csv")
