"""Measures how often `sort:best` puts the better photo first.

    python -m benchmarks.bench_best ../shared/data [--clips FOLDER] [--dev]

Pairs: 200 photos, namely all of coco-dev by name and then the JPEGs below camera/ by path, each
content once, that can be read and have a long side of 300 px or more. Each is compared with four
worse versions of itself: blurred (Gaussian, half a percent of the long side), darkened (to 45 % of
its pixel values) and cropped (to 70 % of each side, at a place by chance), all saved with quality
90, and compressed (saved with quality 15). A pair is a folder with two photos, and its own search.
With `--dev`, the photos are every fifth of imagenet-samples, with which the points were chosen.

Bursts: every clip in the folder is cut into bursts of eight frames, an eighth of a second or a
little more apart, all frames of the clip in turn, saved with quality 92 and with their times as
dates, as cameras save them. "Near-duplicates" are the bursts that the library stacks whichever
frame is on top; the others have a cut, a fade or a fast pan in them.

"As they are": which frame is the sharpest is said by two measures of the whole frame.
`measure_sharpness` is the Laplacian at the largest size that it measures; the `sharpness` that a
library stores is the same measure, of the smaller picture that was decoded for the model. So "by
gradients" takes another one, Tenengrad (Krotkov, "Focusing", IJCV 1987), of the frame at its own
size. Frames often differ by less than anybody sees, so the bursts are also counted in which the
sharpest frame has 1.05, 1.1 and 1.2 times the measure of the third one: there, any other choice of
the first two is worse by so much. "The other measure" is how often the frame that is the sharpest
by one measure is among the first two by the other: as far as the truth is known.

"Shaken": each frame but one, by chance, is blurred along a line of 1 to 3 % of its long side, as by
a hand that moves, and "slightly shaken" of 0.3 to 1 %; the sharpest is the one that is not, and no
measure is needed to say so. A second share is the mean of the clips, since some are longer.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import hashlib
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from msgspec import Struct
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from imgsearch import Library, Settings
from imgsearch.features.duplicates.sharpness import SIDES_PX, measure_sharpness

PHOTOS, MIN_SIDE_PX = 200, 300
BURST, FRAMES_PER_SECOND = 8, 8
DIFFERENT = (1.05, 1.1, 1.2)  # the sharpness of the best frame, by that of the third one
FIRST_SHOT, BETWEEN_BURSTS = datetime(2024, 1, 1), timedelta(minutes=10)
SHAKEN = {"shaken": (0.01, 0.03), "slightly shaken": (0.003, 0.01)}
QUALITY, COMPRESSED_QUALITY, FRAME_QUALITY = 90, 15, 92
Change = Callable[[Image.Image, np.random.Generator], Image.Image]
EXIF, SHOT_AT, FRACTION = 0x8769, 0x9003, 0x9291  # DateTimeOriginal and SubSecTimeOriginal


class Burst(Struct, frozen=True):
    """The frames of a clip in a folder, as they are or shaken.

    `measures` are those of each frame by the name of the measure; of shaken frames the one that is
    not shaken has 1, the others 0.
    """

    clip: str
    kind: str
    name: str
    measures: Mapping[str, tuple[float, ...]]

    @property
    def folder(self) -> str:
        return f"{self.kind.split()[0]}-{self.name}"

    def sharpest(self, measure: str) -> int:
        return int(np.argmax(self.measures[measure]))

    def by_third(self, measure: str) -> float:
        """How many times as sharp the sharpest frame is as the third one."""
        third, _, first = sorted(self.measures[measure])[-3:]
        return first / max(third, 1e-9)


def blurred(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(0.005 * max(image.size)))


def darkened(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.45)


def cropped(image: Image.Image, random: np.random.Generator) -> Image.Image:
    width, height = (round(0.7 * side) for side in image.size)
    left = int(random.integers(image.width - width + 1))
    top = int(random.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def shaken(
    image: Image.Image, random: np.random.Generator, shares: tuple[float, float]
) -> Image.Image:
    """The image as a camera sees it that moves along a line, a share of the long side long."""
    length_px = random.uniform(*shares) * max(image.size)
    angle = random.uniform(0, math.pi)
    steps = math.ceil(length_px) + 1
    pixels = np.asarray(image, np.float32)
    total = np.zeros_like(pixels)
    for part in np.linspace(-0.5, 0.5, steps):
        across = round(part * length_px * math.cos(angle))
        down = round(part * length_px * math.sin(angle))
        total += np.roll(pixels, (down, across), (0, 1))
    return Image.fromarray((total / steps).round().astype(np.uint8))


CHANGES: Mapping[str, tuple[Change, int]] = {
    "blurred": (blurred, QUALITY),
    "darkened": (darkened, QUALITY),
    "cropped": (cropped, QUALITY),
    "compressed": (lambda image, random: image, COMPRESSED_QUALITY),
}


def readable(paths: Iterator[Path]) -> Iterator[tuple[Path, Image.Image]]:
    """The photos among these files, each content once."""
    known: set[bytes] = set()
    for path in paths:
        try:
            with Image.open(path) as opened:
                image = ImageOps.exif_transpose(opened).convert("RGB")
        except (OSError, SyntaxError, ValueError):  # some are damaged on purpose
            continue
        digest = hashlib.sha256(image.tobytes()).digest()
        if max(image.size) >= MIN_SIDE_PX and digest not in known:
            known.add(digest)
            yield path, image


def candidates(data: Path, is_dev: bool) -> Iterator[Path]:
    if is_dev:
        yield from sorted((data / "imagenet-samples").rglob("*.[jJ]*"))[::5]
        return
    yield from sorted((data / "coco-dev").rglob("*.jpg"))
    jpegs = (".jpg", ".jpeg")
    yield from sorted(path for path in (data / "camera").rglob("*") if path.suffix.lower() in jpegs)


def make_pairs(
    data: Path,
    folder: Path,
    is_dev: bool,
    changes: Mapping[str, tuple[Change, int]] = CHANGES,
    most: int = PHOTOS,
) -> dict[str, list[tuple[str, str]]]:
    """Folders of pairs, by the change: the name of each, and that of its original."""
    random = np.random.default_rng(39)
    pairs: dict[str, list[tuple[str, str]]] = {name: [] for name in changes}
    photos = readable(candidates(data, is_dev))
    for number, (path, image) in zip(range(most), photos, strict=False):
        for name, (change, quality) in changes.items():
            pair = folder / f"{name}-{number:03}"
            pair.mkdir(parents=True)
            shutil.copyfile(path, pair / "original.jpg")
            change(image, random).save(pair / "worse.jpg", quality=quality)
            pairs[name].append((pair.name, "original.jpg"))
    return pairs


def bursts_of(clip: Path) -> Iterator[list[Image.Image]]:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        step = max(1, round(float(stream.average_rate or FRAMES_PER_SECOND) / FRAMES_PER_SECOND))
        burst: list[Image.Image] = []
        for number, frame in enumerate(container.decode(stream)):
            if number % step == 0:
                burst.append(frame.to_image())
            if len(burst) == BURST:
                yield burst
                burst = []


def make_bursts(clips: Path, folder: Path) -> list[Burst]:
    """Bursts of frames, each in a folder of its own: as they are, and shaken."""
    random = np.random.default_rng(39)
    bursts: list[Burst] = []
    for clip_number, clip in enumerate(sorted(clips.iterdir())):
        for number, frames in enumerate(bursts_of(clip)):
            name = f"{clip_number:02}-{number:03}"
            saved = _save_burst(frames, folder / f"plain-{name}", len(bursts))
            measures = {
                measure: tuple(measured(frame) for frame in saved)
                for measure, measured in MEASURES.items()
                if max(saved[0].size) >= SIDES_PX[0]  # a smaller one is not measured
            }
            bursts.append(Burst(clip.name, "plain", name, measures))
            for kind, shares in SHAKEN.items():
                sharp = int(random.integers(BURST))
                moved = [
                    frame if at == sharp else shaken(frame, random, shares)
                    for at, frame in enumerate(frames)
                ]
                known = tuple(float(at == sharp) for at in range(BURST))
                burst = Burst(clip.name, kind, name, {"": known})
                _save_burst(moved, folder / burst.folder, len(bursts))
                bursts.append(burst)
    return bursts


def gradients(image: Image.Image) -> float:
    """Tenengrad of the whole frame, by the variance of its brightness."""
    grey = np.asarray(image.convert("L"), np.float32)
    smooth_x = grey[:, :-2] + 2 * grey[:, 1:-1] + grey[:, 2:]
    smooth_y = grey[:-2] + 2 * grey[1:-1] + grey[2:]
    down = smooth_x[2:] - smooth_x[:-2]
    across = smooth_y[:, 2:] - smooth_y[:, :-2]
    return float((down**2 + across**2).mean() / max(1.0, float(grey.var())))


MEASURES: Mapping[str, Callable[[Image.Image], float]] = {
    "": lambda image: measure_sharpness(image)[-1],
    "by gradients": gradients,
}


def _save_burst(frames: list[Image.Image], folder: Path, number: int) -> list[Image.Image]:
    """Save the frames of the burst with this number; returns each as it was saved."""
    folder.mkdir(parents=True)
    saved: list[Image.Image] = []
    for at, frame in enumerate(frames):
        shot = FIRST_SHOT + number * BETWEEN_BURSTS + timedelta(seconds=at / FRAMES_PER_SECOND)
        exif = Image.Exif()
        exif[EXIF] = {
            SHOT_AT: shot.strftime("%Y:%m:%d %H:%M:%S"),
            FRACTION: f"{shot.microsecond // 1000:03}",
        }
        stream = BytesIO()
        frame.save(stream, "JPEG", quality=FRAME_QUALITY, exif=exif)
        (folder / f"{at}.jpg").write_bytes(stream.getvalue())
        saved.append(Image.open(stream))
    return saved


def order_of(library: Library, burst: Burst) -> list[int]:
    """The numbers of the frames, best first."""
    hits = library.find(f"in:{burst.folder} sort:best", BURST).hits
    return [int(hit.path.stem) for hit in hits]


def is_near(library: Library, burst: Burst) -> bool:
    """Whether the library stacks all the frames, whichever of them is on top."""
    ids = [hit.photo.id for hit in library.find(f"in:{burst.folder} sort:path", BURST).hits]
    return len(ids) == BURST and all(
        len(library.browse.stacks_of([top, *(each for each in ids if each != top)]).get(top, ()))
        == BURST - 1
        for top in ids
    )


def report_bursts(library: Library, bursts: list[Burst]) -> None:
    orders = {burst.folder: order_of(library, burst) for burst in bursts}
    plain = [burst for burst in bursts if burst.kind == "plain"]
    near = {burst.name for burst in plain if is_near(library, burst)}

    def report(label: str, chosen: Sequence[Burst], measure: str = "") -> None:
        hits: dict[str, list[bool]] = {}
        for burst in chosen:
            is_hit = burst.sharpest(measure) in orders[burst.folder][:2]
            hits.setdefault(burst.clip, []).append(is_hit)
        _print_shares(label, hits)

    for only_near in (False, True):
        which = "near-duplicates" if only_near else "all"
        for measure in MEASURES:
            label = f"{which}, as they are {measure}".rstrip()
            chosen = [
                burst
                for burst in plain
                if measure in burst.measures and (not only_near or burst.name in near)
            ]
            report(label, chosen, measure)
            for ratio in DIFFERENT:
                differing = [burst for burst in chosen if burst.by_third(measure) >= ratio]
                report(f"{label}, from {ratio} times the third", differing, measure)
            (other,) = (each for each in MEASURES if each != measure)
            agreeing: dict[str, list[bool]] = {}
            for burst in chosen:
                first_two = np.argsort(burst.measures[other])[-2:].tolist()
                agreeing.setdefault(burst.clip, []).append(burst.sharpest(measure) in first_two)
            _print_shares(f"{label}: the other measure", agreeing)
        for kind in SHAKEN:
            chosen = [burst for burst in bursts if burst.kind == kind]
            report(f"{which}, {kind}", [b for b in chosen if not only_near or b.name in near])


def _print_shares(label: str, hits: Mapping[str, list[bool]]) -> None:
    each = [hit for clip in hits.values() for hit in clip]
    if not each:
        print(f"{label:62}    0 bursts")
        return
    by_clip = float(np.mean([np.mean(clip) for clip in hits.values()]))
    whole = f"{len(each):4} bursts: {np.mean(each):6.1%}"
    print(f"{label:62} {whole}, by {len(hits):2} clips: {by_clip:6.1%}")


def share_of_originals(library: Library, pairs: list[tuple[str, str]]) -> float:
    """The share of pairs with the original first."""
    firsts = [library.find(f"in:{folder} sort:best", 1).hits[0].path.name for folder, _ in pairs]
    return float(
        np.mean([first == wanted for first, (_, wanted) in zip(firsts, pairs, strict=True)])
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--dev", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "photos"
        pairs = make_pairs(options.data, folder, options.dev)
        bursts = make_bursts(options.clips, folder) if options.clips else []
        settings = Settings.load(data_dir=Path(work) / "library", encoder="lite")
        with Library.open(settings) as library:
            library.index([folder]).run()
            shares = {name: share_of_originals(library, pairs[name]) for name in pairs}
            for name, share in shares.items():
                print(f"{name:26} {len(pairs[name]):4} pairs: the original first {share:7.1%}")
            mean = sum(shares.values()) / len(shares)
            print(f"{'all':26} {'':4}        the original first {mean:7.1%}")
            if bursts:
                report_bursts(library, bursts)


if __name__ == "__main__":
    main()
