"""The floors of the code: imports go down only, and never in a circle. See docs/architecture.md."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import imgsearch
from imgsearch.features.declared import Feature
from imgsearch.features.installed import OWN as OWN_FEATURES
from imgsearch.features.installed import absent
from tests.factories import CHECKOUT, modules_after

# From the lowest floor up. A part imports from lower floors only, never from its own.
FLOORS = (
    {"errors", "replacing"},
    {
        "exchanging",
        "c_memory",
        "garbage",
        "cores",
        "desktop",
        "desktop_entries",
        "file_locks",
        "installation",
        "page_access",
        "paths",
        "plugins",
        "private_files",
        "process",
        "sphere",
        "text",
        "version",
    },
    {"features"},  # their table; each feature is a part of its own
    {
        *("addresses", "caches", "concurrency", "config", "made_database", "progress"),
        "written_beside",
        "records",
    },
    {"decode", "gazetteer", "place_names", "store"},
    {"index", "items", "language"},
    {"encoders"},
    {"search"},
    {"indexer"},
    {"analysis", "outputs"},
    {"archive"},
    {"opened"},
    {"operations"},
    {"library"},
    {"service"},
    {"cli"},
    {"ui"},
    {"testing"},
)
# Features import from all floors; what each of them needs of other features, its declaration says.
OWN = "features."
FEATURES = CHECKOUT / "imgsearch" / "features"
MODULES = sorted((CHECKOUT / "imgsearch").rglob("*.py")) + sorted((CHECKOUT / "ui").rglob("*.py"))


def name_of(file: Path) -> str:
    """`imgsearch/store/schema.py` -> "imgsearch.store.schema"; a package goes by its own name."""
    return ".".join(file.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(file) for file in MODULES}


def part_of(module: str) -> str:
    """`imgsearch.store.schema` -> "store", `imgsearch.features.albums.store` -> "features.albums".

    "" for the package root.
    """
    first, *rest = module.split(".")
    if first == "ui":
        return "ui"
    if rest[:1] == ["features"] and rest[1:2] and (FEATURES / rest[1]).is_dir():
        return f"{OWN}{rest[1]}"
    return rest[0] if rest else ""


@cache
def imports_of(file: Path) -> frozenset[tuple[int, str]]:
    """Line and module of each import of our own modules, those in functions among them."""
    return frozenset(_imports(ast.walk(ast.parse(file.read_text()))))


def types_of(file: Path) -> frozenset[tuple[int, str]]:
    """As `imports_of`, of the imports that only type checkers read."""
    return frozenset(_imports(type_nodes(ast.parse(file.read_text()))))


def type_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything in the blocks of a module that only type checkers read."""
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for statement in block.body:
                yield from ast.walk(statement)


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if name.name in NAMES)
        elif isinstance(node, ast.ImportFrom) and node.module in NAMES:
            for name in node.names:
                inside = f"{node.module}.{name.name}"
                yield node.lineno, inside if inside in NAMES else node.module


def floor_of(part: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if part in floor)


def test_imports_go_down_only() -> None:
    wrong = []
    for file in MODULES:
        here = part_of(name_of(file))
        if here in ("", "__main__", "ui") or here.startswith(OWN):
            continue
        for line, module in imports_of(file):
            there = part_of(module)
            if there.startswith(OWN):
                continue  # see below
            if there != here and (there == "" or floor_of(there) >= floor_of(here)):
                wrong.append(f"{file}:{line}: {here} may not import {module}")
    assert not wrong, "\n".join(wrong)


def test_features_are_imported_by_those_that_need_them_and_by_nothing_else() -> None:
    """The core asks `imgsearch.features.installed` for what they bring, and names none of them.

    Type checkers read the parts of a library, and the public names, where they are declared.
    """
    typed = {"imgsearch", "imgsearch.library"}
    wrong = []
    for file in MODULES:
        name = name_of(file)
        here = part_of(name)
        needed = {here}
        if here.startswith(OWN):
            declaration: Feature = import_module(f"imgsearch.{here}").FEATURE
            needed |= {f"{OWN}{each}" for each in declaration.needs}
        for line, module in imports_of(file) - (types_of(file) if name in typed else frozenset()):
            there = part_of(module)
            if there.startswith(OWN) and there not in needed:
                wrong.append(f"{file}:{line}: {here or name} may not import {module}")
    assert not wrong, "\n".join(wrong)


def test_a_declaration_loads_nothing_of_its_feature() -> None:
    for folder in FEATURES.iterdir():
        if (folder / "__init__.py").is_file():
            loaded = modules_after("import imgsearch.features." + folder.name)
            inside = {name for name in loaded if name.startswith(f"imgsearch.{OWN}{folder.name}.")}
            assert not inside, inside


