"""`imgsearch demo`: index the photos that scikit-image and scikit-learn ship, and search them."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import click

from imgsearch import private_files
from imgsearch.cli.output import data_option, info, open_library
from imgsearch.cli.progress import run_with_progress
from imgsearch.cli.search import print_answer
from imgsearch.errors import DiskError, MissingPackage
from imgsearch.installation import install_command
from imgsearch.paths import absolute
from imgsearch.records.answer import Answer
from imgsearch.records.query import Example, Query, Term
from imgsearch.text import format_count

PHOTOS = {  # package: (folder in it, file names)
    "skimage": (
        "data",
        """
        astronaut.png brick.png camera.png chelsea.png clock_motion.png coffee.png coins.png
        color.png grass.png gravel.png horse.png hubble_deep_field.jpg ihc.png moon.png
        motorcycle_left.png page.png retina.jpg rocket.jpg text.png
        """,
    ),
    "sklearn": ("datasets/images", "china.jpg flower.jpg"),
}
EXAMPLE = "motorcycle_right.png"
SEARCHES = (
    "a cat",
    "espresso",
    "a motorcycle",
    "a rocket launch",
    "a temple",
    "a submarine",
)


@click.command("demo")
@data_option
def command(data_dir: str | None) -> None:
    """Index about 20 photos that come with scikit-image and scikit-learn, and search them.

    The demo has a library of its own, so yours is not touched.
    """
    from imgsearch.config import default_data_dir

    folder = default_data_dir() / "demo" if data_dir is None else Path(absolute(data_dir))
    photos, library_dir = folder / "photos", folder / "library"
    copy_photos(photos)
    with open_library(str(library_dir)) as library:
        info(f"Indexing the photos in {photos}")
        report = run_with_progress(library.index([photos]), "Indexing", ends_soon=True)
        count = format_count(report.photos, "photo")
        click.echo(f"{count}, {report.new} of them new, in {report.seconds:.1f} s")
        for text in SEARCHES:
            click.echo(f'\n$ imgsearch search "{text}" -k 3')
            _print(library.find(text, k=3))
        example = folder / EXAMPLE  # the other half of a stereo pair, not in the library
        if not example.exists():
            shutil.copyfile(_package_dir("skimage") / "data" / EXAMPLE, example)
        click.echo(f"\n$ imgsearch search --image {example} -k 3")
        _print(library.find(Query((Term(Example(example)),)), k=3))
    page = "" if find_spec("streamlit") else f"{install_command('page')} && "
    click.echo(
        f'\nSearch it yourself:  imgsearch search "something round" --data {library_dir}\n'
        f"Browse it:           {page}imgsearch ui --data {library_dir}\n"
        "Your own photos:     imgsearch index ~/Pictures\n"
        '                     imgsearch search "a dog in snow"'
    )


def _print(answer: Answer) -> None:
    answer = answer.without_weak_hits()
    if answer.hits:
        print_answer(answer)
    else:
        click.echo("Nothing here looks like that.")


def copy_photos(folder: Path) -> None:
    """Copy the demo photos into `folder`; existing copies are left as they are."""
    try:
        private_files.make_folder(folder)
        for package, (inside, names) in PHOTOS.items():
            source = _package_dir(package) / inside
            for name in names.split():
                if not (folder / name).exists():
                    shutil.copyfile(source / name, folder / name)
    except OSError as error:
        raise DiskError(
            f"Cannot copy the demo photos to {folder} ({error.strerror}). Choose another folder "
            "with --data."
        ) from error


def _package_dir(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingPackage(
            "The demo takes its photos from scikit-image and scikit-learn. Install them: "
            f"{install_command('demo')}"
        )
    return Path(spec.origin).parent
