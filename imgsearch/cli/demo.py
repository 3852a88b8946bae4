"""`imgsearch demo`: real searches over the photos that scikit-image and scikit-learn ship."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import data_option, follow, open_library, say
from imgsearch.cli.search import folded, show
from imgsearch.errors import DiskError, MissingPackage
from imgsearch.records.query import Example, Query, Term

if TYPE_CHECKING:
    from imgsearch.records.answer import Answer

PHOTOS = {  # package: (folder in it, names)
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
    "a cup of coffee",
    "a motorcycle",
    "a rocket launch",
    "a temple",
    "a submarine",
)


@click.command("demo", short_help="Try it on 21 photos that come with this program.")
@data_option
def command(data_dir: str | None) -> None:
    """Try it: index about 20 photos that come with scikit-image and scikit-learn, and search them.

    The demo has a library of its own, so yours is not touched.
    """
    from imgsearch.config import default_data_dir

    place = Path(data_dir) if data_dir else default_data_dir() / "demo"
    library_dir = place / "library"
    copy_photos(place / "photos")
    with open_library(str(library_dir)) as library:
        say(f"Indexing the photos in {place / 'photos'}")
        report = follow(library.index([place / "photos"]), "Indexing")
        click.echo(f"{report.photos} photos, {report.new} of them new, in {report.seconds:.1f} s")
        for text in SEARCHES:
            click.echo(f'\n$ imgsearch search "{text}" -k 3')
            _show(library.find(text, k=3))
        example = place / EXAMPLE  # the other half of a stereo pair, not in the library
        if not example.exists():
            shutil.copyfile(_home("skimage") / "data" / EXAMPLE, example)
        click.echo(f"\n$ imgsearch search --image {example} -k 3")
        _show(library.find(Query((Term(Example(example)),)), k=3))
    click.echo(
        f'\nAsk it yourself:   imgsearch search "something round" --data {library_dir}\n'
        f"Look at them:      imgsearch ui --data {library_dir}\n"
        "Your own photos:   imgsearch index ~/Pictures\n"
        '                   imgsearch search "a dog in snow"'
    )


def _show(answer: Answer) -> None:
    shown = folded(answer)
    if shown.hits:
        show(shown)
    else:
        click.echo("Nothing here looks like that.")


def copy_photos(folder: Path) -> None:
    """Copy the demo photos into `folder`; those that are there are left as they are."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for package, (inside, names) in PHOTOS.items():
            home = _home(package)
            for name in names.split():
                if not (folder / name).exists():
                    shutil.copyfile(home / inside / name, folder / name)
    except OSError as error:
        raise DiskError(
            f"The demo photos cannot be put into {folder} ({error.strerror}). Choose another "
            "place with --data."
        ) from error


def _home(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise MissingPackage(
            "The demo takes its photos from scikit-image and scikit-learn. Install them: "
            "pip install 'imgsearch-photos[demo]'"
        )
    return Path(found.origin).parent
