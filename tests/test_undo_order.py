"""Undo leaves no state that nothing takes back: its order, and the end of the undone changes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from imgsearch import Library
from imgsearch.errors import UsageError
from tests.factories import run_cli, wait_until, write_photos
from tests.stand_in import StandIn


@pytest.fixture
def stocked(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """A library of four photos with the ids 1 to 4."""
    library.index([write_photos(tmp_path / "photos", 4)]).run()
    return library


def stars(library: Library) -> dict[int, int | None]:
    return {photo_id: each.rating for photo_id, each in library.marks.of(range(1, 5)).items()}


def dates(library: Library) -> list[datetime | None]:
    return [hit.photo.facts.taken_at for hit in library.photos([1])]


def undo_all(library: Library) -> int:
    """Undo the newest change until there is none; returns how many there were."""
    for count in range(10_000):
        try:
            library.changes.undo()
        except UsageError as error:
            assert "There is no change to undo" in str(error)
            return count
    raise AssertionError("it never ends")


@pytest.mark.features("corrections")
def test_a_change_below_a_later_one_is_refused_by_name(stocked: Library) -> None:
    from imgsearch.features.corrections.records import PhotoDate

    before = dates(stocked)
    first = stocked.corrections.set_dates([PhotoDate(1, datetime(1950, 1, 1))])
    second = stocked.corrections.set_dates([PhotoDate(1, datetime(1960, 1, 1))])
    with pytest.raises(UsageError, match="came later and changed the same") as refused:
        stocked.changes.undo(first.id)
    assert str(refused.value).endswith(f"Undo that first: imgsearch undo {second.id}")
    assert dates(stocked) == [datetime(1960, 1, 1)], "nothing was undone"
    stocked.changes.undo(second.id)  # as the message says
    stocked.changes.undo(first.id)
    assert dates(stocked) == before
    with pytest.raises(UsageError, match="came before it and changed the same") as refused:
        stocked.changes.redo(second.id)
    assert str(refused.value).endswith(f"imgsearch undo --redo {first.id}")
    stocked.changes.redo(first.id)
    stocked.changes.redo(second.id)
    assert dates(stocked) == [datetime(1960, 1, 1)]


def test_a_new_change_ends_the_list_of_undone_ones(stocked: Library) -> None:
    stocked.marks.set([1], rating=3)
    stocked.changes.undo()
    stocked.marks.set([2], rating=4)
    assert [each.title for each in stocked.changes.all()] == ["Gave 1 photo 4 stars"]
    with pytest.raises(UsageError, match="no undone change to do again"):
        stocked.changes.redo()
    assert undo_all(stocked) == 1 and stars(stocked) == {}


def test_what_changed_nothing_ends_no_list(stocked: Library) -> None:
    stocked.marks.set([1], rating=3)
    stocked.marks.set([2], rating=3)
    stocked.changes.undo()
    assert stocked.marks.set([1], rating=3).id is None, "it has them already"
    stocked.changes.redo()
    assert stars(stocked) == {1: 3, 2: 3}


def test_changes_of_other_photos_are_undone_in_any_order(stocked: Library) -> None:
    first = stocked.marks.set([1], rating=1)
    stocked.marks.set([2], rating=2)
    stocked.changes.undo(first.id)
    assert stars(stocked) == {2: 2}
    stocked.changes.redo(first.id)
    assert stars(stocked) == {1: 1, 2: 2}


@pytest.mark.features("albums")
def test_photos_do_not_return_to_an_album_that_is_gone(stocked: Library) -> None:
    stocked.albums.make("Book", [1, 2])
    taken = stocked.albums.take_out("Book", [1])
    removed = stocked.albums.remove("Book")
    with pytest.raises(UsageError, match=f"imgsearch undo {removed.id}$"):
        stocked.changes.undo(taken.id)
    stocked.changes.undo(removed.id)
    stocked.changes.undo(taken.id)
    assert set(stocked.albums.photos("Book").photo_ids) == {1, 2}
    renamed = stocked.albums.rename("Book", "Other")
    stocked.albums.add("Other", [3])
    stocked.changes.undo(renamed.id)
    assert set(stocked.albums.photos("Book").photo_ids) == {1, 2, 3}, "a name is another row"


def test_what_concerned_forgotten_photos_is_not_said_to_be_undone(
    stocked: Library, tmp_path: Path
) -> None:
    stocked.marks.set([2], rating=2)
    gone = stocked.marks.set([1], rating=3)
    stocked.marks.set([1], favourite=True)
    (tmp_path / "photos" / "0000.png").unlink()
    stocked.index().run()
    wait_until(lambda: stocked.folders.prune(0))
    data = stocked.settings.data_dir
    refused = run_cli("undo", str(gone.id), data=data)
    assert refused.returncode == 2 and "Undone" not in refused.stdout
    assert 'Nothing is left of "Gave 1 photo 3 stars" to undo' in refused.stderr
    assert run_cli("undo", data=data).stdout == "Undone: Gave 1 photo 2 stars\n"
    assert stars(stocked) == {}
    assert [each.title for each in stocked.changes.all()] == ["Gave 1 photo 2 stars"]


_ONE_OF_THREE = """
import random, sys
from imgsearch import Library
from imgsearch.errors import UsageError
chance, made, refused = random.Random(int(sys.argv[2])), [], 0
with Library.open(sys.argv[1]) as library:
    for _ in range(60):
        photos = chance.sample(range(1, 5), 2)
        what = chance.choice(["mark", "album", "undo", "undo", "undo mine", "redo", "redo mine"])
        try:
            if what == "mark":
                made.append(library.marks.set(photos, rating=chance.randrange(6)).id)
            elif what == "album":
                name = f"Album {sys.argv[2]}"
                there = [each.name for each in library.albums.all()]
                if name not in there:
                    made.append(library.albums.make(name, photos).id)
                elif chance.random() < 0.3:
                    made.append(library.albums.remove(name).id)
                else:
                    made.append(library.albums.add(name, photos).id)
            elif what.endswith("mine"):
                chosen = chance.choice(made) if made else None
                if chosen is not None:
                    (library.changes.undo if what == "undo mine" else library.changes.redo)(chosen)
            else:
                (library.changes.undo if what == "undo" else library.changes.redo)()
        except UsageError as error:
            refused += "the same" in str(error)
