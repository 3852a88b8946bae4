"""`imgsearch label`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from imgsearch.cli.output import (
    NO_RESULT,
    PATH,
    archive_option,
    complete_folder,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.cli.progress import run_with_progress
from imgsearch.cli.terminal import standard_output
from imgsearch.errors import CommandLine, Sentence
from imgsearch.text import format_count, printable

if TYPE_CHECKING:
    from imgsearch.features.labels.records import Classes, Confusion, Label
    from imgsearch.library import Library


@click.command("label")
@click.argument("names", required=False, metavar="[CLASSES]")
@click.argument("words", nargs=-1, metavar="[QUERY]")
@click.option("--template", metavar="TEXT", help="Text around a class: 'a drawing of a {}'.")
@click.option("--only-these", is_flag=True, help='Never label a photo "none of these".')
@click.option(
    "-k", "k", metavar="N", default=100, show_default=True, help="Number of photos of QUERY."
)
@click.option("--save-as", metavar="NAME", help="Save the labels; new photos are labelled, too.")
@click.option("--forget", metavar="NAME", help="Delete saved labels.")
@click.option(
    "--evaluate",
    metavar="FOLDER",
    type=PATH,
    help="Test on sorted photos.",
    shell_complete=complete_folder,
)
@json_option
@archive_option
@data_option
def command(
    names: str | None,
    words: tuple[str, ...],
    template: str | None,
    only_these: bool,
    k: int,
    save_as: str | None,
    forget: str | None,
    evaluate: str | None,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Label each photo with the likeliest of several classes, which are words; no training.

    \b
      imgsearch label "dog,cat,horse"
      imgsearch label "beach,mountain,city" in:Holidays
      imgsearch label "dog,cat,horse" --save-as animals
      imgsearch search "asleep label:cat"
      imgsearch label --evaluate ~/sorted

    QUERY limits the photos, as in imgsearch search; it may also be a folder. A photo that fits no
    class is labelled "none of these". Saved labels are found with label:NAME or label:FACET/NAME.
    --evaluate takes a folder with one subfolder for each class, and shows how many photos get the
    right label. Without arguments, the command lists saved labels.
    """
    classes = _classes(names, template, only_these, save_as)
    with open_either(data_dir, address) as library:
        if forget is not None:
            _forget(library, forget)
        elif evaluate is not None:
            job = library.labels.evaluate(evaluate, classes)
            _print_confusion(run_with_progress(job, "Labelling"), as_json)
        elif classes is None:
            _list_saved(library, as_json)
        elif save_as is not None:
            if words:
                raise click.UsageError("--save-as labels all photos: leave QUERY out.")
            _print_counts(library.labels.save(save_as, classes), as_json)
        else:
            _print_labels(library, library.label(classes, _query(words), k), as_json)


def _classes(
    names: str | None, template: str | None, only_these: bool, save_as: str | None
) -> Classes | None:
    from imgsearch.features.labels.records import Classes

    if names is None:
        if template is not None or only_these or save_as is not None:
            raise click.UsageError("Name the classes: imgsearch label 'dog,cat,horse'")
        return None
    return Classes(tuple(name.strip() for name in names.split(",")), template, not only_these)


def _query(words: tuple[str, ...]) -> str | None:
    if len(words) == 1 and os.path.isdir(words[0]):  # noqa: PTH112  # Path raises for long names
        folder = str(Path(words[0]).resolve()).replace("\\", "\\\\").replace('"', '\\"')
        return f'in:"{folder}"'
    return " ".join(words) or None


def _forget(library: Library, name: str) -> None:
    if not library.labels.forget(name):
        info(
            Sentence(
                f"No labels are saved as {name!r}. To list saved labels: ", CommandLine("label")
            )
        )
        sys.exit(NO_RESULT)
    click.echo(f"Deleted the labels {printable(name)}; no photo was touched")


def _list_saved(library: Library, as_json: bool) -> None:
    saved = library.labels.facets()
    if as_json:
        print_json({facet.name: counts for facet, counts in saved.items()})
    else:
        for facet, counts in saved.items():
            listed = ", ".join(f"{name} {count}" for name, count in _largest_first(counts))
            click.echo(printable(f"{facet.name}: {listed}"))
    if not saved:
        info(
            Sentence(
                "No labels are saved yet. To save some: ",
                CommandLine("label 'dog,cat' --save-as animals"),
            )
        )
        sys.exit(NO_RESULT)


def _print_counts(counts: Mapping[str, int], as_json: bool) -> None:
    if as_json:
        print_json(dict(counts))
        return
    for name, count in _largest_first(counts):
        click.echo(f"{count:7}  {printable(name)}")
    info(
        Sentence(
            "Find them with label:NAME, for instance: ", CommandLine("search 'asleep label:cat'")
        )
    )


def _largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _print_labels(library: Library, labels: list[Label], as_json: bool) -> None:
    order = sorted(labels, key=lambda label: (label.name, -label.probability))
    hits = {hit.photo.id: hit for hit in library.photos([label.photo_id for label in order])}
    labelled = [(label, hits[label.photo_id]) for label in order if label.photo_id in hits]
    if as_json:
        print_json([{**asdict(label), "path": hit.path} for label, hit in labelled])
    else:
        text = standard_output()
        for label, hit in labelled:
            path = text.path(hit.path, can_open=not hit.offline)
            probability = text.styled(f"{label.probability:6.3f}", dim=True)
            text.print(f"{probability}  {printable(label.name)}  {path}")
    if not labelled:
        info("No photo matches the query. Try fewer filters, or leave the query out.")
        sys.exit(NO_RESULT)


def _print_confusion(confusion: Confusion, as_json: bool) -> None:
    classes = confusion.classes
    if as_json:
        print_json(
            {
                "accuracy": round(confusion.accuracy, 4),
                "classes": {
                    name: round(confusion.accuracy_of(place), 4)
                    for place, name in enumerate(classes)
                },
                "labels": confusion.labels,
                "counts": confusion.counts,
                "unread": confusion.unread,
            }
        )
        return
    width = max(map(len, classes))
    widths = [max(5, len(name)) for name in confusion.labels]
    titles = zip(confusion.labels, widths, strict=True)
    columns = "".join(f"  {name:>{cell}}" for name, cell in titles)
    click.echo(printable(f"{'':{width}}   right{columns}"))
    for place, name in enumerate(classes):
        cells = zip(confusion.counts[place], widths, strict=True)
        counts = "".join(f"  {count:{cell}}" for count, cell in cells)
        click.echo(printable(f"{name:{width}}  {confusion.accuracy_of(place):6.1%}{counts}"))
    total = sum(map(sum, confusion.counts))
    click.echo(f"{confusion.accuracy:.1%} of {format_count(total, 'photo')} got the right label")
    if confusion.unread:
        info(f"{format_count(confusion.unread, 'photo')} could not be read.")
