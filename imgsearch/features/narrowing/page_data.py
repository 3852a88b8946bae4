"""The questions about a search, as the page asks for them, and where each answer leads."""

from __future__ import annotations

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import ImgsearchError
from imgsearch.features.narrowing.operations import Narrowing
from imgsearch.language.grammar import parse, to_text
from imgsearch.records.query import Query
from imgsearch.text import format_count
from ui.addresses import START, address_of
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import session

ADDRESS = "/narrowing/questions"


def questions(request: Request) -> Response:
    """Return the questions about a search, with the addresses that yes and no lead to."""
    search_input = SearchInput.from_address(request.query_params)
    try:
        narrowed = session().ask(Narrowing.questions, search_input.query())
        asked = [
            {
                "question": each.question,
                "answers": [
                    _answer(search_input, "Yes", each.yes, each.photos),
                    _answer(search_input, "No", each.no, each.others),
                ],
            }
            for each in narrowed.questions
        ]
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(asked, headers=NOT_STORED)


def _answer(search_input: SearchInput, word: str, condition: str, photos: int) -> dict[str, str]:
    narrowed = replace(search_input, line=with_filter(search_input.line, condition))
    return {
        "word": word,
        "explanation": f"{condition}: {format_count(photos, 'photo')}",
        "address": address_of(START, narrowed.parameters),
    }


def with_filter(line: str, condition: str) -> str:
    """Return a query line with one more filter, which is given as in a line.

    Raises QueryError for a line that the query language refuses.
    """
    query = parse(line) if line.strip() else Query()
    return to_text(replace(query, filters=(*query.filters, *parse(condition).filters)))