def test_every_folder_of_a_feature_is_in_the_table() -> None:
    folders = {file.parent.name for file in FEATURES.glob("*/__init__.py")}
    # One whose folder is here is left out where it needs another one that is not.
    assert set(OWN_FEATURES) - set(absent()) <= folders <= set(OWN_FEATURES)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for file in MODULES:
        if name_of(file) != "imgsearch":
            graph[name_of(file)] |= {module for _, module in imports_of(file)} - {name_of(file)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


# A command and an operation load what they name when they are called: a client of the service reads
# the declarations of all operations, and the help those of all commands.
CALLED = ("cli", "library", "operations")
CALLED_IN_FEATURES = (".commands", ".operations", ".records")
# Further modules that load others of ours when these are first needed. A query on the command line
# is a process of its own and goes through most of them: see tests/test_cold_start.py.
LOAD_LATE = {
    # of an open library and an archive: what only some of their functions need
    *("opened.library", "opened.origin", "opened.photo_changes", "indexer.opening"),
    *("archive.filling", "archive.photo_changes", "archive.replica.replica"),
    # of the service: its client and the library, of which a process has one
    *("service.api", "service.server", "service.workers"),
    # on the path of a query: what few queries need
    *("language.fields", "language.phrasing", "language.understanding"),
    *("search.alternatives", "search.baseline", "search.places", "search.misspelt"),
    *("search.unread", "search.vector"),
    *("store.reads", "store.reading.names"),
    *("indexer.roots", "records.answer"),
    # of encoders and decoders: one of several kinds
    *("encoders.lite.kind", "encoders.lite.towers", "encoders.lite.weights", "encoders.loader"),
    *("encoders.openclip.kind", "encoders.openclip.runtime"),
    *("decode.decoders", "decode.worker"),
}
# Packages that take long to load, or are those of an extra or of one system, and modules of Python
# that few runs need. `index.ivf` stands for FAISS.
LOADED_WHEN_NEEDED = {
    *("av", "boto3", "botocore", "ftfy", "huggingface_hub", "imgsearch.index.ivf", "lance_ray"),
    *("numpy", "onnx", "onnxruntime", "openTSNE", "openvino", "pandas", "PIL", "pillow_heif"),
    *("platformdirs", "pyarrow", "rapidocr", "ray", "safetensors", "scipy", "sqlalchemy"),
    *("filelock", "tokenizers", "torch", "watchdog"),
    *("_winapi", "msvcrt"),
    *("ctypes", "difflib", "email", "html", "importlib", "lzma", "shutil"),
    *("subprocess", "tempfile", "tomllib"),
    *("babel", "gettext"),  # to make the file of place names, once
}


def late_imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and module of each import inside a function."""
    for function in ast.walk(ast.parse(file.read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    yield from ((node.lineno, name.name) for name in node.names)
                elif isinstance(node, ast.ImportFrom):
                    yield node.lineno, node.module or ""


def is_in(module: str, parts: tuple[str, ...]) -> bool:
    inside = module.removeprefix("imgsearch.")
    return any(inside == part or inside.startswith(f"{part}.") for part in parts)


def test_modules_are_imported_at_the_top_unless_something_waits_for_a_late_import() -> None:
    late = []
    for file in (CHECKOUT / "imgsearch").rglob("*.py"):
        module = name_of(file)
        is_called = part_of(module).startswith(OWN) and module.endswith(CALLED_IN_FEATURES)
        if is_called or is_in(module, CALLED):
            continue
        late += [
            f"{file}:{line} imports {name} inside a function"
            for line, name in late_imports(file)
            if name not in LOADED_WHEN_NEEDED
            and name.partition(".")[0] not in LOADED_WHEN_NEEDED
            and not (name.startswith("imgsearch") and module in of_package(LOAD_LATE))
        ]
    assert not late, "\n".join(late)


def test_each_module_that_may_load_others_late_does() -> None:
    late = {
        name_of(file)
        for file in (CHECKOUT / "imgsearch").rglob("*.py")
        if any(name.startswith("imgsearch") for _, name in late_imports(file))
    }
    assert not of_package(LOAD_LATE) - late, "these import all at the top: take them out"


def of_package(modules: Iterable[str]) -> set[str]:
    return {f"imgsearch.{module}" for module in modules}


def test_the_page_uses_only_what_the_package_exports() -> None:
    for file in sorted((CHECKOUT / "ui").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("imgsearch"):
                assert node.module == "imgsearch", f"{file}:{node.lineno} imports {node.module}"
                unknown = {name.name for name in node.names} - set(imgsearch.__all__)
                assert not unknown, f"{file}:{node.lineno} imports {unknown}"


def test_archives_come_in_by_one_door() -> None:
    """What belongs to archives is imported where one is opened; elsewhere only as types.

    A module of a feature that writes to archives says so with its name. The items that archives
    and backups have are a part of their own, on a lower floor.
    """
    doors = set()
    for file in MODULES:
        here = part_of(name_of(file))
        if here == "archive" or (here.startswith(OWN) and file.name.endswith("_archives.py")):
            continue
        tree = ast.parse(file.read_text())
        types = set(type_nodes(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom | ast.Import) and node not in types:
                named = ast.unparse(node)
                if "imgsearch.archive" in named:
                    doors.add((name_of(file), named))
    assert doors == {
        ("imgsearch.cli.search", "from imgsearch.archive.direct import DirectSearch"),
        *(
            ("imgsearch.opened.replicas", f"from imgsearch.archive.{named}")
            for named in (
                "filling import Filling",
                "photo_changes import ArchiveChanges",
                "replica.replica import Replica, replica_folder",
            )
        ),
    }
