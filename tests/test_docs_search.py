"""Guides and the query language are correct: their commands run here and print what they show.

The photos are those of ../shared/data. After a change, run this file with UPDATE_DOCS=1.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from imgsearch.cli import main
from imgsearch.features import installed
from imgsearch.language.fields import FIELDS
from imgsearch.records.answer import Level

DOCS = Path(__file__).parent.parent / "docs"
# In this order: the first makes the library.
PAGES = tuple(
    DOCS / f"{name}.md"
    for name in ("search", "query-language", "verdicts", "events", "ask", "labels", "concepts")
)
HOME = "/home/ada"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOLIDAYS = ("dog beach", "sunset", "dog snow", "pool", "bicycle", "football")
SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:Rating="5">
<dc:subject><rdf:Bag><rdf:li>family</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.fixture(scope="module")
def home(
    shared_data: Path, model_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Ada's home: ~/Pictures with an indexed library beside it, and two images elsewhere."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    home = tmp_path_factory.mktemp("home")
    pictures, camera = home / "Pictures", shared_data / "camera"
    shutil.copytree(camera / "formats" / "albums" / "nature", pictures / "Nature")
    shutil.copytree(camera / "exif-samples" / "jpg" / "gps", pictures / "Italy")
    (pictures / "Phone").mkdir()
    shutil.copy(camera / "exif-samples/jpg/hdr/iphone_hdr_YES.jpg", pictures / "Phone")
    shutil.copy(camera / "exif-samples/heic/IMG_5195.HEIC", pictures / "Phone")
    (pictures / "Archive").mkdir()
    for name in ("rating/mongolels.jpg", "tags/picasa.jpg", "gps-position/thompson-springs.jpg"):
        shutil.copy(camera / "formats/metadata" / name, pictures / "Archive")
    shutil.copy(camera / "formats/formats/webp/denali.webp", pictures / "Archive")
    add_holidays(shared_data / "flickr8k", pictures / "Holidays")
    (pictures / "Holidays" / "dog-beach-1.xmp").write_text(SIDECAR)
    (pictures / "Archive" / "broken.jpg").write_bytes(b"")
    add_known_photos(pictures / "Holidays", home)
    (home / "pool.jpg").write_bytes((pictures / "Holidays" / "pool-4.jpg").read_bytes())
    (pictures / "Holidays" / "pool-4.jpg").unlink()
    patch = pytest.MonkeyPatch()
    patch.setenv("HOME", str(home))
    patch.setenv("IMGSEARCH_CACHE", str(model_cache))
    patch.setenv("TZ", "UTC")  # the files' times are shown as local ones
    time.tzset()
    patch.setenv("IMGSEARCH_DATA", str(home / "library"))
    patch.setenv("IMGSEARCH_ENCODER", "lite")
    patch.chdir(home)
    yield home
    patch.undo()
    time.tzset()


def add_holidays(flickr: Path, folder: Path) -> None:
    """Four photos for each subject that their captions agree on; dated by their files."""
    folder.mkdir()
    captions: dict[str, list[str]] = {}
    with (flickr / "captions.csv").open() as file:
        for row in csv.DictReader(file):
            if row["split"] == "test":
                captions.setdefault(row["image"], []).append(row["caption"].lower())
    for words in HOLIDAYS:
        subjects = words.split()
        fitting = [
            image
            for image, texts in sorted(captions.items())
            if sum(all(word in caption for word in subjects) for caption in texts) >= 3
        ]
        for number, image in enumerate(fitting[:4], 1):
            copy = folder / f"{words.replace(' ', '-')}-{number}.jpg"
            shutil.copy(flickr / "images" / image, copy)
            day = 1_687_000_000 + 86_400 * len(list(folder.iterdir()))  # from 18 June 2023
            os.utime(copy, (day, day))


def add_known_photos(holidays: Path, home: Path) -> None:
    """Photos sorted into folders by class, and captions for some of the library's."""
    captions = {
        "dog-beach-1": "a dog on the beach",
        "dog-snow-1": "a dog in the snow",
        "sunset-1": "the sun goes down",
        "pool-1": "someone in a swimming pool",
        "bicycle-1": "a person riding a bicycle",
        "football-1": "a football game",
    }
    lines = [f"{name}.jpg,{caption}" for name, caption in captions.items()]
    (home / "captions.csv").write_text("\n".join(["photo,caption", *lines, ""]))
    for folder, word in (("dog", "dog"), ("swimming_pool", "pool"), ("sunset", "sunset")):
        (home / "sorted" / folder).mkdir(parents=True)
        for photo in holidays.glob(f"{word}*.jpg"):
            shutil.copy(photo, home / "sorted" / folder)


def type_in(line: str, capfd: pytest.CaptureFixture[str]) -> tuple[str, int]:
    """What a command prints, and its exit code: results, or else what it complains of."""
    words, _, source = line.partition(" < ")
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", [str(Path(word).expanduser()) if word.startswith("~") else word
                                for word in shlex.split(words)])  # fmt: skip
    with Path(source.strip() or os.devnull).open() as stdin, patch.context() as context:
        context.setattr(sys, "stdin", stdin)
        with pytest.raises(SystemExit) as end:
            main()
    patch.undo()
    printed = capfd.readouterr()
    return printed.out or printed.err, int(end.value.code or 0)


def commands_of(block: str) -> list[tuple[str, str]]:
    """The commands of a block, each with the output below it."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def compared(output: str) -> list[str]:
    """What must agree on every machine: the first result, and all that is not a ranked result.

    Another processor rounds the model's numbers otherwise: near ties change places, and scores near
    a bound have another level.
    """
    levels = "|".join(get_args(Level))
    masked = re.sub(rf"[-+]?\d\.\d{{3,4}}|  \(({levels})\)$", "#", output, flags=re.MULTILINE)
    lines = [line.removesuffix("#") for line in masked.splitlines()]
    ranked = [line for line in lines if re.match(r" +\d+  +#", line)]
    return [line for line in lines if line not in ranked[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("page_file", PAGES, ids=[page.stem for page in PAGES])
def test_every_example_prints_what_the_page_shows(
    home: Path, capfd: pytest.CaptureFixture[str], page_file: Path
) -> None:
    def run_block(block: re.Match[str]) -> str:
        shown = []
        for command, _ in commands_of(block[1]):
            output, _ = type_in(command, capfd)
            shown.append(f"$ {command}\n{output.replace(str(home), HOME)}")
        return f"```console\n{''.join(shown)}```"

    page = page_file.read_text()
    now = BLOCK.sub(run_block, page)
    if os.environ.get("UPDATE_DOCS"):
        page_file.write_text(now)
        return
    for before, after in zip(BLOCK.findall(page), BLOCK.findall(now), strict=True):
        for (command, was), (_, is_) in zip(commands_of(before), commands_of(after), strict=True):
            if command.startswith("imgsearch index"):  # how long it took differs
                continue
            assert compared(was) == compared(is_), (
                f"{command}\nrun: UPDATE_DOCS=1 pytest {__file__}"
            )


@pytest.mark.slow  # needs the library that the test above makes
def test_the_python_example_runs(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    page = DOCS / "concepts.md"
    (code,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    exec(compile(code, str(page), "exec"), {})
    assert capfd.readouterr().out.startswith("2 examples")


@pytest.mark.features()
def test_every_filter_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+):", (DOCS / "query-language.md").read_text(), re.MULTILINE)
    others = {"t", "sort", "image", "photo", "plain", *installed.directions()}
    assert set(documented) == {*FIELDS, *others}
