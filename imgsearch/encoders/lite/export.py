"""The towers as ONNX files in the cache: `onnx_cache` keeps them, a recipe says how one is made.

Each tower is a folder, `lite-text-…`, whose name carries a fingerprint of the recipe, so that two
versions of imgsearch can share a cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imgsearch.encoders.onnx import read_export, write_export

MODEL = "tower.onnx"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a tower is made from. `ingredients` decide the content of the files, all of them.

    `build` is given a path to write the model to; weights may lie beside it.
    """

    tower: str
    ingredients: dict[str, str | int]
    build: Callable[[Path], None]

    @property
    def made_for(self) -> str:
        """The ingredients as text."""
        return json.dumps(self.ingredients, sort_keys=True)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return f"lite-{self.tower}-{hashlib.sha256(self.made_for.encode()).hexdigest()[:12]}"


def exported(recipe: Recipe, cache_dir: Path) -> Path:
    """The path of the tower's sound ONNX file, made now if need be. Any number may ask at once.

    Raises DiskError when the cache cannot be written, and what the weight files raise.
    """
    folder = cache_dir / recipe.name
    if read_export(folder, recipe.made_for) is None:

        def fill(fresh: Path) -> dict[str, object]:
            recipe.build(fresh / MODEL)
            return {}

        write_export(folder, recipe.made_for, fill)
    return folder / MODEL
