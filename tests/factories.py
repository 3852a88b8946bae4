"""Makes what many tests need: vectors, pictures, photos on disk, records, processes.

What a single test file needs stays in that file. `stand_in.py` has the encoder that costs nothing,
`held_process.py` a process that waits for the test, `browsing.py` what the tests of the page share.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFilter

from imgsearch import Library, Settings
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.gazetteer import Gazetteer
from imgsearch.indexer.context import IndexingContext, OpenModels
from imgsearch.indexer.reading import PhotoDecoder
from imgsearch.indexer.volumes import SYSTEM_MOUNTS, MountTable
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import Facts
from imgsearch.store.store import Store

if TYPE_CHECKING:
    from imgsearch import Settings
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Vectors

CHECKOUT = Path(__file__).parent.parent
# Rights of files do not bind root. On Windows they are others, which no test changes.
IS_ROOT = sys.platform != "win32" and os.geteuid() == 0
PATIENCE_S = 300.0  # a busy machine may need this long for what takes a few seconds

# ---------------------------------------------------------------------------- vectors


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    """The same directions with length 1 along the last axis, as float32."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.ascontiguousarray(rows / lengths, np.float32)


def random_vectors(count: int, dim: int, seed: int = 1) -> Vectors:
    """Vectors in all directions alike: (count, dim)."""
    return unit(np.random.default_rng(seed).standard_normal((count, dim)))


def cosines(a: Vectors, b: Vectors) -> Vectors:
    """The cosine of each row of `a` with the same row of `b`."""
    return np.asarray((a * b).sum(axis=1))


def prepared(encoder: Encoder, images: Iterable[Image.Image]) -> PixelBatch:
    """The images as one batch of pixels for the encoder."""
    return cast("PixelBatch", np.stack([encoder.prepare(image) for image in images]))


def embed(encoder: Encoder, images: Iterable[Image.Image]) -> Vectors:
    """The vectors of the images, computed as one batch."""
    return encoder.encode_pixels(prepared(encoder, images))


# ---------------------------------------------------------------------------- pictures

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 40), (30, 40, 210), (245, 245, 245)
SCENE = (RED, GREEN, BLUE, WHITE)


def exif_of_paris() -> Image.Exif:
    """EXIF that says only where a photo was taken."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    return exif


def index_demo_photos(demo_photos: Path, folder: Path) -> None:
    """Copy the demo photos to `photos` in a folder, with one taken in Paris, and index them there.

    The library is in `library` beside them.
    """
    shutil.copytree(demo_photos, folder / "photos")
    scene(640, 480).save(folder / "photos" / "paris.jpg", exif=exif_of_paris())
    with Library.open(Settings.load(data_dir=folder / "library", encoder="lite")) as library:
        library.index([folder / "photos"]).run()


def scene(width_px: int = 96, height_px: int = 64) -> Image.Image:
    """Four plain quarters, red and green above blue and white: each turn and flip differs."""
    image = Image.new("RGB", (width_px, height_px), WHITE)
    middle_x, middle_y = width_px // 2, height_px // 2
    image.paste(RED, (0, 0, middle_x, middle_y))
    image.paste(GREEN, (middle_x, 0, width_px, middle_y))
    image.paste(BLUE, (0, middle_y, middle_x, height_px))
    return image


def assert_quarters(
    image: Image.Image, colours: Sequence[tuple[int, int, int]] = SCENE, within: float = 12
) -> None:
    """The four quarters have these colours, up to a difference in each channel."""
    assert image.mode == "RGB"
    xs, ys = (image.width // 4, image.width * 3 // 4), (image.height // 4, image.height * 3 // 4)
    seen = np.array([rgb_at(image, x, y) for y in ys for x in xs])
    assert np.abs(seen - np.array(colours)).max() <= within, seen


def spoilt(image: Image.Image, done: str) -> Image.Image:
    """The same photo as somebody with less luck has taken it."""
    if done == "blurred":
        return image.filter(ImageFilter.GaussianBlur(12))
    if done == "dark":
        return image.point(lambda value: value // 12)
    if done == "bright":
        return image.point(lambda value: 235 + value // 16)
    return image


def save_taken(image: Image.Image, file: Path, day: str | None) -> None:
    """Save a photo that was taken at noon of this day, if it has one."""
    exif = Image.Exif()
    if day is not None:
        moment = datetime.fromisoformat(day)
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = (
            f"{moment:%Y:%m:%d} 12:00:00"
        )
    image.save(file, exif=exif, quality=95)


def noise(side_px: int = 64, seed: int = 7) -> Image.Image:
    """A square of random colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side_px, side_px, 3), np.uint8)
    return Image.fromarray(pixels)


