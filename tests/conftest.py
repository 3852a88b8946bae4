"""Real photos for tests: those that other packages ship, and small ones made here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from PIL import Image

from tests.stand_in import StandIn

if TYPE_CHECKING:
    from imgsearch import Library
    from imgsearch.encoders.base import Encoder

# The same examples at every run: a new finding must not stop work that has nothing to do with it.
settings.register_profile("same", derandomize=True, print_blob=True)
settings.load_profile("same")

# No test asks a model hub; a test that needs the opposite says so itself.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

SHARED = Path(
    os.environ.get("IMGSEARCH_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data")
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos beside the checkout; tests that need it are skipped without."""
    if not SHARED.is_dir():
        pytest.skip("needs the real photos of ../shared/data (or IMGSEARCH_TEST_DATA)")
    return SHARED


@pytest.fixture(scope="session")
def demo_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the 21 photos of `imgsearch demo`."""
    from imgsearch.cli.demo import copy_photos

    folder = tmp_path_factory.mktemp("demo-photos")
    copy_photos(folder)
    return folder


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """Where exported models lie: kept between runs, since exporting takes half a minute."""
    from imgsearch.config import default_cache_dir

    return default_cache_dir()


@pytest.fixture(scope="session")
def lite(model_cache: Path) -> Encoder:
    """The built-in encoder."""
    from imgsearch.encoders.registry import open_encoder

    return open_encoder("lite", model_cache)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """In place of `lite`, an encoder that costs nothing and counts what it embeds."""
    encoder = StandIn()
    monkeypatch.setattr("imgsearch.encoders.registry.open_encoder", lambda *arguments: encoder)
    return encoder


@pytest.fixture(scope="session")
def demo(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library of the demo photos; tests that use it only read."""
    from imgsearch import Library, Settings

    settings = Settings.load(data_dir=tmp_path_factory.mktemp("demo-library"), encoder="lite")
    with Library.open(settings) as opened:
        opened.index([demo_photos]).run()
        yield opened


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """An empty library with the built-in encoder, in a folder of its own."""
    from imgsearch import Library, Settings

    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as opened:
        yield opened


@pytest.fixture
def make_photo(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small photo: a square of `colour` whose bytes differ with `colour` and `side_px`."""

    def make(name: str, colour: tuple[int, int, int] = (200, 30, 30), side_px: int = 64) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (side_px, side_px), colour).save(path)
        return path

    return make


def package_file(package: str, inside: str) -> Path:
    """A file that an installed package ships."""
    found = find_spec(package)
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / inside
