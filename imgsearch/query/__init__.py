"""The language of queries: one line of text to a Query and back.

    sunset over water -people after:2023-06 camera:canon|nikon near:48.85,2.35,5km t:0.25

Words outside quotes make one text. A minus or a weight (`2:`) goes with the one word or quoted
phrase after it. NAME:VALUE is a filter, `|` parts values any of which will do, a minus turns the
filter round. `FIELDS` is the table of filters: a new one is a row there and in `store.filters`.
"""

from imgsearch.query.fields import FIELDS, Field
from imgsearch.query.grammar import example_of, filter_of, parse, region_of, term_of, to_text
from imgsearch.query.whole import absolute, whole_query

__all__ = [
    "FIELDS",
    "Field",
    "absolute",
    "example_of",
    "filter_of",
    "parse",
    "region_of",
    "term_of",
    "to_text",
    "whole_query",
]
