"""Evaluation by captions, on a library small enough to check by hand."""

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


def test_right_captions_find_their_photo_and_a_wrong_one_does_not(
    demo: Library, tmp_path: Path
) -> None:
    file = tmp_path / "captions.csv"
    lines = [f'{name},"{caption}"' for name, caption in CAPTIONS.items()]
    file.write_text("\n".join(["photo,caption", *lines, "unknown.jpg,a dog"]))
    found = demo.encoders.evaluate(file)
    assert (found.captions, found.photos, found.unknown) == (5, 21, 1)
    assert (found.recall_at_1, found.recall_at_5) == (0.8, 0.8)
    assert found.median_rank == 1
    assert found.kept == 0.8  # the wrong one is folded away
    assert found.index_recall == 1


def test_photos_can_be_given_by_path_and_columns_in_any_order(
    demo: Library, demo_photos: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text(f"{demo_photos / 'chelsea.png'},a cat\n")
    named = tmp_path / "named.csv"
    named.write_text("caption,number,image\na cat,0,chelsea.png\n")
    assert demo.encoders.evaluate(plain) == demo.encoders.evaluate(named)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "has no captions"),
        (b"photo,caption\nunknown.jpg,a dog\n", "None of the 1"),
        (b"chelsea.png\n", "no caption"),
        (b"chelsea.png,\n", "no caption"),
        (b"\xff\xfe\x00", "is not CSV in UTF-8"),
    ],
)
def test_unusable_files(demo: Library, tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / "captions.csv"
    file.write_bytes(text)
    with pytest.raises(UsageError, match=message):
        demo.encoders.evaluate(file)
    with pytest.raises(UsageError, match="cannot be read"):
        demo.encoders.evaluate(tmp_path / "missing.csv")
