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
