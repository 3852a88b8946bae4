"""Scripts: a function of a file gets the photos of a query; those of the docs do their work."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from imgsearch import Library, Query, Settings, UsageError, script
from imgsearch.cli import commands
from imgsearch.errors import DiskError
from imgsearch.features.scripts.running import ScriptError, run_script
from tests.factories import CHECKOUT, run_cli, save_taken
from tests.travels import write_taken

SCRIPTS = CHECKOUT / "docs" / "scripts"
GUIDE = (CHECKOUT / "docs" / "scripts.md").read_text()
EVERYTHING = Query()
HEAD = "from imgsearch import script\n"


def written(folder: Path, body: str, name: str = "mine.py") -> Path:
    place = folder / name
    place.write_text(HEAD + body, "utf-8")
    return place


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory, demo_photos: Path) -> Library:
    """A library of five photos of three days in two years."""
    folder = tmp_path_factory.mktemp("scripts")
    photos = folder / "photos"
    photos.mkdir()
    for name, day in (
        ("chelsea", "2019-05-04"),
        ("coffee", "2019-05-04"),
        ("rocket", "2019-05-05"),
        ("astronaut", "2021-08-07"),
        ("camera", "2021-08-07"),
    ):
        with Image.open(next(demo_photos.glob(f"{name}.*"))) as opened:
            save_taken(opened.convert("RGB"), photos / f"{name}.jpg", day)
    library = Library.open(Settings.load(data_dir=folder / "library", encoder="lite"))
    library.index([photos]).run()
    return library


def names_in(text: str) -> list[str]:
    return [Path(line.split("  ")[-1]).stem for line in text.splitlines()]


def test_a_function_gets_the_photos_of_a_query_with_all_filters(
    dated: Library, tmp_path: Path
) -> None:
    place = written(
        tmp_path, "@script\ndef f(library, hits):\n    return [hit.path.stem for hit in hits]\n"
    )
    found = run_cli(
        *("run", place, "a cat", "--before", "2020", "-k", "1", "--json"),
        data=dated.settings.data_dir,
    )
    assert (found.returncode, json.loads(found.stdout)) == (0, ["chelsea"]), found.stderr
    every = run_cli("run", place, "--json", data=dated.settings.data_dir)
    assert json.loads(every.stdout)[2] == "rocket", "the newest first"


def test_further_arguments_have_the_type_of_their_defaults(dated: Library, tmp_path: Path) -> None:
    place = written(
        tmp_path,
        "@script\ndef f(library, hits, a=1, b=.5, c=False, d='x', e=None):\n"
        "    return [a, b, c, d, e]\n",
    )
    given = {"a": "7", "b": "2", "c": "yes", "d": "9", "e": "10"}
    assert run_script(dated, place, EVERYTHING, None, given) == [7, 2.0, True, "9", "10"]
    assert run_script(dated, place, EVERYTHING, None, {}) == [1, 0.5, False, "x", None]
    for name, value, said in (
        ("a", "1.5", "a is a whole number, not 1.5"),
        ("b", "two", "b is a number, not two"),
        ("c", "maybe", "c is true or false, not maybe"),
        ("z", "1", "has no argument z. It has: a, b, c, d, e."),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            run_script(dated, place, EVERYTHING, None, {name: value})
    needed = written(tmp_path, "@script\ndef f(library, hits, folder):\n    return folder\n")
    with pytest.raises(UsageError, match="--set folder=VALUE"):
        run_script(dated, needed, EVERYTHING, None, {})


def test_modules_beside_a_script_can_be_imported(dated: Library, tmp_path: Path) -> None:
    (tmp_path / "beside_a_script.py").write_text("WORD = 'here'\n")
    place = written(
        tmp_path, "from beside_a_script import WORD\n@script\ndef f(library, hits): return WORD\n"
    )
    assert run_script(dated, place, EVERYTHING, None, {}) == "here"


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("def f(library, hits): pass\n", 2, "has no functions with @script above them"),
        ("@script\ndef f(a, b): pass\n@script\ndef g(a, b): pass\n", 2, "has 2 functions"),
        ("@script\ndef f(library, hits):\n    1 / 0\n", 3, "mine.py, line 4: ZeroDivisionError"),
        ("@script\ndef f(library, hits)\n", 3, "mine.py, line 3: SyntaxError: expected ':'"),
        ("import sys\n@script\ndef f(library, hits):\n    sys.exit(0)\n", 3, "SystemExit: 0"),
        ("import no_such_module_at_all\n", 3, "line 2: ModuleNotFoundError: No module named"),
        ("@script\ndef f(library, hits):\n    library.search('x:y')\n", 2, "Unknown filter x:"),
        ("@script\ndef f(library, hits): return object()\n", 3, "returns no JSON, but object"),
    ],
)
def test_what_is_wrong_with_a_script_is_told_with_its_line(
    dated: Library, tmp_path: Path, body: str, code: int, said: str
) -> None:
    place = written(tmp_path, body)
    done = run_cli("run", place, "--json", data=dated.settings.data_dir)
    assert done.returncode == code and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_other_files_and_libraries_are_told(dated: Library, tmp_path: Path) -> None:
    absent = run_cli("run", tmp_path / "absent.py", data=dated.settings.data_dir)
    assert absent.returncode == 2 and "There is no file" in absent.stderr
    assert "@script" in absent.stderr, "it shows how one is written"
    twice = run_cli(
        *("run", SCRIPTS / "stars.py", "--set", "most=1", "--set", "most=2"),
        data=dated.settings.data_dir,
    )
    assert twice.returncode == 2 and "most is given twice" in twice.stderr
    nowhere = run_cli("run", SCRIPTS / "sharpest.py", data=tmp_path / "none")
    assert nowhere.returncode == 2 and "imgsearch index" in nowhere.stderr


def test_a_failed_script_keeps_what_the_library_says(dated: Library, tmp_path: Path) -> None:
    place = written(tmp_path, "@script\ndef f(library, hits): library.photo(10**9)\n")
    with pytest.raises(UsageError):
        run_script(dated, place, EVERYTHING, None, {})
    raising = written(tmp_path, "@script\ndef f(library, hits): raise KeyError('cafe\\x1b[31m')\n")
    with pytest.raises(ScriptError) as caught:
        run_script(dated, raising, EVERYTHING, None, {})
    assert "\x1b" not in str(caught.value), "no script colours the terminal by its error"


def test_the_mark_changes_nothing_else() -> None:
    def double(number: int) -> int:
        return 2 * number

    assert script(double) is double and double(4) == 8


# ------------------------------------------------------------------- those of the documentation


def test_the_guide_lists_each_script_of_the_documentation() -> None:
    rows = re.findall(r"^\| \[(\w+)\.py\]\(scripts/(\w+)\.py\) \| (.+?) \| (.*?) \|$", GUIDE, re.M)
    assert all(name == file for name, file, *_ in rows)
    assert sorted(name for name, *_ in rows) == sorted(each.stem for each in SCRIPTS.glob("*.py"))
    assert len(rows) == 20
    for name, _, said, arguments in rows:
        tree = ast.parse((SCRIPTS / f"{name}.py").read_text())
        assert said == ast.get_docstring(tree)
        (function,) = (each for each in tree.body if isinstance(each, ast.FunctionDef))
        taken = [each.arg for each in function.args.args[2:]]
        assert [
            each.strip("`").partition("=")[0] for each in arguments.split(", ") if each
        ] == taken


SAID: dict[str, Callable[[str], bool]] = {
    "sharpest": lambda text: len(names_in(text)) == 5,
    "even_choice": lambda text: len(set(names_in(text))) == 5,
    "one_of_each_day": lambda text: (
        re.findall(r"^\S+", text, re.M) == ["2019-05-04", "2019-05-05", "2021-08-07"]
    ),
    "surprise": lambda text: len(names_in(text)) == 1,
    "least_usual": lambda text: (
        sorted(names_in(text)) == ["astronaut", "camera", "chelsea", "coffee", "rocket"]
    ),
    "most_alike": lambda text: re.match(r"0\.\d{3}  ", text) is not None,
    "rename_plan": lambda text: (
        "2019-05-04 120000 chelsea.jpg" in text and text.count("mv -n") == 5
    ),
    "table": lambda text: text.startswith("path,date,camera") and len(text.splitlines()) == 6,
    "weekdays": lambda text: re.search(r"^Saturday +4 █{40}$", text, re.M) is not None,
    "context": lambda text: "chelsea.jpg: 04 May 2019" in text,
}


@pytest.mark.parametrize("name", SAID)
def test_a_script_of_the_documentation_prints_what_it_says(
    dated: Library, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run_script(dated, SCRIPTS / f"{name}.py", EVERYTHING, None, {})
    text = capsys.readouterr().out
    assert SAID[name](text), text


def test_scripts_of_the_documentation_write_files(
    dated: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("copy_numbered", "web_gallery", "save_vectors", "parquet"):
        run_script(dated, SCRIPTS / f"{name}.py", EVERYTHING, None, {})
    assert sorted(each.name for each in Path("frame").iterdir()) == [
        f"000{number}.jpg" for number in range(1, 6)
    ]
    assert Path("gallery.html").read_text().count("<img ") == 5
    saved = np.load("vectors.npz")
    assert saved["vectors"].shape == (5, 768) and len(saved["ids"]) == 5
    import pyarrow.parquet as pq

    assert pq.read_table("photos.parquet").num_rows == 5
    with pytest.raises(ScriptError, match="FileExistsError"):
        run_script(dated, SCRIPTS / "copy_numbered.py", EVERYTHING, None, {})


def test_scripts_of_the_documentation_make_albums_and_give_stars(
    dated: Library, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(dated.settings.data_dir, tmp_path / "copy"))
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        run_script(library, SCRIPTS / "album_of_each_year.py", EVERYTHING, None, {"name": "All"})
        albums = {each.name: each.photos for each in library.albums.all()}
        assert albums == {"All 2019": 3, "All 2021": 2}
        run_script(library, SCRIPTS / "stars.py", EVERYTHING, None, {"most": "2", "rating": "3"})
        assert len(library.search("rating:3")) == 2


def test_scripts_of_the_documentation_tell_places_and_lenses(
    tmp_path: Path, library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    write_taken(folder / "a.jpg", "2019-05-04T10:00:00", (53.39, -6.07))
    write_taken(folder / "b.jpg", "2019-05-04T11:00:00")
    lens = Image.Exif()
    lens.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLength] = IFDRational(176, 5)
    Image.new("RGB", (64, 64), "red").save(folder / "c.jpg", exif=lens)
    library.index([folder]).run()

    def printed(name: str) -> str:
        run_script(library, SCRIPTS / f"{name}.py", EVERYTHING, None, {})
        return capsys.readouterr().out

    found = run_script(library, SCRIPTS / "geojson.py", EVERYTHING, None, {})
    assert isinstance(found, dict)
    (point,) = found["features"]
    assert point["geometry"]["coordinates"] == [pytest.approx(-6.07), pytest.approx(53.39)]
    assert point["properties"]["date"].startswith("2019-05-04")
    (waypoint,) = ET.fromstring(printed("gpx"))
    assert float(waypoint.attrib["lat"]) == pytest.approx(53.39) and waypoint[0].text == "a.jpg"
    assert printed("missing_places") == "2019-05-04: 1 with a place, 1 without\n"
    assert printed("focal_lengths").split() == ["35", "mm", "1"]


def test_the_help_of_the_command_names_the_guide() -> None:
    command = commands.get_command(commands.make_context("x", [], resilient_parsing=True), "run")
    assert command is not None and "docs/scripts.md" in (command.help or "")


def test_a_name_that_is_too_long_for_a_file_is_refused(library: Library) -> None:
    with pytest.raises(DiskError, match=r"Cannot read x+ \(File name too long\)"):
        run_script(library, Path("x" * 5000), Query(), None, {})
