"""What an answer tells about its query: misspelt words, other languages, negations."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from imgsearch import Example, Library, Query, Region, Term
from imgsearch.encoders.registry import encoder_choices, kind_of
from imgsearch.operations.records import from_json, to_json
from imgsearch.records.answer import Answer
from imgsearch.search.remarks import MULTILINGUAL
from tests.factories import modules_after, run_cli
from tests.travels import write_taken


def test_a_misspelt_query_gets_a_suggestion(demo: Library) -> None:
    answer = demo.find("a cup of cofee")
    assert answer.suggestion == "a cup of coffee" and answer.is_read
    assert answer.remarks == (
        'Searched for what "a cup of coffee" looks like. For exactly "a cup of cofee", put it in '
        "quotes.",
    )
    meant, quoted = demo.find("a cup of coffee"), demo.find('"a cup of cofee"')
    assert [hit.photo.id for hit in answer.hits] == [hit.photo.id for hit in meant.hits]
    assert [hit.score for hit in answer.hits] == [hit.score for hit in meant.hits]
    assert quoted.suggestion is not None and not any("Searched" in each for each in quoted.remarks)
    assert [hit.score for hit in quoted.hits] != [hit.score for hit in meant.hits]
    line = '"a motorcicle" -2:snwo after:2001 t:0.1'
    assert demo.find(line).suggestion == '"a motorcycle" -2:snow after:2001 t:0.1'
    for known in ("a cup of coffee", "chelsea", "type:png", "chelsea.png"):
        assert demo.find(known).suggestion is None, "it is English, or the name of a file"


@pytest.mark.parametrize("line", ['2:"cofee" snow', "2:cofee snow", '-"cofee" snow'])
def test_misspelt_words_with_a_weight_or_in_quotes_are_searched_for_as_typed(
    demo: Library, line: str
) -> None:
    answer = demo.find(line)
    assert answer.suggestion == line.replace('"', "").replace("cofee", "coffee")
    assert not any("Searched" in each for each in answer.remarks)


def test_a_suggestion_leaves_out_examples_that_a_line_cannot_express(demo: Library) -> None:
    (cat,) = demo.search("a cat", k=1)
    part = Example(cat.photo.id, Region(0, 0, 50, 50, percent=True))
    query = Query((Term("cofee"), Term(part), Term(Example(cat.photo.id), 0.5)))
    assert demo.find(query).suggestion == f"coffee 0.5:photo:{cat.photo.id}"


def test_a_copy_of_a_photo_as_an_example_says_which_photo_it_is(
    demo: Library, tmp_path: Path
) -> None:
    (cat,) = demo.search("a cat", k=1)
    copy = tmp_path / "copy.png"
    copy.write_bytes(cat.path.read_bytes())
    said = f"The example is in the library: {cat.path} (photo:{cat.photo.id}). It is left out of"
    for source in (copy, copy.read_bytes()):
        answer = demo.find(Query((Term(Example(source)),)))
        assert cat.photo.id not in {hit.photo.id for hit in answer.hits}
        (remark,) = answer.remarks
        assert remark.startswith(said)
    (remark,) = demo.find(Query((Term("an animal"), Term(Example(copy))))).remarks
    assert remark.startswith(said)
    for known in (cat.path, cat.photo.id):
        assert not demo.find(Query((Term(Example(known)),))).remarks, "it was named as what it is"
    turned = Query((Term("an animal"), Term(Example(copy), -1.0)))
    assert not demo.find(turned).remarks, "it is not looked for"


def test_only_the_first_page_has_remarks(demo: Library) -> None:
    first = demo.find("a cup of cofee", 3)
    assert first.suggestion is not None
    assert demo.find("a cup of cofee", 3, first.cursor).suggestion is None


@pytest.mark.parametrize("line", ["ein Hund im Schnee", "雪中的狗", "a photo of 雪中的狗"])
def test_a_query_that_lite_cannot_read_is_told_with_the_model_that_can(
    demo: Library, line: str
) -> None:
    answer = demo.find(line)
    assert not answer.is_read and answer.verdict is None and answer.suggestion is None
    assert {hit.level for hit in answer.hits} == {"weak"} and len(answer.hits) == 20
    (remark,) = answer.remarks
    assert "lite reads English" in remark and MULTILINGUAL in remark


def test_no_view_of_a_query_that_cannot_be_read_has_a_verdict(demo: Library) -> None:
    line = "ein Hund im Schnee"
    second = demo.find(line, 3, demo.find(line, 3).cursor)
    assert not second.is_read and second.verdict is None
    found = demo.find_all(line)
    assert not found.is_read and found.verdict is None
    assert set(found.levels()) == {"weak"} and len(found.ids) == 21
    shown = [*demo.hits_of(found, found.ids[:2].tolist()), *second.hits]
    assert {hit.level for hit in shown} == {"weak"} and len(shown) == 5
    assert demo.browse.days(line) == ()


def test_a_date_beside_words_that_cannot_be_read_is_searched_for(
    library: Library, tmp_path: Path
) -> None:
    for number in range(4):
        write_taken(tmp_path / "photos" / f"{number}.png", f"2022-05-1{number}T10:00:00")
    for number in range(4, 20):
        write_taken(tmp_path / "photos" / f"{number}.png", f"2021-05-{number}T10:00:00")
    library.index([tmp_path / "photos"]).run()
    answer = library.find("München Mai 2022", 3)
    paged = [*answer.hits, *library.find("München Mai 2022", 3, answer.cursor).hits]
    assert [hit.path.stem for hit in paged] == ["3", "2", "1", "0"]
    assert {hit.level for hit in paged} == {None} and answer.is_read
    (remark,) = answer.remarks
    assert "München. It was left out: these are the photos of 2022-05. A model" in remark
    found = library.find_all("München Mai 2022")
    assert found.levels() == [None] * 4 and found.ids.tolist() == [hit.photo.id for hit in paged]
    assert len(run(library, "München", "Mai", "2022").stdout.splitlines()) == 4
    assert library.explain(paged[0].path, "München Mai 2022").score is None
    assert not library.find("München").is_read, "nothing is left to search for"


def test_a_date_of_which_there_is_no_photo_is_told(library: Library, tmp_path: Path) -> None:
    write_taken(tmp_path / "photos" / "a.png", "2017-06-01T10:00:00")
    library.index([tmp_path / "photos"]).run()
    (remark,) = library.find("New Year's Eve 2017").remarks
    assert "no photo of New Year's Eve 2017" in remark
    assert library.find("June 2017").remarks == ()


def test_full_width_letters_are_letters(demo: Library) -> None:
    plain, wide = demo.find("cup of cofee type:png"), demo.find("ｃｕｐ ｏｆ ｃｏｆｅｅ type:png")
    assert wide == plain and plain.suggestion is not None
    assert demo.find(Query((Term("ＤＯＧ"),))) == demo.find("DOG")


def test_something_other_than_a_dog_is_no_dog(demo: Library) -> None:
    for line in ("something other than a cup", "anything but a cup", "everything except a cup"):
        answer = demo.find(line)
        assert answer.hits == demo.find("-cup").hits, line
        (remark,) = answer.remarks
        assert "only what to leave out" in remark and remark.endswith("a street -cars")
    assert demo.find("a street -cars").remarks == ()
    assert demo.find("type:png other than a cup").remarks == ()
    (remark,) = demo.find("a picture of something red that is other than a big red cup").remarks
    assert "not understood" in remark


def test_another_language_beside_an_example_does_not_hide_what_is_found(demo: Library) -> None:
    (cat,) = demo.search("a cat", k=1)
    answer = demo.find(f"Schnee photo:{cat.photo.id}")
    assert len(answer.remarks) == 1 and answer.is_read and answer.verdict is not None


def test_a_negation_that_is_not_understood_is_told(demo: Library) -> None:
    (remark,) = demo.find("a woman not looking at the camera").remarks
    assert "not understood" in remark
    assert demo.find("a cup without coffee").remarks == ()


def test_the_recommended_model_reads_many_languages() -> None:
    notes = {choice.name: choice.note for choice in encoder_choices()}
    assert "many languages" in notes[MULTILINGUAL]
    for name, note in notes.items():
        kind = kind_of(name)
        assert kind is not None and kind.reads_only_english(name) == ("many languages" not in note)


def test_remarks_survive_json(demo: Library) -> None:
    for line in ("a cup of cofee", "ein Hund im Schnee", "type:png"):
        answer = demo.find(line, 2)
        assert from_json(json.loads(json.dumps(to_json(answer))), Answer) == answer


def test_known_words_load_no_speller() -> None:
    code = "from imgsearch.search.remarks import with_remarks"
    assert not modules_after(code) & {"rapidfuzz", "imgsearch.language.spelling"}


def run(library: Library, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_cli("search", *arguments, data=library.settings.data_dir)


def test_the_command_tells_what_may_have_been_meant(demo: Library) -> None:
    done = run(demo, "a cup of cofee")
    assert "Did you mean a cup of coffee?" in done.stderr
    done = run(demo, "a cup of cofee", "--json", "--all", "-k", "2")
    assert json.loads(done.stdout)["suggestion"] == "a cup of coffee"
    done = run(demo, "ein", "Hund", "im", "Schnee")
    assert done.returncode == 1 and done.stdout == ""
    assert MULTILINGUAL in done.stderr and "Nothing here" not in done.stderr
    assert run(demo, "ein Hund im Schnee", "--all").stdout.count("\n") == 20


@pytest.mark.parametrize(("key", "is_accepted"), [(b"y", True), (b"n", False)])
def test_one_key_accepts_a_suggestion_at_a_terminal(
    demo: Library, key: bytes, is_accepted: bool
) -> None:
    screen = at_terminal(
        demo.settings.data_dir, ["motorcicle", "-k", "1"], "any other key to end.", key
    )
    assert ("motorcycle_left.png" in screen.rpartition("any other key to end.")[2]) == is_accepted


def at_terminal(data_dir: Path, arguments: list[str], question: str, key: bytes) -> str:
    """What `imgsearch search` shows at a terminal, where `key` is pressed at the question."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "imgsearch", "search", *arguments]
    environment = {**os.environ, "IMGSEARCH_DATA": str(data_dir)}
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    screen = b""
    try:
        while True:
            # Reading a key discards what was typed before, so the key is pressed until it counts.
            if select.select([leader], [], [], 0.1)[0]:
                screen += os.read(leader, 4096)
            elif question.encode() in screen:
                os.write(leader, key)
    except OSError:
        pass  # the process has ended, and the terminal with it
    os.close(leader)
    process.wait()
    assert question.encode() in screen
    return screen.decode()
