"""The English names of months, seasons and feasts.

They are apart from `dates`, whose patterns take 3 ms to compile: each query is compared with the
words that a date may begin with, and few queries have one.
"""

from __future__ import annotations

MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
MONTHS = {
    **{name: number for number, name in enumerate(MONTH_NAMES, 1)},
    **{name[:3]: number for number, name in enumerate(MONTH_NAMES, 1)},
    "sept": 9,
}
# In a year: months, for those in the order of that year.
SEASONS = {
    "spring": (3, 4, 5),
    "summer": (6, 7, 8),
    "autumn": (9, 10, 11),
    "fall": (9, 10, 11),
    "winter": (1, 2, 12),
}
HOLIDAYS = {
    "christmas": ("12-24", "12-25", "12-26"),
    "xmas": ("12-24", "12-25", "12-26"),
    "christmas eve": ("12-24",),
    "christmas day": ("12-25",),
    "boxing day": ("12-26",),
    "new years eve": ("12-31",),
    "new year's eve": ("12-31",),
    "new years day": ("01-01",),
    "new year's day": ("01-01",),
    "valentines day": ("02-14",),
    "valentine's day": ("02-14",),
    "halloween": ("10-31",),
}
# Days from Easter Sunday.
EASTER = {"easter": (-2, -1, 0, 1), "easter sunday": (0,), "easter monday": (1,),
           "good friday": (-2,)}  # fmt: skip
EASTERN_UNITS = frozenset("年월月년")  # after the numbers of years and months
# A date begins with a number or one of these words; "two years ago" is recognised by its end.
DATE_BEGINNINGS = {
    *("last", "this", "today", "yesterday"),
    *MONTHS,
    *SEASONS,
    *(name.split()[0] for name in (*HOLIDAYS, *EASTER)),
}
