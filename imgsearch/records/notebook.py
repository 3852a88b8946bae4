"""Shows records in notebooks: pictures and tables in HTML, and data frames of pandas."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from imgsearch.errors import MissingPackage
from imgsearch.installation import pip_install
from imgsearch.text import printable

if TYPE_CHECKING:
    from pandas import DataFrame


def html_picture(image: bytes | None, text: str) -> str:
    """Return a WebP image as an HTML element, described by `text`.

    The text alone without an image.
    """
    shown = escape(printable(text))
    if image is None:
        return f"<span>{shown}</span>"
    source = f"data:image/webp;base64,{b64encode(image).decode('ascii')}"
    return f'<img src="{source}" alt="{shown}" title="{shown}">'


def html_table(columns: Sequence[str], rows: Iterable[Sequence[str]], remark: str) -> str:
    """Return a table as HTML, with a line below it.

    The first cell of a row is HTML, others are text.
    """
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{cell}</td>" for cell in (row[0], *(escape(printable(c)) for c in row[1:])))
        + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"{table}<p>{escape(printable(remark))}</p>" if remark else table


def data_frame(columns: Mapping[str, Sequence[object]], times: str) -> DataFrame:
    """Return a pandas DataFrame of these columns.

    `times` names the column of times, which may lack some.

    Times are local times of the camera; UTC offsets, which only some photos state, are left out.
    Raises MissingPackage without pandas.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"A table of this kind needs pandas. Install it: {pip_install('pandas')}"
        ) from error
    frame = pandas.DataFrame(dict(columns))
    frame[times] = pandas.to_datetime(frame[times])
    return frame
