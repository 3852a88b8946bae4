"""`imgsearch correct`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import datetime

import click

from imgsearch.cli.chosen import chosen, chosen_options, chosen_or_none, print_change
from imgsearch.cli.output import (
    NO_RESULT,
    archive_option,
    asking,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.features.corrections.operations import Corrections
from imgsearch.features.corrections.records import DateAndPlaceChange, PhotoDate, PlannedDate
from imgsearch.records.photo import DatePrecision, moment_text
from imgsearch.text import format_count, path_text, printable

_NUMBER = r"(\d{1,9})"  # of hours, that is more than any calendar has
_SHIFT = re.compile(rf"([+-]?)(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?")
_UNITS_S = (86_400, 3_600, 60, 1)


def _read_shift(context: click.Context, option: click.Parameter, text: str | None) -> float | None:
    """Return seconds from "-1h", "2h30m" or "+1d"."""
    if text is None:
        return None
    found = _SHIFT.fullmatch(text.replace(" ", ""))
    numbers = found.groups()[1:] if found else ()
    if found is None or not any(numbers):
        raise click.BadParameter(f"{text!r} is not a shift. Write 2h, -1h30m or +1d.")
    if not any(int(each or 0) for each in numbers):
        raise click.BadParameter(f"{text!r} moves no date. Write 2h, -1h30m or +1d.")
    seconds = sum(int(each or 0) * unit for each, unit in zip(numbers, _UNITS_S, strict=True))
    return -float(seconds) if found[1] == "-" else float(seconds)


@click.command("correct")
@chosen_options
@click.option(
    *("--set-date", "to_date"),
    metavar="DATE",
    help="Set the date, as exactly as you know it: 1974, 'summer 1974', 1974-07, 1974-07-03T16:30.",
)
@click.option(
    "--shift",
    "shift_s",
    metavar="TIME",
    callback=_read_shift,
    help="Move the dates, of a camera whose clock was wrong: 2h, -1h30m, +1d.",
)
@click.option(
    "--from-names",
    is_flag=True,
    help="Propose dates from the names of files and folders to photos without one of their own.",
)
@click.option(
    *("--set-place", "to_place"),
    metavar="PLACE",
    help="Set the place: a town, or LAT,LON in degrees.",
)
@click.option(
    "--forget", is_flag=True, help="Take the corrections back: what the file says counts."
)
@click.option("--accept", is_flag=True, help="With --from-names: set the proposed dates.")
@click.option(
    "--write-sidecars",
    is_flag=True,
    help="Write all corrected dates and places into XMP files beside photos, for other programs.",
)
@click.option("--dry-run", is_flag=True, help="Only list the dates or files to write.")
@click.option(
    "--adobe-names",
    is_flag=True,
    help="With --write-sidecars: call a new file IMG.xmp and not IMG.JPG.xmp.",
)
@json_option
@archive_option
@data_option
def command(
    words: tuple[str, ...],
    photo_ids: tuple[int, ...],
    k: int | None,
    show_all: bool,
    to_date: str | None,
    shift_s: float | None,
    from_names: bool,
    to_place: str | None,
    forget: bool,
    accept: bool,
    write_sidecars: bool,
    dry_run: bool,
    adobe_names: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Correct the date or the place of the photos that QUERY finds. No photo is changed.

    \b
      imgsearch correct in:Scans --set-date 1974-07
      imgsearch correct camera:nikon on:2019-05 --shift -1h --dry-run
      imgsearch correct dated:file --from-names
      imgsearch correct dated:file --from-names --accept
      imgsearch correct in:2019 --set-place 'Lisbon'
      imgsearch search dated:you
      imgsearch correct --write-sidecars

    A corrected date or place is kept in the library, and counts in every query and view. What the
    file says is kept beside it, and counts again after --forget. Every change can be undone:
    imgsearch undo. A year, a season or a month is shown as such, and sorted and found by its
    beginning. --from-names only lists what it proposes, until --accept is given as well.

    With --write-sidecars, the XMP files to write are listed and then written: digiKam, darktable
    and Lightroom read the dates and places from them. What other programs wrote in them is kept,
    and no photo is ever changed.

    Exit code: 1 if there is no date to set or nothing to write, 3 if a file could not be written.
    """
    if adobe_names and not write_sidecars:
        raise click.UsageError("--adobe-names needs --write-sidecars.")
    if write_sidecars:
        if chosen_or_none(words, photo_ids, k, show_all) != chosen_or_none((), (), None, False):
            raise click.UsageError(
                "--write-sidecars writes all that was corrected; leave QUERY and its options out."
            )
        if any((to_date is not None, shift_s is not None, from_names, to_place, forget)):
            raise click.UsageError("Give --write-sidecars alone, after the corrections.")
        _write_sidecars(adobe_names, dry_run, as_json, address, data_dir)
        return
    photos = chosen(words, photo_ids, k, show_all, "imgsearch correct in:Scans --set-date 1974")
    given = [to_date is not None, shift_s is not None, from_names, to_place is not None, forget]
    if sum(given) != 1:
        raise click.UsageError(
            "Say what to correct, one thing at a time: --set-date, --shift, --from-names, "
            "--set-place or --forget."
        )
    if (to_place is not None or forget) and (dry_run or as_json):
        raise click.UsageError(
            "--dry-run and --json list dates: give --set-date, --shift or --from-names."
        )
    if accept and not from_names:
        raise click.UsageError("--accept needs --from-names.")
    with asking(data_dir, address) as ask:
        if to_place is not None:
            print_change(ask(Corrections.set_place, **photos, place=to_place))
            return
        if forget:
            print_change(ask(Corrections.forget, **photos))
            return
        planned = ask(
            Corrections.plan_dates, **photos, date=to_date, shift_s=shift_s, from_names=from_names
        )
        is_only_planned = dry_run or (from_names and not accept)
        if as_json:
            print_json(planned)
        elif is_only_planned:
            _print_planned(planned)
        if not planned:
            info(f"No date would change: {_why_none(shift_s, from_names)}.")
            sys.exit(NO_RESULT)
        if is_only_planned:
            photos_text = format_count(len(planned), "photo")
            more = "add --accept" if from_names else "leave out --dry-run"
            info(f"Nothing was written. To set the dates of {photos_text}, {more}.")
            return
        dates = [PhotoDate(each.photo_id, each.after, each.precision) for each in planned]
        change = ask(Corrections.set_dates, dates)
    if as_json:
        info(change.title)
    else:
        print_change(change)


