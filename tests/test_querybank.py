"""The texts that photos are compared with, as the command makes them."""

from __future__ import annotations

from random import Random

from training import querybank


def test_the_file_is_what_the_command_makes() -> None:
    assert querybank.RESULT.read_text("utf-8") == querybank.made()


def test_each_kind_has_as_many_texts_and_its_own_words_come_first() -> None:
    source = """\
what = a thing | a
    long thing

[one]
{what} {where}
where = here | in {what}

[two]
{what}
what = two
"""
    one, two = querybank.kinds(source)
    assert (one.title, one.words["what"]) == ("one", ["a thing", "a long thing"])
    texts = querybank.texts_of(one, 4, Random(1))
    assert len(set(texts)) == 4 and not any("{" in text for text in texts)
    assert querybank.texts_of(two, 4, Random(1)) == ["two"], "as many as it has"
    found = querybank.kinds(querybank.SOURCE.read_text("utf-8"))
    counts = {kind.title: len(querybank.texts_of(kind, 100, Random(2))) for kind in found}
    assert len(found) >= 20 and set(counts.values()) == {100}, counts
