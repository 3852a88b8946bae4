"""How often `is:screenshot` and `is:document` are right, on drawn pictures and on photos.

    python -m benchmarks.bench_kinds dev --photos FOLDER [--photos FOLDER]... [--fit]
    python -m benchmarks.bench_kinds held-out --photos FOLDER [--photos FOLDER]...

Screenshots and documents are drawn in two halves without a common design: see `made_kinds`; the
half `dev` also has the pictures of our own page, from docs/images. With
`--fit`, the weights are chosen anew and written beside the feature: on the half `dev` alone. What
is in the folders counts as photos; of some, there are copies as PNG, and as PNG in the size of a
screen. Names of files say nothing, but for a fifth of the drawn ones; `--no-names` leaves those
out.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
import numpy as np
from PIL import Image

from benchmarks.made_kinds import draw
from imgsearch import Library, Settings
from imgsearch.features.kinds import judging, numbers
from imgsearch.features.kinds.numbers import KindNumbers
from imgsearch.store.reading.vectors import photo_starts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Vectors

CAPTIONS = (
    *("a screenshot of a phone", "a screenshot of a chat", "a screenshot of a website"),
    *("a screenshot of a computer program", "a screenshot of a desktop with windows"),
    *("a screenshot of a map app", "a screenshot of a post in an app"),
    *("a screenshot of code in an editor", "a screenshot of a spreadsheet"),
    *("a screenshot of settings", "a screenshot of a game"),
    *("a scan of a letter", "a printed document", "a page of text"),
    *("a sheet of paper with text", "a photo of a receipt", "an invoice", "a form to fill in"),
    *("a page of a book", "a certificate", "a handwritten note on paper", "an identity card"),
    *("a photo of people", "a photo of a dog", "a photo of an animal", "a landscape"),
    *("a photo of a street", "a photo of a building", "a photo of food", "a photo of a room"),
    *("a photo of sports", "a photo of a car", "a plant", "an object on a table"),
    *("a photo of a sign", "a photo of a computer screen on a desk", "a poster", "a painting"),
    *("a drawing", "a blurred photo", "a bright white background", "a black background"),
    "a close-up of a texture",
)
PAGE = Path(__file__).parents[1] / "docs" / "images"  # screenshots of the page, in WebP
EACH = 25  # pictures of a design
NAMED_SHARE = 0.2
STEPS, RATE, DECAY = 4_000, 0.5, 1.0  # of the regression: chosen by four parts of the half dev
LEAST = (0.7, 0.7)
KINDS = ("photo", *judging.KINDS)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("half", choices=("dev", "held-out"))
    parser.add_argument("--photos", type=Path, action="append", required=True)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--no-names", action="store_true")
    options = parser.parse_args(arguments)
    if options.fit and options.half != "dev":
        parser.error("The held-out half is for measuring alone.")
    with tempfile.TemporaryDirectory() as work:
        drawn = Path(work) / "drawn"
        pasted = sorted(each for each in options.photos[0].rglob("*.jpg"))[:300]
        draw(drawn, options.half, EACH, pasted, 0.0 if options.no_names else NAMED_SHARE)
        _copy_as_png(pasted, drawn / "photo")
        _copy_documents(drawn / "document")
        if options.half == "dev":
            _copy_page(drawn / "screenshot")
        settings = Settings.load(data_dir=Path(work) / "library", encoder="lite")
        with Library.open(settings) as library:
            library.index([drawn, *options.photos]).run()
            if options.fit:
                _fit(library, drawn)
                _judge_again(library)
            _print(library, drawn)


def _copy_as_png(photos: Sequence[Path], folder: Path) -> None:
    """Copy a sixth of the photos as PNG, half of them in the size of a screen, like wallpapers."""
    folder.mkdir()
    for number, path in enumerate(photos[::6]):
        with Image.open(path) as opened:
            photo = opened.convert("RGB")
        if number % 2:
            photo = photo.resize((1920, 1080) if photo.width > photo.height else (1080, 1920))
        photo.save(folder / f"{path.stem}.png")


def _copy_documents(folder: Path) -> None:
    """Copy a third of the documents as PNG, in sizes down to a third."""
    for number, path in enumerate(sorted(folder.iterdir())[::3]):
        with Image.open(path) as opened:
            scale = 1 / (1 + number % 3)
            paper = opened.resize((int(opened.width * scale), int(opened.height * scale)))
        paper.save(folder / f"IMG_{7000 + number}.png")


def _copy_page(folder: Path) -> None:
    """Copy the pictures of our own page, each as a PNG, and smaller as a JPEG that was sent on."""
    for number, path in enumerate(sorted(PAGE.glob("*.webp"))):
        with Image.open(path) as opened:
            screen = opened.convert("RGB")
        screen.save(folder / f"IMG_{3000 + number}.PNG")
        screen = screen.resize((int(screen.width * 0.7), int(screen.height * 0.7)))
        screen.save(folder / f"sent{number}.jpg", quality=80)


def _fit(library: Library, drawn: Path) -> None:
    """Choose the weights and write them."""
    opened = library._opened
    store, row = opened.store(), opened.reads().encoders.in_use()
    chunks = list(store.reads.vectors.chunks(row.key))
    ids, vectors = (np.concatenate([each[part] for each in chunks]) for part in (1, 2))
    starts = photo_starts(ids)
    photo_ids = ids[starts].tolist()
    facts = judging.facts_of(store.database, photo_ids)
    blank = KindNumbers(CAPTIONS, (), (), (), (0.0, 0.0, 0.0), LEAST)
    captions = judging.caption_vectors(
        library.settings.cache_dir, row.encoder_id, _embed(library), blank
    )
    inputs = judging.picture_numbers(vectors, starts, captions, facts)
    kind_of = _kinds(library, drawn)
    _write_numbers(inputs, np.array([KINDS.index(kind_of[each]) for each in photo_ids]))


def _write_numbers(inputs: NDArray[np.float64], wanted: NDArray[np.int64]) -> None:
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    weights = _regression((inputs - mean) / deviation, wanted)
    made = KindNumbers(
        CAPTIONS,
        _rounded(mean),
        _rounded(deviation),
        tuple(_rounded(each) for each in weights[:-1]),  # type: ignore[misc]
        _rounded(weights[-1]),  # type: ignore[arg-type]
        LEAST,
    )
    numbers.FILE.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    numbers.numbers.cache_clear()
    numbers.version.cache_clear()


def _judge_again(library: Library) -> None:
    """Judge all photos of a library by the numbers that were written."""
    opened = library._opened
    row = opened.reads().encoders.in_use()
    judging.judge(opened.store(), row, library.settings.cache_dir, _embed(library))


def _embed(library: Library) -> Callable[[Sequence[str]], Vectors]:
    return library._opened.context().encoder().encode_texts


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(each), 4) for each in values)


def _regression(inputs: NDArray[np.float64], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Fit a logistic regression of three classes; the last row of the result is the bias."""
    given = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    weights = np.zeros((given.shape[1], len(KINDS)))
    truth = np.eye(len(KINDS))[wanted]
    for _ in range(STEPS):
        logits = given @ weights
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        step = given.T @ (likely - truth) / len(given)
        step[:-1] += DECAY * weights[:-1] / len(given)
        weights -= RATE * step
    return weights


