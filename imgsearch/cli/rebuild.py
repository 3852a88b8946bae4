"""`imgsearch rebuild`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from imgsearch.cli.encoders import stored_line
from imgsearch.cli.output import (
    archive_option,
    complete_encoder,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.cli.progress import run_with_progress
from imgsearch.errors import CommandLine, FolderError, Sentence, SnapshotError
from imgsearch.text import format_count, format_duration, printable

if TYPE_CHECKING:
    from imgsearch.records.trial import EncoderTrial, TrialQuery

_SHOWN_CHARS = 40  # of a query


@click.command("rebuild")
@click.option(
    "--encoder",
    metavar="NAME",
    help="Embed all photos again with this model.",
    shell_complete=complete_encoder,
)
@click.option(
    "--trial",
    metavar="N",
    type=click.IntRange(min=1),
    help="Only try the model of --encoder on N photos, and compare it with the current model.",
)
@click.option(
    "--query",
    "queries",
    metavar="TEXT",
    multiple=True,
    help="With --trial: compare the answers to TEXT. May be given several times.",
)
@click.option("--check", is_flag=True, help="Only measure the recall of the index.")
@json_option
@archive_option
@data_option
def command(
    encoder: str | None,
    trial: int | None,
    queries: tuple[str, ...],
    check: bool,
    as_json: bool,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Rebuild the index from the stored vectors, without reading any photo.

    With --encoder, every photo is embedded again with another model. Searches use the old model
    until the new one is complete. You can stop with Ctrl-C and continue later. The vectors of the
    old model stay: imgsearch encoders --use returns to it, and --drop deletes them.

    With --trial as well, only a sample is embedded, and the library keeps its model. The command
    estimates time, disk and memory for all photos, and compares the answers of both models to ten
    queries: yours, recent and stored ones, and captions and keywords with known right answers. The
    page shows the answers side by side. A later rebuild does not embed the sample again.

    \b
      imgsearch rebuild --encoder lite+views --trial 2000 --query "our old house"

    With --check, searches of the index are compared with exact searches. Exit code 7 means that
    the recall of the index is too low: rebuild it.
    """
    if queries and trial is None:
        raise click.UsageError("--query needs --trial.")
    if trial is not None:
        if check or encoder is None:
            raise click.UsageError("--trial tries a model: name it with --encoder NAME.")
        with open_either(data_dir, address) as library:
            tried = library.encoders.try_out(encoder, trial, queries)
            run_with_progress(tried, "Embedding a sample")
        _print_trial(tried.report, as_json)
        return
    if check:
        if encoder:
            raise click.UsageError("--check measures the index as it is; leave --encoder out.")
        _check(data_dir, address, as_json)
        return
    with open_either(data_dir, address) as library:
        report = run_with_progress(library.rebuild(encoder), "Embedding again", ends_soon=True)
        stored = library.encoders.stored() if encoder is not None and not report.missing else ()
        kept = [each for each in stored if each.state == "kept"]
    if as_json:
        print_json(report)
    else:
        vectors = format_count(report.vectors, "vector")
        click.echo(f"{vectors} of {report.encoder} in {report.seconds:.1f} s")
    for each in kept:
        info(stored_line(each))
    if report.missing:
        photos = format_count(report.missing, "photo")
        info(
            Sentence(
                f"{photos} could not be read, so the library keeps its old model for now. "
                "Connect their drives, or remove deleted photos with ",
                CommandLine("index"),
                "; then run this again.",
            )
        )
        sys.exit(FolderError.exit_code)


def _print_trial(trial: EncoderTrial, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(trial), "made_at": trial.made_at.isoformat(), "left_s": trial.left_s})
        return
    click.echo(f"{trial.encoder} and {trial.encoder_in_use}, on {trial.photos:,} photos")
    for name, value in _costs(trial):
        click.echo(f"{name:8}{value}")
    rows = list(_rows(trial))
    width = max(len(row[0]) for row in rows)
    columns = [max(len(row[at]) for row in rows) for at in (1, 2, 3)]
    for what, before, after, shared in rows:
        cells = zip((before, after, shared), columns, strict=True)
        click.echo(f"{what:{width}}" + "".join(f"  {text:>{cell}}" for text, cell in cells))
    info(
        Sentence(
            "The photos side by side: ",
            CommandLine("ui"),
            ", Library. To change the model: ",
            CommandLine(f"rebuild --encoder {trial.encoder}"),
            ". To delete the sample: ",
            CommandLine(f"encoders --drop {trial.encoder}"),
        )
    )


def _costs(trial: EncoderTrial) -> Iterator[tuple[str, str]]:
    """Yield the estimated costs of changing the model."""
    photos = format_count(trial.left, "further photo")
    if not trial.left:
        yield "Time", "none: all photos were embedded in the trial"
    elif trial.left_s is None:
        yield "Time", f"unknown for {photos}: too few were embedded in this trial"
    else:
        rate = f"{trial.photos_per_s:.1f} a second"
        yield "Time", f"{format_duration(trial.left_s)} for {photos}, at {rate}"
    yield "Disk", f"{trial.size_bytes / 1e6:,.0f} MB, besides the data of {trial.encoder_in_use}"
    yield "Memory", f"{trial.memory_bytes / 1e6:,.0f} MB at most, in this trial"


def _rows(trial: EncoderTrial) -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of the table: query, results of the current and new model, shared photos."""
    yield "", trial.encoder_in_use, trial.encoder, "in both"
    for known in trial.known_items:
        what = f"{format_count(known.queries, known.source)}: right among the first ten"
        yield what, f"{known.before:.0%}", f"{known.after:.0%}", ""
    for query in trial.queries:
        text = printable(query.line)
        shown = text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
        before, after = (_found(query, ids) for ids in (query.before, query.after))
        yield f"{shown} ({query.source})", before, after, f"{query.shared} of {len(query.before)}"


def _found(query: TrialQuery, photo_ids: tuple[int, ...]) -> str:
    """Return the rank of a single right photo among the first ten, or the number of right ones."""
    if not query.right:
        return "-"
    if len(query.right) > 1:
        return f"{query.right_in(photo_ids)} of {min(len(query.right), len(photo_ids))}"
    (right,) = query.right
    return f"rank {photo_ids.index(right) + 1}" if right in photo_ids else "not found"


def _check(data_dir: str | None, address: str | None, as_json: bool) -> None:
    with open_either(data_dir, address) as library:
        report = library.encoders.check_recall()
    if as_json:
        print_json(
            {
                "recall_text": round(report.text.mean, 4),
                "recall_image": round(report.image.mean, 4),
                "target": report.target,
                "enough": report.is_enough,
            }
        )
    else:
        click.echo(
            f"recall@10: {report.text.mean:.3f} for words, {report.image.mean:.3f} for examples; "
            f"the target is {report.target:.2f}"
        )
    if not report.is_enough:
        info(Sentence("The recall of the index is too low. Rebuild it: ", CommandLine("rebuild")))
        sys.exit(SnapshotError.exit_code)
