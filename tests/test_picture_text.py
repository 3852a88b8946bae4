"""Words and lines of the text that was read in a picture."""

from __future__ import annotations

from imgsearch.records.picture_text import (
    TextLine,
    lines_with,
    searchable_texts,
    words_in_text,
)


def line(text: str, x: float = 0.1, y: float = 0.1, width: float = 0.3) -> TextLine:
    return TextLine(text, x, y, width, 0.05, 0.99)


def test_letters_and_digits_are_words_and_so_is_each_chinese_character() -> None:
    assert words_in_text("TABLE12, Café-Zoë!") == ["table", "12", "cafe", "zoe"]
    assert words_in_text("東京タワー") == ["東", "京", "タ", "ワ", "ー"]
    assert words_in_text("· – \u200f") == []


def test_a_phrase_stands_in_the_lines_that_its_words_are_in() -> None:
    lines = (line("Reserved", y=0.1), line("for table", y=0.2), line("12", y=0.3))
    assert lines_with(lines, "TABLE 12") == lines[1:]
    assert lines_with(lines, "reserved") == lines[:1]
    assert (
        lines_with(lines, "12 table") == lines_with(lines, "able") == lines_with(lines, "?") == ()
    )


def test_a_word_divided_at_the_end_of_a_line_is_one_word() -> None:
    lines = (line("Grand Restau-", y=0.1), line("rant open", y=0.2))
    assert searchable_texts(lines) == ["grand restaurant open"]
    assert lines_with(lines, "restaurant") == lines
    assert lines_with((line("A-", y=0.1), line("Bend", y=0.2)), "a bend") != ()


def test_columns_are_read_downwards_too() -> None:
    left = (line("Soup of", x=0.1, y=0.1), line("the day", x=0.1, y=0.2))
    right = (line("Fish and", x=0.6, y=0.1), line("chips", x=0.6, y=0.2))
    lines = (left[0], right[0], left[1], right[1])
    assert lines_with(lines, "soup of the day") == left
    assert lines_with(lines, "fish and chips") == right
    assert lines_with(lines, "soup of fish") == (left[0], right[0])
