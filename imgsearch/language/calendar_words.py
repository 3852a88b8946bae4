"""The English names of months, days of the week, parts of the day, seasons and feasts.

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
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The hours in which a part of the day begins and ends; the night ends on the following day. They
# are wider than those of the CLDR for English (morning 6 to 12, evening 18 to 21, night 21 to 6),
# since the same word means different hours to different people, and elsewhere.
DAY_PARTS = {
    "morning": (5, 12),
    "noon": (11, 14),
    "afternoon": (12, 18),
    "evening": (17, 24),
    "night": (20, 6),
    "breakfast": (5, 11),
    "lunch": (11, 15),
    "dinner": (17, 23),
}
# Of these words, one is in each time of `times`.
TIME_WORDS = frozenset(
    (
        *(name for day in WEEKDAYS for name in (day, f"{day}s")),
        *(name for part in DAY_PARTS for name in (part, f"{part}s")),
        *("weekend", "weekends", "midday", "midnight", "lunchtime", "dinnertime", "tonight"),
    )
)
# In a year: months, for those in the order of that year.
SEASONS = {
    "spring": (3, 4, 5),
    "summer": (6, 7, 8),
    "autumn": (9, 10, 11),
    "fall": (9, 10, 11),
    "winter": (1, 2, 12),
}
SEASON_NAMES = {**{name: name for name in SEASONS}, "fall": "autumn"}
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
    *("last", "first", "this", "today", "yesterday"),
    *MONTHS,
    *WEEKDAYS,
    *SEASONS,
    *(name.split()[0] for name in (*HOLIDAYS, *EASTER)),
}
