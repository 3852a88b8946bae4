"""`imgsearch search`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click
from msgspec.structs import replace

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import (
    NO_RESULT,
    DownloadPrinter,
    info,
    open_archive,
    open_either,
    print_json,
    print_paths,
)
from imgsearch.cli.terminal import Colour, TerminalText, standard_output
from imgsearch.errors import CommandLine, MissingPackage, Sentence
from imgsearch.features import installed
from imgsearch.features.declared import load, plugin_errors
from imgsearch.language.grammar import is_expressible, parse, to_text
from imgsearch.library import Library
from imgsearch.records.answer import Answer, Hit, Level
from imgsearch.records.names import name_of_field
from imgsearch.records.query import Clause, Query, StoredQuery, Term
from imgsearch.search.named_queries import named_queries, only_named_query
from imgsearch.text import clock, printable

if TYPE_CHECKING:
    from imgsearch.service.api import Asking

_LEVEL_COLOURS: dict[Level, Colour | None] = {
    "sure": "green",
    "likely": None,
    "possible": "yellow",
    "weak": "red",
}


# Options that only the answer to a query has, by the names of their values.
_OF_QUERIES = {
    "cursor": "--cursor",
    "preview": "--preview",
    "direct": "--direct",
    "signed": "--signed",
    "explain_query": "--explain-query",
}


class _SearchCommand(click.Command):
    """The command; lines of other forms than a query are answered by their features."""

    def invoke(self, ctx: click.Context) -> object:
        line, given = " ".join(ctx.params["words"]), ctx.params
        options = [option for name, option in _OF_QUERIES.items() if given[name]]
        is_query = bool(options or given["as_json"] or given["paths"])
        for sign, form in installed.forms().items():
            if sign not in line and is_query:
                continue
            with plugin_errors(form.reads):
                is_of_form = load(form.reads)(line) is not None
            if is_of_form:
                if options:
                    raise click.UsageError(f"A line with {sign} has no {options[0]}: leave it out.")
                return load(form.search)(ctx, line)
        return super().invoke(ctx)


@click.command("search", cls=_SearchCommand)
@asks(
    Library.find,
    click.option("--all", "show_all", is_flag=True, help="Show weak results as well."),
    click.option(
        "--preview", is_flag=True, help="Show the pictures below their lines, in a terminal."
    ),
    click.option(
        "--direct",
        is_flag=True,
        help="With --library: ask the archive itself, without a copy on this machine.",
    ),
    click.option(
        "--explain-query",
        "explain_query",
        is_flag=True,
        help="Print QUERY with all names and dates as explicit filters, and exit.",
    ),
    click.option("--paths", is_flag=True, help="Print only paths, one per line, for pipes."),
    click.option(
        "--signed",
        is_flag=True,
        help="With --paths and --library: print a file or, valid for an hour, a signed address "
        "for each original.",
    ),
    click.option("-0", "nul", is_flag=True, help="With --paths: end each with NUL, for xargs -0."),
)
def command(
    asked: Asked[Answer],
    show_all: bool,
    preview: bool,
    direct: bool,
    explain_query: bool,
    paths: bool,
    signed: bool,
    nul: bool,
) -> None:
    """Find photos by words, by example images, by their metadata, or by all of these together.

    \b
      imgsearch search "two kids jumping into a lake"
      imgsearch search --image beach.jpg -k 5
      imgsearch search "at night" --image bridge.jpg --minus people
      imgsearch search 'sunset -people after:2023-06 in:Holidays camera:canon'
      imgsearch search Anna at the beach in Italy last summer
      imgsearch search "a red car" --paths -0 | xargs -0 ls -l
      imgsearch search "a ferry at dawn" --library s3://index/archive
      imgsearch search ferry --library s3://index/archive --paths --signed | xargs -n 1 curl -O

    QUERY may contain words, "a phrase", -unlike, 2:weighted, and NAME:VALUE with the name of any
    filter option below; -NAME:VALUE excludes. docs/query-language.md describes the whole language.

    In words without quotes, people, places and dates that the library knows become filters; a line
    on standard error says which. Names of files, folders, titles and keywords are found, too.

    Each result has a score: the cosine similarity of photo and query, higher is better. Scores for
    words and for example images are on different scales. Results are marked (sure) or (possible);
    results without a mark are likely. If nothing matches well, the three to ten nearest are shown
    as possible, and the answer says that it is unsure. Weak results, no better than chance, are
    hidden without --all. Exit code 1 means that nothing was found and nothing is shown.

    --library copies what searches need of the archive to this machine. --direct does without that,
    where no disk has room for it: it finds words in names and texts, the nearest photos, and what
    passes filters on facts, dates, folders and text, without a verdict.
    """
    as_json, address, data_dir = asked.as_json, asked.address, asked.data_dir
    query, k, cursor = (asked.arguments[name] for name in ("query", "k", "cursor"))
    if paths and as_json:
        raise click.UsageError("Choose one of --paths and --json.")
    if preview and (paths or as_json):
        raise click.UsageError("--preview shows pictures to people: leave --paths and --json out.")
    if preview:
        from imgsearch.cli.preview import require_terminal_extra

        require_terminal_extra("--preview")
    if nul and not paths:
        raise click.UsageError("-0 needs --paths.")
    if direct and not address:
        raise click.UsageError("--direct needs --library.")
    if direct and (cursor or preview or signed or explain_query):
        raise click.UsageError(
            "--direct has no --cursor, --preview, --signed and --explain-query: leave it out."
        )
    if signed and not (paths and address):
        raise click.UsageError("--signed needs --paths and --library.")
    if query == Query():
        raise click.UsageError(
            "Say what to look for: imgsearch search 'a dog in snow', or --image FILE."
        )
    if explain_query:
        with open_either(data_dir, address) as library:
            standard_output().print(printable(library.lines.exact(query)))
        return
    is_look = cursor is None and not (paths or as_json)
    output = _Output(show_all, as_json, paths, signed, nul, data_dir, address, preview)
    if direct and address is not None:
        answer = _directly(query, k, address, data_dir)
        if not _show(answer, output, by_date=query.sort == "date"):
            sys.exit(NO_RESULT)
        return

    def look(
        wanted: Query, k: int, is_usual_k: bool, cursor: str | None, with_weak: bool
    ) -> tuple[_Page, bool]:
        """Show an answer, and after it what features say; return whether it has results."""
        with asked.asking() as ask:
            stored = _stored_in(wanted, data_dir, address)
            page = _find(ask, stored, wanted, k, is_usual_k, cursor, is_look)
            found = _show(
                page.answer,
                output._replace(show_all=with_weak or page.include_weak),
                by_date=_is_by_date(wanted, stored, page.answer),
            )
            # For somebody who reads it: they take longer than a query by filters alone.
            if is_look and sys.stderr.isatty():
                for sentence in _afterwards(ask, wanted, page.answer):
                    info(sentence)
        return page, found

    page, found = look(query, k, asked.is_usual("k"), cursor, show_all)
    suggestion = page.answer.suggestion
    if suggestion is not None and _accepts(suggestion, output):
        corrected = _corrected(query, suggestion, page.stored_examples)
        _, found = look(corrected, page.k, False, None, show_all or page.include_weak)
    if not found:
        sys.exit(NO_RESULT)


def _is_by_date(query: Query, stored: Sequence[StoredQuery], answer: Answer) -> bool:
    """Return whether an answer is sorted by date, as the query, a stored one or its words say."""
    sorts = {query.sort, *(each.query.sort for each in stored)}
    return "date" in sorts or any("sort:date" in part.filters for part in answer.understood)


def _directly(query: Query, k: int, address: str, data_dir: str | None) -> Answer:
    """Return the answer of the tables of an archive: see `imgsearch.archive.direct`."""
    from imgsearch.archive.direct import DirectSearch
    from imgsearch.config import Settings

    encoder = click.get_current_context().obj
    settings = Settings.load(data_dir=data_dir)
    return DirectSearch(address, settings, info, DownloadPrinter(), encoder).find(query, k)


class _Page(NamedTuple):
    """An answer, and the requested number of results.

    `include_weak` says whether the query is a stored one with weak results, and `stored_examples`
    are the examples of the queries that it names which a line cannot express.
    """

    answer: Answer
    k: int
    include_weak: bool
    stored_examples: tuple[Term, ...]


def _afterwards(ask: Asking, query: Query, answer: Answer) -> Iterator[str]:
    """Yield what features say after an answer; a plug-in that fails gets a sentence."""
    for named in installed.afterwards():
        try:
            with plugin_errors(named):
                yield from load(named)(ask, query, answer)
        except MissingPackage as error:
            yield str(error)


def _stored_in(query: Query, data_dir: str | None, address: str | None) -> tuple[StoredQuery, ...]:
    """Return the stored queries that a query names."""
    if not named_queries(query):
        return ()
    with open_either(data_dir, address) as library:
        return library.lines.named_in(query)


def _find(
    ask: Asking,
    stored: Sequence[StoredQuery],
    query: Query,
    k: int,
    is_usual_k: bool,
    cursor: str | None,
    is_look: bool,
) -> _Page:
    """Find the answer. With `is_look`, the feature of a stored query learns that it was shown.

    A stored query that stands alone may have another usual number of results.
    """
    alone = only_named_query(query)
    only = None if alone is None else stored[0]
    if is_usual_k and only is not None and only.k is not None:
        k = only.k
    answer = ask(Library.find, query, k, cursor)
    if alone is not None and only is not None and is_look:
        looked = installed.queries()[alone.field].looked
        if looked is not None:
            load(looked)(ask, only.name)
    examples = tuple(
        term for each in stored for term in each.query.terms if not is_expressible(term)
    )
    return _Page(answer, k, only is not None and only.include_weak, examples)


class _Output(NamedTuple):
    """The options for printing results."""

    show_all: bool
    as_json: bool
    paths: bool
    signed: bool
    nul: bool
    data_dir: str | None
    address: str | None
    preview: bool


def _show(answer: Answer, output: _Output, *, by_date: bool) -> bool:
    """Print an answer with its remarks; returns whether it has results."""
    if answer.understood:
        parts = [f"{part.words} as {part.filters}" for part in answer.understood]
        words = answer.understood[0].words
        how, weight = "write plain: before the words", 1.0
        if words[0] == "-":
            how, weight = "put the words in quotes", -1.0
        plain = to_text(Query((Term(words.removeprefix("-"), weight),)), exact=True)
        info(f"Understood {', '.join(parts)}. To undo it, {how}: {plain}")
    for number, clause in enumerate(answer.clauses, 1):
        info(f"Clause {number}: {_effect(clause)}")
    for remark in answer.remarks:
        info(Sentence.with_lines(remark, answer.remark_commands))
    if not output.show_all:
        answer = answer.without_weak_hits()
    if output.as_json:
        print_json(answer)
    elif output.paths:
        _print_paths(answer, output)
    elif output.preview:
        _print_with_pictures(answer, output, by_date=by_date)
    else:
        print_answer(answer, by_date=by_date)
    if answer.cursor is not None and not output.as_json and sys.stderr.isatty():
        info(f"For more results, add: --cursor {answer.cursor}")
    if answer.hits:
        return True
    if not answer.is_read:
        info("To see the nearest photos nevertheless, add: --all")
    elif answer.verdict is not None and answer.verdict.state == "nothing":
        info(f"{str(answer.verdict).capitalize()}. To see the nearest photos, add: --all")
    elif not answer.remarks:
        info(
            Sentence(
                "No photo matches. Try fewer filters; ",
                CommandLine("explain PATH QUERY"),
                " shows why.",
            )
        )
    return False


def _effect(clause: Clause) -> str:
    """Return what a clause does: "filters by place:Lisbon, ranks by a red bridge"."""
    effects = (
        ("filters by", clause.filters),
        ("ranks by", printable(clause.ranked)),
        ("set aside:", clause.set_aside),
    )
    said = [f"{verb} {what}" for verb, what in effects if what]
    return ", ".join(said) or f"says nothing that a photo shows: {printable(clause.words)}"


def _accepts(suggestion: str, output: _Output) -> bool:
    """Print a suggestion; at a terminal, wait for the key that accepts it."""
    question = f"Did you mean {suggestion}?"
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
    if output.as_json or output.paths or not is_terminal:
        info(question)
        return False
    info(f"{question} Press y to search for it, or any other key to end.")
    return click.getchar().lower() == "y"


def _corrected(query: Query, suggestion: str, stored_examples: tuple[Term, ...]) -> Query:
    """Return the suggested query, with the examples that a line cannot express."""
    corrected = parse(suggestion)
    examples = tuple(term for term in query.terms if not is_expressible(term))
    return replace(corrected, terms=(*corrected.terms, *stored_examples, *examples))


def print_answer(answer: Answer, first_rank: int = 1, *, by_date: bool = False) -> None:
    """Print the results and the verdict for people; with dates where these are the order."""
    text = standard_output()
    for rank, hit in enumerate(answer.hits, first_rank):
        text.print(f"{rank:3}  {line_of_hit(hit, text, by_date=by_date)}")
    _print_verdict(answer)


def _print_paths(answer: Answer, output: _Output) -> None:
    """Print only paths, or files and addresses of the originals instead."""
    paths = [hit.path for hit in answer.hits]
    if output.address is None or not output.signed:
        print_paths(paths, output.nul)
        return
    with open_archive(output.address, output.data_dir) as archive:
        print_paths(map(archive.fleet.openable, paths), output.nul)


def _print_with_pictures(answer: Answer, output: _Output, *, by_date: bool) -> None:
    """Print results as `print_answer` does, with the picture of each hit below its line."""
    from imgsearch.cli import preview

    if not preview.is_terminal_for_pictures():
        print_answer(answer, by_date=by_date)
        info("Pictures are shown in a terminal only.")
        return
    print_picture = preview.picture_printer()
    with open_either(output.data_dir, output.address) as library:
        for rank, hit in enumerate(answer.hits, 1):
            print_answer(replace(answer, hits=(hit,), verdict=None), rank, by_date=by_date)
            image = preview.image_of(library, hit, preview.SIDE_PX)
            if image is not None:
                print_picture(image)
    _print_verdict(answer)


def _print_verdict(answer: Answer) -> None:
    if not answer.hits or answer.verdict is None:
        return
    verdict, shown = answer.verdict, len(answer.hits)
    counted = verdict.sure + verdict.likely + verdict.possible
    how_many = ""
    if answer.cursor is not None and counted > shown and not verdict.named:
        total, wanted = (f"more than {counted}", "more") if verdict.more else (counted, "all")
        how_many = f" These are {shown} of {total}; for {wanted}, add: -k {counted}"
    info(f"{str(verdict).capitalize()}.{how_many}")


def line_of_hit(hit: Hit, text: TerminalText, *, by_date: bool = False) -> str:
    """Return the line of a hit: score or date, path, and notes about the photo.

    A hit without a score has its date, and so has each one `by_date`.
    """
    marks: list[str] = []
    if hit.level is not None and hit.level != "likely":
        marks.append(text.styled(hit.level, _LEVEL_COLOURS[hit.level]))
    marks += [name_of_field(field) for field in hit.matched_by]
    if hit.worth is not None:
        marks.append(printable(str(hit.worth)))
    if len(hit.paths) > 1:
        marks.append(f"and {len(hit.paths) - 1} more of the same")
    if hit.offline:
        marks.append(text.styled("offline", "red"))
    if hit.missing:
        marks.append(text.styled("missing", "red"))
    mark = f"  ({', '.join(marks)})" if marks else ""
    if hit.score is not None and not by_date:
        score_or_date = f"{hit.score:6.3f}"
    else:
        score_or_date = "" if hit.date is None else f"{hit.date:%Y-%m-%d}"
    time_in_video = "" if hit.at_s is None else f" @ {clock(hit.at_s)}"
    path = text.path(hit.path, can_open=not hit.offline)
    return f"{text.styled(score_or_date, dim=True)}  {path}{time_in_video}{mark}"
