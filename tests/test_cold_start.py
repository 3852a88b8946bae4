"""What a process loads before it answers: imports take most of the time of a short command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from msgspec.structs import replace

from imgsearch import Library
from tests.factories import CHECKOUT, modules_after

# The indexer. A query needs only to know which folders are online, and opens the rest if need be.
OF_A_QUERY = {"__init__", "ignored", "opening", "roots", "volumes"}
INDEXER = {
    "watchdog",
    *(f"imgsearch.records.{name}" for name in ("files", "browse")),
    *(
        f"imgsearch.indexer.{file.stem}"
        for file in (CHECKOUT / "imgsearch" / "indexer").glob("*.py")
        if file.stem not in OF_A_QUERY
    ),
}
# Few queries need these.
RECORDS = {"imgsearch.features.concepts.records", "imgsearch.records.directions"}
DECODERS = {"PIL", "pillow_heif", "rawpy", "av", "imgsearch.decode.reader", "imgsearch.decode.pool"}
NEVER = {
    *("torch", "open_clip", "timm", "transformers", "streamlit", "onnx", "sentence_transformers"),
    "rich",
    *INDEXER,
}
SERVICE = {"http.client", "starlette", "uvicorn", "imgsearch.service.client"}
WITH_A_MODEL = {"imgsearch.encoders.batching"}
MODEL = {"onnxruntime", "tokenizers", "safetensors"}
HEAVY = {"torch", "faiss", "onnxruntime", "streamlit", "open_clip", "timm", "transformers"}
SQLALCHEMY = {"sqlalchemy"}
FILTERS = {"imgsearch.store.filters", "imgsearch.language.dates", *SQLALCHEMY}
INDEX = {"faiss"}
SEARCH = """
import sys
from imgsearch.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""

# How long each thread but the first has run, in nanoseconds.
THREADS = """
import os, sys
from pathlib import Path
from imgsearch.cli import main
try:
    main()
finally:
    others = [task for task in Path("/proc/self/task").iterdir() if task.name != str(os.getpid())]
    print(0, *((task / "schedstat").read_text().split()[0] for task in others), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def answers(demo: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library that has answered a query, and that nobody serves."""
    data_dir = tmp_path_factory.mktemp("answers") / "library"
    shutil.copytree(demo.settings.data_dir, data_dir, ignore=shutil.ignore_patterns("*.sock"))
    with Library.open(replace(demo.settings, data_dir=data_dir)) as library:
        library.search("a cat on a sofa")
    return data_dir


def run_search(
    code: str, data_dir: Path, model_cache: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run `imgsearch search` as a process that executes this code."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "search", *arguments],
        env={**os.environ, "IMGSEARCH_DATA": str(data_dir), "IMGSEARCH_CACHE": str(model_cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done


def loaded_by(data_dir: Path, model_cache: Path, *arguments: str) -> set[str]:
    """The full names of the modules that `imgsearch search` has loaded when it ends."""
    done = run_search(SEARCH, data_dir, model_cache, *arguments)
    assert done.stdout.count("\n") == 3
    return set(done.stderr.splitlines()[-1].split())


def test_the_modules_not_to_load_exist() -> None:
    """A module that was renamed would never be loaded, and no test here would notice."""
    every = NEVER | DECODERS | SERVICE | WITH_A_MODEL
    names = {name for name in every if name.startswith("imgsearch.")}
    assert [name for name in sorted(names) if find_spec(name) is None] == []


def test_a_repeated_query_loads_no_model_no_index_and_no_sqlalchemy(
    answers: Path, model_cache: Path
) -> None:
    loaded = loaded_by(answers, model_cache, "a cat on a sofa", "-k", "3", "--all")
    assert "numpy" in loaded
    long_jobs = {"imgsearch.progress"}
    unneeded = NEVER | DECODERS | SERVICE | MODEL | WITH_A_MODEL | FILTERS | INDEX | long_jobs
    unneeded |= RECORDS
    assert sorted(loaded & unneeded) == []


def test_a_new_query_loads_the_text_tower_alone(answers: Path, model_cache: Path) -> None:
    number = " ".join(str(int.from_bytes(os.urandom(8))))
    words = f"something never searched before {number}"  # each word is one token
    loaded = loaded_by(answers, model_cache, words, "-k", "3", "--all")
    assert "onnxruntime" in loaded
    assert "tokenizers" not in loaded
    assert sorted(loaded & (NEVER | DECODERS | SERVICE | FILTERS | INDEX)) == []


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not count")
def test_no_thread_spins_beside_a_repeated_query(answers: Path, model_cache: Path) -> None:
    done = run_search(THREADS, answers, model_cache, "a cat on a sofa", "--all")
    busy_ns = [int(number) for number in done.stderr.splitlines()[-1].split()]
    assert sum(busy_ns) < 10_000_000, "by default a thread of OpenBLAS spins for 26 ms"


@pytest.mark.parametrize("line", ["type:jpeg", "photos since 1990"])
def test_filters_and_dates_load_no_sqlalchemy_and_no_model(
    answers: Path, model_cache: Path, line: str
) -> None:
    loaded = loaded_by(answers, model_cache, line, "-k", "3")
    assert ("imgsearch.language.dates" in loaded) == (line != "type:jpeg")
    assert "numpy" not in loaded, "filters alone are SQL"
    assert sorted(loaded & (NEVER | DECODERS | SERVICE | MODEL | INDEX | SQLALCHEMY)) == []


def test_a_client_of_the_service_loads_records_alone() -> None:
    loaded = modules_after("import imgsearch.service.client")
    assert "imgsearch.records.answer" in loaded
    indexer = {name for name in INDEXER if not name.startswith("imgsearch.records.")}
    assert not loaded & {*indexer, "numpy", "sqlite3"}


def test_help_loads_next_to_nothing() -> None:
    code = "from imgsearch.cli import commands; commands(['--help'], standalone_mode=0)"
    heavy = {"numpy", "imgsearch.library", "imgsearch.operations.requests"}
    unneeded = NEVER | DECODERS | SERVICE | MODEL | FILTERS | INDEX | heavy
    assert sorted(modules_after(code) & unneeded) == []


def test_heavy_packages_load_late() -> None:
    for module in ("imgsearch.library", "imgsearch.cli", "imgsearch.encoders.registry"):
        assert not modules_after(f"import {module}") & HEAVY, module


def test_help_and_a_bare_import_load_next_to_nothing() -> None:
    # NumPy, Pillow and SQLAlchemy make the difference between 10 and 300 ms.
    assert not modules_after("import imgsearch") & {"numpy", "PIL", "sqlalchemy", "click"}
    assert not modules_after("import imgsearch.cli") & {"numpy", "PIL", "sqlalchemy", "rich"}
