"""Fixtures: real photos that other packages ship, encoders and libraries."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from PIL import Image

from imgsearch.config import default_cache_dir
from imgsearch.features.installed import OWN, absent, features
from imgsearch.search import query_cache
from tests.groups import group_of
from tests.programs import need_programs
from tests.stand_in import StandIn
from tests.travels import write_travels

if TYPE_CHECKING:
    from imgsearch import Library
    from imgsearch.encoders.base import Encoder
    from tests.object_storage import S3Server

# The same examples at every run: a new finding must not stop unrelated work.
# No deadline: on a busy machine an example may take any time.
settings.register_profile("same", derandomize=True, print_blob=True, deadline=None)
settings.load_profile("same")

# A shell starts background processes, such as a whole test run, with Ctrl-C ignored, and they pass
# it on: no command that a test starts would hear of it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Users do not set it: what a process prints into a pipe or a file waits in a buffer.
os.environ.pop("PYTHONUNBUFFERED", None)
# Nor this: each process that a test starts would compile all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# No test asks a model hub, unless it says so itself.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Tests leave the user's cache folder alone, and those that run at the same time share none: a
# vector that another test embeds differs in its last digits if it was embedded with other texts,
# and nothing is kept while another one writes. Models are kept, since to export one takes half a
# minute, and queries are forgotten, as on a new machine.
_CACHE = Path(__file__).parent.parent / "build" / "test-cache"
os.environ["XDG_CACHE_HOME"] = str(_CACHE / os.environ.get("PYTEST_XDIST_WORKER", "gw0"))
shutil.rmtree(default_cache_dir() / query_cache.FOLDER, ignore_errors=True)

SHARED = Path(
    os.environ.get("IMGSEARCH_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data")
)


# These make something with nearly every feature, and import them.
collect_ignore = ["test_archive_items.py", "test_copied_items.py"] if absent() else []

# The first two wait for most of their time, while tests in other processes use the cores. The
# others take minutes of them. At the end nothing else would be left to do meanwhile.
_FIRST = (
    "test_watch.py",
    "test_watch_soak.py",
    "test_encoders.py",
    "test_int8.py",
    "test_odd_arguments.py",
    "test_index_plugin.py",
    "test_snapshots.py",
    "test_meaning.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of a group (groups.py) with its name, and put those that take long first."""
    items.sort(key=lambda item: item.path.name not in _FIRST)
    for item in items:
        item.add_marker(group_of(item.path))


@pytest.hookimpl(tryfirst=True)  # before any fixture
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose marker `needs` names a missing program, or fail it in CI.

    Skip one whose marker `features` names a feature that this checkout lacks (tests/absent.py).
    """
    need_programs(*(name for marker in item.iter_markers("needs") for name in marker.args))
    for marker in item.iter_markers("features"):
        absent = [name for name in marker.args or OWN if name not in features()]
        if absent:
            pytest.skip(f"needs the feature {', '.join(absent)}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos next to the checkout. Tests that need it are skipped without it."""
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
    """The folder of exported models, kept between runs."""
    return default_cache_dir()


@pytest.fixture(scope="session")
def lite(model_cache: Path) -> Encoder:
    """The built-in encoder."""
    from imgsearch.encoders.registry import open_encoder

    return open_encoder("lite", model_cache)


@pytest.fixture
def stand_in() -> StandIn:
    """An encoder that costs nothing and counts what it embeds; `library` then uses it."""
    return StandIn()


@pytest.fixture(scope="session")
def demo_data(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an indexed library of the demo photos.

    It is closed and stays so: a test that opens such a library copies the folder.
    """
    from imgsearch import Library, Settings

    data = tmp_path_factory.mktemp("demo-data") / "library"
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([demo_photos]).run()
    return data


@pytest.fixture(scope="session")
def demo(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library of the demo photos; tests that use it only read."""
    from imgsearch import Library, Settings

    data = Path(shutil.copytree(demo_data, tmp_path_factory.mktemp("demo-library") / "library"))
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as opened:
        yield opened


@pytest.fixture(
    params=sorted((Path(__file__).parent / "data").glob("made-by-*")), ids=lambda each: each.name
)
def stored(request: pytest.FixtureRequest) -> Path:
    """What a release has stored, for each release."""
    folder: Path = request.param
    return folder


@pytest.fixture
def library(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Library]:
    """An empty library in a folder of its own.

    Its encoder is the stand-in where the test uses that fixture, too, and else `lite`.
    """
    from imgsearch import Library, Settings

    uses_stand_in = "stand_in" in request.fixturenames
    encoder = request.getfixturevalue("stand_in") if uses_stand_in else None
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=encoder) as opened:
        yield opened


@pytest.fixture
def travels(tmp_path: Path, library: Library, stand_in: StandIn) -> Library:
    """A library of photos of 2008, 2012 and 2015, in Italy, Australia and elsewhere."""
    library.index([write_travels(tmp_path / "photos")]).run()
    return library


@pytest.fixture
def make_photo(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small square photo of one colour. Another colour or side gives other bytes."""

    def make(name: str, colour: tuple[int, int, int] = (200, 30, 30), side_px: int = 64) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (side_px, side_px), colour).save(path)
        return path

    return make


@pytest.fixture
def s3() -> Iterator[S3Server]:
    """An empty S3 server on the loopback interface, for this process and those that it starts."""
    pytest.importorskip("moto", reason="needs moto")
    from tests.object_storage import s3_server  # here, since most tests need none of what it loads

    with s3_server() as server:
        yield server


def package_file(package: str, inside: str) -> Path:
    """A file that an installed package ships."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / inside