def _kinds(library: Library, drawn: Path) -> dict[int, str]:
    """The kind of each picture, by the folder in which it was drawn."""
    hits = library.photos([int(each) for each in library.find_all("is:online").ids])
    return {
        hit.photo.id: hit.path.relative_to(drawn).parts[0]
        if hit.path.is_relative_to(drawn)
        else "photo"
        for hit in hits
    }


def _print(library: Library, drawn: Path) -> None:
    kind_of = _kinds(library, drawn)
    counted = {kind: sum(each == kind for each in kind_of.values()) for kind in KINDS}
    click.echo("  ".join(f"{count} {kind}s" for kind, count in counted.items()))
    either = [int(each) for each in library.find_all("is:screenshot|document").ids]
    right = sum(kind_of[each] != "photo" for each in either)
    wanted = counted["screenshot"] + counted["document"]
    click.echo(
        f"either         found {len(either):4}  precision {right / max(1, len(either)):.3f}  "
        f"recall {right / max(1, wanted):.3f}"
    )
    for kind in judging.KINDS:
        found = [int(each) for each in library.find_all(f"is:{kind}").ids]
        right = sum(kind_of[each] == kind for each in found)
        click.echo(
            f"is:{kind:10}  found {len(found):4}  precision {right / max(1, len(found)):.3f}  "
            f"recall {right / max(1, counted[kind]):.3f}"
        )
        for each in found:
            if kind_of[each] != kind:
                (hit,) = library.photos([each])
                click.echo(f"    wrong: {hit.path.name}, a {kind_of[each]}")


if __name__ == "__main__":
    main()