def _why_none(shift_s: float | None, from_names: bool) -> str:
    """Say why no photo would get another date."""
    if shift_s is not None:
        return "no photo matches, or none has a date of its own to shift"
    if from_names:
        return "no photo matches, or all have a date of their own or none in a name"
    return "no photo matches, or all have this date already"


def _write_sidecars(
    adobe_names: bool, dry_run: bool, as_json: bool, address: str | None, data_dir: str | None
) -> None:
    from imgsearch.cli.sidecars import list_and_write

    with open_either(data_dir, address) as library:
        list_and_write(
            library.corrections.plan_sidecars(adobe_names=adobe_names),
            None if dry_run else library.corrections.write_sidecars,
            _date_and_place,
            as_json,
            "The files of your photos state what you corrected here.",
            "imgsearch correct --write-sidecars",
        )


def _date_and_place(change: DateAndPlaceChange) -> str:
    parts = []
    if change.taken_at is not None:
        parts.append(_written(change.taken_at, change.date_precision))
    if change.place is not None:
        names = (change.place.town, change.place.region, change.place.country)
        point = f"{change.place.lat:.4f},{change.place.lon:.4f}"
        parts.append(", ".join(filter(None, (*names, point))))
    return "; ".join(parts)


def _written(moment: datetime, precision: DatePrecision | None) -> str:
    """Return a date as --set-date takes it, as exact as it is known."""
    text = moment.replace(tzinfo=None).isoformat(" ", "minutes")
    if precision == "season":
        return moment_text(moment, precision)
    return text if precision is None else text[: {"year": 4, "month": 7, "day": 10}[precision]]


def _print_planned(planned: Sequence[PlannedDate]) -> None:
    for each in planned:
        before = _written(each.before, each.before_precision)
        after = _written(each.after, each.precision)
        source = "file" if each.dated_by == "file" else ""
        because = f"  ({each.because})" if each.because else ""
        path = printable(path_text(each.path))
        click.echo(f"{before} {source:4} -> {after}  {path}{printable(because)}")
