"""Near-duplicates for programs: groups of the last comparison, and choices, by requests."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Library, Settings, UsageError
from imgsearch.features.duplicates.operations import Duplicates
from imgsearch.service.client import Client
from tests.factories import run_cli
from tests.services import serving


@pytest.fixture
def settings(tmp_path: Path, demo_photos: Path) -> Settings:
    """The settings of a library with two photos, one of them also in half its size."""
    photos = tmp_path / "photos"
    photos.mkdir()
    first, second = sorted(demo_photos.iterdir())[:2]
    for source in (first, second):
        (photos / source.name).write_bytes(source.read_bytes())
    with Image.open(first) as picture:
        picture.resize((picture.width // 2, picture.height // 2)).save(
            photos / "smaller.jpg", quality=95
        )
    data = tmp_path / "library"
    done = run_cli("index", photos, data=data)
    assert done.returncode == 0, done.stderr
    return Settings.load(data_dir=data, encoder="lite")


def test_what_the_command_has_compared_is_listed_for_programs(settings: Settings) -> None:
    with Library.open(settings) as library:
        with pytest.raises(UsageError, match=r"not been compared yet.* imgsearch duplicates"):
            library.duplicates.proposed()
        done = run_cli("duplicates", "--min-score", "0.92", data=settings.data_dir)
        assert done.returncode == 0, done.stderr
        with pytest.raises(UsageError, match=r"imgsearch duplicates --min-score 0\.9$"):
            library.duplicates.proposed(0.9)
        proposed = library.duplicates.proposed()
        (group,) = proposed.groups
        assert proposed.total == 1
        assert [photo.hit.path.name for photo in group.others] == ["smaller.jpg"]
        assert library.duplicates.proposed(k=0).groups == ()


def test_the_service_answers_as_the_library_does(settings: Settings) -> None:
    with Library.open(settings) as library, serving(settings.data_dir):
        client = Client(settings)
        with pytest.raises(UsageError, match="imgsearch duplicates"):
            client.call(Duplicates.proposed)
        assert run_cli("duplicates", data=settings.data_dir).returncode == 0
        assert client.call(Duplicates.proposed) == library.duplicates.proposed()
        (group,) = library.duplicates.proposed().groups
        (other,) = group.others
        client.call(Duplicates.choose, other.hit.photo.id, True)
        assert client.call(Duplicates.choices) == {other.hit.photo.id: True}
        assert library.duplicates.choices() == {other.hit.photo.id: True}
        assert client.call(Duplicates.forget_choices) == 1


def test_groups_have_what_was_chosen_and_the_numbers_of_all(settings: Settings) -> None:
    assert run_cli("duplicates", data=settings.data_dir).returncode == 0
    with Library.open(settings) as library:
        duplicates = library.duplicates
        listed = duplicates.chosen_groups()
        (group,) = listed.groups
        large, small = group.photos
        assert (group.number, large.keep, small.keep) == (0, True, False)
        assert small.reason.startswith("smaller:")
        sizes = {hit.photo.id: hit.photo.size_bytes for hit in library.photos([small.photo_id])}
        assert (listed.total, listed.photos, listed.chosen) == (1, 2, 0)
        assert listed.superfluous_bytes == sizes[small.photo_id] and not listed.has_objects
        duplicates.choose(small.photo_id, True)
        after = duplicates.chosen_groups()
        assert [(each.photo_id, each.keep) for each in after.groups[0].photos] == [
            (large.photo_id, True),
            (small.photo_id, True),
        ]
        assert after.groups[0].photos[1].reason == "chosen by hand"
        assert (after.chosen, after.superfluous_bytes) == (1, 0)
        assert after.version == listed.version, "the same photos are in the groups"
        duplicates.choose(small.photo_id, False)
        duplicates.choose(large.photo_id, False)
        assert duplicates.chosen_groups().superfluous_bytes == 0, "nothing of the group is kept"
        assert duplicates.chosen_groups(first=1).groups == ()
        assert duplicates.chosen_groups(k=0).total == 1
        found = duplicates.chosen_groups("name:smaller")
        assert (found.groups, found.total, found.chosen) == ((), 0, 0), "its pair is not found"
        with pytest.raises(UsageError, match=r"imgsearch duplicates --min-score 0\.5$"):
            duplicates.chosen_groups(min_score=0.5)


def test_groups_are_the_same_until_photos_come_or_go_or_are_compared_again(
    settings: Settings, tmp_path: Path
) -> None:
    assert run_cli("duplicates", data=settings.data_dir).returncode == 0
    with Library.open(settings) as library:
        duplicates = library.duplicates
        groups = duplicates.proposed_groups()
        (group,) = groups.groups
        duplicates.choose(group.others[0].hit.photo.id, True)
        assert duplicates.proposed_groups() is groups
        pairs = duplicates.find(0.9).run()
        duplicates.remember(pairs)
        again = duplicates.proposed_groups()
        assert again is not groups and again.version == groups.version
        (tmp_path / "photos" / "smaller.jpg").unlink()
        library.index().run()
        assert duplicates.proposed_groups().groups == ()