def rgb_at(image: Image.Image, x: int, y: int) -> tuple[int, int, int]:
    """The pixel of an RGB image."""
    return cast("tuple[int, int, int]", image.getpixel((x, y)))


def encoded(image: Image.Image, format_name: str, **options: object) -> bytes:
    """The bytes of a file of the image, in a format that Pillow writes."""
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def heic(image: Image.Image, quality: int = 90, exif: bytes | None = None) -> bytes:
    """The bytes of a HEIC file of the image."""
    from pillow_heif import from_pillow

    buffer = BytesIO()
    from_pillow(image).save(buffer, format="HEIF", quality=quality, exif=exif)
    return buffer.getvalue()


def tiff(samples: NDArray[Any], **options: object) -> bytes:
    """The bytes of a TIFF file with these samples; `options` are those of tifffile."""
    tifffile = pytest.importorskip("tifffile")
    buffer = BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


def dng(orientation: int = 1, width_px: int = 256, height_px: int = 192) -> bytes:
    """The bytes of a Digital Negative: `scene`, seen through red, green and blue filters."""
    y, x = np.mgrid[0:height_px, 0:width_px]
    quarters = np.array([[(60000, 3000, 3000), (3000, 60000, 3000)],
                         [(3000, 3000, 60000), (60000, 60000, 60000)]])  # fmt: skip
    colours = quarters[y * 2 // height_px, x * 2 // width_px]
    filters = np.array([[0, 1], [1, 2]])[y % 2, x % 2]
    sensor = np.take_along_axis(colours, filters[..., None], 2)[..., 0].astype(np.uint16)
    xyz_to_srgb = (3.2404542, -1.5371385, -0.4985314, -0.969266, 1.8760108, 0.041556, 0.0556434,
                   -0.2040259, 1.0572252)  # fmt: skip
    matrix = [part for value in xyz_to_srgb for part in (round(value * 1e7), 10**7)]
    tags = [
        (271, 2, 0, "Acme", True),
        (272, 2, 0, "Acme R1", True),
        (274, 3, 1, orientation, True),
        (33421, 3, 2, (2, 2), True),  # the filters repeat every 2 × 2: red, green, green, blue
        (33422, 1, 4, bytes((0, 1, 1, 2)), True),
        (50706, 1, 4, bytes((1, 4, 0, 0)), True),  # version of the format
        (50708, 2, 0, "Acme R1", True),
        (50717, 4, 1, 65535, True),  # white
        (50721, 10, 9, tuple(matrix), True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),  # neutral
        (50778, 3, 1, 21, True),  # under D65
    ]
    return tiff(sensor, photometric="cfa", metadata=None, software=False,
                datetime="2020:01:02 03:04:05", extratags=tags)  # fmt: skip


# ---------------------------------------------------------------------------- photos on disk


def write_photo(path: Path, number: int = 0) -> Path:
    """Write a small photo of one colour; no other number gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = (number % 251, number // 251 % 251, 200)
    Image.new("RGB", (8, 8), colour).save(path)
    return path


def write_xmp(path: Path, rating: int) -> Path:
    """An XMP file that gives its photo so many stars."""
    path.write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{rating}"/></rdf:RDF></x:xmpmeta>'
    )
    return path


def write_photos(folder: Path, count: int, first: int = 0) -> Path:
    """Write `0000.png` and so on, with numbers from `first` on; returns the folder."""
    for number in range(first, first + count):
        write_photo(folder / f"{number:04}.png", number)
    return folder


def write_noise(path: Path, seed: int, side_px: int = 32) -> Path:
    """Write a photo of random colours; no other seed gives the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise(side_px, seed).save(path)
    return path


def pngs_below(*folders: Path) -> set[str]:
    """The paths of all PNG files that are not hidden."""
    return {
        str(path)
        for folder in folders
        for path in folder.rglob("*.png")
        if path.is_file() and not path.name.startswith(".")
    }


# ---------------------------------------------------------------------------- records


def ingested(
    path: str,
    vectors: Vectors | None = None,
    *,
    content: bytes | None = None,
    facts: Facts | None = None,
    mtime_ns: int = 1,
    times_s: tuple[float, ...] = (),
) -> IngestResult:
    """A photo at a path as the pipeline gives it to the store; its content is that of its path.

    Without `vectors` it is a copy of a photo that the store has.
    """
    known = content or path.encode()
    if vectors is None:
        return IngestResult(FileStat(path, 1, mtime_ns, 1), known)
    facts = facts or Facts("JPEG", 8, 8)
    return IngestResult(FileStat(path, 1, mtime_ns, 1), known, facts, vectors, times_s=times_s)


def paths_in(data_dir: Path) -> set[str]:
    """The paths of all photos of a library; none where it does not exist yet."""
    if not (data_dir / "library.db").exists():
        return set()
    with Store.open(data_dir, writable=False) as store:
        ids = store.reads.photos.live_ids().tolist()
        return {
            str(path) for places in store.reads.photos.paths(ids).values() for _, path in places
        }


def context_of(
    settings: Settings,
    encoder: Encoder | None,
    notify: Callable[[str], None] = lambda sentence: None,
    *,
    decoder: PhotoDecoder | None = None,
    mounts: MountTable = SYSTEM_MOUNTS,
    models: Mapping[str, Callable[[], object]] | None = None,
) -> IndexingContext:
    """The context that indexes the library of the settings, with parts of the test."""
    return IndexingContext(
        settings,
        EncoderLoader(settings, notify, None, encoder),
        notify,
        Gazetteer(settings.cache_dir),
        OpenModels(models),
        decoder=decoder or PhotoDecoder(),
        mounts=mounts,
    )


def run(steps: Any) -> Any:
    """The report of a job."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


# ---------------------------------------------------------------------------- processes


def cli_environment(data: Path, **more: str) -> dict[str, str]:
    """This process's environment with that data folder, and `lite` for new libraries."""
    own = {"IMGSEARCH_DATA": str(data), "IMGSEARCH_ENCODER": "lite"}
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), **own, **more}


