"""What a process loads before it answers: a query's first half second is its imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imgsearch import Library

NEVER = {
    *("torch", "open_clip", "timm", "transformers", "streamlit", "onnx", "sentence_transformers"),
    *("rich", "watchdog", "imgsearch.ingest", "imgsearch.watch", "imgsearch.upkeep"),
}
MODEL = {"onnxruntime", "tokenizers", "PIL", "safetensors"}
FILTERS = {"sqlalchemy"}
INDEX = {"faiss"}
SEARCH = """
import sys
from imgsearch.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def answers(demo: Library, model_cache: Path) -> Path:
    """The data folder of a library, after a question was asked of it."""
    demo.search("a cat on a sofa")
    return demo.settings.data_dir


def loaded_by(data_dir: Path, model_cache: Path, *arguments: str) -> set[str]:
    """The modules a whole `imgsearch search` has loaded when it ends, by their full names."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SEARCH, "search", *arguments],
        env={**os.environ, "IMGSEARCH_DATA": str(data_dir), "IMGSEARCH_CACHE": str(model_cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 3
    return set(done.stderr.splitlines()[-1].split())


def test_a_repeated_query_loads_no_model_no_index_and_no_sqlalchemy(
    answers: Path, model_cache: Path
) -> None:
    loaded = loaded_by(answers, model_cache, "a cat on a sofa", "-k", "3", "--all")
    assert "numpy" in loaded
    assert not loaded & (NEVER | MODEL | FILTERS | INDEX)


def test_a_new_query_loads_the_text_tower_alone(answers: Path, model_cache: Path) -> None:
    words = f"something never asked before {os.urandom(8).hex()}"
    loaded = loaded_by(answers, model_cache, words, "-k", "3", "--all")
    assert {"onnxruntime", "tokenizers"} <= loaded
    assert not loaded & (NEVER | FILTERS | INDEX | {"PIL", "imgsearch.decode.reader"})


def test_filters_load_sqlalchemy_and_no_model(answers: Path, model_cache: Path) -> None:
    loaded = loaded_by(answers, model_cache, "type:jpeg", "-k", "3")
    assert loaded >= FILTERS
    assert not loaded & (NEVER | MODEL | INDEX)


def test_help_loads_next_to_nothing() -> None:
    code = "import sys; from imgsearch.cli import commands; commands(['--help'], standalone_mode=0)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('LOADED', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert not loaded & (NEVER | MODEL | FILTERS | INDEX | {"numpy", "imgsearch.library"})
