"""The remark that text was never read, for queries that may look for something written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgsearch.errors import CommandLine, Sentence

if TYPE_CHECKING:
    from imgsearch.records.query import Query
    from imgsearch.search.context import SearchContext

# Things that are told apart by what is written on them. Words that name other things too, such as
# "bill", "slide" and "label", are not among them.
_WRITTEN = {
    *("receipt", "receipts", "invoice", "invoices", "document", "documents", "contract"),
    *("contracts", "certificate", "certificates", "passport", "passports", "letter", "letters"),
    *("newspaper", "newspapers", "menu", "menus", "recipe", "recipes", "screenshot"),
    *("screenshots", "whiteboard", "blackboard", "handwriting", "handwritten", "inscription"),
    *("quittung", "rechnung", "beleg", "vertrag", "zeugnis", "brief", "zeitung", "speisekarte"),
    *("facture", "ticket", "contrat", "certificat", "passeport", "lettre", "journal", "recette"),
    *("recibo", "factura", "contrato", "certificado", "pasaporte", "carta", "receta"),
    *("ricevuta", "fattura", "contratto", "certificato", "passaporto", "lettera", "ricetta"),
}


def remarks(context: SearchContext, query: Query) -> Iterator[str]:
    """Yield a remark if the words name something written and no text was ever read."""
    words = {
        word
        for term in query.terms
        if isinstance(term.what, str) and term.weight > 0
        for word in re.findall(r"\w+", term.what.lower())
    }
    if words & _WRITTEN and not context.reads.photos.are_read_for_text():
        yield Sentence(
            "Text in pictures has not been read yet. To find photos by what is written in them: ",
            CommandLine("read-text"),
        )