def many_photos(folder: Path, count: int) -> Path:
    """Write `count` small photos of random colours into a folder, and return it."""
    for number in range(count):
        write_noise(folder / f"{number:04}.png", number, 48)
    return folder


def run_cli(
    *arguments: str | Path, data: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `imgsearch` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "imgsearch", *map(str, arguments)],
        env=cli_environment(data, **environment),
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=PATIENCE_S,
    )


def temporary_folder_of_its_own(folder: Path) -> dict[str, str]:
    """Return the environment of a pytest that a test starts, with its temporary files there.

    pytest takes the rights of others from the folder that all its runs of a user share, also while
    a test of another process has opened it to another user (test_store.py).
    """
    place = folder / "temporary"
    place.mkdir(exist_ok=True)
    return {"PYTEST_DEBUG_TEMPROOT": str(place)}


def run_pytest(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tests in another process, as outside CI."""
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    # It must not share the cache folder of the tests that run here: see conftest.py.
    kept |= {"PYTEST_XDIST_WORKER": "tests-of-tests", **environment}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=CHECKOUT,
        env=kept,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def start_cli(*arguments: str | Path, data: Path, **environment: str) -> subprocess.Popen[str]:
    """Start `imgsearch`; its output goes into pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "imgsearch", *map(str, arguments)],
        env=cli_environment(data, **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_python(
    code: str, *arguments: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run code in a Python process of its own, in which warnings are errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def modules_after(code: str) -> set[str]:
    """The names of all modules that a Python process has loaded after running the code."""
    done = run_python(f"{code}\nimport sys\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def machine_is_busy() -> bool:
    """Whether other processes use a large part of the processors, which spoils measured times."""
    return psutil.cpu_percent(interval=0.5) > 30


class SimulatedClock:
    """A clock that advances only when something sleeps: it measures the same every time."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


def wait_until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Return as soon as the condition holds. Fails after `patience_s`."""
    until = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < until, "the condition never held"
        time.sleep(0.02)