print(refused)
"""


@pytest.mark.features("albums")
def test_three_processes_leave_nothing_that_undo_does_not_take_back(stocked: Library) -> None:
    data = str(stocked.settings.data_dir)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _ONE_OF_THREE, data, str(seed)], stdout=subprocess.PIPE
        )
        for seed in range(3)
    ]
    ended = [(each.communicate(timeout=300)[0], each.returncode) for each in processes]
    assert [code for _, code in ended] == [0, 0, 0]
    assert undo_all(stocked) > 0
    assert stars(stocked) == {} and stocked.albums.all() == ()


def test_every_order_of_undo_and_redo_leaves_what_counts(stocked: Library) -> None:
    """The marks are always those of the changes that count, in their order, whatever was asked."""
    for seed in range(8):
        chance = random.Random(seed)
        known: dict[int, dict[int, int]] = {}  # the stars that each change gave
        for _ in range(60):
            photos, rating = chance.sample(range(1, 5), 2), chance.randrange(6)
            try:
                if chance.random() < 0.3:
                    before = stars(stocked)
                    values = {each: rating for each in photos if before.get(each) != rating}
                    change = stocked.marks.set(photos, rating=rating)
                    if change.id is not None:
                        known[change.id] = values
                elif known:
                    turn = chance.choice([stocked.changes.undo, stocked.changes.redo])
                    turn(chance.choice([None, *known]))
            except UsageError:
                pass
            counts = sorted(each.id or 0 for each in stocked.changes.all() if not each.undone)
            expected: dict[int, int | None] = {}
            for each in counts:
                expected.update(known[each])
            assert stars(stocked) == expected
        undo_all(stocked)
        assert stars(stocked) == {}


def test_the_command_says_what_to_undo_first(stocked: Library) -> None:
    data = stocked.settings.data_dir
    run_cli("mark", "--photo", "1", "--stars", "3", data=data)
    run_cli("mark", "--photo", "1", "--stars", "4", data=data)
    listed = json.loads(run_cli("undo", "--list", "--json", data=data).stdout)
    newer, older = (each["id"] for each in listed)
    refused = run_cli("undo", str(older), data=data)
    assert refused.returncode == 2 and f"imgsearch undo {newer}" in refused.stderr
    assert "Traceback" not in refused.stderr
    for change in (newer, older):
        assert run_cli("undo", str(change), data=data).returncode == 0
    assert stars(stocked) == {}
