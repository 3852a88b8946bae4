"""The table of English function words: articles, prepositions, negations and the like.

They say little by themselves and much about the words beside them. Every rule of this package that
depends on such words takes them from this table, by the roles that they play in a query.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Role: TypeAlias = Literal[
    # Determiners
    "article",
    "quantifier",  # "all photos", "any photo"
    "indefinite",  # like an article in "without any people"
    "before_photos",  # "all of my photos" asks for photos, not for their content
    "before_thing",  # the next word is a thing and no name: "a rose", "my orange"
    "determiner",  # as the article before the subject of a question: "when was our wedding"
    # Before the subject of a question: "how often was I at the sea"
    "before_subject",
    # What follows is a name or a date, and the word is taken out of the query with it
    "before_place",
    "before_person",
    "before_date",
    "before_folder",
    "before_camera",
    "only_person",  # no place and no date follows
    "names_place",  # a capitalised English word after it is a place: "in Nice"
    "names_person",  # a capitalised English word after it is a person: "with Rose"
    "before_own_name",  # the name of a place or a thing follows: "a bar called Nice"
    "before_month",  # a month or a season without a year is a time after it: "in summer"
    "before_feast",  # a feast or a day without a year is a time after it: "at Christmas"
    "before_time",  # a day of the week or a part of the day may follow: "on Sundays", "at night"
    "bound",  # "since 2019"
    # Words to leave out
    "link",  # it says nothing at the end of the words that are left
    "no_name",  # no photo is looked up by it, although names contain it
    # Negations
    "without",  # the next words say what not to find
    "other_negation",  # negative, but not understood
    "before_negation",  # left out with the negation: "but no dogs", "with no leaves"
    "before_but",  # "anything but a dog"
    "anything",  # it says nothing about the content of a photo
    "ends_negation",  # the words that say what not to find end here
    "position",  # where in a photo a thing is: "in the background"
]

_TABLE: dict[str, tuple[Role, ...]] = {
    # Articles and other determiners
    "a": ("article", "before_thing", "no_name"),
    "an": ("article", "before_thing", "no_name"),
    "the": ("article", "before_thing", "no_name"),
    "all": ("quantifier",),
    "every": ("quantifier", "before_month", "before_feast"),
    "each": ("before_month", "before_feast"),
    "any": ("quantifier", "indefinite", "before_thing"),
    "some": ("quantifier", "indefinite", "before_thing"),
    "no": ("before_thing", "ends_negation"),
    "many": ("before_thing",),
    "several": ("before_thing",),
    "one": ("before_thing",),
    "two": ("before_thing",),
    "three": ("before_thing",),
    "four": ("before_thing",),
    "my": ("before_photos", "before_thing", "no_name", "determiner"),
    "our": ("before_photos", "before_thing", "no_name", "determiner"),
    "your": ("before_thing",),
    "his": ("before_thing", "no_name", "determiner"),
    "her": ("before_thing", "no_name", "determiner"),
    "its": ("before_thing", "no_name"),
    "their": ("before_thing", "no_name", "determiner"),
    "this": ("before_photos", "before_thing", "determiner"),
    "that": ("before_photos", "before_thing", "ends_negation", "determiner"),
    "these": ("before_photos", "before_thing", "determiner"),
    "those": ("before_photos", "before_thing", "determiner"),
    # Prepositions
    "above": ("ends_negation",),
    "after": ("bound",),
    "around": ("before_place", "names_place", "ends_negation"),
    "at": (
        "before_subject",
        "before_time",
        *("before_place", "names_place", "before_date", "before_feast"),
        *("no_name", "ends_negation"),
    ),
    "before": ("bound",),
    "behind": ("ends_negation",),
    "below": ("ends_negation",),
    "beside": ("ends_negation",),
    "between": ("ends_negation",),
    "by": ("before_time", "before_camera", "link", "no_name", "ends_negation", "before_subject"),
    "during": (
        "before_time",
        "before_date",
        "before_month",
        "before_feast",
        "ends_negation",
        "before_subject",
    ),
    "for": ("before_date", "no_name", "before_subject"),
    "from": (
        "before_subject",
        *("before_place", "names_place", "before_person", "before_date"),
        *("before_folder", "before_camera", "no_name", "ends_negation"),
    ),
    "in": (
        "before_subject",
        "before_time",
        *("before_place", "names_place", "before_date", "before_month", "before_folder"),
        *("no_name", "ends_negation"),
    ),
    "inside": ("ends_negation",),
    "into": ("ends_negation",),
    "near": ("before_place", "names_place", "ends_negation", "before_subject"),
    "next": ("ends_negation",),
    "of": (
        "before_subject",
        *("before_photos", "before_place", "before_person", "names_person", "before_date"),
        *("no_name", "ends_negation"),
    ),
    "on": (
        "before_time",
        "before_date",
        "before_feast",
        "no_name",
        "ends_negation",
        "before_subject",
    ),
    "outside": ("ends_negation",),
    "over": ("before_time", "before_date", "before_feast", "ends_negation"),
    "since": ("bound",),
    "through": ("ends_negation",),
    "to": ("before_place", "names_place", "no_name", "ends_negation", "before_subject"),
    "under": ("ends_negation",),
    "until": ("bound",),
    "with": (
        "before_subject",
        *("before_person", "only_person", "names_person", "before_camera"),
        *("no_name", "before_negation", "ends_negation"),
    ),
    # Positions in a photo
    "background": ("position",),
    "foreground": ("position",),
    "front": ("position",),
    "middle": ("position",),
    "side": ("position",),
    "top": ("position",),
    # Conjunctions, pronouns and verbs
    "and": ("before_person", "names_person", "no_name", "before_negation", "ends_negation"),
    "or": ("before_person", "no_name", "ends_negation"),
    "but": ("before_negation", "ends_negation"),
    "while": ("ends_negation",),
    "who": ("ends_negation",),
    "which": ("ends_negation",),
    "there": ("before_negation",),
    "is": ("no_name", "before_negation", "ends_negation"),
    "are": ("no_name", "ends_negation"),
    "has": ("before_negation",),
    "have": ("before_negation",),
    "having": ("before_negation",),
    "showing": ("before_negation",),
    "wearing": ("before_negation",),
    "taken": ("link",),
    "called": ("names_place", "before_own_name", "link"),
    "named": ("names_place", "before_own_name", "link"),
    # Negations
    "without": ("without", "ends_negation"),
    "w/o": ("without", "ends_negation"),
    "except": ("without", "ends_negation"),
    "excluding": ("without", "ends_negation"),
    "minus": ("without", "ends_negation"),
    "not": ("other_negation", "ends_negation"),
    "never": ("other_negation",),
    "neither": ("other_negation",),
    "nor": ("other_negation",),
    "none": ("other_negation",),
    "nobody": ("other_negation",),
    "nothing": ("other_negation",),
    "nowhere": ("other_negation",),
    # Words for anything at all
    "something": ("anything",),
    "anything": ("anything", "before_but"),
    "everything": ("anything", "before_but"),
    "things": ("anything",),
    "stuff": ("anything",),
    # Signs between names
    "&": ("link",),
    "+": ("link",),
    "-": ("link",),
    "–": ("link",),
}


def words_as(*roles: Role) -> frozenset[str]:
    """Return the words, in lower case, that play any of these roles."""
    wanted = frozenset(roles)
    return frozenset(word for word, its in _TABLE.items() if not wanted.isdisjoint(its))


ARTICLES = words_as("article")
BEFORE_PLACE = words_as("before_place")
BEFORE_PERSON = words_as("before_person")
# Words without meaning at the ends of what is left of a query.
LINKS = words_as("before_place", "before_person", "before_date", "article", "link")
