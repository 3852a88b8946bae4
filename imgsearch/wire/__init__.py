"""The JSON forms of what crosses between processes, in one place.

`imgsearch search --json`, the resident service and its client all take them from here, so a
field has one name and one meaning. Numbers are not rounded, so what is read back is what was
written. File names that are no UTF-8 are kept with Python's `surrogateescape`.
"""

from imgsearch.wire.answers import (
    Form,
    answer_form,
    answer_of,
    hit_form,
    hit_record,
    label_record,
)
from imgsearch.wire.questions import Asked, asked_of, classes_of, query_form, similar_of
from imgsearch.wire.reading import Given, read_json
from imgsearch.wire.states import (
    error_form,
    error_of,
    failure_record,
    status_form,
    status_of,
    status_record,
)

__all__ = [
    "Asked",
    "Form",
    "Given",
    "answer_form",
    "answer_of",
    "asked_of",
    "classes_of",
    "error_form",
    "error_of",
    "failure_record",
    "hit_form",
    "hit_record",
    "label_record",
    "query_form",
    "read_json",
    "similar_of",
    "status_form",
    "status_of",
    "status_record",
]
