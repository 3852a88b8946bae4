"""When photos were taken: days of the week, times of day, and seasons of both hemispheres."""

from __future__ import annotations

from imgsearch.features.declared import Feature, NarrowingValues, ValueFilter

FEATURE = Feature(
    name="when",
    filters={
        "weekday": ValueFilter(
            metavar="DAY",
            meaning="taken on this day of the week: sat, mon..wed, weekend or workday; also at a "
            "time of that day, past midnight as well: fri,20..4",
            condition="imgsearch.features.when.filters:on_weekdays",
            read="imgsearch.features.when.values:read_weekdays",
            known="imgsearch.features.when.filters:has_weekday",
            unknown="have no date of their own, as scans and photos dated by their file",
        ),
        "time": ValueFilter(
            metavar="TIME",
            meaning="taken at this time of day: 18..23, 18:30..20, 22..4, 7, 7pm, or morning, "
            "noon, afternoon, evening, night, breakfast, lunch or dinner",
            condition="imgsearch.features.when.filters:at_time",
            read="imgsearch.features.when.values:read_time",
            known="imgsearch.features.when.filters:has_time",
            unknown="have no time of day of their own, as scans and photos dated by their file",
        ),
        "season": ValueFilter(
            metavar="SEASON",
            meaning="taken in spring, summer, autumn or winter of the place where they were taken: "
            "summer is June to August, and December to February in the south",
            condition="imgsearch.features.when.filters:in_season",
            read="imgsearch.features.when.values:read_season",
        ),
    },
    narrowing={
        "time": NarrowingValues(
            values="imgsearch.features.when.narrowing:times",
            question="imgsearch.features.when.narrowing:time_question",
        ),
        "weekday": NarrowingValues(
            values="imgsearch.features.when.narrowing:weekdays",
            question="imgsearch.features.when.narrowing:weekday_question",
        ),
    },
)
